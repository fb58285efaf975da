//! A made-up shop, drawn: so that everything can be tried before there are photos.
//!
//! Twenty kinds of upper-body garments, each product shown in several views that differ in pose, frame, backdrop and
//! light. A seed gives the same shop, byte for byte, whatever the machine's number of cores. Nothing enters but the
//! [`SampleSpec`]; a folder in DeepFashion's layout leaves.
//!
//! ```text
//! dice → product (what it is) → cloth (flat) → garment (sewn, on drawing's canvas) → scene (a photo) → shop (on disk)
//! ```

mod cloth;
mod dice;
mod drawing;
mod garment;
mod product;
mod scene;
mod sheet;
mod shop;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use lookalike_items::PixelBox;
use lookalike_items::{Item, ItemId};
use product::{Product, offer};
use scene::Sitting;
pub use sheet::contact_sheet;
pub use shop::{SampleSummary, write};

/// The categories drawn: the upper-body ones of DeepFashion, in its order; the label is the place here, from 1.
pub const CATEGORIES: [&str; 20] = [
    "Anorak",
    "Blazer",
    "Blouse",
    "Bomber",
    "Button-Down",
    "Cardigan",
    "Flannel",
    "Halter",
    "Henley",
    "Hoodie",
    "Jacket",
    "Jersey",
    "Parka",
    "Peacoat",
    "Poncho",
    "Sweater",
    "Tank",
    "Tee",
    "Top",
    "Turtleneck",
];

/// Why there is no sample catalogue.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A shop that cannot be.
    #[error("a sample has 1 to 1000000 products and 1 to 64 views a product; not {products} and {views}")]
    Spec {
        /// The products asked for.
        products: u32,
        /// The views asked for.
        views: u32,
    },
    /// A folder that holds something else.
    #[error("'{0}' is not empty and holds no sample of this library; choose another folder, or empty it")]
    Foreign(String),
    /// A folder that holds another sample.
    #[error("'{0}' holds another sample ({1}); choose another folder, or empty it")]
    Other(String, String),
    /// The disk refused.
    #[error("'{0}' cannot be written: {1}")]
    Disk(String, std::io::Error),
    /// A photo or a line that could not be encoded.
    #[error("'{0}' cannot be encoded: {1}")]
    Encoding(String, String),
}

/// What to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleSpec {
    /// How many products; they go round the categories.
    pub products: u32,
    /// How many photos of each.
    pub views: u32,
    /// What all chance is drawn from.
    pub seed: u64,
}

impl SampleSpec {
    /// A shop of 1 to 1,000,000 products with 1 to 64 views each.
    pub fn new(products: u32, views: u32, seed: u64) -> Result<Self, SampleError> {
        if (1..=1_000_000).contains(&products) && (1..=64).contains(&views) {
            Ok(Self { products, views, seed })
        } else {
            Err(SampleError::Spec { products, views })
        }
    }

    /// How many photos there are in all.
    pub fn photos(&self) -> u64 {
        u64::from(self.products) * u64::from(self.views)
    }
}

/// A photo and where the garment is in it.
pub struct Rendered {
    /// The photo.
    pub image: RgbImage,
    /// The box around all of the garment that is in the photo.
    pub bbox: PixelBox,
}

/// Draws one view in memory: a pure function of the seed, the product and the view, both counted from 0.
pub fn draw(spec: &SampleSpec, product: u32, view: u32) -> Rendered {
    Sitting::of(spec, product).shoot(view)
}

/// What is known of that photo.
pub fn item(spec: &SampleSpec, product: u32, view: u32) -> Result<Item, SampleError> {
    let image = path(product, view);
    let id =
        ItemId::from_path(&image).map_err(|why| SampleError::Encoding(image.clone(), why.to_string()))?;
    let drawn = Product::of(spec.seed, product);
    Ok(Item {
        product: Some(product_name(product)),
        image,
        title: Some(offer::title(&drawn)),
        attributes: drawn.attributes(),
        numbers: offer::numbers(&drawn, spec.seed, product),
        ..Item::new(id, CATEGORIES[drawn.category])
    })
}

fn product_name(product: u32) -> String {
    format!("p{product:04}")
}

/// Where the photo lies below the sample's folder.
fn path(product: u32, view: u32) -> String {
    let category = CATEGORIES[product as usize % CATEGORIES.len()];
    format!("img/{category}/{}-{view}.jpg", product_name(product))
}
