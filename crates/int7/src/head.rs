//! What stands on the last map: the mean, the two linear layers, and the colour module.

use crate::{ExecutorError, bounds::MOST_OUTPUTS, file::Linear};

/// How many of the most activated cells give their colour.
const COLOUR_CELLS: usize = 10;
/// What a byte of the photo is worth.
const BYTE: f32 = 1.0 / 255.0;

/// The mean over channels of each cell of the last map, and over cells of each channel. `map` is bytes `[cells, pixel]`, of
/// which `channels` count, each worth `step`.
pub(crate) fn means(map: &[u8], (pixel, channels): (usize, usize), step: f32) -> (Vec<f32>, Vec<f32>) {
    let cells = map.len() / pixel;
    let mut sums = vec![0u32; channels];
    let mut activation = Vec::with_capacity(cells);
    for cell in map.chunks_exact(pixel) {
        let cell = &cell[..channels];
        sums.iter_mut().zip(cell).for_each(|(sum, &value)| *sum += u32::from(value));
        activation
            .push(cell.iter().map(|&value| u32::from(value)).sum::<u32>() as f32 * step / channels as f32);
    }
    (activation, sums.into_iter().map(|sum| sum as f32 * step / cells as f32).collect())
}

impl Linear {
    /// Checks that it takes `inputs` numbers and gives as many as its bias: at least so many.
    pub(crate) fn check(&self, inputs: usize, least: usize) -> Result<(), ExecutorError> {
        let outputs = self.bias.len();
        if inputs == 0
            || !(least..=MOST_OUTPUTS).contains(&outputs)
            || outputs.checked_mul(inputs) != Some(self.weights.len())
        {
            let n = self.weights.len();
            return Err(ExecutorError::Network(format!(
                "{n} weights between {inputs} and {outputs} numbers"
            )));
        }
        Ok(())
    }

    /// One of its outputs.
    pub(crate) fn output(&self, i: usize, input: &[f32]) -> f32 {
        dot(&self.weights[i * input.len()..(i + 1) * input.len()], input) + self.bias[i]
    }
}

/// What the model gives in place of its embedding: that brought to norm 1 and projected, where there is a projection.
pub(crate) fn projected(projection: Option<&Linear>, embedding: &[f32]) -> Vec<f32> {
    let Some(projection) = projection else { return embedding.to_vec() };
    let norm = dot(embedding, embedding).sqrt().max(1e-12);
    let unit: Vec<f32> = embedding.iter().map(|x| x / norm).collect();
    (0..projection.bias.len()).map(|i| projection.output(i, &unit)).collect()
}

/// In 16 sums side by side, so that it becomes vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 16];
    let (a, b) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(x, y)| x * y).sum();
    for (a, b) in a.zip(b) {
        for ((sum, x), y) in sums.iter_mut().zip(a).zip(b) {
            *sum += x * y;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// The colour module over a photo `[S, S, 3]`: `activation` is that of `side × side` cells. The colours of the most activated
/// cells, sorted by luminance; ties by cell index.
pub(crate) fn colours(photo: &[u8], size: usize, activation: &[f32], side: usize) -> Vec<f32> {
    let mut cells: Vec<usize> = (0..activation.len()).collect();
    cells.sort_by(|&a, &b| activation[b].total_cmp(&activation[a]).then(a.cmp(&b)));
    cells.truncate(COLOUR_CELLS);
    cells.sort_unstable();
    let mut colours: Vec<[f32; 3]> =
        cells.into_iter().map(|cell| mean_colour(photo, size, cell, side)).collect();
    let luminance = |[r, g, b]: &[f32; 3]| r * 0.299 + g * 0.587 + b * 0.114;
    colours.sort_by(|a, b| luminance(a).total_cmp(&luminance(b)));
    colours.into_flattened()
}

/// The mean of a cell's pixels in [0,1]. Cells are those of an adaptive pooling: they may overlap where S is no multiple of their number.
fn mean_colour(photo: &[u8], size: usize, cell: usize, side: usize) -> [f32; 3] {
    let span = |i: usize| i * size / side..((i + 1) * size).div_ceil(side);
    let (rows, columns) = (span(cell / side), span(cell % side));
    let mut sums = [0u32; 3];
    for y in rows.clone() {
        let row = &photo[(y * size + columns.start) * 3..(y * size + columns.end) * 3];
        for pixel in row.chunks_exact(3) {
            sums.iter_mut().zip(pixel).for_each(|(sum, &byte)| *sum += u32::from(byte));
        }
    }
    let pixels = (rows.len() * columns.len()) as f32;
    sums.map(|sum| sum as f32 * BYTE / pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_taken_by_activation_and_ordered_by_luminance() {
        // Four cells of 2 × 2 pixels: black, red, green, white.
        let cells = [[0u8; 3], [255, 0, 0], [0, 255, 0], [255; 3]];
        let photo: Vec<u8> = (0..16).flat_map(|i| cells[i / 4 / 2 * 2 + i % 4 / 2]).collect();
        let colours = colours(&photo, 4, &[0.5, 0.9, 0.9, 0.1], 2);
        assert_eq!(colours, [0., 0., 0., 1., 0., 0., 0., 1., 0., 1., 1., 1.]);
    }

    #[test]
    fn means_pass_over_padding() {
        let (activation, means) = means(&[1, 3, 99, 99, 5, 7, 99, 99], (4, 2), 0.5);
        assert_eq!((activation, means), (vec![1.0, 3.0], vec![1.5, 2.5]));
    }

    #[test]
    fn an_embedding_is_projected_at_norm_1() {
        let projection = Linear { weights: vec![1.0, 0.0, 0.5, -0.5], bias: vec![0.25, 1.0] };
        assert_eq!(projected(Some(&projection), &[3.0, 4.0]), [0.6 + 0.25, -0.1 + 1.0]);
        assert_eq!(projected(Some(&projection), &[0.0, 0.0]), [0.25, 1.0]);
        assert_eq!(projected(None, &[3.0, 4.0]), [3.0, 4.0]);
    }

    #[test]
    fn a_linear_layer_is_checked_and_right() {
        let layer = Linear { weights: (0..36).map(|x| x as f32).collect(), bias: vec![1.0, 2.0] };
        assert!(layer.check(17, 1).is_err() && layer.check(0, 1).is_err() && layer.check(18, 3).is_err());
        layer.check(18, 1).unwrap();
        assert_eq!(layer.output(1, &[1.0; 18]), (18..36).sum::<i32>() as f32 + 2.0);
    }
}
