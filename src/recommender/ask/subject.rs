//! Things other than photos to ask with: items to be like and unlike, or a vector.

use crate::recommender::{AskError, Pair};
use lookalike_items::{ItemId, Vectors};

/// What a search without a photo starts from.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Items to be like, and others to be unlike.
    Examples(Examples),
    /// An embedding; and a colour feature, without which colour does not count.
    Vector(Vec<f32>, Option<Vec<f32>>),
}

/// Items to be like, one at least, and items to be unlike.
#[derive(Clone, Debug)]
pub struct Examples {
    positive: Vec<ItemId>,
    negative: Vec<ItemId>,
}

/// Why lists of items are not [`Examples`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadExamples {
    /// Nothing to be like.
    #[error("'positive' must name an item at least")]
    NoPositive,
    /// More than are taken.
    #[error("'positive' and 'negative' may name {} items each at most", Examples::MOST)]
    TooMany,
}

impl Examples {
    /// The most items on either side.
    pub const MOST: usize = 100;

    /// Takes the items, if there are enough and not too many.
    pub fn new(positive: Vec<ItemId>, negative: Vec<ItemId>) -> Result<Self, BadExamples> {
        if positive.is_empty() {
            return Err(BadExamples::NoPositive);
        }
        if positive.len().max(negative.len()) > Self::MOST {
            return Err(BadExamples::TooMany);
        }
        Ok(Self { positive, negative })
    }

    /// The items to be like.
    pub fn positive(&self) -> &[ItemId] {
        &self.positive
    }

    /// The items to be unlike.
    pub fn negative(&self) -> &[ItemId] {
        &self.negative
    }

    /// All of them.
    pub fn items(&self) -> impl Iterator<Item = &ItemId> {
        self.positive.iter().chain(&self.negative)
    }

    /// Where they point: the mean of the positive ones, and as far again from the mean of the negative ones.
    pub(crate) async fn vectors(&self, pair: &Pair) -> Result<Vectors, AskError> {
        let wanted = mean(&all(pair, &self.positive).await?);
        let (mut deep, mut colour) = wanted;
        if !self.negative.is_empty() {
            let (from_deep, from_colour) = mean(&all(pair, &self.negative).await?);
            away(&mut deep, &from_deep);
            away(&mut colour, &from_colour);
        }
        Vectors::new(deep, colour).map_err(|_| AskError::NoDirection)
    }
}

async fn all(pair: &Pair, ids: &[ItemId]) -> Result<Vec<Vectors>, AskError> {
    let held = pair.catalogue.vectors(ids).await?;
    let each = ids.iter().zip(held);
    each.map(|(id, vectors)| vectors.ok_or_else(|| AskError::UnknownItem(id.clone()))).collect()
}

fn mean(all: &[Vectors]) -> (Vec<f32>, Vec<f32>) {
    let of = |part: fn(&Vectors) -> &[f32]| {
        let mut sum = vec![0.0; all.first().map_or(0, |first| part(first).len())];
        for vectors in all {
            sum.iter_mut().zip(part(vectors)).for_each(|(sum, x)| *sum += x / all.len() as f32);
        }
        sum
    };
    (of(Vectors::deep), of(Vectors::colour))
}

/// `x` becomes `x + (x − other)`.
fn away(x: &mut [f32], other: &[f32]) {
    x.iter_mut().zip(other).for_each(|(x, other)| *x += *x - other);
}
