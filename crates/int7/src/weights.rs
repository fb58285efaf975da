//! How weights become bytes, and in which order the kernels read them.
//!
//! Channels are taken 16 at a time: a *panel* of outputs, a *run* of inputs. A kernel multiplies pairs of bytes into 16-bit
//! sums and adds up a whole run before it widens them, so a run's products must fit: that bounds the weights, channel by channel.

use crate::ExecutorError;

/// Channels of a panel and of a run; planes are padded to it.
pub(crate) const STEP: usize = 16;
/// Channels of a map.
pub(crate) const MOST_CHANNELS: usize = 1 << 14;
/// The largest activation that a convolution may read: 7 bits.
pub const ACTIVATION_LEVELS: u8 = 127;
/// The largest weight of the first convolution.
pub const STEM_LEVELS: i8 = 127;
/// What the weights of one sign may add up to within a run, in each of the two sums that its pairs go to.
const MOST: i32 = i16::MAX as i32 / ACTIVATION_LEVELS as i32;

/// Which input channels each panel of outputs sees: those of its groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slices {
    pub inputs: usize,
    pub outputs: usize,
    pub groups: usize,
}

impl Slices {
    /// Of a convolution's weights `[O, I / groups, k, k]`.
    pub fn new([outputs, inputs, ..]: [usize; 4], groups: usize) -> Result<Self, ExecutorError> {
        let all = inputs.checked_mul(groups).filter(|all| *all <= MOST_CHANNELS);
        let Some(all) = all.filter(|all| *all > 0 && outputs > 0 && outputs.is_multiple_of(groups)) else {
            return Err(ExecutorError::Network(format!("{outputs} channels in {groups} groups of {inputs}")));
        };
        Ok(Self { inputs: all, outputs, groups })
    }

    pub fn panels(self) -> usize {
        self.outputs.div_ceil(STEP)
    }

    fn group_of(self, output: usize) -> usize {
        output.min(self.outputs - 1) / (self.outputs / self.groups)
    }

    /// The first input channel that a panel sees.
    pub fn start(self, panel: usize) -> usize {
        self.group_of(panel * STEP) * (self.inputs / self.groups)
    }

    /// Runs that the widest panel needs: all are given as many.
    pub fn runs(self) -> usize {
        let seen = |panel: usize| self.group_of(panel * STEP + STEP - 1) + 1 - self.group_of(panel * STEP);
        let groups = (0..self.panels()).map(seen).max().unwrap_or(1);
        (groups * (self.inputs / self.groups)).div_ceil(STEP)
    }

    /// Where the `i`-th input of this output's group lies in its panel's slice.
    fn place(self, output: usize, i: usize) -> usize {
        self.group_of(output) * (self.inputs / self.groups) + i - self.start(output / STEP)
    }
}

/// Quantises a convolution's weights `[O, I / groups, k, k]`: bytes in the same order and the step of each output channel,
/// the finest at which its largest weight is 127 and no run overflows.
///
/// # Errors
/// [`ExecutorError::Network`] where shape and numbers do not fit, or one is not finite.
pub fn quantise(
    weights: &[f64],
    shape: [usize; 4],
    groups: usize,
) -> Result<(Vec<i8>, Vec<f32>), ExecutorError> {
    let slices = Slices::new(shape, groups)?;
    let count = shape[1..].iter().try_fold(1usize, |all, &n| all.checked_mul(n)).unwrap_or(0);
    let there = count > 0 && shape[0].checked_mul(count) == Some(weights.len());
    if !there || !weights.iter().all(|w| w.is_finite()) {
        return Err(ExecutorError::Network(format!(
            "{} weights, or not all finite, for {shape:?}",
            weights.len()
        )));
    }
    let area = shape[2] * shape[3];
    let (mut bytes, mut steps) = (Vec::with_capacity(weights.len()), Vec::with_capacity(shape[0]));
    for (output, row) in weights.chunks_exact(count).enumerate() {
        let largest = row.iter().fold(1e-12f64, |m, w| m.max(w.abs()));
        let mut step = largest / 127.0;
        let mut row_bytes = round(row, step);
        // A finer step than the bound allows is widened until every run fits; rounding makes that a few rounds.
        while let over = overflow(&row_bytes, area, |i| slices.place(output, i))
            && over > 1.0
        {
            step *= over.max(1.001);
            row_bytes = round(row, step);
        }
        bytes.extend(row_bytes);
        steps.push(step as f32);
    }
    Ok((bytes, steps))
}

fn round(row: &[f64], step: f64) -> Vec<i8> {
    row.iter().map(|w| (w / step).round().clamp(-127.0, 127.0) as i8).collect()
}

