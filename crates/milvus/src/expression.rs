//! Filters as Milvus reads them. No text of a shop's is in an expression but ids, categories and images, each quoted here.

use std::fmt::Write as _;

use lookalike_items::{Filter, ItemId};

use crate::schema;

/// What keeps nothing.
const NOTHING: &str = "draw < 0";

/// A filter as an expression; empty where it keeps everything.
pub(crate) fn of(filter: &Filter) -> String {
    let Filter { categories, attributes, ranges, not_categories, not_attributes, exclude } = filter;
    let mut all = Vec::new();
    if !categories.is_empty() {
        all.push(one_of(schema::CATEGORY, categories));
    }
    if !not_categories.is_empty() {
        all.push(format!("not ({})", one_of(schema::CATEGORY, not_categories)));
    }
    all.extend(attributes.iter().map(|(key, values)| has(key, values)));
    let excluded = not_attributes.iter().filter(|(_, values)| !values.is_empty());
    all.extend(excluded.map(|(key, values)| format!("not ({})", has(key, values))));
    for (key, range) in ranges {
        let number = format!("{}[\"{}\"]", schema::NUMBERS, schema::number_key(key));
        let (least, most) = (range.least(), range.most());
        let mut ends = Vec::new();
        if least.is_finite() {
            ends.push(format!("{number} >= {}", number_text(least)));
        }
        if most.is_finite() {
            ends.push(format!("{number} <= {}", number_text(most)));
        }
        all.extend(ends);
    }
    if !exclude.is_empty() {
        all.push(format!("not ({})", ids(exclude)));
    }
    all.iter().map(|part| format!("({part})")).collect::<Vec<_>>().join(" and ")
}

/// These items alone.
pub(crate) fn ids<'a>(ids: impl IntoIterator<Item = &'a ItemId>) -> String {
    one_of(schema::ID, ids.into_iter().map(ItemId::as_str))
}

/// Those items whose photo this is.
pub(crate) fn image(image: &str) -> String {
    format!("{} == {}", schema::IMAGE, text(image))
}

/// Those whose draw is in a part of the circle of all draws.
pub(crate) fn drawn(from: u64, width: u64) -> String {
    let draw = schema::DRAW;
    if width >= schema::DRAWS {
        return String::new();
    }
    match from + width {
        end if end <= schema::DRAWS => format!("{draw} >= {from} and {draw} < {end}"),
        end => format!("{draw} >= {from} or {draw} < {}", end - schema::DRAWS),
    }
}

/// Those of an expression whose ids come after this one.
pub(crate) fn after(expression: &str, after: Option<&str>) -> String {
    let after = format!("{} > {}", schema::ID, text(after.unwrap_or_default()));
    if expression.is_empty() { after } else { format!("({expression}) and {after}") }
}

fn has(key: &str, values: &[String]) -> String {
    if values.is_empty() {
        return NOTHING.to_owned();
    }
    let labels: Vec<String> = values.iter().map(|value| schema::label(key, value).to_string()).collect();
    format!("array_contains_any({}, [{}])", schema::LABELS, labels.join(", "))
}

fn one_of<T: AsRef<str>>(field: &str, texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|one| text(one.as_ref())).collect();
    if texts.is_empty() { NOTHING.to_owned() } else { format!("{field} in [{}]", texts.join(", ")) }
}

/// A text in quotes. Letters of ASCII are as they are; of other scripts none is left for Milvus to read in its own way.
fn text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        // Writing into a string does not fail.
        let _ = match c {
            '"' | '\\' => write!(quoted, "\\{c}"),
            ' '..='~' => write!(quoted, "{c}"),
            '\0'..='\u{ffff}' => write!(quoted, "\\u{:04x}", c as u32),
            _ => write!(quoted, "\\U{:08x}", c as u32),
        };
    }
    quoted.push('"');
    quoted
}

/// A number with a point or an exponent, so that Milvus compares it as one with a fraction.
fn number_text(number: f64) -> String {
    format!("{number:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_become_expressions() {
        let filter = Filter {
            categories: vec!["a\"b".into(), "\\é😀".into()],
            ranges: [("price".to_owned(), "1..1e21".parse().unwrap())].into(),
            not_attributes: [("none".to_owned(), vec![])].into(),
            exclude: vec![ItemId::parse("x").unwrap()],
            ..Filter::default()
        };
        let key = schema::number_key("price");
        assert_eq!(
            of(&filter),
            format!(
                r#"(category in ["a\"b", "\\\u00e9\U0001f600"]) and (numbers["{key}"] >= 1.0) and (numbers["{key}"] <= 1e21) and (not (id in ["x"]))"#
            )
        );
        assert_eq!(of(&Filter::default()), "");
        let nobody = Filter { attributes: [("a".to_owned(), vec![])].into(), ..Filter::default() };
        assert_eq!(of(&nobody), "(draw < 0)");
        assert_eq!(after("", None), r#"id > """#);
        assert_eq!(drawn(schema::DRAWS - 1, 3), "draw >= 4294967295 or draw < 2");
    }
}
