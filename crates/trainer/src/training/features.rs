//! What a frozen backbone makes of photos, computed once and kept: in memory where there is room, else in the run's folder.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use tch::{Device, Tensor};

use crate::{
    TrainingError,
    training::{TrainOptions, images::to_images},
};
use crate::{
    dataset::ordered,
    network::{Network, Pooling, Stages},
    progress::Bar,
};
use lookalike_libtorch::with_bf16;
use lookalike_photo::{Pixels, Preprocessing};

/// Photos in one forward pass.
const BATCH: usize = 32;
/// Most that is written to disk.
const MOST: u64 = 256 << 30;

/// Feature maps of several views of each photo.
#[derive(Debug)]
pub(crate) struct Features {
    store: Store,
    /// F, h, w.
    shape: [i64; 3],
    views: u64,
}

#[derive(Debug)]
enum Store {
    Memory(Vec<f32>),
    Disk(File),
}

/// What features are made with.
pub(crate) struct Maker<'a> {
    pub network: &'a Network,
    pub rule: &'a Preprocessing,
    pub options: &'a TrainOptions,
    pub device: Device,
    /// Where a file may go.
    pub folder: &'a Path,
}

impl Features {
    /// Runs `views` views of each of `photos` photos through the backbone. `pixels` makes a view.
    pub fn compute<F>(maker: &Maker<'_>, photos: usize, views: u64, pixels: F) -> Result<Self, TrainingError>
    where
        F: Fn(usize, u64) -> Result<Pixels, TrainingError> + Send + Sync + Clone + 'static,
    {
        let _guard = tch::no_grad_guard();
        let Maker { network, rule, options, device, .. } = maker;
        let jobs: Vec<(usize, u64)> =
            (0..photos).flat_map(|photo| (0..views).map(move |view| (photo, view))).collect();
        let bar = Bar::new("features", jobs.len() as u64);
        let chunks = jobs.chunks(BATCH).map(<[(usize, u64)]>::to_vec).collect();
        let load = ordered(chunks, options.loader_threads(), move |chunk: Vec<(usize, u64)>| {
            let mut bytes = Vec::new();
            for (photo, view) in chunk {
                bytes.extend_from_slice(pixels(photo, view)?.bytes());
            }
            Ok::<_, TrainingError>(bytes)
        });
        let mut writer = Writer { store: None, shape: [0; 3], rows: jobs.len() as u64, written: 0 };
        for bytes in load {
            let images = to_images(&bytes?, rule, *device)?;
            let forward = || network.features(&images, Stages::NONE);
            let map = if options.bf16 { with_bf16(*device, forward)? } else { forward() };
            // The mean over cells is all that average pooling asks for; GeM's exponent is yet to be learnt.
            let map = match network.architecture().pooling {
                Pooling::Average => map.mean_dim([2i64, 3].as_slice(), true, tch::Kind::Float),
                Pooling::Gem => map.to_kind(tch::Kind::Float),
            };
            bar.advance(map.size()[0] as u64);
            writer.write(&map.to_device(Device::Cpu).contiguous(), maker)?;
        }
        bar.finish();
        let Writer { store, shape, .. } = writer;
        Ok(Self { store: store.unwrap_or(Store::Memory(Vec::new())), shape, views })
    }

    /// How many views there are of each photo.
    pub fn views(&self) -> u64 {
        self.views
    }

    /// `[N, F, h, w]` of these photos and views.
    pub fn rows(&self, rows: &[(usize, u64)]) -> Result<Tensor, TrainingError> {
        let [f, h, w] = self.shape;
        let length = (f * h * w) as usize;
        let mut numbers = vec![0f32; rows.len() * length];
        for (out, (photo, view)) in numbers.chunks_exact_mut(length).zip(rows) {
            let row = *photo as u64 * self.views + view;
            match &self.store {
                Store::Memory(all) => {
                    let start = row as usize * length;
                    out.copy_from_slice(&all[start..start + length]);
                }
                Store::Disk(file) => file
                    .read_exact_at(bytemuck::cast_slice_mut(out), row * length as u64 * 4)
                    .map_err(|e| TrainingError::State(format!("features cannot be read again: {e}")))?,
            }
        }
        Ok(Tensor::f_from_slice(&numbers)?.f_view([-1, f, h, w])?)
    }
}

/// Puts rows one after the other.
struct Writer {
    store: Option<Store>,
    shape: [i64; 3],
    rows: u64,
    written: u64,
}

impl Writer {
    fn write(&mut self, map: &Tensor, maker: &Maker<'_>) -> Result<(), TrainingError> {
        let numbers = Vec::<f32>::try_from(map.f_flatten(0, -1)?)?;
        if self.store.is_none() {
            let size = map.size();
            self.shape = [size[1], size[2], size[3]];
            let bytes = self.rows * self.shape.iter().product::<i64>() as u64 * 4;
            self.store = Some(open(bytes, maker)?);
        }
        match &mut self.store {
            Some(Store::Memory(all)) => all.extend(numbers),
            Some(Store::Disk(file)) => {
                let bytes: &[u8] = bytemuck::cast_slice(&numbers);
                file.write_all_at(bytes, self.written).map_err(|e| {
                    TrainingError::State(format!("features cannot be written to the run's folder: {e}"))
                })?;
                self.written += bytes.len() as u64;
            }
            None => {}
        }
        Ok(())
    }
}

/// Room for so many bytes. A file has no name: it is gone with the process, however that ends.
fn open(bytes: u64, maker: &Maker<'_>) -> Result<Store, TrainingError> {
    if bytes <= maker.options.cache_mb << 20 {
        return Ok(Store::Memory(Vec::with_capacity((bytes / 4) as usize)));
    }
    let gib = bytes >> 30;
    if bytes > MOST {
        return Err(TrainingError::Options(format!(
            "the features of a frozen backbone would take {gib} GiB: use fewer --views, --pooling average, or --views 0"
        )));
    }
    tracing::info!(gib, "features do not fit into --cache-mb and go to the run's folder");
    let path = maker.folder.join("features.part");
    let failed = |e: std::io::Error| TrainingError::Run { path: path.clone(), reason: e.to_string() };
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path).map_err(failed)?;
    std::fs::remove_file(&path).map_err(failed)?;
    Ok(Store::Disk(file))
}
