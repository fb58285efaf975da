//! The executor against plain loops over the same numbers, and against itself.

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

mod mutated;

use super::*;
use crate::kernel::Kernel;

struct Draw(ChaCha8Rng);

impl Draw {
    fn convolution(&mut self, shape: [usize; 4], (stride, groups): (usize, usize)) -> Convolution {
        let count: usize = shape.iter().product();
        let spread = (2.0 / (shape[1] * shape[2] * shape[3]) as f64).sqrt();
        let mut number =
            |spread: f64| self.0.random_range(-spread..spread) + self.0.random_range(-spread..spread);
        let numbers: Vec<f64> = (0..count).map(|_| number(spread)).collect();
        let (weights, steps) = quantise(&numbers, shape, groups).unwrap();
        let bias = (0..shape[0]).map(|_| number(0.1) as f32).collect();
        Convolution { shape, weights, steps, bias, form: form(stride, shape[2] / 2, groups) }
    }

    fn linear(&mut self, outputs: usize, inputs: usize) -> Linear {
        let mut numbers = |n: usize| (0..n).map(|_| self.0.random_range(-0.2f32..0.2)).collect();
        Linear { weights: numbers(outputs * inputs), bias: numbers(outputs) }
    }

    /// Three blocks: one that goes past unchanged, one that halves, one in groups.
    fn network(&mut self, width: usize, size: usize, groups: usize) -> Quantised {
        let stem = (0..width * 147).map(|_| self.0.random_range(-STEM_LEVELS..=STEM_LEVELS)).collect();
        let stem = Convolution {
            shape: [width, 3, 7, 7],
            weights: stem,
            steps: (0..width).map(|_| self.0.random_range(3e-5f32..3e-4)).collect(),
            bias: vec![0.05; width],
            form: form(2, 3, 1),
        };
        let mut block = |input: usize, inner: usize, output: usize, stride: usize| Block {
            down: self.convolution([inner, input, 1, 1], (1, 1)),
            across: self.convolution([inner, inner / groups, 3, 3], (stride, groups)),
            up: self.convolution([output, inner, 1, 1], (1, 1)),
            past: (stride > 1 || input != output)
                .then(|| self.convolution([output, input, 1, 1], (stride, 1))),
        };
        let inner = groups * 3;
        let blocks = vec![
            block(width, inner, 2 * width, 1),
            block(2 * width, inner, 2 * width, 1),
            block(2 * width, inner, 40, 2),
        ];
        let (embedding, classifier) = (self.linear(19, 40), self.linear(5, 19));
        Quantised { size, frame: [124, 116, 104], stem, blocks, embedding, classifier, projection: None }
    }

    fn photo(&mut self, size: usize) -> Vec<u8> {
        (0..size * size * 3).map(|_| self.0.random()).collect()
    }
}

fn draw(seed: u64) -> Draw {
    Draw(ChaCha8Rng::seed_from_u64(seed))
}

fn form(stride: usize, padding: usize, groups: usize) -> Form {
    Form { stride, padding, groups, output: 0.02 }
}

/// A map `[side, side, channels]` of whole numbers.
type Map = (usize, usize, Vec<i64>);

/// A convolution by its definition: `sum · step + bias` of each output, in f64. `around` is what lies around the map.
fn convolved(c: &Convolution, map: &Map, step: f64, around: &[i64]) -> (usize, Vec<f64>) {
    let (side, channels, numbers) = map;
    let [outputs, inputs, kernel, _] = c.shape;
    let out = (side + 2 * c.form.padding - kernel) / c.form.stride + 1;
    let mut values = Vec::new();
    for (y, x, o) in (0..out * out * outputs).map(|i| (i / outputs / out, i / outputs % out, i % outputs)) {
        let mut sum = 0i64;
        for (i, ky, kx) in
            (0..inputs * kernel * kernel).map(|k| (k / kernel / kernel, k / kernel % kernel, k % kernel))
        {
            let channel = o / (outputs / c.form.groups) * inputs + i;
            let (y, x) = (
                (y * c.form.stride + ky).wrapping_sub(c.form.padding),
                (x * c.form.stride + kx).wrapping_sub(c.form.padding),
            );
            let input = if y < *side && x < *side {
                numbers[(y * side + x) * channels + channel]
            } else {
                around[channel]
            };
            sum += input * i64::from(c.weights[((o * inputs + i) * kernel + ky) * kernel + kx]);
        }
        values.push(sum as f64 * f64::from(c.steps[o]) * step + f64::from(c.bias[o]));
    }
    (out, values)
}

fn to_bytes((side, values): (usize, Vec<f64>), channels: usize, step: f64, most: f64) -> Map {
    (side, channels, values.iter().map(|v| (v / step).round_ties_even().clamp(0.0, most) as i64).collect())
}

