//! Query parameters and path segments: parsed once, into types that cannot hold a bad value. Nothing is clamped, and
//! what is not known is refused by name.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{Uri, request::Parts},
};

use crate::http::{error::ApiError, thumbnails::Width};
use crate::ingest::{IngestError, Unembeddable};
use crate::recommender::{Ask, BaseName, Boost, Filter, ItemId, K, Offset, Order, Page, Region, Unit};
use lookalike_items::{BadItem, BadItemId};

/// The parameters of a question about a photo or an item.
pub(crate) struct AskParams(pub(crate) Ask);

/// The parameters of a question about what has no picture: all but the box.
pub(crate) struct SearchParams(pub(crate) Ask);

/// Which part of a photo is meant.
pub(crate) struct BoxParam(pub(crate) Option<Region>);

/// What is counted, and over which items.
pub(crate) struct FacetParams {
    pub(crate) filter: Filter,
    pub(crate) keys: Vec<String>,
}

/// The parameters of a question about several photos: all but the facets, which would be the same for each.
pub(crate) struct BatchParams(pub(crate) Ask);

/// How wide a photo is shown.
pub(crate) struct WidthParam(pub(crate) Option<Width>);

/// What becomes of items that another model cannot embed.
pub(crate) struct ReloadParams(pub(crate) Unembeddable);

/// Which base is to be served; none is the one before.
pub(crate) struct BaseParam(pub(crate) Option<BaseName>);

/// A route that takes no parameters says so.
pub(crate) struct NoParams;

/// The `{id}` of a path.
pub(crate) struct PathId(pub(crate) ItemId);

/// The `{id}` of a path that is written to: what is no id cannot become one.
pub(crate) struct WriteId(pub(crate) ItemId);

/// What may be given more than once.
const REPEATABLE: [&str; 8] =
    ["category", "attribute", "range", "not_category", "not_attribute", "exclude", "boost", "facet"];

/// How often, at most; and the longest category or attribute, in characters.
const REPEATED: usize = 100;
const LONGEST: usize = 200;

/// The most keys that are counted for one answer, and the most factors of one.
const FEW: usize = 10;

/// `box` and `facet` last: some questions do without.
const ASK: &[&str] = &[
    "k",
    "offset",
    "min_score",
    "category",
    "attribute",
    "range",
    "not_category",
    "not_attribute",
    "exclude",
    "color_weight",
    "collapse",
    "dedup",
    "diversity",
    "exact",
    "sort",
    "boost",
    "pool",
    "facet",
    "box",
];

pub(super) const NO_ID: &str =
    "must be an item's id: 1 to 128 characters, no control characters, not '.' or '..'";

const ROLLBACK: &[&str] = &["to"];

const COUNTED: &[&str] =
    &["facet", "category", "attribute", "range", "not_category", "not_attribute", "exclude"];

