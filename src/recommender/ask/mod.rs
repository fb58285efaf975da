//! What can be asked for: values that were checked when they were made.

mod order;
mod page;
mod region;
mod subject;
mod unit;

pub use order::{BadBoost, BadPool, BadSort, Boost, Order, Pool, Sort};
pub use page::{BadK, BadOffset, BadPage, K, Offset, Page};
pub use region::{BadRegion, Region};
pub use subject::{BadExamples, Examples, Subject};
pub use unit::{BadUnit, Unit};

use crate::recommender::Filter;

/// The parameters of a question, apart from what it is about.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// Which of the results.
    pub page: Page,
    /// No result has a lower score.
    pub min_score: Unit,
    /// Which items may answer.
    pub filter: Filter,
    /// How much colour counts beside shape: 0 same shape in any colour, 1 this very colour. The model's own where it is
    /// not said.
    pub color_weight: Option<Unit>,
    /// The part of the photo that is asked with; all of it where it is not said.
    pub region: Option<Region>,
    /// Whether a product may come more than once.
    pub collapse: Collapse,
    /// Whether an item that looks the same as one before it is left out.
    pub dedup: bool,
    /// How much results should differ among themselves: 0 not at all, 1 before all else.
    pub diversity: Unit,
    /// Whether the most similar are shown in another order.
    pub order: Order,
    /// Whether every item is compared, instead of those that the index leads to.
    pub exact: bool,
    /// The keys whose values are counted over all items that the filter admits.
    pub facets: Vec<String>,
}

/// Whether a product may come more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Collapse {
    /// Every photo is a result of its own.
    #[default]
    None,
    /// Of a product, the most similar photo alone.
    Product,
}

/// Why a text is no [`Collapse`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be product or none")]
pub struct BadCollapse;

impl std::str::FromStr for Collapse {
    type Err = BadCollapse;

    fn from_str(text: &str) -> Result<Self, BadCollapse> {
        match text {
            "none" => Ok(Self::None),
            "product" => Ok(Self::Product),
            _ => Err(BadCollapse),
        }
    }
}
