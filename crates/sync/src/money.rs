//! Prices as shops write them: `39.90 EUR`, `EUR 12`, `1.299,00 €`.

use std::fmt;

/// A currency by its three letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Takes three letters, of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_alphabetic).then(|| Self(letters.map(|b| b.to_ascii_uppercase())))
    }

    /// Of a sign that means one currency alone: `$` and `kr` do not.
    fn of_sign(text: &str) -> Option<Self> {
        let letters = match text {
            "€" => "EUR",
            "£" => "GBP",
            "₹" => "INR",
            "₺" => "TRY",
            "zł" => "PLN",
            "Kč" => "CZK",
            "US$" => "USD",
            _ => return None,
        };
        Self::parse(letters)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

impl std::str::FromStr for Currency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| "a currency has three letters, as in EUR".to_owned())
    }
}

/// An amount, and of what where that is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Money {
    pub(crate) amount: f64,
    pub(crate) currency: Option<Currency>,
    /// Where a sign stands for several currencies: these.
    among: &'static [&'static str],
}

/// Signs of several currencies.
const SHARED: [(&str, &[&str]); 4] = [
    ("$", &["USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP"]),
    ("kr", &["SEK", "NOK", "DKK", "ISK"]),
    ("kr.", &["SEK", "NOK", "DKK", "ISK"]),
    ("¥", &["JPY", "CNY"]),
];

/// Why a text is no price.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum BadMoney {
    /// Nothing of the kind.
    #[error("'{0}' is not a price like 39.90 EUR")]
    Unreadable(String),
    /// One of two amounts, a thousand times apart.
    #[error("'{0}' may be thousands or decimals: write two decimals, or say [prices] decimal in the map")]
    Ambiguous(String),
}

/// The sign before the decimals, where the shop has said which.
pub(crate) type Decimal = Option<char>;

/// The most of an amount: beyond that a price is a mistake.
const MOST: f64 = 1e12;

impl Money {
    /// Reads a price.
    pub(crate) fn parse(text: &str, decimal: Decimal) -> Result<Self, BadMoney> {
        let bad = || BadMoney::Unreadable(text.chars().take(40).collect());
        let digit = |c: char| c.is_ascii_digit();
        let start = text.find(digit).ok_or_else(bad)?;
        let end = text.rfind(digit).ok_or_else(bad)? + 1;
        let (before, after) =
            (text.get(..start).unwrap_or_default().trim(), text.get(end..).unwrap_or_default().trim());
        // `39,-` and `39.–` are whole amounts.
        let after = after.trim_start_matches(['.', ',']).trim_start_matches(['-', '–', '—']).trim();
        let named = match (before, after) {
            ("", "") => None,
            (name, "") | ("", name) => Some(name),
            _ => return Err(bad()),
        };
        let currency = named.and_then(|name| Currency::parse(name).or_else(|| Currency::of_sign(name)));
        // Another word beside the number is not known to be a currency: `from 39`, `-39`.
        let shared = SHARED.into_iter().find(|(sign, _)| named == Some(*sign)).map(|(_, among)| among);
        if named.is_some() && currency.is_none() && shared.is_none() {
            return Err(bad());
        }
        let among = shared.unwrap_or_default();
        let amount = number(text.get(start..end).unwrap_or_default(), decimal, three_decimals(currency))?;
        if (0.0..=MOST).contains(&amount) { Ok(Self { amount, currency, among }) } else { Err(bad()) }
    }
}

impl Money {
    /// Whether it is in another currency than this.
    pub(crate) fn is_foreign(&self, currency: Option<Currency>) -> bool {
        let may_be = |c: Currency| self.among.is_empty() || self.among.contains(&c.to_string().as_str());
        match self.currency {
            Some(own) => Some(own) != currency,
            None => !currency.is_none_or(may_be),
        }
    }
}

/// Whether amounts of this currency have three decimals.
fn three_decimals(currency: Option<Currency>) -> bool {
    currency.is_some_and(|c| [b"BHD", b"IQD", b"JOD", b"KWD", b"LYD", b"OMR", b"TND"].contains(&&c.0))
}

