//! The network against torchvision (`tests/golden/network.json`) and against its own export.

use std::path::Path;

use lookalike_libtorch::{PackedModule, ScriptModule};
use lookalike_photo::Preprocessing;
use lookalike_trainer::network::{self, Architecture, Backbone, ColourModule, Pooling, is_backbone};
use tch::{CModule, Device, IValue, Kind, Tensor};

/// The formula of `tests/golden/network_reference.py`: `n` numbers in [-0.5, 0.5) from a name.
fn noise(name: &str, n: usize) -> Vec<f32> {
    let seed = name.bytes().fold(2_166_136_261u32, |s, b| (s ^ u32::from(b)).wrapping_mul(16_777_619));
    let number = |i: usize| {
        let x = i as u64 * 2_654_435_761 + u64::from(seed);
        let x = (x ^ (x >> 15)) & 0xFFFF_FFFF;
        let x = (x * 2_246_822_519) & 0xFFFF_FFFF;
        let x = x ^ (x >> 13);
        (x as f64 / f64::from(2.0f32).powi(32) - 0.5) as f32
    };
    (0..n).map(number).collect()
}

fn weight(name: &str, shape: &[i64]) -> Tensor {
    let u = noise(name, shape.iter().product::<i64>() as usize);
    let scaled: Vec<f32> = if let [_, input, h, w] = shape {
        let scale = (24.0 / (input * h * w) as f64).sqrt() as f32;
        u.iter().map(|x| x * scale).collect()
    } else if shape.len() == 2 {
        u.iter().map(|x| x * 0.1).collect()
    } else if name.ends_with("weight") || name.ends_with("running_var") {
        u.iter().map(|x| x * 0.5 + 1.0).collect()
    } else {
        u.iter().map(|x| x * 0.2).collect()
    };
    Tensor::from_slice(&scaled).view(shape)
}

fn architecture(backbone: Backbone, width: u32) -> Architecture {
    Architecture { backbone, width, embedding: 16, categories: 5, pooling: Pooling::Average }
}

fn golden(backbone: Backbone, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/network.json");
    let golden: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (vs, net) = network::build(&architecture(backbone, 64), Device::Cpu).unwrap();
    let mut tensors: Vec<(String, Tensor)> = (vs.variables().into_iter())
        .filter(|(name, _)| is_backbone(name))
        .map(|(name, v)| (name.clone(), weight(&name, &v.size())))
        .collect();
    // What torchvision's files have besides must be passed over.
    let (fc, bias) = (weight("fc.weight", &[1000, 2048]), weight("fc.bias", &[1000]));
    tensors.push(("fc.weight".into(), fc.shallow_clone()));
    tensors.push(("fc.bias".into(), bias.shallow_clone()));
    tensors.push(("bn1.num_batches_tracked".into(), Tensor::from(7i64)));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backbone.safetensors");
    Tensor::write_safetensors(&tensors, &file).unwrap();
    let set = network::load_start(&vs, &file).unwrap();
    assert_eq!(set + 3, tensors.len());

    let image = Tensor::from_slice(&noise("image", 2 * 3 * 128 * 128)).view([2, 3, 128, 128]) * 4.0;
    let map = tch::no_grad(|| net.forward(&image, false).map);
    let features = map.mean_dim([2i64, 3].as_slice(), false, Kind::Float);
    let ours = Vec::<f32>::try_from(features.narrow(1, 0, 64).contiguous().flatten(0, -1)).unwrap();
    let theirs: Vec<f64> = serde_json::from_value(golden[name]["first"].clone()).unwrap();
    let largest = theirs.iter().fold(0f64, |m, x| m.max(x.abs()));
    for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        assert!((f64::from(*a) - b).abs() < 1e-4 * largest, "{name}, feature {i}: {a}, torchvision {b}");
    }
    let logits = features.linear(&fc, Some(&bias)).narrow(1, 0, 100).contiguous();
    let theirs: Vec<f64> = serde_json::from_value(golden[name]["logits"].clone()).unwrap();
    let largest = theirs.iter().fold(0f64, |m, x| m.max(x.abs()));
    for (a, b) in Vec::<f32>::try_from(logits.flatten(0, -1)).unwrap().iter().zip(theirs) {
        assert!((f64::from(*a) - b).abs() < 1e-4 * largest, "{name}: logit {a}, torchvision {b}");
    }
    let norms = Vec::<f32>::try_from(features.norm_scalaropt_dim(2.0, [1i64].as_slice(), false)).unwrap();
    let theirs: Vec<f64> = serde_json::from_value(golden[name]["norms"].clone()).unwrap();
    for (a, b) in norms.iter().zip(theirs) {
        assert!((f64::from(*a) / b - 1.0).abs() < 1e-4, "{name}: norm {a}, torchvision {b}");
    }
}

#[test]
fn resnet50_is_torchvisions() {
    golden(Backbone::Resnet50, "resnet50");
}

