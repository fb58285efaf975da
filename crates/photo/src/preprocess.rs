//! From an upright photo to the numbers a model takes: torchvision's test transform.

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{CroppedImage, Image, ImageRef},
};
use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::{
    Colour, Photo, PhotoError, Wanted,
    bilinear::{Window, resize_window},
};

/// How a photo becomes a square of the model's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResizeRule {
    /// The shorter side is resized to this many pixels (bilinear with antialiasing, as Pillow does), then the
    /// centre is cut out: torchvision's `Resize(n)` and `CenterCrop(size)`.
    ShortSideThenCentre(u32),
}

/// What is done to every photo before the model sees it. Part of a bundle's manifest and of its model id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", deny_unknown_fields)]
pub struct Preprocessing {
    size: u32,
    resize: ResizeRule,
    mean: [f32; 3],
    std: [f32; 3],
    /// Absent where colours are taken as they are, so that models keep the ids that they had before it could be said.
    #[serde(skip_serializing_if = "is_as_is")]
    colour: Colour,
}

fn is_as_is(colour: &Colour) -> bool {
    *colour == Colour::AsIs
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    size: u32,
    resize: ResizeRule,
    mean: [f32; 3],
    std: [f32; 3],
    #[serde(default)]
    colour: Colour,
}

impl TryFrom<Unchecked> for Preprocessing {
    type Error = PhotoError;

    fn try_from(u: Unchecked) -> Result<Self, PhotoError> {
        Ok(Self::new(u.size, u.resize, u.mean, u.std)?.in_colour(u.colour))
    }
}

impl Preprocessing {
    /// The mean of ImageNet's pixels, RGB in [0,1]: what torchvision's weights were trained with.
    pub const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    /// Their standard deviation.
    pub const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];

    /// Of colours as they are. `size` is S, 128 to 1024; the resized short side must not be below it; `std` is positive.
    pub fn new(size: u32, resize: ResizeRule, mean: [f32; 3], std: [f32; 3]) -> Result<Self, PhotoError> {
        let refuse = |why: String| Err(PhotoError::Preprocessing(why));
        if !(128..=1024).contains(&size) {
            return refuse(format!("the input size is 128 to 1024 pixels, not {size}"));
        }
        let ResizeRule::ShortSideThenCentre(short) = resize;
        if short < size || short > 4096 {
            return refuse(format!(
                "the short side is resized to {size} (the input size) up to 4096, not {short}"
            ));
        }
        if !mean.iter().all(|m| m.is_finite()) || !std.iter().all(|s| s.is_finite() && *s > 0.0) {
            return refuse(format!("mean {mean:?} and std {std:?} must be finite, std above 0"));
        }
        Ok(Self { size, resize, mean, std, colour: Colour::AsIs })
    }

    /// Resize to `size`, cut the centre, ImageNet's mean and std.
    pub fn imagenet(size: u32) -> Result<Self, PhotoError> {
        Self::new(size, ResizeRule::ShortSideThenCentre(size), Self::IMAGENET_MEAN, Self::IMAGENET_STD)
    }

    /// The same of photos in these colours.
    #[must_use]
    pub fn in_colour(self, colour: Colour) -> Self {
        Self { colour, ..self }
    }

    /// The same for squares of another side, 32 to 1024: what training that begins small is shown.
    pub fn at_size(&self, size: u32) -> Result<Self, PhotoError> {
        if !(32..=1024).contains(&size) {
            return Err(PhotoError::Preprocessing(format!("squares are 32 to 1024 pixels, not {size}")));
        }
        Ok(Self { size, resize: ResizeRule::ShortSideThenCentre(size), ..self.clone() })
    }

    /// S: the side of the square, in pixels.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// What is subtracted from RGB in [0,1].
    pub fn mean(&self) -> [f32; 3] {
        self.mean
    }

    /// What it is then divided by.
    pub fn std(&self) -> [f32; 3] {
        self.std
    }

    /// Whether photos are brought to sRGB first.
    pub fn colour(&self) -> Colour {
        self.colour
    }

    /// What [`Photo::decode_for`] is asked with: enough of the photo to be resized.
    pub fn wanted(&self) -> Wanted {
        Wanted { short_side: self.short_side(), colour: self.colour }
    }

    /// The shorter side that photos are resized to.
    pub fn short_side(&self) -> u32 {
        let ResizeRule::ShortSideThenCentre(short) = self.resize;
        short
    }

    /// Resizes and crops; [`normalise`](Self::normalise) does the rest.
    pub fn apply(&self, photo: &Photo) -> Pixels {
        let to = resized((photo.width(), photo.height()), self.short_side());
        // torchvision's CenterCrop rounds half to even.
        let side = self.size as usize;
        let (left, top) = (half_even(to.0 - side), half_even(to.1 - side));
        let window = Window { left, top, width: side, height: side };
        let (w, h) = (photo.rgb().width() as usize, photo.rgb().height() as usize); // perhaps decoded smaller
        Pixels { size: self.size, bytes: resize_window(photo.rgb().as_raw(), (w, h), to, window) }
    }

    /// The photos as one batch: `[N, 3, S, S]`, normalised, channel after channel. `None` where one is not of this size.
    pub fn normalise(&self, photos: &[Pixels]) -> Option<Vec<f32>> {
        let tables: [[f32; 256]; 3] =
            std::array::from_fn(|c| std::array::from_fn(|v| (v as f32 / 255.0 - self.mean[c]) / self.std[c]));
        let plane = (self.size * self.size) as usize;
        let mut data = vec![0f32; photos.len() * plane * 3];
        for (photo, planes) in photos.iter().zip(data.chunks_exact_mut(plane * 3)) {
            if photo.size != self.size {
                return None;
            }
            for ((out, table), c) in planes.chunks_exact_mut(plane).zip(&tables).zip(0..) {
                for (o, pixel) in out.iter_mut().zip(photo.bytes.chunks_exact(3)) {
                    *o = table[usize::from(pixel[c])];
                }
            }
        }
        Some(data)
    }
}

