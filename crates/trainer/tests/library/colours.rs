//! The colour feature of photos in other colours than sRGB, beside that of what Pillow's ImageCms makes of them.

use std::path::{Path, PathBuf};

use lookalike_photo::{Colour, Limits, Photo, Preprocessing, Wanted};
use lookalike_trainer::network::ColourModule;
use tch::{Device, Kind, Tensor};

use crate::pictures;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../photo/tests/golden/colours")
}

fn feature(photo: &Photo) -> Vec<f64> {
    let rule = Preprocessing::imagenet(224).unwrap();
    let numbers = rule.normalise(&[rule.apply(photo)]).unwrap();
    let images = Tensor::from_slice(&numbers).view([1, 3, 224, 224]);
    let activation = Tensor::arange(49, (Kind::Float, Device::Cpu)).view([1, 7, 7]);
    let feature = ColourModule::new(&rule, Device::Cpu).feature(&images, &(activation * 5.0).fmod(7.0));
    Vec::<f64>::try_from(feature.flatten(0, -1).to_kind(Kind::Double)).unwrap()
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[test]
fn the_colours_of_a_photo_are_those_that_pillow_finds() {
    let shapes = pictures::COLOURS.into_iter().flat_map(|(_, colour)| pictures::SHAPES.map(|s| (s, colour)));
    let all: Vec<Vec<f64>> = shapes
        .map(|(shape, colour)| feature(&Photo::from_rgb(pictures::shape(shape, colour, 0)).unwrap()))
        .collect();
    let pairs = (0..all.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let distances: Vec<f64> = pairs.map(|(a, b)| apart(&all[a], &all[b])).collect();
    let typical = distances.iter().sum::<f64>() / distances.len() as f64;
    let mut table = String::new();
    let mut far = Vec::new();
    for name in [
        "p3.jpg",
        "p3.png",
        "p3.webp",
        "adobe.jpg",
        "prophoto.jpg",
        "prophoto.png",
        "prophoto.webp",
        "grey.jpg",
        "grey.png",
        "inks.jpg",
        "table.png",
        "cicp_2020.png",
        "gama_chrm.png",
    ] {
        let bytes = std::fs::read(folder().join(name)).unwrap();
        let decoded = |wanted| Photo::decode_for(&bytes, &Limits::default(), wanted).unwrap();
        let expected = std::fs::read(folder().join(format!("{name}.expected.png"))).unwrap();
        let expected = feature(&Photo::decode(&expected, &Limits::default()).unwrap());
        let share = |photo: &Photo| 100.0 * apart(&feature(photo), &expected) / typical;
        let ours = share(&decoded(Wanted::WHOLE));
        let as_is = share(&decoded(Wanted { colour: Colour::AsIs, ..Wanted::WHOLE }));
        table += &format!("{name:16} {ours:5.2} % of a typical distance, as is {as_is:5.1} %\n");
        if ours > 2.0 || as_is < 5.0 {
            far.push(name);
        }
    }
    eprintln!("{table}");
    assert!(far.is_empty(), "{far:?} in\n{table}");
}

#[test]
fn a_manifest_names_colours_only_where_they_are_brought_to_srgb() {
    let rule = Preprocessing::imagenet(224).unwrap();
    let before = r#"{"size":224,"resize":{"short_side_then_centre":224},"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}"#;
    // The model's id is over these very bytes.
    assert_eq!(serde_json::to_string(&rule).unwrap(), before);
    let srgb = serde_json::to_string(&rule.clone().in_colour(Colour::Srgb)).unwrap();
    assert_eq!(srgb, before.trim_end_matches('}').to_owned() + r#","colour":"srgb"}"#);
    let read = |text: &str| serde_json::from_str::<Preprocessing>(text).map(|rule| rule.colour());
    assert_eq!(read(before).unwrap(), Colour::AsIs);
    assert_eq!(read(&srgb).unwrap(), Colour::Srgb);
    assert_eq!(read(&srgb.replace("srgb", "as-is")).unwrap(), Colour::AsIs);
    assert!(read(&srgb.replace("srgb", "p3")).is_err());
}
