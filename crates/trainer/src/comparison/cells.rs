//! k-means cells (an inverted file): a query looks into the cells whose centres are nearest.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

/// Rounds of k-means.
const ROUNDS: usize = 15;

/// Centres, and which rows are nearest to each.
pub(crate) struct Cells {
    width: usize,
    centres: Vec<f32>,
    /// The rows of each cell.
    pub members: Vec<Vec<u32>>,
}

fn squared(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

impl Cells {
    /// Lloyd's k-means over rows of `width` numbers, from rows drawn by the seed. No more cells than rows.
    pub fn fit(rows: &[f32], width: usize, cells: usize, seed: u64) -> Self {
        let row = |i: usize| &rows[i * width..][..width];
        let n = rows.len() / width.max(1);
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        let centres = order.iter().take(cells.clamp(1, n.max(1))).flat_map(|&i| row(i).to_vec()).collect();
        let mut cells = Self { width, centres, members: Vec::new() };
        for round in 0..=ROUNDS {
            let nearest: Vec<usize> = (0..n)
                .into_par_iter()
                .map(|i| cells.nearest(row(i), 1).first().copied().unwrap_or(0))
                .collect();
            cells.members = vec![Vec::new(); cells.len()];
            nearest.iter().enumerate().for_each(|(i, &cell)| cells.members[cell].push(i as u32));
            if round < ROUNDS {
                cells.recentre(rows);
            }
        }
        cells
    }

    /// The mean of its rows is each cell's centre; an empty one stays where it is.
    fn recentre(&mut self, rows: &[f32]) {
        let width = self.width;
        for (centre, members) in self.centres.chunks_exact_mut(width).zip(&self.members) {
            if members.is_empty() {
                continue;
            }
            let mut sum = vec![0f64; width];
            for &i in members {
                let row = &rows[i as usize * width..][..width];
                sum.iter_mut().zip(row).for_each(|(s, &x)| *s += f64::from(x));
            }
            centre.iter_mut().zip(sum).for_each(|(c, s)| *c = (s / members.len() as f64) as f32);
        }
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.centres.len() / self.width.max(1)
    }

    /// The cells nearest to a row.
    pub fn nearest(&self, row: &[f32], probes: usize) -> Vec<usize> {
        let mut all: Vec<(f32, usize)> =
            self.centres.chunks_exact(self.width.max(1)).map(|c| squared(c, row)).zip(0..).collect();
        all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        all.into_iter().take(probes).map(|(_, cell)| cell).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_apart_is_parted() {
        // Four heaps of ten around the corners of a square.
        let corner = |i: usize| [(i % 2) as f32 * 10.0, (i / 2 % 2) as f32 * 10.0];
        let rows: Vec<f32> =
            (0..40).flat_map(|i| corner(i).map(|x| x + (i as f32 * 0.7).sin() * 0.3)).collect();
        let cells = Cells::fit(&rows, 2, 4, 1);
        assert_eq!(cells.len(), 4);
        let all: usize = cells.members.iter().map(Vec::len).sum();
        assert_eq!(all, 40);
        for members in cells.members.iter().filter(|m| !m.is_empty()) {
            let found = cells.nearest(&rows[members[0] as usize * 2..][..2], 1)[0];
            assert!(members.iter().all(|&i| cells.members[found].contains(&i)));
        }
        assert_eq!(Cells::fit(&rows, 2, 1_000, 1).len(), 40);
    }
}
