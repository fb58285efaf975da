//! What a run is told: the program's flags, which are the library's options too.

use std::{path::PathBuf, str::FromStr};

use clap::{Parser, ValueEnum};

use crate::{Currency, Format};

/// Keeps a Lookalike server's catalogue in step with a shop's product feed.
///
/// What is new in the feed is put, what changed is patched, what is gone is deleted; what is as it was is not sent. Only items
/// that an earlier run under the same --name put are ever changed or deleted. It may be stopped at any moment: the next run goes
/// on from what the server holds.
///
/// An entry's further photos are items of their own, ID~~1, ID~~2 and so on, of the same product.
#[derive(Clone, Debug, Parser)]
#[command(name = "lookalike-sync", version, after_help = EXIT_CODES)]
pub struct Options {
    /// The server, e.g. http://127.0.0.1:8080. A dry run without one compares with an empty catalogue.
    #[arg(long, value_name = "URL", env = "LOOKALIKE_SERVER", required_unless_present = "dry_run")]
    pub server: Option<String>,
    /// The feed: a file, or an http or https address; gzip is unpacked.
    #[arg(long, value_name = "FILE|URL")]
    pub feed: String,
    /// The feed's format; told from its beginning where it is not said.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// A TOML file that says which of the feed's columns is which field, and how its categories are named here.
    #[arg(long, value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// The feed's name, of a-z, 0-9, _ and -: it owns what is put under it.
    #[arg(long, default_value = "feed")]
    pub name: Name,
    /// Says what would be sent, and sends nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Takes over items that the feed names and another feed, or nobody, put.
    #[arg(long)]
    pub adopt: bool,
    /// The most that may be deleted, a share of what this feed owns or a number: past it, nothing is sent.
    #[arg(long, value_name = "SHARE%|N", default_value = "20%")]
    pub max_delete: Most,
    /// The most entries of the feed that may be refused, a share or a number: past it, nothing is sent.
    #[arg(long, value_name = "SHARE%|N", default_value = "10%")]
    pub max_refused: Most,
    /// Who fetches photos that are addresses: pass leaves https to the server (its --image-hosts) and fetches http here; download
    /// fetches all here. Files are read here, always. What is fetched here is asked of whatever host the feed names, private ones too.
    #[arg(long, value_enum, default_value = "pass")]
    pub photos: Photos,
    /// The folder that photos of files are below; the feed's own where it is not said.
    #[arg(long, value_name = "DIR")]
    pub photo_folder: Option<PathBuf>,
    /// How many photos are fetched or read at once. One of 20 MB, which is the most, takes up to 80 MB of memory meanwhile.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub parallel: u8,
    /// The currency of prices; what most of them are in where it is not said. A price in another one is left out.
    #[arg(long, value_name = "EUR")]
    pub currency: Option<Currency>,
    /// A file with the server's admin key, in place of LOOKALIKE_ADMIN_KEY in the environment.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// The admin key itself; the program takes it from the environment, so that no list of processes shows it.
    #[arg(skip)]
    pub key: Option<String>,
    /// Writes all that the run did, and every refusal, into this file as JSON.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Certificates (PEM) to trust in place of Mozilla's, for the server, the feed and photos.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The feed's encoding, e.g. windows-1252, where it does not say so itself.
    #[arg(long, value_name = "LABEL")]
    pub encoding: Option<String>,
    /// The most bytes of a feed, packed and unpacked.
    #[arg(long, value_name = "BYTES", default_value_t = 2 << 30)]
    pub max_feed: u64,
    /// The most entries of a feed. A million take some 2 GB of memory with --currency, 4 GB without: prices then wait for the last of them.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub max_entries: u64,
    /// How often a request is made again that found the server busy or away.
    #[arg(long, value_name = "N", default_value_t = 6)]
    pub retries: u32,
    /// Seconds before the second try, about; twice as long before each after that.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.5, hide = true)]
    pub retry_wait: f64,
}

const EXIT_CODES: &str = "\
Exits with:
  0  the catalogue is in step with the feed
  1  something failed that may go well next time: the server or a photo's host was away
  2  a wrong option, map or key, or a feed that cannot be read to its end; nothing was changed
  3  a guard stopped it (--max-delete, --max-refused, an empty feed); nothing was changed
  4  in step, but for entries of the feed that were refused";

/// Who fetches photos.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Photos {
    /// The server, where they are https.
    Pass,
    /// This program.
    Download,
}

/// The name of a feed: 1 to 40 of `a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if plain && (1..=40).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a name is 1 to 40 of a-z, 0-9, _ and -".into())
        }
    }
}

/// A bound: a share of all, or a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Most {
    /// Of all, 0 to 1.
    Share(f64),
    /// So many.
    Count(u64),
}

impl Most {
    /// Whether so many of so many are more than that.
    pub fn is_passed(self, some: u64, of: u64) -> bool {
        match self {
            Self::Share(share) => some as f64 > share * of as f64,
            Self::Count(count) => some > count,
        }
    }
}

impl std::fmt::Display for Most {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Share(share) => write!(f, "{}%", share * 100.0),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

impl FromStr for Most {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || "a bound is a share like 20%, or a number".to_owned();
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().map_err(|_| bad())?;
                if (0.0..=100.0).contains(&percent) { Ok(Self::Share(percent / 100.0)) } else { Err(bad()) }
            }
            None => text.parse().map(Self::Count).map_err(|_| bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn flags_are_read() {
        Options::command().debug_assert();
        let read = |flags: &[&str]| Options::try_parse_from([&["lookalike-sync"], flags].concat());
        let options = read(&["--feed", "a.xml", "--server", "http://a", "--max-delete", "7"]).unwrap();
        assert_eq!((options.max_delete, options.max_refused), (Most::Count(7), Most::Share(0.1)));
        assert!(read(&["--feed", "a.xml", "--dry-run"]).is_ok());
        for bad in [
            vec!["--server", "http://a"],
            vec!["--feed", "a", "--dry-run", "--name", "Feed"],
            vec!["--feed", "a", "--dry-run", "--max-delete", "101%"],
            vec!["--feed", "a", "--dry-run", "--currency", "EURO"],
        ] {
            assert!(read(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn bounds_are_shares_or_numbers() {
        let most = |text: &str| text.parse::<Most>().unwrap();
        assert!(!most("20%").is_passed(2, 10) && most("20%").is_passed(3, 10));
        assert!(!most("3").is_passed(3, 3) && most("3").is_passed(4, 1_000));
        assert!(most("0%").is_passed(1, 10) && !most("100%").is_passed(10, 10) && !most("0").is_passed(0, 0));
        assert_eq!((most("12.5%").to_string(), most("8").to_string()), ("12.5%".into(), "8".into()));
    }
}
