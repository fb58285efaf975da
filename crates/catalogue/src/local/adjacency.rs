//! The graph as plain arrays: how it leaves the build and how it is walked.

/// Fills up a row of neighbours that has fewer than its width.
pub(crate) const NONE: u32 = u32::MAX;

/// Points are told by 31 bits: a walk keeps a bit for itself.
pub(crate) const POINTS_AT_MOST: usize = 1 << 31;

/// Neighbour rows of one width, one row a point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Links<'a> {
    /// Row after row; a row shorter than `width` is filled up with [`NONE`].
    pub rows: &'a [u32],
    /// How many neighbours a row has room for.
    pub width: usize,
}

impl<'a> Links<'a> {
    /// The neighbours of one point, filled up with [`NONE`].
    #[inline]
    pub fn row(self, point: u32) -> &'a [u32] {
        let start = point as usize * self.width;
        self.rows.get(start..start + self.width).unwrap_or_default()
    }

    /// The neighbours of one point.
    #[inline]
    pub fn of(self, point: u32) -> impl Iterator<Item = u32> + 'a {
        self.row(point).iter().copied().take_while(|&neighbour| neighbour != NONE)
    }

    /// How many points there are.
    pub fn len(self) -> usize {
        self.rows.len().checked_div(self.width).unwrap_or(0)
    }
}

/// One point on an upper level and its neighbours there.
pub(crate) type Station = (u32, Vec<u32>);

/// A graph fresh from the build, its points numbered as the vectors were given.
#[derive(Debug)]
pub(crate) struct Grown {
    /// The neighbours of all points on level 0, in rows of `width`.
    pub ground: Vec<u32>,
    /// How many neighbours a point may have on level 0.
    pub width: usize,
    /// From level 1 up: who is there, by rising number.
    pub levels: Vec<Vec<Station>>,
    /// A point of the top level, where every search starts.
    pub entry: u32,
}

impl Grown {
    /// Level 0, to be walked.
    pub fn links(&self) -> Links<'_> {
        Links { rows: &self.ground, width: self.width }
    }
}