/// A query string whose names are all known, each given once unless it may come more often.
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(uri: &Uri, known: &'static [&'static str]) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| ApiError::UnknownParameter { name: uri.query().unwrap_or("").into(), known })?;
        for (name, _) in &pairs {
            let Some(&name) = known.iter().find(|k| *k == name) else {
                return Err(ApiError::UnknownParameter { name: name.clone(), known });
            };
            let most = if REPEATABLE.contains(&name) { REPEATED } else { 1 };
            if pairs.iter().filter(|(n, _)| n == name).count() > most {
                let reason = match most {
                    1 => "is given more than once".to_owned(),
                    most => format!("is given more than {most} times"),
                };
                return Err(ApiError::BadParameter { name, reason });
            }
        }
        Ok(Self(pairs))
    }

    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The parameter's value, parsed, if it is given.
    pub(super) fn optional<T: FromStr<Err: Display>>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, ApiError> {
        let parsed = self.values(name).next().map(str::parse).transpose();
        parsed.map_err(|e| refused(name, &e))
    }

    /// The parameter's value, parsed; its default where it is not given.
    pub(super) fn parsed<T: FromStr<Err: Display> + Default>(
        &self,
        name: &'static str,
    ) -> Result<T, ApiError> {
        self.optional(name).map(Option::unwrap_or_default)
    }

    fn flag(&self, name: &'static str) -> Result<bool, ApiError> {
        match self.values(name).next() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(refused(name, &"must be true or false")),
        }
    }

    pub(super) fn filter(&self) -> Result<Filter, ApiError> {
        let mut filter = Filter {
            categories: self.texts("category")?,
            attributes: self.attributes("attribute")?,
            not_categories: self.texts("not_category")?,
            not_attributes: self.attributes("not_attribute")?,
            ..Filter::default()
        };
        for range in self.values("range") {
            // A range holds no colon; a key may.
            let (key, range) = text("range", range)?
                .rsplit_once(':')
                .filter(|(key, _)| !key.is_empty())
                .ok_or_else(|| refused("range", &"must be key:from..to, as in price:10..49.9"))?;
            let range = range.parse().map_err(|e| refused("range", &e))?;
            if filter.ranges.insert(key.to_owned(), range).is_some() {
                return Err(refused("range", &format!("is given more than once for '{key}'")));
            }
        }
        for id in self.values("exclude") {
            filter.exclude.push(ItemId::parse(id).map_err(|_| refused("exclude", &NO_ID))?);
        }
        Ok(filter)
    }

    fn texts(&self, name: &'static str) -> Result<Vec<String>, ApiError> {
        self.values(name).map(|value| text(name, value).map(str::to_owned)).collect()
    }

    /// The values under each key.
    fn attributes(&self, name: &'static str) -> Result<BTreeMap<String, Vec<String>>, ApiError> {
        let mut attributes: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for attribute in self.values(name) {
            let pair = text(name, attribute)?.split_once(':').filter(|(k, v)| !k.is_empty() && !v.is_empty());
            let (key, value) = pair.ok_or_else(|| refused(name, &"must be key:value, as in colour:red"))?;
            attributes.entry(key.to_owned()).or_default().push(value.to_owned());
        }
        Ok(attributes)
    }

    fn ask(&self) -> Result<Ask, ApiError> {
        let (k, offset): (K, Offset) = (self.parsed("k")?, self.parsed("offset")?);
        let (diversity, order): (Unit, Order) = (self.parsed("diversity")?, self.order()?);
        if order.is_another() && diversity.get() > 0.0 {
            let name = if order.sort.is_some() { "sort" } else { "boost" };
            return Err(refused(name, &"and 'diversity' are two orders: give one of them"));
        }
        Ok(Ask {
            page: Page::new(k, offset).map_err(|e| refused("offset", &e))?,
            min_score: self.parsed("min_score")?,
            filter: self.filter()?,
            color_weight: self.optional("color_weight")?,
            region: self.optional("box")?,
            collapse: self.parsed("collapse")?,
            dedup: self.flag("dedup")?,
            diversity,
            order,
            exact: self.flag("exact")?,
            facets: self.facets()?,
        })
    }

    fn order(&self) -> Result<Order, ApiError> {
        let boosts: Vec<Boost> = self
            .values("boost")
            .map(|text| text.parse().map_err(|e| refused("boost", &e)))
            .collect::<Result<_, _>>()?;
        if boosts.len() > FEW {
            return Err(refused("boost", &format!("is given more than {FEW} times")));
        }
        Ok(Order { sort: self.optional("sort")?, boosts, pool: self.parsed("pool")? })
    }

    /// The keys to be counted, each once.
    fn facets(&self) -> Result<Vec<String>, ApiError> {
        let mut keys = self.texts("facet")?;
        if keys.len() > FEW {
            return Err(refused("facet", &format!("is given more than {FEW} times")));
        }
        let mut seen = std::collections::HashSet::new();
        keys.retain(|key| seen.insert(key.clone()));
        Ok(keys)
    }
}

pub(super) fn refused(name: &'static str, reason: &dyn Display) -> ApiError {
    ApiError::BadParameter { name, reason: reason.to_string() }
}

fn text<'a>(name: &'static str, value: &'a str) -> Result<&'a str, ApiError> {
    if (1..=LONGEST).contains(&value.chars().count()) {
        return Ok(value);
    }
    Err(refused(name, &format!("must have 1 to {LONGEST} characters")))
}

