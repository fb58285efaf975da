//! Items that are in no graph yet: compared one by one, by the codes of the base where it has good ones, else exactly.

use std::sync::Arc;

use lookalike_items::{Distance, Filter, Vectors};

use crate::{
    contract::Query,
    local::{
        LocalCatalogue,
        codes::Coded,
        distance::measured,
        kernel::{BATCH, Kernel},
        live::record::Row,
        search::Candidate,
    },
};

/// Rows of a block: one bit of its mask each.
const BLOCK: u32 = u64::BITS;

/// Rows in slots, each at a place of its own. Cloning them is cheap: clones share the blocks that neither changes.
#[derive(Clone)]
pub(crate) struct Rows {
    /// Whose codes the rows have, too; none where its codes fit nothing but itself.
    coder: Option<LocalCatalogue>,
    blocks: Vec<Arc<Block>>,
    free: Vec<u32>,
    len: usize,
}

/// [`BLOCK`] slots.
#[derive(Clone, Default)]
struct Block {
    /// A bit for each slot that holds a row.
    taken: u64,
    rows: Vec<Option<Row>>,
    /// As many rows of codes, or none.
    codes: Vec<u8>,
}

impl Block {
    /// The slots that hold a row.
    fn taken(&self) -> impl Iterator<Item = u32> + use<> {
        let mut left = self.taken;
        std::iter::from_fn(move || {
            let slot = (left != 0).then(|| left.trailing_zeros())?;
            left &= left - 1;
            Some(slot)
        })
    }

    fn row(&self, slot: u32) -> Option<&Row> {
        self.rows.get(slot as usize)?.as_ref()
    }
}

/// The block of a slot, and its place there.
fn place(slot: u32) -> (usize, u32) {
    ((slot / BLOCK) as usize, slot % BLOCK)
}

impl Rows {
    /// None, over this base.
    pub fn over(base: &LocalCatalogue) -> Self {
        let coder = base.codes_fit_others(0).then(|| base.clone());
        Self { coder, blocks: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// Whether rows have codes: the base's.
    pub fn coded(&self) -> bool {
        self.coder.is_some()
    }

    /// Keeps a row; its slot.
    pub fn insert(&mut self, row: Row) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            if self.len.is_multiple_of(BLOCK as usize) {
                self.blocks.push(Arc::default());
            }
            self.len as u32
        });
        self.len += 1;
        self.replace(slot, row);
        slot
    }

    /// Puts another row into a slot that holds one.
    pub fn replace(&mut self, slot: u32, row: Row) {
        let codes = self.coder.as_ref().map(|coder| coder.codes_of(&row.vectors));
        let (block, place) = place(slot);
        let Some(block) = self.blocks.get_mut(block).map(Arc::make_mut) else { return };
        if let Some(codes) = codes {
            let from = place as usize * codes.len();
            block.codes.resize(BLOCK as usize * codes.len(), 0);
            block.codes[from..from + codes.len()].copy_from_slice(&codes);
        }
        block.rows.resize(BLOCK as usize, None);
        block.rows[place as usize] = Some(row);
        block.taken |= 1 << place;
    }

    /// Frees a slot.
    pub fn remove(&mut self, slot: u32) {
        let (block, place) = place(slot);
        if self.get(slot).is_some()
            && let Some(block) = self.blocks.get_mut(block).map(Arc::make_mut)
        {
            block.rows[place as usize] = None;
            block.taken &= !(1 << place);
            self.free.push(slot);
            self.len -= 1;
        }
    }

    /// The row in a slot.
    pub fn get(&self, slot: u32) -> Option<&Row> {
        let (block, place) = place(slot);
        self.blocks.get(block)?.row(place)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.slots().map(|(_, row)| row)
    }

    fn slots(&self) -> impl Iterator<Item = (u32, &Row)> {
        (0..).step_by(BLOCK as usize).zip(&self.blocks).flat_map(|(first, block)| {
            block.taken().filter_map(move |place| Some((first + place, block.row(place)?)))
        })
    }

    /// What a search compares, in rows of codes: exact numbers are four bytes, and not one or a quarter.
    pub fn cost(&self) -> usize {
        if self.coded() { self.len } else { 8 * self.len }
    }

    /// The slots of all that the filter admits.
    pub fn admitted(&self, filter: &Filter) -> Vec<u32> {
        let admits_all = filter.admits_all();
        let admitted = self.slots().filter(|(_, row)| admits_all || filter.admits(&row.item));
        admitted.map(|(slot, _)| slot).collect()
    }

    /// The `n` of these slots that are nearest by codes, in no order. The query is in the codes of the base.
    pub fn candidates(&self, query: &Coded<'_>, slots: &[u32], n: usize) -> Vec<Candidate> {
        let Some(coder) = &self.coder else { return Vec::new() };
        let (mut found, mut distances, mut places) =
            (Vec::with_capacity(slots.len()), [0.0; BATCH], [0; BATCH]);
        for part in slots.chunk_by(|a, b| place(*a).0 == place(*b).0).flat_map(|part| part.chunks(BATCH)) {
            let Some(block) = part.first().and_then(|slot| self.blocks.get(place(*slot).0)) else { continue };
            places.iter_mut().zip(part).for_each(|(to, slot)| *to = place(*slot).1);
            query.measure(coder.code_rows(&block.codes), &places[..part.len()], &mut distances);
            found.extend(distances.iter().copied().zip(part.iter().copied()));
        }
        if n > 0 && n < found.len() {
            found.select_nth_unstable_by(n - 1, |a, b| a.0.total_cmp(&b.0));
        }
        found.truncate(n);
        found
    }

    /// The exact distances of these slots' rows.
    pub fn measured(&self, query: &Query, slots: impl Iterator<Item = u32>) -> Vec<(&Row, Distance)> {
        let kernel = Kernel::best();
        let asked = (query.vectors.deep(), query.vectors.colour());
        let distance =
            |vectors: &Vectors| measured(kernel, asked, (vectors.deep(), vectors.colour()), query.weight);
        slots.filter_map(|slot| self.get(slot)).map(|row| (row, distance(&row.vectors))).collect()
    }
}