/// The last map of a network by its definition, and how far its first photo's differs from the executor's at most: whole steps where
/// a sum in f32 falls on the other side of a half.
fn last_map(q: &Quantised, photo: &[u8]) -> Map {
    let photo: Map = (q.size, 3, photo.iter().map(|b| i64::from(*b)).collect());
    let frame = q.frame.map(i64::from);
    let begun = to_bytes(convolved(&q.stem, &photo, 1.0 / 255.0, &frame), q.stem.shape[0], 0.02, 127.0);
    let (side, channels) = (begun.0.div_ceil(2), begun.1);
    let at = |y: usize, x: usize, c: usize| {
        let inside = y < begun.0 && x < begun.0;
        if inside { begun.2[(y * begun.0 + x) * channels + c] } else { 0 }
    };
    let pooled = (0..side * side * channels).map(|i| {
        let (y, x, c) = (i / channels / side, i / channels % side, i % channels);
        let taps = (0..9).map(|t| at((2 * y + t / 3).wrapping_sub(1), (2 * x + t % 3).wrapping_sub(1), c));
        taps.max().unwrap()
    });
    let mut x: Map = (side, channels, pooled.collect());
    for (i, block) in q.blocks.iter().enumerate() {
        let nothing = vec![0; 256];
        let of = |c: &Convolution, map: &Map| convolved(c, map, 0.02, &nothing);
        let y = to_bytes(of(&block.down, &x), block.down.shape[0], 0.02, 127.0);
        let z = to_bytes(of(&block.across, &y), block.across.shape[0], 0.02, 127.0);
        let (side, mut up) = of(&block.up, &z);
        let past: Vec<f64> = match &block.past {
            Some(past) => {
                of(past, &x).1.iter().map(|v| (v / 0.02 * 32.0).round_ties_even() / 32.0 * 0.02).collect()
            }
            None => x.2.iter().map(|v| *v as f64 * 0.02).collect(),
        };
        up.iter_mut().zip(past).for_each(|(u, p)| *u += p);
        let most = if i + 1 == q.blocks.len() { 255.0 } else { 127.0 };
        x = to_bytes((side, up), block.up.shape[0], 0.02, most);
    }
    x
}

#[test]
fn answers_are_those_of_plain_loops() {
    for (seed, width, size, groups) in [(1, 16, 64, 1), (2, 20, 67, 8), (3, 7, 33, 32)] {
        let mut draw = draw(seed);
        let (network, photo) = (draw.network(width, size, groups), draw.photo(size));
        let (side, channels, map) = last_map(&network, &photo);
        let cells = (side * side) as f64;
        let mean =
            |c: usize| (0..side * side).map(|i| map[i * channels + c] as f64).sum::<f64>() * 0.02 / cells;
        let means: Vec<f64> = (0..channels).map(mean).collect();
        assert!(means.iter().any(|m| *m > 0.05), "a network that says nothing");
        let answer = &Executor::new(&network, 1).unwrap().run(&[&photo]).unwrap()[0];
        for (o, number) in answer.embedding.iter().enumerate() {
            let row = &network.embedding.weights[o * channels..(o + 1) * channels];
            let expected = row.iter().zip(&means).map(|(w, m)| f64::from(*w) * m).sum::<f64>();
            let apart = f64::from(*number) - expected - f64::from(network.embedding.bias[o]);
            // A rounding in f32 may fall on the other side of a half here and there.
            assert!(apart.abs() < 2e-3, "seed {seed}: number {o} is {apart} off");
        }
        assert_eq!((answer.colour.len(), answer.logits.len()), (3 * 10.min(side * side), 5));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn instructions_threads_and_batches_do_not_change_a_bit(
        seed in any::<u64>(), width in 4usize..40, size in 32usize..90, groups in prop::sample::select(vec![1usize, 8, 32]),
    ) {
        let mut draw = draw(seed);
        let network = draw.network(width, size, groups);
        let photos: Vec<Vec<u8>> = (0..3).map(|_| draw.photo(size)).collect();
        let photos: Vec<&[u8]> = photos.iter().map(Vec::as_slice).collect();
        let mut plain = Executor::with_kernel(&network, Kernel::SCALAR);
        let one_by_one: Vec<Answer> = photos.iter().map(|p| plain.run(&[p]).unwrap().remove(0)).collect();
        for kernel in Kernel::all() {
            let answers = Executor::with_kernel(&network, kernel).run(&photos).unwrap();
            prop_assert_eq!(&answers, &one_by_one, "{:?}", kernel);
        }
        let mut fast = Executor::new(&network, 3).unwrap();
        prop_assert_eq!(&fast.run(&photos).unwrap(), &one_by_one);
        // A smaller batch after a larger one, by another executor over the same layers.
        let mut sibling = fast.sibling(1).unwrap();
        prop_assert_eq!(&sibling.run(&photos[1..]).unwrap(), &one_by_one[1..]);
        prop_assert_eq!(&fast.run(&photos[..1]).unwrap(), &one_by_one[..1]);
    }

    #[test]
    fn a_damaged_file_is_an_error_or_another_network(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("network.safetensors");
        let mut draw = draw(9);
        draw.network(4, 32, 1).write(&path).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at.index(bytes.len().min(if cut { usize::MAX } else { 6_000 }));
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        std::fs::write(&path, bytes).unwrap();
        if let Ok(network) = Quantised::read(&path)
            && let Ok(mut executor) = Executor::new(&network, 1)
        {
            let photo = vec![7; network.size * network.size * 3];
            prop_assert_eq!(executor.run(&[&photo]).unwrap().len(), 1);
        }
    }
}

#[test]
fn maps_too_large_for_a_batch_are_worked_on_photo_by_photo() {
    let mut draw = draw(6);
    let network = draw.network(64, 224, 1);
    let photos: Vec<Vec<u8>> = (0..3).map(|_| draw.photo(224)).collect();
    let photos: Vec<&[u8]> = photos.iter().map(Vec::as_slice).collect();
    let mut executor = Executor::new(&network, 2).unwrap();
    let alone: Vec<Answer> = photos.iter().map(|p| executor.run(&[p]).unwrap().remove(0)).collect();
    assert_eq!(executor.run(&photos).unwrap(), alone);
    assert_eq!(executor.run(&photos[1..2]).unwrap(), alone[1..2]);
}

#[test]
fn a_file_comes_back_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("network.safetensors");
    let mut draw = draw(4);
    let mut network = draw.network(12, 64, 8);
    network.write(&path).unwrap();
    assert_eq!(Quantised::read(&path).unwrap(), network);
    network.projection = Some(draw.linear(6, 19));
    network.write(&path).unwrap();
    assert_eq!(Quantised::read(&path).unwrap(), network);
}

