//! Which items may answer.

use std::{collections::BTreeMap, str::FromStr};

use crate::{Item, ItemId};

/// Which items may answer. The default lets all through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// One of these categories, where any are named.
    pub categories: Vec<String>,
    /// One of the values under every key.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// A number within the range under every key; an item without the number does not answer.
    pub ranges: BTreeMap<String, NumberRange>,
    /// None of these categories.
    pub not_categories: Vec<String>,
    /// None of the values under any key; an item without the attribute answers.
    pub not_attributes: BTreeMap<String, Vec<String>>,
    /// None of these items.
    pub exclude: Vec<ItemId>,
}

impl Filter {
    /// Whether this item may answer: the definition, which every engine keeps to.
    pub fn admits(&self, item: &Item) -> bool {
        let has = |(key, named): (&String, &Vec<String>)| {
            item.attributes.get(key).is_some_and(|values| values.iter().any(|v| named.contains(v)))
        };
        let within = |(key, range): (&String, &NumberRange)| {
            item.numbers.get(key).is_some_and(|number| range.contains(*number))
        };
        (self.categories.is_empty() || self.categories.contains(&item.category))
            && self.attributes.iter().all(has)
            && self.ranges.iter().all(within)
            && !self.not_categories.contains(&item.category)
            && !self.not_attributes.iter().any(has)
            && !self.exclude.contains(&item.id)
    }

    /// The same without its conditions on one key, of an attribute or a number; `category` is the category's. None where it has
    /// none.
    pub fn without(&self, key: &str) -> Option<Self> {
        let mut less = self.clone();
        less.attributes.remove(key);
        less.not_attributes.remove(key);
        less.ranges.remove(key);
        if key == "category" {
            less.categories.clear();
            less.not_categories.clear();
        }
        (less != *self).then_some(less)
    }

    /// Whether every item may answer.
    pub fn admits_all(&self) -> bool {
        let Self { categories, attributes, ranges, not_categories, not_attributes, exclude } = self;
        categories.is_empty()
            && attributes.is_empty()
            && ranges.is_empty()
            && not_categories.is_empty()
            && not_attributes.is_empty()
            && exclude.is_empty()
    }
}

/// Numbers from one to another, both included; either end may be open, and not both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberRange {
    least: f64,
    most: f64,
}

/// Why a text is no [`NumberRange`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "must be from..to, from.. or ..to, of finite numbers, the first not above the second, as in 10..49.9"
)]
pub struct BadRange;

impl NumberRange {
    /// From `least` to `most`; none is an open end.
    ///
    /// # Errors
    /// Where both ends are open, an end is not finite, or the first is above the second.
    pub fn new(least: Option<f64>, most: Option<f64>) -> Result<Self, BadRange> {
        let finite = [least, most].into_iter().flatten().all(f64::is_finite);
        let (from, to) = (least.unwrap_or(f64::NEG_INFINITY), most.unwrap_or(f64::INFINITY));
        let closed = least.is_some() || most.is_some();
        if finite && closed && from <= to { Ok(Self { least: from, most: to }) } else { Err(BadRange) }
    }

    /// The least number in it; minus infinity where that end is open.
    pub fn least(self) -> f64 {
        self.least
    }

    /// The largest number in it; infinity where that end is open.
    pub fn most(self) -> f64 {
        self.most
    }

    /// Whether the number is in it. What is no number is not.
    #[inline]
    pub fn contains(self, number: f64) -> bool {
        self.least <= number && number <= self.most
    }
}

impl FromStr for NumberRange {
    type Err = BadRange;

    fn from_str(text: &str) -> Result<Self, BadRange> {
        // As JSON writes numbers: no `inf`, no `+1`, no space.
        let plain = |text: &str| text.bytes().all(|b| b.is_ascii_digit() || b"-+.eE".contains(&b));
        let starts = |text: &str| text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        let end = |text: &str| match text {
            "" => Ok(None),
            text if plain(text) && starts(text) => text.parse().map(Some).map_err(|_| BadRange),
            _ => Err(BadRange),
        };
        let (least, most) = text.split_once("..").ok_or(BadRange)?;
        Self::new(end(least)?, end(most)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        let range = |text: &str| text.parse::<NumberRange>();
        for (text, inside, outside) in [
            ("10..49.9", vec![10.0, 49.9, 20.0], vec![9.99, 49.91, f64::NAN]),
            ("10..", vec![10.0, 1e300], vec![9.0]),
            ("..0", vec![-0.0, -5.0], vec![0.1]),
            ("-2.5..-1e0", vec![-2.0], vec![-0.9, -3.0]),
            ("3..3", vec![3.0], vec![3.1]),
        ] {
            let range = range(text).unwrap();
            assert!(inside.into_iter().all(|n| range.contains(n)), "{text}");
            assert!(!outside.into_iter().any(|n| range.contains(n)), "{text}");
        }
        for bad in
            ["", "..", "1", "1.2", "2..1", "a..b", "1..inf", "NaN..1", "+1..2", " 1..2", "1...2", "1..1e999"]
        {
            assert_eq!(range(bad), Err(BadRange), "{bad}");
        }
    }

    #[test]
    fn what_is_not_wanted_and_what_is_missing() {
        let item = Item {
            attributes: [("brand".to_owned(), vec!["acme".to_owned(), "other".to_owned()])].into(),
            numbers: [("price".to_owned(), 39.9)].into(),
            ..Item::new(ItemId::parse("a").unwrap(), "Tee")
        };
        let brand = |value: &str| [("brand".to_owned(), vec![value.to_owned()])].into();
        let colour: BTreeMap<_, _> = [("colour".to_owned(), vec!["red".to_owned()])].into();
        let price = |text: &str| [("price".to_owned(), text.parse().unwrap())].into();
        let stock: BTreeMap<_, _> = [("stock".to_owned(), "1..".parse().unwrap())].into();
        let of = Filter::default;
        for (filter, admits) in [
            (Filter { not_attributes: brand("acme"), ..of() }, false),
            (Filter { not_attributes: brand("third"), ..of() }, true),
            (Filter { not_attributes: colour, ..of() }, true),
            (Filter { not_categories: vec!["Tee".into()], ..of() }, false),
            (Filter { not_categories: vec!["Coat".into()], ..of() }, true),
            (Filter { ranges: price("..39.9"), ..of() }, true),
            (Filter { ranges: price("40.."), ..of() }, false),
            (Filter { ranges: stock, ..of() }, false),
        ] {
            assert_eq!((filter.admits(&item), filter.admits_all()), (admits, false), "{filter:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_range_that_is_none(text in "[-+.eE0-9infaN]{0,12}") {
            if let Ok(range) = text.parse::<NumberRange>() {
                prop_assert!(range.least <= range.most && !range.contains(f64::NAN));
            }
        }
    }
}