#[test]
fn resnext50_is_torchvisions() {
    golden(Backbone::Resnext50, "resnext50_32x4d");
}

#[test]
fn gem_pools_as_its_formula_says_and_is_exported() {
    let gem = Architecture { pooling: Pooling::Gem, ..architecture(Backbone::Resnet50, 8) };
    let (vs, net) = network::build(&gem, Device::Cpu).unwrap();
    assert!(!is_backbone("pool.p") && vs.variables().contains_key("pool.p"));
    let _ = tch::no_grad(|| vs.variables()["pool.p"].shallow_clone().fill_(2.5));
    let map = Tensor::from_slice(&noise("map", 2 * 256 * 4 * 4)).view([2, 256, 4, 4]).relu() * 3.0;
    let pooled =
        (map.clamp_min(1e-6).pow_tensor_scalar(2.5).mean_dim([2i64, 3].as_slice(), false, Kind::Float))
            .pow_tensor_scalar(1.0 / 2.5);
    let variables = vs.variables();
    let expected = pooled.linear(&variables["embedding.weight"], Some(&variables["embedding.bias"]));
    let ours = tch::no_grad(|| net.head(map)).embedding;
    assert!(f64::try_from((ours - expected).abs().max()).unwrap() < 1e-5);
    drop(variables);
    exports_alike(vs, net);
}

#[test]
fn the_export_gives_what_the_network_gives() {
    tch::manual_seed(7);
    let (vs, net) = network::build(&architecture(Backbone::Resnet50, 8), Device::Cpu).unwrap();
    exports_alike(vs, net);
}

fn exports_alike(vs: tch::nn::VarStore, net: network::Network) {
    let preprocessing = Preprocessing::imagenet(128).unwrap();
    let images = Tensor::randn([3, 3, 128, 128], (Kind::Float, Device::Cpu));
    for (name, mut v) in vs.variables() {
        // Residual scales start at zero; statistics worth folding make the test worth running.
        if is_backbone(&name) && v.dim() == 1 {
            tch::no_grad(|| v.copy_(&weight(&name, &v.size())));
        }
    }
    let eager = tch::no_grad(|| net.answer(&images, &ColourModule::new(&preprocessing, Device::Cpu)));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.ts");
    network::trace(net, &preprocessing, Kind::Float, &path).unwrap();
    let loaded = CModule::load(&path).unwrap();
    let answer = loaded.forward_is(&[IValue::Tensor(images.shallow_clone())]).unwrap();
    let IValue::Tuple(answer) = answer else { panic!("no tuple") };
    for (part, (ours, expected)) in answer.iter().zip(&eager).enumerate() {
        let IValue::Tensor(ours) = ours else { panic!("no tensor") };
        assert_eq!(ours.size(), expected.size());
        let off = f64::try_from((ours - expected).abs().max()).unwrap();
        let scale = f64::try_from(expected.abs().max()).unwrap();
        assert!(off < 1e-4 * scale, "output {part} is off by {off} of {scale}");
    }
    packed_alike(&path, &images, &eager, 1e-4);
}

/// A packed model gives what was expected of it, in the first pass as after libtorch has planned the next, alone and in a batch.
fn packed_alike(path: &Path, images: &Tensor, expected: &[Tensor], tolerance: f64) {
    let (packed, reason) = PackedModule::load(path, images.size()[3] as u32).unwrap();
    assert_eq!(reason, None);
    let _guard = tch::no_grad_guard();
    for photos in [images.shallow_clone(), images.narrow(0, 0, 1), images.shallow_clone()] {
        let n = photos.size()[0];
        let answer = packed.forward(&photos).unwrap();
        assert_eq!(answer.len(), expected.len());
        for (part, (ours, expected)) in answer.iter().zip(expected).enumerate() {
            let expected = expected.narrow(0, 0, n);
            assert_eq!(ours.size(), expected.size());
            let off = f64::try_from((ours - &expected).abs().max()).unwrap();
            let scale = f64::try_from(expected.abs().max()).unwrap();
            assert!(off < tolerance * scale, "output {part} is off by {off} of {scale}");
        }
    }
}