#[test]
fn a_projection_takes_the_embeddings_place_and_leaves_the_rest() {
    let mut draw = draw(7);
    let (mut network, photo) = (draw.network(8, 64, 1), draw.photo(64));
    let plain = Executor::new(&network, 1).unwrap().run(&[&photo]).unwrap().remove(0);
    let layer = draw.linear(6, 19);
    network.projection = Some(layer.clone());
    let answer = Executor::new(&network, 2).unwrap().run(&[&photo]).unwrap().remove(0);
    assert_eq!((&answer.colour, &answer.logits), (&plain.colour, &plain.logits));
    assert_eq!(answer.embedding.len(), 6);
    let norm = plain.embedding.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    for ((row, bias), found) in layer.weights.chunks(19).zip(&layer.bias).zip(&answer.embedding) {
        let sum: f64 = row.iter().zip(&plain.embedding).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
        assert!((sum / norm + f64::from(*bias) - f64::from(*found)).abs() < 1e-5);
    }
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let mut draw = draw(5);
    let network = draw.network(8, 64, 1);
    let refused = |change: &dyn Fn(&mut Quantised)| {
        let mut changed = network.clone();
        change(&mut changed);
        Executor::new(&changed, 1).err().map(|e| e.to_string())
    };
    assert_eq!(refused(&|_| ()), None);
    assert!(refused(&|q| q.blocks[1].down.weights[0..8].fill(127)).is_some_and(|e| e.contains("16 bits")));
    assert!(refused(&|q| q.blocks[1].past = None).is_none());
    assert!(refused(&|q| q.blocks[2].past = None).is_some_and(|e| e.contains("added")));
    assert!(refused(&|q| q.blocks.truncate(2)).is_some_and(|e| e.contains("weights between")));
    let wrong = Linear { weights: vec![0.0; 20], bias: vec![0.0; 2] };
    assert!(refused(&|q| q.projection = Some(wrong.clone())).is_some_and(|e| e.contains("weights between")));
    assert!(refused(&|q| q.stem.form.stride = 0).is_some_and(|e| e.contains("first convolution")));
    assert!(refused(&|q| q.size = 0).is_some());
    assert!(refused(&|q| q.blocks[0].up.steps[0] = 1e9).is_some_and(|e| e.contains("beyond any byte")));
    assert!(refused(&|q| q.blocks[1].up.form.output = 1e-9).is_some());
    let mut executor = Executor::new(&network, 1).unwrap();
    assert!(matches!(executor.run(&[&[0; 5]]), Err(ExecutorError::Photo { wanted: 12_288, found: 5 })));
    assert!(executor.run(&[]).unwrap().is_empty());
}
