//! A network's file as somebody might make it: an error, or a network that answers.

#[path = "../../../common/tests/support/mutation.rs"]
mod mutation;

use std::fs;

use mutation::{cases, each_case, in_a_process, mutated, number};

use super::*;

/// Two threads share a pass, so that what goes wrong in a part of it counts too.
const THREADS: usize = 2;
/// What a process has that opens such files.
const MEMORY: u64 = 2 << 30;

#[test]
fn a_mutated_file_is_an_error_or_a_network_that_answers() {
    in_a_process("tests::mutated::each_mutated_file", cases(400));
}

#[test]
#[ignore = "is run by the test above, in a process of its own"]
fn each_mutated_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let networks = [(1, 8, 32, 1), (2, 20, 33, 8), (3, 4, 40, 1)].map(|(seed, width, size, groups)| {
        let mut draw = draw(seed);
        let mut network = draw.network(width, size, groups);
        network.projection = (seed == 3).then(|| draw.linear(6, 19));
        network
    });
    each_case(MEMORY, |rng| {
        let mut network = networks[rng.random_range(0..networks.len())].clone();
        if rng.random_bool(0.5) {
            (0..rng.random_range(1..3)).for_each(|_| twist(&mut network, rng));
        }
        network.write(&path).unwrap();
        let file = &fs::read(&path).unwrap()[..];
        let (head, data) = file.split_at(8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize);
        // What the head says of sizes, whose text must stay JSON of its length; what the tensors hold; or anything at all.
        let bytes = match rng.random_range(0..6) {
            0 => {
                let mut text = mutated(&head[8..], rng);
                text.resize(text.len().next_multiple_of(8), b' ');
                [&(text.len() as u64).to_le_bytes(), &text[..], data].concat()
            }
            1 => [head, &mutated(data, rng)].concat(),
            2 => mutated(file, rng),
            _ => file.to_vec(),
        };
        fs::write(&path, bytes).unwrap();
        if let Ok(network) = Quantised::read(&path) {
            answers_or_refuses(&network);
        }
    });
}

/// One of the sizes that a network is made of becomes another.
fn twist(q: &mut Quantised, rng: &mut ChaCha8Rng) {
    let to = number(rng) as usize;
    let Quantised { size, stem, blocks, .. } = q;
    let which = rng.random_range(0..blocks.len());
    let block = &mut blocks[which];
    let layers = [Some(stem), Some(&mut block.down), Some(&mut block.across), Some(&mut block.up)];
    let mut layers: Vec<&mut Convolution> =
        layers.into_iter().chain([block.past.as_mut()]).flatten().collect();
    let layer = rng.random_range(0..layers.len());
    let layer = &mut layers[layer];
    match rng.random_range(0..9) {
        0 => *size = to,
        1 | 2 => layer.form.padding = to,
        3 => layer.form.stride = to,
        4 => layer.form.groups = to,
        5 => layer.form.output = f32::from_bits(to as u32),
        // As many weights, in another order of sizes.
        6 => layer.shape.rotate_left(1),
        7 => layer.shape.swap(0, 1),
        _ => drop(blocks.remove(which)),
    }
}

fn answers_or_refuses(network: &Quantised) {
    let Ok(mut executor) = Executor::new(network, THREADS) else { return };
    let photo: Vec<u8> = (0..network.size * network.size * 3).map(|i| (i % 251) as u8).collect();
    for photos in [&[&photo[..]][..], &[&photo, &photo]] {
        let answers = executor.run(photos).unwrap();
        assert_eq!(answers.len(), photos.len());
        for answer in answers {
            let outputs = network.projection.as_ref().unwrap_or(&network.embedding).bias.len();
            assert_eq!(answer.embedding.len(), outputs);
            assert_eq!(answer.logits.len(), network.classifier.bias.len());
            assert!(!answer.colour.is_empty() && answer.colour.len() <= 30);
        }
    }
}

#[test]
fn a_network_of_sizes_that_none_has_is_refused() {
    let network = draw(5).network(8, 64, 1);
    let accepted = |change: &dyn Fn(&mut Quantised)| {
        let mut changed = network.clone();
        change(&mut changed);
        Executor::new(&changed, 1).is_ok()
    };
    assert!(accepted(&|_| ()));
    for huge in [1 << 20, 1 << 31, 1 << 32, 1 << 58, 1 << 62, 1 << 63, usize::MAX] {
        assert!(!accepted(&|q| q.size = huge), "a photo of {huge}");
        for which in 0..3 {
            let set = |form: &mut Form| match which {
                0 => form.stride = huge,
                1 => form.padding = huge,
                _ => form.groups = huge,
            };
            assert!(!accepted(&|q| set(&mut q.stem.form)), "{which} of the first convolution: {huge}");
            assert!(!accepted(&|q| set(&mut q.blocks[0].down.form)), "{which} of down: {huge}");
            assert!(!accepted(&|q| set(&mut q.blocks[0].across.form)), "{which} of across: {huge}");
            assert!(!accepted(&|q| set(&mut q.blocks[0].up.form)), "{which} of up: {huge}");
        }
        for dimension in 0..4 {
            assert!(!accepted(&|q| q.blocks[0].across.shape[dimension] = huge), "{dimension}: {huge}");
            assert!(!accepted(&|q| q.stem.shape[dimension] = huge), "{dimension} of the first: {huge}");
        }
    }
    let empty = |c: &mut Convolution| (c.shape, c.weights) = ([c.shape[0], c.shape[1], 0, 0], Vec::new());
    assert!(!accepted(&|q| empty(&mut q.blocks[0].down)), "a kernel of no pixels");
    assert!(
        !accepted(&|q| {
            q.blocks[0].down.weights.pop();
        }),
        "fewer weights than its shape says"
    );
    assert!(!accepted(&|q| {
        q.stem.weights.pop();
    }));
    assert!(
        !accepted(&|q| {
            q.stem.steps.pop();
        }),
        "fewer steps than channels"
    );
    assert!(!accepted(&|q| q.blocks[0].up.bias.clear()));
    assert!(!accepted(&|q| q.blocks[0].up.form.output = f32::NAN));
    assert!(!accepted(&|q| q.blocks[1].across.form.output = 0.0));
    assert!(!accepted(&|q| q.stem.form.output = -1.0));
    assert!(!accepted(&|q| {
        q.embedding = Linear { weights: Vec::new(), bias: Vec::new() };
        q.classifier = Linear { weights: Vec::new(), bias: Vec::new() };
    }));
    assert!(!accepted(&|q| q.projection = Some(Linear { weights: Vec::new(), bias: Vec::new() })));
}
