//! What the tests from outside share: a tiny shop with a real model and catalogue, a running server, the API's file.

// Every test program uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod bucket;
pub mod photo_host;
#[path = "../../crates/photo/tests/support/pictures.rs"]
pub mod pictures;
pub mod running;
pub mod spec;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use lookalike_catalogue as catalogue;
use lookalike_catalogue::BuildOptions;
use lookalike_items::{Dims, Item, ItemId};
use lookalike_model::{Bundle, Precision, file_of};
use lookalike_photo::{Limits, Photo, Preprocessing};
use lookalike_trainer::{
    export::{self, Draft},
    network::{self, Architecture, Backbone},
};
use tch::{CModule, Device, Kind, Tensor};

/// A shop on disk: 20 products in 4 shapes and 5 colours, 3 views each, as a bundle and a folder of photos.
///
/// Two items more have no photo in the folder: `elsewhere` (an https address) and `escape` (a path that leads out).
pub struct Shop {
    pub bundle: PathBuf,
    pub images: PathBuf,
    /// Ids of the items that have a photo, with its file.
    pub photos: Vec<(String, PathBuf)>,
}

impl Shop {
    /// The photo of an item, as it lies in the folder.
    pub fn photo(&self, id: &str) -> Vec<u8> {
        let (_, path) = self.photos.iter().find(|(i, _)| i == id).unwrap();
        fs::read(path).unwrap()
    }

    /// How many items its catalogue holds.
    pub fn items(&self) -> usize {
        self.photos.len() + 2
    }

    /// A copy of the bundle, to be damaged.
    pub fn copy_of_bundle(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&self.bundle, copy.path());
        copy
    }
}

/// The shop, made once a test program.
pub fn tiny_shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        sweep(root);
        open_shop(&root.join(format!("shop-{}", std::process::id())))
    })
}

/// Removes the shops of test programs that have ended.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(pid) = name.strip_prefix("shop-")
            && !Path::new("/proc").join(pid).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn open_shop(root: &Path) -> Shop {
    let images = root.join("images");
    fs::create_dir_all(&images).unwrap();
    fs::write(root.join("secret.png"), pictures::png(&pictures::shape("circle", [1, 2, 3], 0))).unwrap();
    let (mut items, mut photos) = (Vec::new(), Vec::new());
    for shape in pictures::SHAPES {
        for (colour, rgb) in pictures::COLOURS {
            for view in 0..3 {
                let picture = pictures::shape(shape, rgb, view);
                // A third of the shop's photos are JPEGs.
                let (bytes, extension) = if view == 2 {
                    (pictures::jpeg(&picture), "jpg")
                } else {
                    (pictures::png(&picture), "png")
                };
                let product = format!("{shape}-{colour}");
                let (id, file) = (format!("{product}~{view}"), format!("{product}-{view}.{extension}"));
                fs::write(images.join(&file), &bytes).unwrap();
                photos.push((id.clone(), images.join(&file)));
                items.push((item(&id, Some(&product), shape, &file, colour), bytes));
            }
        }
    }
    let odd = |rgb| pictures::png(&pictures::shape("circle", rgb, 9));
    let elsewhere = "https://cdn.shop.example/elsewhere.jpg";
    items.push((item("elsewhere", None, "circle", elsewhere, "pink"), odd([240, 160, 190])));
    items.push((item("escape", None, "circle", "../secret.png", "grey"), odd([120, 120, 120])));
    let bundle = root.join("bundle");
    tiny_bundle(&bundle, items);
    Shop { bundle, images, photos }
}

/// An item of this colour.
pub fn item(id: &str, product: Option<&str>, category: &str, image: &str, colour: &str) -> Item {
    Item {
        product: product.map(str::to_owned),
        image: image.to_owned(),
        attributes: BTreeMap::from([("colour".to_owned(), vec![colour.to_owned()])]),
        ..Item::new(ItemId::parse(id).unwrap(), category)
    }
}

/// A bundle over these photos, with the tiny model.
pub fn tiny_bundle(dir: &Path, items: Vec<(Item, Vec<u8>)>) {
    let file = tempfile::Builder::new().suffix(".ts").tempfile().unwrap();
    tiny_model().save(file.path()).unwrap();
    index(&export::import(file.path(), Preprocessing::imagenet(128).unwrap(), &[], dir).unwrap(), items);
}

/// A shop like the tiny one, whose model is a real network with colours and categories; slim, and of random weights.
pub fn network_shop(root: &Path) -> Shop {
    let shop = tiny_shop();
    let bundle = root.join("bundle");
    let items = shop.photos.iter().map(|(id, path)| {
        let file = path.file_name().unwrap().to_str().unwrap();
        (item(id, None, "any", file, "any"), fs::read(path).unwrap())
    });
    let categories = pictures::SHAPES.map(str::to_owned).to_vec();
    let architecture = Architecture {
        backbone: Backbone::Resnet50,
        width: 8,
        embedding: 16,
        categories: 4,
        pooling: lookalike_trainer::network::Pooling::Average,
    };
    let preprocessing = Preprocessing::imagenet(128).unwrap();
    let draft = Draft {
        architecture: architecture.name(),
        preprocessing: preprocessing.clone(),
        dims: Dims { deep: 16, colour: 30 },
        categories,
        trained_on_boxes: false,
        training: serde_json::Value::Null,
        weights: [7; 32],
        pca: None,
    };
    let save = |dir: &Path| {
        let (_, network) = network::build(&architecture, Device::Cpu).unwrap();
        let path = dir.join(file_of(Precision::F32));
        network::trace(network, &preprocessing, Kind::Float, &path).unwrap();
        Ok(export::Saved::from([(Precision::F32, None)]))
    };
    index(&export::write(&bundle, draft, save).unwrap(), items.collect());
    Shop { bundle, images: shop.images.clone(), photos: shop.photos.clone() }
}

/// Embeds the photos and makes them the bundle's catalogue.
fn index(bundle: &Bundle, items: Vec<(Item, Vec<u8>)>) {
    let vectors = embed(bundle, items.iter().map(|(_, bytes)| bytes.as_slice()));
    let items = items.into_iter().map(|(item, _)| item).zip(vectors).collect();
    let model_id = &bundle.manifest().model_id;
    catalogue::build(bundle.dir(), model_id, items, &BuildOptions::default(), &|_, _, _| ()).unwrap();
}

fn embed<'a>(bundle: &Bundle, photos: impl Iterator<Item = &'a [u8]>) -> Vec<lookalike_items::Vectors> {
    let model = bundle.load_model(Device::Cpu).unwrap();
    let pixels: Vec<_> = photos
        .map(|bytes| {
            let photo = Photo::decode(bytes, &Limits::default()).unwrap();
            bundle.manifest().preprocessing.apply(&photo)
        })
        .collect();
    model.embed(&pixels).unwrap().into_iter().map(|e| e.unwrap().vectors).collect()
}

/// A model that a computer of any size runs in no time: 8 × 8 average colours, in the bare form `[N, D]`.
pub fn tiny_model() -> CModule {
    let mut forward = |inputs: &[Tensor]| {
        let cells = inputs[0].adaptive_avg_pool2d([8, 8]).flatten(1, -1);
        // No photo may have an embedding of norm 0.
        vec![Tensor::cat(&[&cells, &(cells.narrow(1, 0, 1).ones_like() * 0.5)], 1)]
    };
    let example = Tensor::zeros([1, 3, 128, 128], (Kind::Float, Device::Cpu));
    CModule::create_by_tracing("tiny", "forward", &[example], &mut forward).unwrap()
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
