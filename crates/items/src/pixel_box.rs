//! A part of a photo, in pixels.

/// A box in pixels as DeepFashion writes it: 1-based, both corners inclusive, `x1 ≤ x2`, `y1 ≤ y2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelBox {
    x1: u32,
    y1: u32,
    x2: u32,
    y2: u32,
}

impl PixelBox {
    /// `None` where a corner is 0 or the corners are the wrong way round.
    pub fn new(x1: u32, y1: u32, x2: u32, y2: u32) -> Option<Self> {
        (x1 >= 1 && y1 >= 1 && x1 <= x2 && y1 <= y2).then_some(Self { x1, y1, x2, y2 })
    }

    /// All of a photo of this size, which has one pixel at least.
    pub fn whole(width: u32, height: u32) -> Self {
        Self { x1: 1, y1: 1, x2: width.max(1), y2: height.max(1) }
    }

    /// The least box that holds both.
    pub fn around(self, other: Self) -> Self {
        Self {
            x1: self.x1.min(other.x1),
            y1: self.y1.min(other.y1),
            x2: self.x2.max(other.x2),
            y2: self.y2.max(other.y2),
        }
    }

    /// `[x1, y1, x2, y2]`.
    pub fn corners(&self) -> [u32; 4] {
        [self.x1, self.y1, self.x2, self.y2]
    }

    /// Whether no part of it lies outside a photo of this size.
    pub fn lies_within(&self, width: u32, height: u32) -> bool {
        self.x2 <= width && self.y2 <= height
    }
}
