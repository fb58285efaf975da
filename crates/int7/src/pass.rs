//! A pass of photos through a network: buffers, threads, and the layers' work in parts.

use std::{ops::Range, sync::Arc};

use crate::{
    Answer, ExecutorError, Quantised,
    bounds::Extent,
    head::{colours, means, projected},
    kernel::{Into, Kernel, Part, Past, Work, begin, convolve},
    layer::{Layer, Stem},
    network::Network,
    team::{Awake, Team},
    weights::{ACTIVATION_LEVELS, Line, STEP},
};

/// Maps are worked on in pieces of so many bytes, which stay in a core's cache while panel after panel reads them.
const PIECE: usize = 128 << 10;
/// Tasks a thread and layer, where there are several threads: enough that one delayed does not leave the others waiting.
const TASKS: usize = 4;
/// What the last map may hold: no convolution reads it.
const LAST: u8 = u8::MAX;

/// Runs a network: with buffers and threads of its own over layers that may be shared.
pub struct Executor {
    network: Arc<Network>,
    kernel: Kernel,
    team: Team,
    maps: Maps,
}

/// Buffers, as long as the largest batch so far needs. A convolution's input has [`Layer::beyond`] zeros behind it.
#[derive(Default)]
struct Maps {
    /// 16-bit numbers, or bytes, as the kernel takes them.
    framed: Vec<i16>,
    begun: Vec<u8>,
    x: Vec<u8>,
    y: Vec<u8>,
    z: Vec<u8>,
    past: Vec<i16>,
    /// What `x` becomes where photos come one by one.
    gathered: Vec<u8>,
}

impl Executor {
    /// Checks that the parts fit together and packs them for this machine; `threads` share the work of a pass.
    ///
    /// # Errors
    /// [`ExecutorError::Network`] where they do not.
    pub fn new(network: &Quantised, threads: usize) -> Result<Self, ExecutorError> {
        Self::over(Arc::new(Network::new(network)?), Kernel::best(), threads)
    }

    /// Another over the same layers.
    ///
    /// # Errors
    /// Where its threads cannot be started.
    pub fn sibling(&self, threads: usize) -> Result<Self, ExecutorError> {
        Self::over(Arc::clone(&self.network), self.kernel, threads)
    }

    #[cfg(test)]
    pub(crate) fn with_kernel(network: &Quantised, kernel: Kernel) -> Self {
        Self::over(Arc::new(Network::new(network).unwrap()), kernel, 1).unwrap()
    }

    fn over(network: Arc<Network>, kernel: Kernel, threads: usize) -> Result<Self, ExecutorError> {
        let team = Team::new(threads)
            .map_err(|e| ExecutorError::Network(format!("its threads cannot be started: {e}")))?;
        Ok(Self { network, kernel, team, maps: Maps::default() })
    }

    /// Answers photos `[S, S, 3]`, one each, in order.
    ///
    /// # Errors
    /// [`ExecutorError::Photo`] for one of another size.
    pub fn run(&mut self, photos: &[&[u8]]) -> Result<Vec<Answer>, ExecutorError> {
        let network = Arc::clone(&self.network);
        let wanted = network.size * network.size * 3;
        if let Some(photo) = photos.iter().find(|p| p.len() != wanted) {
            return Err(ExecutorError::Photo { wanted, found: photo.len() });
        }
        if photos.is_empty() {
            return Ok(Vec::new());
        }
        self.maps.fit(&network, photos.len());
        let mut pass = Pass { kernel: self.kernel, team: self.team.awake(), photos: photos.len() };
        let apart = network.apart();
        if apart > 0 && photos.len() > 1 {
            pass.photos = 1;
            for (i, photo) in photos.iter().enumerate() {
                pass.enter(&network, &[photo], &mut self.maps);
                (0..apart).for_each(|b| pass.block(&network, b, &mut self.maps));
                // The next photo needs the room: this one's map waits among the others'.
                let length = network.blocks[apart - 1].up.output.photo();
                self.maps.gathered[i * length..(i + 1) * length].copy_from_slice(&self.maps.x[..length]);
            }
            pass.photos = photos.len();
            std::mem::swap(&mut self.maps.x, &mut self.maps.gathered);
            (apart..network.blocks.len()).for_each(|b| pass.block(&network, b, &mut self.maps));
        } else {
            pass.enter(&network, photos, &mut self.maps);
            (0..network.blocks.len()).for_each(|b| pass.block(&network, b, &mut self.maps));
        }
        Ok(pass.answers(&network, photos, &self.maps.x))
    }
}

impl Maps {
    fn fit(&mut self, network: &Network, photos: usize) {
        fn longer<T: Clone + Default>(map: &mut Vec<T>, length: usize) {
            if map.len() < length {
                map.resize(length, T::default());
            }
        }
        // The last pair, or four, of the last window may be part empty. Enough for 16-bit numbers is enough for bytes.
        longer(&mut self.framed, photos * network.stem.photo() + 4);
        longer(&mut self.begun, photos * network.stem.output.photo());
        longer(&mut self.x, photos * network.pooled.photo());
        for block in &network.blocks {
            for (map, layer) in
                [(&mut self.x, &block.down), (&mut self.y, &block.across), (&mut self.z, &block.up)]
            {
                longer(map, photos * layer.input.photo() + layer.beyond());
            }
            longer(&mut self.x, photos * block.up.output.photo());
            if let Some(past) = &block.past {
                longer(&mut self.past, photos * past.output.photo());
            }
        }
        if photos > 1 && network.apart() > 0 {
            let length = self.x.len();
            longer(&mut self.gathered, length);
        }
    }
}

