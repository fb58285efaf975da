//! What could be served: the generations of a bundle, and those that were compacted under a state's folder. All lie on the disk
//! side by side; a server serves one of them.

use std::{fmt, fs, io, path::Path, str::FromStr};

use crate::{
    contract::CatalogueError,
    local::format::generation::{self, GenerationManifest, Lying},
};

/// Within a compacted generation's folder: the bundle's generation that it stands for.
pub(crate) const STANDS_FOR: &str = "STANDS-FOR";

/// Where a base comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BaseKind {
    /// Built offline, a part of the bundle.
    Bundle,
    /// What came in online, folded into a generation of the bundle.
    Compacted,
    /// A generation of an engine elsewhere.
    Shared,
}

/// What a base is called: `bundle-3`, `compacted-2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BaseName {
    /// Where it comes from.
    pub kind: BaseKind,
    /// Its number among those of its kind.
    pub generation: u64,
}

impl BaseKind {
    /// As names begin with it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bundle => "bundle",
            Self::Compacted => "compacted",
            Self::Shared => "shared",
        }
    }
}

impl fmt::Display for BaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.name(), self.generation)
    }
}

impl FromStr for BaseName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.rsplit_once('-').and_then(|(kind, generation)| {
            let kind = [BaseKind::Bundle, BaseKind::Compacted, BaseKind::Shared]
                .into_iter()
                .find(|k| k.name() == kind)?;
            Some(Self { kind, generation: generation.parse().ok()? })
        });
        parsed
            .filter(|name| name.generation > 0 && name.to_string() == text)
            .ok_or("must be a base's name, as GET /admin/generations lists them: bundle-3, compacted-2")
    }
}

/// A base that lies on the disk.
#[derive(Clone, Debug)]
pub struct Base {
    /// What it is called.
    pub name: BaseName,
    /// What it is and how it came to be.
    pub manifest: GenerationManifest,
    /// Whether `CURRENT` of its kind names it.
    pub current: bool,
    /// As `CURRENT` names it: its number and its digest.
    pub(crate) line: String,
    /// The bundle's generation that it is, or that it was compacted of, as `CURRENT` names that.
    pub(crate) of: String,
}

impl Base {
    /// The number of the bundle's generation that it is, or that it was compacted of.
    pub fn stands_for(&self) -> u64 {
        generation::number_in(&self.of).unwrap_or_default()
    }
}

/// The generations of a bundle, by rising number. Those that this program cannot read are left out.
///
/// # Errors
/// Where the bundle's folder cannot be listed.
pub fn bundle_bases(bundle: &Path) -> Result<Vec<Base>, CatalogueError> {
    listed(bundle, BaseKind::Bundle, |lying| Some(lying.line.clone()))
}

/// The same of what was compacted, laid out as a bundle is below this folder. Those that do not say what they stand for are left
/// out: their compaction was cut off.
pub(crate) fn compacted_bases(root: &Path) -> Result<Vec<Base>, CatalogueError> {
    listed(root, BaseKind::Compacted, |lying| fs::read_to_string(lying.folder.join(STANDS_FOR)).ok())
}

fn listed(
    root: &Path,
    kind: BaseKind,
    of: impl Fn(&Lying) -> Option<String>,
) -> Result<Vec<Base>, CatalogueError> {
    let folder = generation::folder(root);
    let mut numbers = match generation::numbers(&folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        numbers => numbers.map_err(CatalogueError::io("list", &folder))?,
    };
    numbers.sort_unstable();
    let current = generation::named(root).ok();
    let base = |number: u64| {
        let lying = generation::numbered(root, number)
            .inspect_err(|e| tracing::debug!(error = %e, "a generation that cannot be served"));
        let lying = lying.ok()?;
        let of = of(&lying)?.trim().to_owned();
        let name = BaseName { kind, generation: number };
        let current = current.as_ref() == Some(&lying.line);
        Some(Base { name, manifest: lying.manifest, current, line: lying.line, of })
    };
    Ok(numbers.into_iter().filter_map(base).collect())
}

/// The base to go back to from this one, which is served: from a compacted one to the one compacted before it of the same generation of
/// the bundle, else to that generation; from a generation of the bundle to the highest lower one of the same model.
pub fn one_before<'a>(bases: &'a [Base], served: BaseName, model_id: &str) -> Option<&'a Base> {
    let of_model = || bases.iter().filter(|base| base.manifest.model_id == model_id);
    let before = |base: &&Base| base.name.kind == served.kind && base.name.generation < served.generation;
    let highest = |base: &&Base| base.name.generation;
    match served.kind {
        BaseKind::Bundle | BaseKind::Shared => of_model().filter(before).max_by_key(highest),
        BaseKind::Compacted => {
            let of = &bases.iter().find(|base| base.name == served)?.of;
            let compacted = of_model().filter(|base| base.of == *of).filter(before).max_by_key(highest);
            compacted
                .or_else(|| of_model().find(|base| base.name.kind == BaseKind::Bundle && base.line == *of))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_written_and_no_other_text_is_one() {
        for text in ["bundle-1", "compacted-18446744073709551615", "shared-3"] {
            assert_eq!(text.parse::<BaseName>().expect("a name").to_string(), text);
        }
        let others = [
            "",
            "bundle",
            "bundle-",
            "bundle-0",
            "bundle-01",
            "bundle-+1",
            "bundle--1",
            "gen-1",
            "../bundle-1",
            "bundle-1 ",
        ];
        for other in others {
            assert!(other.parse::<BaseName>().is_err(), "{other}");
        }
    }
}
