//! Other orders than by likeness: by a number, or with some items preferred. They order a pool of the most similar, so that
//! what is shown is still like what was asked with.

use std::{cmp::Ordering, str::FromStr};

use lookalike_items::{Item, NumberRange};

use crate::recommender::ask::unit::number;

/// How many of the most similar items are put into another order: 1 to 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool(u16);

/// Why a value is not a [`Pool`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a whole number from 1 to {}", Pool::MAX)]
pub struct BadPool;

impl Pool {
    /// The most.
    pub const MAX: usize = 500;

    /// The number.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self(100)
    }
}

impl FromStr for Pool {
    type Err = BadPool;

    /// Digits alone.
    fn from_str(text: &str) -> Result<Self, BadPool> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number =
            text.parse::<u16>().ok().filter(|&n| digits && (1..=Self::MAX).contains(&usize::from(n)));
        number.map(Self).ok_or(BadPool)
    }
}

/// By an item's number of this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    key: String,
    falls: bool,
}

/// Why a text is no [`Sort`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a number's key, as in price, or -price for the largest first, of 1 to 200 characters")]
pub struct BadSort;

impl FromStr for Sort {
    type Err = BadSort;

    fn from_str(text: &str) -> Result<Self, BadSort> {
        let (key, falls) = text.strip_prefix('-').map_or((text, false), |key| (key, true));
        if (1..=200).contains(&key.chars().count()) {
            Ok(Self { key: key.to_owned(), falls })
        } else {
            Err(BadSort)
        }
    }
}