/// By how much the fullest run is too full, above 1 if so. `row` is `[I / groups, k, k]` of one output.
fn overflow(row: &[i8], area: usize, place: impl Fn(usize) -> usize) -> f64 {
    let mut most = 0;
    let inputs = row.len() / area;
    for tap in 0..area {
        let mut i = 0;
        while i < inputs {
            // [half of the pairs][sign]
            let (mut sums, run) = ([[0i32; 2]; 2], place(i) / STEP);
            while i < inputs && place(i) / STEP == run {
                let weight = i32::from(row[i * area + tap]);
                sums[place(i) % 4 / 2][usize::from(weight < 0)] += weight.abs();
                i += 1;
            }
            most = sums.into_iter().flatten().fold(most, i32::max);
        }
    }
    f64::from(most) / f64::from(MOST)
}

/// Whether every run of these bytes fits into 16 bits with activations of 7.
pub(crate) fn fits(weights: &[i8], shape: [usize; 4], slices: Slices) -> bool {
    let (count, area) = (shape[1..].iter().product(), shape[2] * shape[3]);
    let fits = |(output, row)| overflow(row, area, |i| slices.place(output, i)) <= 1.0;
    weights.chunks_exact(count).enumerate().all(fits) && !weights.contains(&i8::MIN)
}

/// A cache line of weights.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Line(pub [i8; 64]);

// SAFETY: 64 bytes of any value, without holes.
unsafe impl bytemuck::Zeroable for Line {}
// SAFETY: as above.
unsafe impl bytemuck::Pod for Line {}

/// A cache line of the first convolution's weights, for kernels that multiply them in 16 bits.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct WideLine(pub [i16; 32]);

/// In the kernels' order, `[panel][tap][run][4 inputs][2 × 8 outputs][4 inputs each]`; what a panel does not see is 0.
pub(crate) fn pack(weights: &[i8], shape: [usize; 4], slices: Slices) -> Vec<Line> {
    let [outputs, inputs, height, width] = shape;
    let (area, runs) = (height * width, slices.runs());
    let mut lines = vec![Line([0; 64]); slices.panels() * area * runs * 4];
    for output in 0..outputs {
        for i in 0..inputs {
            let place = slices.place(output, i);
            for tap in 0..area {
                let run = ((output / STEP) * area + tap) * runs + place / STEP;
                let line = &mut lines[run * 4 + place % STEP / 4];
                line.0[output % STEP * 4 + place % 4] = weights[(output * inputs + i) * area + tap];
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_run_overflows_and_the_step_is_fine(
            shape in (1usize..40, 1usize..70, prop::sample::select(vec![1usize, 3])),
            seed in any::<u64>(),
            spread in 0.01f64..10.0,
        ) {
            let shape = [shape.0, shape.1, shape.2, shape.2];
            let mut state = seed | 1;
            let mut draw = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 33) as f64 / f64::from(1u32 << 31) - 0.3).powi(3) * spread
            };
            let weights: Vec<f64> = (0..shape.iter().product()).map(|_| draw()).collect();
            let (bytes, steps) = quantise(&weights, shape, 1).unwrap();
            prop_assert!(fits(&bytes, shape, Slices::new(shape, 1).unwrap()));
            let count: usize = shape[1..].iter().product();
            for ((row, weights), step) in bytes.chunks(count).zip(weights.chunks(count)).zip(steps) {
                let step = f64::from(step);
                let largest = weights.iter().fold(0f64, |m, w| m.max(w.abs()));
                // Eight equal weights of one sum: the coarsest that is ever needed.
                prop_assert!(step >= largest / 127.1 && step <= largest / 31.0);
                for (byte, weight) in row.iter().zip(weights) {
                    prop_assert!((f64::from(*byte) * step - weight).abs() <= 0.5001 * step);
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_or_of_another_shape_is_refused() {
        assert!(quantise(&[f64::NAN], [1, 1, 1, 1], 1).is_err());
        assert!(quantise(&[1.0; 3], [2, 2, 1, 1], 1).is_err());
        assert!(quantise(&[1.0; 4], [2, 2, 1, 1], 0).is_err());
    }

    #[test]
    fn a_panel_of_groups_sees_its_groups_alone() {
        let slices = Slices::new([128, 4, 3, 3], 32).unwrap();
        assert_eq!((slices.runs(), slices.start(0), slices.start(3)), (1, 0, 48));
        let slices = Slices::new([1024, 32, 3, 3], 32).unwrap();
        assert_eq!((slices.runs(), slices.start(1), slices.start(2)), (2, 0, 32));
        let slices = Slices::new([96, 3, 3, 3], 32).unwrap();
        assert_eq!((slices.runs(), slices.start(1)), (2, 15));
    }
}
