//! Items that are in no graph yet: compared one by one, exactly.

use imbl::Vector;
use lookalike_items::{Distance, Filter};

use crate::{
    contract::Query,
    local::{distance::measured, kernel::Kernel, live::record::Row},
};

/// Rows in slots, each at a place of its own. Cloning them is cheap: clones share what neither changes.
#[derive(Clone, Default)]
pub(crate) struct Rows {
    slots: Vector<Option<Row>>,
    free: Vector<u32>,
}

impl Rows {
    /// Keeps a row; its slot.
    pub fn insert(&mut self, row: Row) -> u32 {
        match self.free.pop_back() {
            Some(slot) => {
                self.slots.set(slot as usize, Some(row));
                slot
            }
            None => {
                self.slots.push_back(Some(row));
                self.slots.len() as u32 - 1
            }
        }
    }

    /// Puts another row into a slot that holds one.
    pub fn replace(&mut self, slot: u32, row: Row) {
        self.slots.set(slot as usize, Some(row));
    }

    /// Frees a slot.
    pub fn remove(&mut self, slot: u32) {
        if self.slots.get(slot as usize).is_some_and(Option::is_some) {
            self.slots.set(slot as usize, None);
            self.free.push_back(slot);
        }
    }

    pub fn get(&self, slot: u32) -> Option<&Row> {
        self.slots.get(slot as usize)?.as_ref()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.slots.iter().flatten()
    }

    /// The `n` nearest that the filter admits, nearest first, ties by id; and how many it admits.
    pub fn nearest(&self, query: &Query, n: usize, filter: &Filter) -> (Vec<(Row, Distance)>, usize) {
        let kernel = Kernel::best();
        let asked = (query.vectors.deep(), query.vectors.colour());
        let all_answer = filter.admits_all();
        let mut found: Vec<(&Row, Distance)> = (self.iter())
            .filter(|row| all_answer || filter.admits(&row.item))
            .map(|row| {
                let held = (row.vectors.deep(), row.vectors.colour());
                (row, measured(kernel, asked, held, query.weight))
            })
            .collect();
        let admitted = found.len();
        let order = |a: &(&Row, Distance), b: &(&Row, Distance)| {
            a.1.blend.total_cmp(&b.1.blend).then_with(|| a.0.item.id.cmp(&b.0.item.id))
        };
        if n < found.len() {
            if n > 0 {
                found.select_nth_unstable_by(n - 1, order);
            }
            found.truncate(n);
        }
        found.sort_unstable_by(order);
        (found.into_iter().map(|(row, distance)| (row.clone(), distance)).collect(), admitted)
    }
}

/// What a row costs, in rows of codes, as a search counts its cost: four bytes a number instead of one or a quarter.
pub(crate) const ROW_COST: usize = 8;
