//! Principal components of embeddings: fewer numbers that keep most of what tells photos apart.
//!
//! `x ↦ basis · (x − mean)`, fitted to embeddings of norm 1. An exported model computes it after bringing its embedding to norm 1;
//! the embedder then brings what it gives to norm 1 again, so distances are between directions from the mean.

use nalgebra::{DMatrix, DVector, SymmetricEigen};

use crate::TrainingError;

/// Rows that are added to the covariance together.
const BLOCK: usize = 1024;

/// A fitted projection, D → P.
#[derive(Clone, Debug)]
pub struct Pca {
    mean: Vec<f64>,
    /// P rows of D: orthonormal, the widest direction first, each with its largest number positive.
    basis: Vec<f64>,
    explained: f64,
}

impl Pca {
    /// Fits to rows of one length. At least 1 component, fewer than there are rows, and no more than a row has numbers.
    pub fn fit(rows: &[&[f32]], components: usize) -> Result<Self, TrainingError> {
        let refuse = |why: String| Err(TrainingError::Options(why));
        let (n, width) = (rows.len(), rows.first().map_or(0, |row| row.len()));
        if components == 0 || components > width {
            return refuse(format!(
                "PCA keeps 1 to {width} numbers of an embedding's {width}, not {components}"
            ));
        }
        if n <= components {
            return refuse(format!(
                "PCA to {components} numbers needs more than {components} photos; there are {n}"
            ));
        }
        if rows.iter().any(|row| row.len() != width || row.iter().any(|x| !x.is_finite())) {
            return refuse("PCA needs finite embeddings of one length".into());
        }
        let mut mean = DVector::<f64>::zeros(width);
        for row in rows {
            mean.iter_mut().zip(*row).for_each(|(m, &x)| *m += f64::from(x) / n as f64);
        }
        let mut covariance = DMatrix::<f64>::zeros(width, width);
        for block in rows.chunks(BLOCK) {
            let centred = block.iter().flat_map(|row| row.iter().zip(&mean).map(|(&x, m)| f64::from(x) - m));
            let block = DMatrix::from_iterator(width, block.len(), centred);
            covariance.gemm(1.0 / n as f64, &block, &block.transpose(), 1.0);
        }
        let total = covariance.trace();
        let eigen = SymmetricEigen::new(covariance);
        let mut order: Vec<usize> = (0..width).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        order.truncate(components);
        let kept: f64 = order.iter().map(|&at| eigen.eigenvalues[at]).sum();
        let direction = |&at: &usize| {
            let column = eigen.eigenvectors.column(at);
            let largest = column.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
            let sign = if largest.is_some_and(|x| x < 0.0) { -1.0 } else { 1.0 };
            column.iter().map(|x| x * sign).collect::<Vec<_>>()
        };
        let explained = if total > 0.0 { (kept / total).min(1.0) } else { 1.0 };
        Ok(Self {
            mean: mean.iter().copied().collect(),
            basis: order.iter().flat_map(direction).collect(),
            explained,
        })
    }

    /// P.
    pub fn components(&self) -> usize {
        self.basis.len() / self.mean.len().max(1)
    }

    /// Share of the variance that is kept.
    pub fn explained(&self) -> f64 {
        self.explained
    }

    /// As a fully connected layer: weights, P rows of D, and P biases, in f32.
    pub fn layer(&self) -> (Vec<f32>, Vec<f32>) {
        let biases = self.basis.chunks_exact(self.mean.len().max(1)).map(|row| -dot(row, &self.mean));
        (self.basis.iter().map(|&x| x as f32).collect(), biases.map(|x| x as f32).collect())
    }

    /// Projects one row of D to P numbers.
    pub fn apply(&self, row: &[f32]) -> Vec<f32> {
        let centred: Vec<f64> = row.iter().zip(&self.mean).map(|(&x, m)| f64::from(x) - m).collect();
        self.basis.chunks_exact(centred.len().max(1)).map(|axis| dot(axis, &centred) as f32).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        rows: Vec<Vec<f32>>,
        components: usize,
        mean: Vec<f64>,
        basis: Vec<Vec<f64>>,
        explained: f64,
        projected: Vec<Vec<f64>>,
    }

    /// Against `tests/golden/pca_reference.py`: NumPy's SVD.
    #[test]
    fn agrees_with_numpy() {
        let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/pca.json")).unwrap();
        let rows: Vec<&[f32]> = golden.rows.iter().map(Vec::as_slice).collect();
        let pca = Pca::fit(&rows, golden.components).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-6, "{a} {b}");
        assert_eq!(pca.components(), golden.components);
        pca.mean.iter().zip(&golden.mean).for_each(|(a, b)| near(*a, *b));
        pca.basis.iter().zip(golden.basis.iter().flatten()).for_each(|(a, b)| near(*a, *b));
        near(pca.explained(), golden.explained);
        let (weights, biases) = pca.layer();
        for (row, wanted) in rows.iter().zip(&golden.projected) {
            pca.apply(row).iter().zip(wanted).for_each(|(a, b)| near(f64::from(*a), *b));
            for ((axis, bias), wanted) in weights.chunks(row.len()).zip(&biases).zip(wanted) {
                let sum: f32 = axis.iter().zip(*row).map(|(a, b)| a * b).sum();
                near(f64::from(sum + bias), *wanted);
            }
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_refused() {
        let rows = [[1.0f32, 0.0], [0.0, 1.0], [1.0, 1.0]];
        let rows: Vec<&[f32]> = rows.iter().map(|row| row.as_slice()).collect();
        assert!(Pca::fit(&rows, 0).is_err() && Pca::fit(&rows, 3).is_err());
        assert!(Pca::fit(&rows[..2], 2).is_err() && Pca::fit(&[], 1).is_err());
        assert!(Pca::fit(&[&[1.0, f32::NAN], &[0.0, 1.0]], 1).is_err());
        // All the same: nothing to tell apart, and no panic.
        assert_eq!(Pca::fit(&[&[0.5, 0.5][..]; 4], 1).unwrap().components(), 1);
    }
}
