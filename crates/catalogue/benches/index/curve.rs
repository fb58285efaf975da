//! Recall against speed.

use serde::{Deserialize, Serialize};

/// Recall and queries a second at one length of the candidate list.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Point {
    pub ef: usize,
    pub recall: f64,
    pub rate: f64,
}

/// Points by rising `ef`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Curve(pub Vec<Point>);

impl Curve {
    /// The rate at a recall, between the points around it by the logarithm; the first point's where that is beyond it
    /// already; `None` where it is never reached.
    pub fn rate_at(&self, recall: f64) -> Option<f64> {
        let above = self.0.iter().position(|point| point.recall >= recall)?;
        let b = self.0[above];
        let Some(a) = above.checked_sub(1).map(|at| self.0[at]) else { return Some(b.rate) };
        let share = (recall - a.recall) / (b.recall - a.recall);
        Some((a.rate.ln() + share * (b.rate.ln() - a.rate.ln())).exp())
    }
}
