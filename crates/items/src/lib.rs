//! What a shop sells, as search sees it, and how alike two photos are: plain data, at the bottom of every crate.
//!
//! May enter: numbers and texts, checked once, by types that cannot hold a bad value. No engine, no file, no photo.

mod address;
mod distance;
mod filter;
mod id;
mod item;
mod patch;
mod pixel_box;
mod timestamp;
mod vectors;

pub use address::Schemes;
pub use distance::{ColourWeight, Distance};
pub use filter::{BadRange, Filter, NumberRange};
pub use id::{BadItemId, ItemId};
pub use item::{BadItem, Item};
pub use patch::ItemPatch;
pub use pixel_box::PixelBox;
pub use timestamp::{BadTimestamp, Timestamp};
pub use vectors::{Dims, Vectors};

/// A number that none of these types holds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidValue {
    /// A colour weight that is no weight.
    #[error("a colour weight is a finite number that is not negative; this one is {0}")]
    Weight(f32),
    /// A vector that cannot be compared.
    #[error("{0}")]
    Vector(&'static str),
}