/// A pointer that threads may share: what each writes behind it is its own.
#[derive(Clone, Copy)]
struct Shared<T>(*mut T);

// SAFETY: see the users: every task writes another piece.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// # Safety
    /// The piece lies within what the pointer was made of, and no other task has it now.
    #[allow(clippy::mut_from_ref)]
    unsafe fn piece(&self, from: usize, length: usize) -> &mut [T] {
        // SAFETY: as the caller says.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(from), length) }
    }
}

/// A batch on its way.
struct Pass<'a> {
    kernel: Kernel,
    team: Awake<'a>,
    photos: usize,
}

impl Pass<'_> {
    /// The photos as numbers of some kind, the frame around them.
    fn frame<N: From<u8> + Copy + Send + Sync>(
        &mut self,
        stem: &Stem,
        photos: &[&[u8]],
        size: usize,
        framed: &mut [N],
    ) {
        let (row, side) = (stem.framed * 3, stem.framed);
        let rows = Shared(framed[..photos.len() * stem.photo()].as_mut_ptr());
        let line: Vec<N> = stem.frame.iter().map(|&b| N::from(b)).cycle().take(row).collect();
        let pieces = side.div_ceil(32);
        self.team.run(photos.len() * pieces, &|task| {
            let (photo, piece) = (task / pieces, task % pieces);
            for y in piece * 32..(piece * 32 + 32).min(side) {
                // SAFETY: every task has other rows of the framed photos.
                let out = unsafe { rows.piece((photo * side + y) * row, row) };
                out.copy_from_slice(&line);
                if let Some(y) = y.checked_sub(stem.padding).filter(|y| *y < size) {
                    let pixels = &photos[photo][y * size * 3..(y + 1) * size * 3];
                    let inner = &mut out[stem.padding * 3..];
                    inner.iter_mut().zip(pixels).for_each(|(o, &byte)| *o = N::from(byte));
                }
            }
        });
    }

    fn begin(&mut self, stem: &Stem, framed: &[i16], begun: &mut [u8]) {
        clear_border(stem.output, self.photos, begun);
        let panels = stem.output.pixel() / STEP;
        let parts = self.parts(stem.windows.inputs.len(), panels, stem.photo() * 2);
        let into = Into::Bytes(begun.as_mut_ptr(), ACTIVATION_LEVELS);
        let work = Work { layer: stem, lines: &[], input: framed.as_ptr(), past: Past::Nothing, into };
        let kernel = self.kernel;
        // SAFETY: `Maps::fit` made the buffers as long as the layer says; parts do not overlap.
        self.team.run(parts.len(), &|i| unsafe { begin(kernel, &work, &parts[i]) });
    }

    /// 3×3 maximum, stride 2; around the input lie zeros, below which no number is.
    fn pool(&mut self, from: Extent, to: Extent, begun: &[u8], x: &mut [u8]) {
        let (pixel, row) = (to.pixel(), to.side() * to.pixel());
        let rows = Shared(x[..self.photos * to.photo()].as_mut_ptr());
        self.team.run(self.photos * to.side(), &|task| {
            let (photo, y) = (task / to.side(), task % to.side());
            let input = &begun[photo * from.photo()..];
            // SAFETY: every task has another row.
            let out = unsafe { rows.piece(photo * to.photo() + y * row, row) };
            for (x, out) in out.chunks_exact_mut(pixel).enumerate() {
                out.fill(0);
                for tap in 0..9 {
                    // Rows and columns count from the border: its first is −1.
                    let at = ((2 * y + tap / 3) * from.row() + 2 * x + tap % 3) * pixel;
                    out.iter_mut().zip(&input[at..at + pixel]).for_each(|(o, &i)| *o = (*o).max(i));
                }
            }
        });
    }

    /// From photos to the first block's input.
    fn enter(&mut self, network: &Network, photos: &[&[u8]], maps: &mut Maps) {
        let framed = &mut maps.framed;
        if self.kernel.begins_with_bytes() {
            self.frame::<u8>(&network.stem, photos, network.size, bytemuck::cast_slice_mut(framed));
        } else {
            self.frame::<i16>(&network.stem, photos, network.size, framed);
        }
        self.begin(&network.stem, &maps.framed, &mut maps.begun);
        self.pool(network.stem.output, network.pooled, &maps.begun, &mut maps.x);
    }

    fn block(&mut self, network: &Network, block: usize, maps: &mut Maps) {
        let most = if block + 1 == network.blocks.len() { LAST } else { ACTIVATION_LEVELS };
        let (block, lines) = (&network.blocks[block], network.lines.lines());
        let Maps { x, y, z, past, .. } = maps;
        clear_border(block.down.output, self.photos, y);
        self.convolve(
            (&block.down, lines),
            x,
            (Past::Nothing, Into::Bytes(y.as_mut_ptr(), ACTIVATION_LEVELS)),
        );
        self.convolve(
            (&block.across, lines),
            y,
            (Past::Nothing, Into::Bytes(z.as_mut_ptr(), ACTIVATION_LEVELS)),
        );
        let into = x.as_mut_ptr();
        let added = match &block.past {
            Some(layer) => {
                self.convolve((layer, lines), x, (Past::Nothing, Into::Words(past.as_mut_ptr())));
                Past::Words(past.as_ptr(), block.worth)
            }
            None => Past::Bytes(into.cast_const(), block.worth),
        };
        // Where the block's input is added its output takes the same places: each is read before it is written.
        self.convolve((&block.up, lines), z, (added, Into::Bytes(into, most)));
    }

    fn convolve(&mut self, (layer, lines): (&Layer, &[Line]), input: &[u8], (past, into): (Past, Into)) {
        assert!(input.len() >= self.photos * layer.input.photo() + layer.beyond());
        let panels = layer.starts.len();
        let parts = self.parts(layer.windows.inputs.len(), panels, layer.input.photo());
        let work = Work { layer, lines, input: input.as_ptr(), past, into };
        let kernel = self.kernel;
        // SAFETY: `Maps::fit` made the buffers as long as the layer says; parts do not overlap.
        self.team.run(parts.len(), &|i| unsafe { convolve(kernel, &work, &parts[i]) });
    }

    /// A layer's work in parts: pieces of the map that fit a core's cache; where these are few, some of the panels each.
    /// Both are cut between the kernel's tiles.
    fn parts(&self, windows: usize, panels: usize, photo_bytes: usize) -> Vec<Part> {
        let (all, (wide, high)) = (windows * self.photos, self.kernel.tile());
        let (tiles, bands) = (all.div_ceil(wide), panels.div_ceil(high));
        let threads = self.team.threads();
        let wanted = if threads > 1 { TASKS * threads } else { 1 };
        // As many for each thread, where there are enough tiles to share: each then works on the same place of map after map.
        let shared = if tiles >= TASKS * threads { threads } else { 1 };
        let pieces = (photo_bytes * self.photos).div_ceil(PIECE).next_multiple_of(shared);
        let pieces = pieces.clamp(1, tiles.min(4096));
        let groups = wanted.div_ceil(pieces).clamp(1, bands);
        let cut = |n: usize, parts: usize, i: usize| n * i / parts..n * (i + 1) / parts;
        let of =
            |range: Range<usize>, step: usize, end: usize| range.start * step..(range.end * step).min(end);
        (0..pieces * groups)
            .map(|i| Part {
                windows: of(cut(tiles, pieces, i / groups), wide, all),
                panels: of(cut(bands, groups, i % groups), high, panels),
            })
            .collect()
    }

    fn answers(&mut self, network: &Network, photos: &[&[u8]], x: &[u8]) -> Vec<Answer> {
        let last = network.last();
        let sizes = (last.pixel(), last.channels());
        let tops: Vec<(Vec<f32>, Vec<f32>)> = (x.chunks_exact(last.photo()).take(photos.len()))
            .map(|map| means(map, sizes, network.step))
            .collect();
        let outputs = network.embedding.bias.len();
        let mut embeddings = vec![0f32; photos.len() * outputs];
        let numbers = Shared(embeddings.as_mut_ptr());
        // Outputs in pieces, photo after photo within: the weights, far more than the photos' numbers, are read once.
        let pieces = outputs.div_ceil(32);
        self.team.run(pieces, &|piece| {
            for i in piece * 32..(piece * 32 + 32).min(outputs) {
                for (photo, (_, means)) in tops.iter().enumerate() {
                    // SAFETY: every task has other outputs.
                    let place = unsafe { numbers.piece(photo * outputs + i, 1) };
                    place[0] = network.embedding.output(i, means);
                }
            }
        });
        let classes = network.classifier.bias.len();
        (photos.iter().zip(embeddings.chunks_exact(outputs)).zip(tops))
            .map(|((photo, embedding), (activation, _))| Answer {
                embedding: projected(network.projection.as_ref(), embedding),
                colour: colours(photo, network.size, &activation, last.side()),
                logits: (0..classes).map(|k| network.classifier.output(k, embedding)).collect(),
            })
            .collect()
    }
}

/// Zeros around each photo's map.
fn clear_border(extent: Extent, photos: usize, map: &mut [u8]) {
    if extent.border() == 0 {
        return;
    }
    let (row, edge) = (extent.row() * extent.pixel(), extent.border() * extent.pixel());
    for photo in map.chunks_exact_mut(extent.photo()).take(photos) {
        let rows = extent.row();
        for (y, line) in photo.chunks_exact_mut(row).enumerate() {
            if y < extent.border() || y >= rows - extent.border() {
                line.fill(0);
            } else {
                line[..edge].fill(0);
                line[row - edge..].fill(0);
            }
        }
    }
}