#[test]
fn packing_keeps_what_a_model_says() {
    // Maps that are read again, added to what they were made of, of another size, or not by a convolution.
    let conv = |x: &str, w: &str| format!("torch.conv2d({x}, self.{w}, None, [1, 1], [1, 1], [1, 1], 1)");
    let (begin, a, b) = (conv("images", "first"), conv("a", "second"), conv("b", "second"));
    let bodies = [
        format!("a = torch.relu({begin})\n  b = {a}\n  return torch.relu(torch.add({b}, a))"),
        format!(
            "a = torch.relu({begin})\n  b = {a}\n  c = torch.relu(torch.add({b}, a))\n  return torch.add(c, a)"
        ),
        format!("a = {begin}\n  return torch.relu(torch.add(a, {a}))"),
        format!("a = {begin}\n  b = {a}\n  return torch.add({a}, {b})"),
        format!("a = {begin}\n  b = torch.relu_(torch.add_({a}, a))\n  return torch.add(a, b)"),
        format!("a = {begin}\n  return torch.add({a}, torch.amax(a, [2, 3], True))"),
        format!("a = {begin}\n  b = {a}\n  c = torch.relu_(a)\n  return torch.add(b, c)"),
        format!("a = {begin}\n  return torch.add(a, {a}, alpha=2)"),
        format!("a = {begin}\n  if bool(torch.sum(images) > 1e9):\n    a = torch.neg(a)\n  return {a}"),
    ];
    let dir = tempfile::tempdir().unwrap();
    let images = Tensor::randn([3, 3, 32, 32], (Kind::Float, Device::Cpu));
    for (i, body) in bodies.iter().enumerate() {
        let path = dir.path().join(format!("{i}.ts"));
        let mut module = ScriptModule::begin().unwrap();
        module.tensor("first", &weight("first", &[16, 3, 3, 3])).unwrap();
        module.tensor("second", &weight("second", &[16, 16, 3, 3])).unwrap();
        let source = format!("def forward(self, images: Tensor) -> Tensor:\n  {body}\n");
        module.save(&source, &path).unwrap();
        let expected = CModule::load(&path).unwrap().forward_ts(&[&images]).unwrap();
        packed_alike(&path, &images, &[expected], 1e-5);
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn a_packed_model_in_bf16_is_near_the_one_in_f32() {
    // Without AVX-512 libtorch has no convolution in bf16 that could be packed.
    if !std::arch::is_x86_feature_detected!("avx512dq") {
        return;
    }
    tch::manual_seed(8);
    let preprocessing = Preprocessing::imagenet(128).unwrap();
    let images = Tensor::randn([2, 3, 128, 128], (Kind::Float, Device::Cpu));
    let (_vs, net) = network::build(&architecture(Backbone::Resnext50, 16), Device::Cpu).unwrap();
    let eager = tch::no_grad(|| net.answer(&images, &ColourModule::new(&preprocessing, Device::Cpu)));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.ts");
    network::trace(net, &preprocessing, Kind::BFloat16, &path).unwrap();
    packed_alike(&path, &images, &eager, 0.05);
}

#[test]
fn the_colour_module_sorts_the_most_activated_cells_by_luminance() {
    let preprocessing =
        Preprocessing::new(128, lookalike_photo::ResizeRule::ShortSideThenCentre(128), [0.0; 3], [1.0; 3])
            .unwrap();
    let module = ColourModule::new(&preprocessing, Device::Cpu);
    // 4 × 4 cells of 32 px: cell i is grey of i / 16; the six darkest have no activation.
    let cells: Vec<f32> = (0..16).map(|i| i as f32 / 16.0).collect();
    let image = Tensor::from_slice(&cells).view([1, 1, 4, 4]).repeat([1, 3, 1, 1]).upsample_nearest2d(
        [128, 128],
        None,
        None,
    );
    let activation = Tensor::from_slice(
        &(0..16).map(|i| if i < 6 { 0.0 } else { 100.0 - i as f32 }).collect::<Vec<f32>>(),
    );
    let colour = module.feature(&image, &activation.view([1, 4, 4]));
    assert_eq!(colour.size(), [1, 30]);
    let got = Vec::<f32>::try_from(colour.flatten(0, -1)).unwrap();
    let expected: Vec<f32> = (6..16).flat_map(|i| [i as f32 / 16.0; 3]).collect();
    assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?}");
    // Equal activations: the first ten cells in their own order.
    let even = module.feature(&image, &Tensor::ones([1, 4, 4], (Kind::Float, Device::Cpu)));
    let got = Vec::<f32>::try_from(even.flatten(0, -1)).unwrap();
    assert!((got[27] - 9.0 / 16.0).abs() < 1e-6, "{got:?}");
}

#[test]
fn weights_come_back_and_strange_ones_are_refused() {
    let (vs, _net) = network::build(&architecture(Backbone::Resnet50, 8), Device::Cpu).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.safetensors");
    network::save_weights(&vs, &file, network::Storage::F32).unwrap();
    let digest = network::weights_digest(&vs).unwrap();
    let (other, _net) = network::build(&architecture(Backbone::Resnet50, 8), Device::Cpu).unwrap();
    assert_ne!(network::weights_digest(&other).unwrap(), digest);
    network::load_weights(&other, &file).unwrap();
    assert_eq!(network::weights_digest(&other).unwrap(), digest);

    let (wider, _net) = network::build(&architecture(Backbone::Resnet50, 12), Device::Cpu).unwrap();
    let refused = network::load_weights(&wider, &file).unwrap_err().to_string();
    assert!(refused.contains("not the weights of this network"), "{refused}");
    std::fs::write(&file, b"not safetensors").unwrap();
    assert!(network::load_weights(&other, &file).is_err());
    assert!(network::load_weights(&other, &dir.path().join("nowhere")).is_err());
}
