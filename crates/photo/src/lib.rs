//! Bytes → limits → decoded, upright RGB (in sRGB, where the model was trained so) → resized, normalised numbers; and the augmentations of training.
//!
//! May enter: bytes from anywhere (a shopper, a data set), trusted in nothing. What leaves is a [`Photo`] (upright
//! RGB) or [`Pixels`] (what a model takes). This room hands over plain numbers: it knows nothing of libtorch.

mod augment;
mod bilinear;
mod chunks;
mod claims;
mod colour;
mod cost;
mod exif;
mod jpeg;
mod jpeg_frame;
mod memory;
mod mend;
mod photo;
mod preprocess;
mod rgb;
mod thumbnail;
mod undecoded;

pub use augment::{Augmentation, View};
pub use colour::{Colour, Wanted};
pub use photo::{Limits, Photo, PhotoFormat};
pub use preprocess::{Pixels, Preprocessing, ResizeRule, resize_short_side};
pub use thumbnail::{thumbnail, thumbnail_memory};
pub use undecoded::{Undecoded, is_large};

/// Why a photo cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PhotoError {
    /// Nothing was sent.
    #[error("the photo is empty (0 bytes)")]
    Empty,
    /// The first bytes are not those of a format that is read here.
    #[error("this is not a photo in a known format{}: send JPEG, PNG, WebP, GIF or BMP", hint(.0))]
    UnknownFormat(Option<&'static str>),
    /// The header announces more than the limits allow; nothing was decoded.
    #[error("the photo is {width}×{height} pixels; at most {max_pixels} pixels are taken, make it smaller")]
    TooManyPixels {
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// The limit.
        max_pixels: u64,
    },
    /// Decoding would take more memory than the limits allow; nothing was decoded.
    #[error(
        "decoding the photo, a {format} of {width}×{height} pixels, takes {needed} MB of memory; at most {most} MB are given: make it smaller, or save it as a JPEG"
    )]
    TooDear {
        /// Which format the first bytes announce.
        format: PhotoFormat,
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// Megabytes that decoding takes, rounded up.
        needed: u64,
        /// Megabytes that it may take.
        most: u64,
    },
    /// The file asks for memory that its pixels do not account for; none was taken.
    #[error("the {format} asks for too much memory: {what}; save the photo anew, as a picture alone")]
    TooMuchMemory {
        /// Which format the first bytes announce.
        format: PhotoFormat,
        /// What asks for it.
        what: String,
    },
    /// The format is known, the content is damaged.
    #[error("the photo is damaged and cannot be decoded as {format}: {reason}")]
    Undecodable {
        /// Which format the first bytes announce.
        format: PhotoFormat,
        /// What the decoder says.
        reason: String,
    },
    /// A crop that leaves nothing of the photo.
    #[error("the box {0} holds no pixel of the photo")]
    EmptyBox(String),
    /// A preprocessing rule that cannot be followed.
    #[error("{0}")]
    Preprocessing(String),
}

fn hint(known: &Option<&'static str>) -> String {
    known.map(|name| format!(" (it looks like {name}, which is not read here)")).unwrap_or_default()
}