/// A number with its signs for thousands and decimals, without any other.
pub(crate) fn number(text: &str, decimal: Decimal, thousandths: bool) -> Result<f64, BadMoney> {
    let bad = || BadMoney::Unreadable(text.chars().take(40).collect());
    // A space or an apostrophe stands before three digits, or it is none between thousands: `39 90`.
    let gap = |c: char| c.is_whitespace() || matches!(c, '\'' | '’' | '`');
    let digits = |part: &str| part.bytes().take_while(u8::is_ascii_digit).count();
    if text.split(gap).skip(1).map(digits).any(|count| !matches!(count, 0 | 3)) {
        return Err(bad());
    }
    let compact: String = text.chars().filter(|c| !gap(*c)).collect();
    let is_sign = |c: char| matches!(c, '.' | ',');
    let signs: Vec<char> = compact.chars().filter(|&c| is_sign(c)).collect();
    let digits_after = |sign: char| compact.rsplit(sign).next().map_or(0, str::len);
    let decimal = match (decimal, signs.as_slice()) {
        (_, []) => None,
        (Some(said), _) => Some(said),
        (None, [only]) if digits_after(*only) == 3 && !compact.starts_with('0') && !thousandths => {
            // 12345.678 has no sign where the thousands would have had one.
            let whole = compact.split(is_sign).next().map_or(0, str::len);
            if whole <= 3 {
                return Err(BadMoney::Ambiguous(text.chars().take(40).collect()));
            }
            Some(*only)
        }
        (None, [only]) => Some(*only),
        (None, [first, .., last]) if first == last => None,
        (None, [.., last]) => Some(*last),
    };
    let (whole, part) = match decimal.and_then(|sign| compact.rsplit_once(sign)) {
        Some((whole, part)) => (whole, part),
        None => (compact.as_str(), ""),
    };
    let mut groups = whole.split(is_sign);
    let first = groups.next().unwrap_or_default();
    let grouped = groups.clone().next().is_some();
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let right = all_digits(first)
        && all_digits(part)
        && (!grouped || (1..=3).contains(&first.len()))
        && groups.clone().all(|group| group.len() == 3 && all_digits(group))
        && whole.len() + part.len() <= 40;
    if !right || (first.is_empty() && part.is_empty()) {
        return Err(bad());
    }
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    format!("0{whole}.{part}0").parse().map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_of_all_countries() {
        for (text, amount, currency) in [
            ("39.90 EUR", 39.9, "EUR"),
            ("EUR 12", 12.0, "EUR"),
            ("12eur", 12.0, "EUR"),
            ("1.299,00 EUR", 1299.0, "EUR"),
            ("1,299.00 USD", 1299.0, "USD"),
            ("1\u{a0}299,50 €", 1299.5, "EUR"),
            ("€39,90", 39.9, "EUR"),
            ("£5", 5.0, "GBP"),
            ("$39.90", 39.9, ""),
            ("39,-", 39.0, ""),
            ("CHF 1'299.–", 1299.0, "CHF"),
            ("1.234.567,89 EUR", 1_234_567.89, "EUR"),
            ("1.234.567 EUR", 1_234_567.0, "EUR"),
            ("15.500 KWD", 15.5, "KWD"),
            ("0.999 EUR", 0.999, "EUR"),
            ("12345.678 EUR", 12345.678, "EUR"),
            ("39.9000 EUR", 39.9, "EUR"),
            ("0 EUR", 0.0, "EUR"),
            ("129,9 zł", 129.9, "PLN"),
        ] {
            let money = Money::parse(text, None).expect(text);
            let named = money.currency.map(|c| c.to_string()).unwrap_or_default();
            assert_eq!((money.amount, named.as_str()), (amount, currency), "{text}");
        }
        for text in [
            "",
            "EUR",
            "free",
            "from 39 EUR",
            "-5 EUR",
            "39 EUR 40",
            "1,2,3 EUR",
            "1..2",
            "9e9 EUR",
            "1000000000000000 EUR",
            "12.34.567,8 EUR",
        ] {
            assert!(matches!(Money::parse(text, None), Err(BadMoney::Unreadable(_))), "{text}");
        }
        for text in ["1.299 EUR", "1,299 USD"] {
            assert!(matches!(Money::parse(text, None), Err(BadMoney::Ambiguous(_))), "{text}");
        }
        let of = |text, sign| Money::parse(text, Some(sign)).map(|m| m.amount);
        assert_eq!((of("1.299 EUR", ','), of("1.299 EUR", '.')), (Ok(1299.0), Ok(1.299)));
    }

    proptest! {
        /// What is written with two decimals is read as it was meant, whatever the country.
        #[test]
        fn amounts_come_back(cents in 0u64..10_000_000_000, european: bool, grouped: bool) {
            let (whole, part) = ((cents / 100).to_string(), cents % 100);
            let (group, point) = if european { ('.', ',') } else { (',', '.') };
            let mut text = String::new();
            for (i, c) in whole.chars().enumerate() {
                if grouped && i > 0 && (whole.len() - i).is_multiple_of(3) {
                    text.push(group);
                }
                text.push(c);
            }
            let text = format!("{text}{point}{part:02} EUR");
            let read = Money::parse(&text, None).unwrap();
            prop_assert!((read.amount - cents as f64 / 100.0).abs() < 1e-6, "{} {}", text, read.amount);
        }

        #[test]
        fn no_text_panics(text in "[-0-9.,'€ EUR]{0,20}") {
            if let Ok(money) = Money::parse(&text, None) {
                prop_assert!(money.amount.is_finite() && money.amount >= 0.0);
            }
        }
    }

    #[test]
    fn a_sign_of_several_currencies_is_none_of_others() {
        let foreign =
            |text, currency| Money::parse(text, None).unwrap().is_foreign(Currency::parse(currency));
        assert!(foreign("$39.90", "EUR") && foreign("39 kr", "EUR") && foreign("¥ 900", "USD"));
        assert!(!foreign("$39.90", "CAD") && !foreign("39 kr", "SEK") && !foreign("39.90", "EUR"));
        assert!(!Money::parse("$5", None).unwrap().is_foreign(None));
        for bad in ["39 90 €", "10 20 EUR", "1 2345 EUR"] {
            assert!(Money::parse(bad, None).is_err(), "{bad}");
        }
        assert_eq!(Money::parse("1 299 000,50 EUR", None).unwrap().amount, 1_299_000.5);
    }
}