impl Sort {
    /// Which of two items comes first; what has no number comes last.
    pub fn compare(&self, a: &Item, b: &Item) -> Ordering {
        match (a.numbers.get(&self.key), b.numbers.get(&self.key)) {
            (Some(a), Some(b)) if self.falls => b.total_cmp(a),
            (Some(a), Some(b)) => a.total_cmp(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

/// Items that count for more, or for less: those with a number in a range, or with a value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Boost {
    key: String,
    of: Boosted,
    factor: f32,
}

#[derive(Clone, Debug, PartialEq)]
enum Boosted {
    Range(NumberRange),
    Value(String),
}

/// Why a text is no [`Boost`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be key:from..to*factor or key:value*factor, the factor from 0.1 to 10, as in stock:1..*1.2")]
pub struct BadBoost;

impl FromStr for Boost {
    type Err = BadBoost;

    fn from_str(text: &str) -> Result<Self, BadBoost> {
        let (what, factor) = text.rsplit_once('*').ok_or(BadBoost)?;
        let factor = number(factor).filter(|factor| (0.1..=10.0).contains(factor)).ok_or(BadBoost)? as f32;
        if what.chars().count() > 200 {
            return Err(BadBoost);
        }
        // A range holds no colon; a number's key may. An attribute's key holds none; its value may.
        let range = what.rsplit_once(':').and_then(|(key, range)| Some((key, range.parse().ok()?)));
        let (key, of) = match range {
            Some((key, range)) => (key, Boosted::Range(range)),
            None => {
                let (key, value) =
                    what.split_once(':').filter(|(_, value)| !value.is_empty()).ok_or(BadBoost)?;
                (key, Boosted::Value(value.to_owned()))
            }
        };
        if key.is_empty() { Err(BadBoost) } else { Ok(Self { key: key.to_owned(), of, factor }) }
    }
}

impl Boost {
    /// By how much the item's score counts for more.
    fn factor(&self, item: &Item) -> f32 {
        let meets = match &self.of {
            Boosted::Range(range) => {
                item.numbers.get(&self.key).is_some_and(|number| range.contains(*number))
            }
            Boosted::Value(value) => {
                item.attributes.get(&self.key).is_some_and(|values| values.contains(value))
            }
        };
        if meets { self.factor } else { 1.0 }
    }
}

/// In which order a pool of the most similar items is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    /// By a number.
    pub sort: Option<Sort>,
    /// By score times factors; of what is sorted the factors are told and nothing else.
    pub boosts: Vec<Boost>,
    /// How many.
    pub pool: Pool,
}

impl Order {
    /// Whether it is another than by likeness.
    pub fn is_another(&self) -> bool {
        self.sort.is_some() || !self.boosts.is_empty()
    }

    /// An item's score with all factors; none where there are none.
    pub fn rank_score(&self, item: &Item, score: f32) -> Option<f32> {
        let factors = self.boosts.iter().map(|boost| boost.factor(item)).product::<f32>();
        (!self.boosts.is_empty()).then_some(score * factors)
    }

    /// Which of two items of these scores comes first; equal where likeness decides.
    pub fn compare(&self, (a, a_score): (&Item, f32), (b, b_score): (&Item, f32)) -> Ordering {
        match &self.sort {
            Some(sort) => sort.compare(a, b),
            None => {
                let score = |item, score| self.rank_score(item, score).unwrap_or(score);
                score(b, b_score).total_cmp(&score(a, a_score))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use lookalike_items::ItemId;
    use proptest::prelude::*;

    use super::*;

    fn item(numbers: &[(&str, f64)]) -> Item {
        let numbers = numbers.iter().map(|(key, number)| ((*key).to_owned(), *number)).collect();
        Item {
            numbers,
            attributes: [("brand".to_owned(), vec!["acme".to_owned(), "a:b..c".to_owned()])].into(),
            ..Item::new(ItemId::parse("a").unwrap(), "Tee")
        }
    }

    #[test]
    fn what_has_no_number_comes_last_both_ways() {
        let (cheap, dear, none) = (item(&[("price", 1.0)]), item(&[("price", 9.0)]), item(&[]));
        for (sort, order) in [("price", Ordering::Less), ("-price", Ordering::Greater)] {
            let sort: Sort = sort.parse().unwrap();
            assert_eq!(sort.compare(&cheap, &dear), order);
            assert_eq!(sort.compare(&dear, &none), Ordering::Less);
            assert_eq!(sort.compare(&none, &cheap), Ordering::Greater);
            assert_eq!(sort.compare(&none, &none), Ordering::Equal);
        }
        assert_eq!(("".parse::<Sort>(), "-".parse::<Sort>()), (Err(BadSort), Err(BadSort)));
    }

    #[test]
    fn factors_multiply_where_their_condition_holds() {
        let order = |boosts: &[&str]| Order {
            boosts: boosts.iter().map(|text| text.parse().unwrap()).collect(),
            ..Order::default()
        };
        let stocked = item(&[("stock", 3.0)]);
        assert_eq!(order(&[]).rank_score(&stocked, 0.5), None);
        assert_eq!(order(&["stock:1..*2"]).rank_score(&stocked, 0.25), Some(0.5));
        assert_eq!(order(&["stock:4..*2", "weight:..1*3"]).rank_score(&stocked, 0.25), Some(0.25));
        assert_eq!(
            order(&["stock:1..*2", "brand:acme*0.5", "brand:other*9"]).rank_score(&stocked, 0.25),
            Some(0.25)
        );
        assert_eq!(order(&["brand:a:b..c*4"]).rank_score(&stocked, 0.25), Some(1.0));
        for bad in [
            "",
            "stock:1..",
            "stock:1..*",
            "stock*2",
            ":1..*2",
            "stock:*2",
            "stock:1..*0.09",
            "stock:1..*11",
            "s:1..*x",
        ] {
            assert_eq!(bad.parse::<Boost>(), Err(BadBoost), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_factor_out_of_range(text in "(a|b|:|\\.\\.|\\*|[0-9]|e|-){0,10}") {
            if let Ok(boost) = text.parse::<Boost>() {
                prop_assert!((0.1..=10.0).contains(&boost.factor));
            }
        }
    }
}
