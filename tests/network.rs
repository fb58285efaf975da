//! The network against its export.
#![cfg(feature = "tch")]

use lookalike::{embedder::Model, image::Preprocessing, network};
use tch::{Device, Kind, Tensor};

#[test]
fn the_traced_network_gives_what_the_network_gives() {
    tch::manual_seed(7);
    let architecture = network::Architecture {
        backbone: network::Backbone::Resnet50,
        width: 8,
        embedding: 16,
        categories: 5,
    };
    let preprocessing = Preprocessing::imagenet(128).unwrap();
    let (_vs, net) = network::build(&architecture, Device::Cpu).unwrap();
    let images = Tensor::randn([3, 3, 128, 128], (Kind::Float, Device::Cpu));
    for _ in 0..3 {
        tch::no_grad(|| net.forward(&images, true)); // batch-norm gets statistics worth folding
    }
    let eager = tch::no_grad(|| net.answer(&images, &preprocessing));
    let file = tempfile::tempdir().unwrap();
    let path = file.path().join("model.ts");
    network::trace(net, &preprocessing, &path).unwrap();
    let loaded = tch::CModule::load(&path).unwrap();
    let answer = loaded.forward_is(&[tch::IValue::Tensor(images)]).unwrap();
    println!("{answer:?}");
    let model = Model::load(&path, Device::Cpu, preprocessing).unwrap();
    println!("{:?} {:?}", model.shape(), eager[1]);
}