impl<S: Send + Sync> FromRequestParts<S> for AskParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Params::of(&parts.uri, ASK)?.ask().map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SearchParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let without_box = &ASK[..ASK.len() - 1];
        Params::of(&parts.uri, without_box)?.ask().map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for BatchParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let params = Params::of(&parts.uri, ASK)?;
        match params.values("facet").next() {
            Some(_) => Err(refused("facet", &"is for one photo: ask GET /facets once")),
            None => params.ask().map(Self),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for FacetParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let params = Params::of(&parts.uri, COUNTED)?;
        let (filter, keys) = (params.filter()?, params.facets()?);
        if keys.is_empty() {
            return Err(refused(
                "facet",
                &"must name an attribute, a number or 'category': give it at least once",
            ));
        }
        Ok(Self { filter, keys })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for BoxParam {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Params::of(&parts.uri, &["box"])?.optional("box").map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WidthParam {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Params::of(&parts.uri, &["width"])?.optional("width").map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ReloadParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let drops = Params::of(&parts.uri, &["drop_unembeddable"])?.flag("drop_unembeddable")?;
        Ok(Self(if drops { Unembeddable::Drop } else { Unembeddable::Stop }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NoParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Params::of(&parts.uri, &[]).map(|_| Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for BaseParam {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Params::of(&parts.uri, ROLLBACK)?.optional("to").map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    /// What is no id names no item: 404, as for any other name that is not there.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::NotAnItem(parts.uri.path().to_owned()))?;
        ItemId::parse(&text).map(Self).map_err(|_| ApiError::NotAnItem(text))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WriteId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::NotAnItem(parts.uri.path().to_owned()))?;
        let refuse = |e: BadItemId| ApiError::from(IngestError::from(BadItem(e.to_string())));
        ItemId::parse(&text).map(Self).map_err(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ask(query: &str) -> Result<Ask, ApiError> {
        let uri: Uri = format!("/similar?{query}").parse().unwrap();
        Params::of(&uri, ASK)?.ask()
    }

    #[test]
    fn every_parameter_is_read() {
        let read = ask(
            "k=7&offset=3&min_score=0.5&category=Tee&category=Coat&attribute=fit:slim&attribute=fit:wide&\
             attribute=a:b:c&range=price:10..50&range=a:b:..3&not_category=Cape&not_attribute=brand:acme&exclude=x~1&color_weight=1&collapse=product&dedup=true&diversity=0.3&exact=true&box=0,0,1,0.5",
        )
        .unwrap();
        assert_eq!((read.page.offset(), read.page.end()), (3, 10));
        assert_eq!(read.filter.categories, ["Tee", "Coat"]);
        assert_eq!(read.filter.attributes["fit"], ["slim", "wide"]);
        assert_eq!(read.filter.attributes["a"], ["b:c"]);
        assert_eq!(read.filter.exclude[0].as_str(), "x~1");
        assert!(read.filter.ranges["price"].contains(50.0) && !read.filter.ranges["a:b"].contains(3.1));
        assert_eq!(read.filter.not_categories, ["Cape"]);
        assert_eq!(read.filter.not_attributes["brand"], ["acme"]);
        assert!(read.dedup && read.exact && read.region.is_some());
        let plain = ask("").unwrap();
        assert_eq!((plain.page.k(), plain.page.offset()), (K::default(), 0));
        assert!(plain.filter.admits_all() && plain.color_weight.is_none() && !plain.dedup && !plain.exact);
    }

    #[test]
    fn what_is_not_in_range_is_refused_by_name() {
        let refusals: [(&'static str, &[&str]); 18] = [
            ("k", &["0", "101", "abc", "", "1.5"]),
            ("offset", &["-1", "500", "x", "495"]),
            ("min_score", &["-0.1", "1.1", "NaN", ""]),
            ("category", &[""]),
            ("attribute", &["", "colour", ":red", "colour:"]),
            (
                "range",
                &["", "price", "1..2", ":1..2", "price:..", "price:2..1", "price:a..b", "price:1..inf"],
            ),
            ("not_category", &[""]),
            ("not_attribute", &["", "colour", ":red", "colour:"]),
            ("exclude", &["", "a%00b", ".", ".."]),
            ("color_weight", &["2", "-1", "x"]),
            ("collapse", &["items", "", "Product"]),
            ("dedup", &["1", "yes", "", "True"]),
            ("diversity", &["1.5", "-0.5"]),
            ("sort", &["", "-"]),
            ("boost", &["", "stock:1..", "stock:1..*0", "stock*2"]),
            ("pool", &["", "0", "501", "x"]),
            ("facet", &[""]),
            ("box", &["", "0,0,1", "0,0,2,1", "a,b,c,d"]),
        ];
        for (wanted, values) in refusals {
            for value in values {
                let refused = ask(&format!("{wanted}={value}"));
                assert!(
                    matches!(&refused, Err(ApiError::BadParameter { name, .. }) if *name == wanted),
                    "{wanted}={value}: {refused:?}"
                );
            }
        }
        for twice in [
            "range=price:1..2&range=price:3..4",
            "k=1&k=2",
            "box=0,0,1,1&box=0,0,1,1",
            "dedup=true&dedup=true",
        ] {
            assert!(matches!(ask(twice), Err(ApiError::BadParameter { .. })), "{twice}");
        }
        assert!(matches!(
            ask(&"exclude=a&".repeat(101)),
            Err(ApiError::BadParameter { name: "exclude", .. })
        ));
        assert!(matches!(ask("kk=1"), Err(ApiError::UnknownParameter { name, .. }) if name == "kk"));
        assert!(matches!(ask("k=1&=2"), Err(ApiError::UnknownParameter { .. })));
    }

    proptest! {
        #[test]
        fn no_query_string_yields_a_page_out_of_range(query in "[a-z0-9=&%+;]{0,20}") {
            if let Ok(ask) = ask(&query) {
                prop_assert!((1..=100).contains(&ask.page.k().get()) && ask.page.end() <= 500);
            }
        }
    }
}