/// torchvision's `Resize(short)`: the shorter side becomes `short`, in Pillow's bilinear with antialiasing.
pub fn resize_short_side(photo: &Photo, short: u32) -> Result<Photo, PhotoError> {
    let to = resized((photo.width(), photo.height()), short.max(1));
    let (w, h) = (photo.rgb().width() as usize, photo.rgb().height() as usize);
    let window = Window { left: 0, top: 0, width: to.0, height: to.1 };
    let bytes = resize_window(photo.rgb().as_raw(), (w, h), to, window);
    let rgb = RgbImage::from_raw(to.0 as u32, to.1 as u32, bytes);
    rgb.and_then(Photo::from_rgb)
        .ok_or_else(|| PhotoError::Preprocessing(format!("a photo cannot be resized to {}×{}", to.0, to.1)))
}

/// Width and height after a resize of the shorter side; torchvision cuts the longer one to an integer, it does not round.
fn resized((w, h): (u32, u32), short: u32) -> (usize, usize) {
    let (w, h, short) = (w as usize, h as usize, short as usize);
    if w <= h { (short, short * h / w) } else { (short * w / h, short) }
}

fn half_even(n: usize) -> usize {
    let half = n / 2;
    if n % 2 == 1 && half % 2 == 1 { half + 1 } else { half }
}

/// The part `[x, y, width, height]` of the photo, in its pixels, cut out and then resized by SIMD: within ±1 of Pillow, which is
/// good enough for what augmentation draws. Returns HWC bytes.
pub(crate) fn resize_part(
    photo: &Photo,
    [x, y, w, h]: [u32; 4],
    width: u32,
    height: u32,
) -> Result<Vec<u8>, PhotoError> {
    let failed = |e: String| PhotoError::Preprocessing(format!("the photo cannot be resized: {e}"));
    let (have_width, have_height) = photo.rgb().dimensions();
    // A large JPEG may have been decoded at a fraction of its size.
    let within = |at: u32, length: u32, have: u32, whole: u32| {
        let scale = f64::from(have) / f64::from(whole.max(1));
        let at = ((f64::from(at) * scale) as u32).min(have.saturating_sub(1));
        (at, ((f64::from(length) * scale).round() as u32).clamp(1, have - at))
    };
    let (x, w) = within(x, w, have_width, photo.width());
    let (y, h) = within(y, h, have_height, photo.height());
    let source = ImageRef::new(have_width, have_height, photo.rgb().as_raw(), PixelType::U8x3)
        .map_err(|e| failed(e.to_string()))?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    let part = CroppedImage::new(&source, x, y, w, h).map_err(|e| failed(e.to_string()))?;
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&part, &mut target, &options).map_err(|e| failed(e.to_string()))?;
    Ok(target.into_vec())
}

/// A photo at the model's size: S × S pixels of RGB bytes, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pixels {
    size: u32,
    bytes: Vec<u8>,
}

impl Pixels {
    /// S.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// `[S, S, 3]`.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes alone.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// As a photo of that size.
    pub fn into_photo(self) -> Result<Photo, PhotoError> {
        let rgb = RgbImage::from_raw(self.size, self.size, self.bytes);
        rgb.and_then(Photo::from_rgb).ok_or_else(|| PhotoError::Preprocessing("a square of no pixels".into()))
    }

    /// A photo of nothing, to run a model with.
    pub fn grey(size: u32) -> Self {
        Self { size, bytes: vec![128; (size * size * 3) as usize] }
    }

    /// Of as many bytes as the square has.
    pub(crate) fn of_square(size: u32, bytes: Vec<u8>) -> Self {
        debug_assert_eq!(bytes.len(), (size * size * 3) as usize);
        Self { size, bytes }
    }
}
