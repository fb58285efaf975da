//! What a rollback went back to, kept in the state's folder, so that a restart serves it too. It holds while the bundle's `CURRENT` is
//! the one that it was rolled back from.

use std::{fs, io, path::Path};

use lookalike_common::{sync, write_atomically};
use serde_json::{Value, json};

use crate::{
    contract::CatalogueError,
    local::{BaseKind, BaseName, LocalCatalogue, bases::compacted_bases, live::compaction},
};

const FILE: &str = "pin.json";

/// A base that is served whatever the bundle's `CURRENT` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub base: BaseName,
    /// Its number and its digest.
    pub line: String,
    /// What the bundle's `CURRENT` said: another word there ends it.
    pub overrides: String,
}

impl Pin {
    /// The one in a state's folder, where there is one.
    pub fn read(state: &Path) -> Result<Option<Self>, CatalogueError> {
        let path = state.join(FILE);
        let bytes = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(CatalogueError::io("read", &path))?,
        };
        Self::parsed(&bytes).map(Some).ok_or_else(|| CatalogueError::State {
            path: state.to_owned(),
            why: format!(
                "{FILE} does not say what was rolled back to; remove it to serve what the bundle names"
            ),
        })
    }

    fn parsed(bytes: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Some(Self { base: text("base")?.parse().ok()?, line: text("line")?, overrides: text("overrides")? })
    }

    /// Writes this one, or removes the one that is there.
    pub fn replace(state: &Path, pin: Option<&Self>) -> Result<(), CatalogueError> {
        let path = state.join(FILE);
        match pin {
            Some(Self { base, line, overrides }) => {
                let json = json!({"base": base.to_string(), "line": line, "overrides": overrides});
                let text = format!("{json:#}\n");
                write_atomically(&path, text.as_bytes()).map_err(CatalogueError::io("write", &path))
            }
            None => match fs::remove_file(&path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                removed => removed.and_then(|()| sync(state)).map_err(CatalogueError::io("remove", &path)),
            },
        }
    }
}

/// What a start serves by a pin: none where there is none, where the bundle has another `CURRENT` since, which ends it, and where what
/// it holds cannot be opened.
pub(crate) fn served(
    state: &Path,
    bundle: &LocalCatalogue,
) -> Result<Option<LocalCatalogue>, CatalogueError> {
    let Some(pin) = Pin::read(state)? else { return Ok(None) };
    if pin.overrides != bundle.name() {
        tracing::info!(base = %pin.base, "the bundle has another generation than the one that was rolled back from: it is served");
        Pin::replace(state, None)?;
        return Ok(None);
    }
    if pin.line == bundle.name() && pin.base.kind == BaseKind::Bundle {
        return Ok(Some(bundle.clone()));
    }
    let opened = opened(state, bundle.dir(), pin.base, &bundle.manifest().model_id);
    match opened {
        Ok(base) if base.name() == pin.line => {
            tracing::info!(base = %pin.base, "a rollback holds: a reload ends it");
            return Ok(Some(base));
        }
        Ok(_) => {
            tracing::error!(base = %pin.base, "what was rolled back to is another now: the bundle's is served")
        }
        Err(e) => {
            tracing::error!(base = %pin.base, error = %e, "what was rolled back to cannot be opened: the bundle's is served")
        }
    }
    Ok(None)
}

/// Opens a base by its name, verified.
pub(crate) fn opened(
    state: &Path,
    bundle: &Path,
    name: BaseName,
    model_id: &str,
) -> Result<LocalCatalogue, CatalogueError> {
    match name.kind {
        BaseKind::Bundle => LocalCatalogue::open_generation(bundle, name.generation, model_id),
        BaseKind::Compacted => {
            let all = compacted_bases(&compaction::folder(state))?;
            let base = all.iter().find(|base| base.name == name);
            compaction::open(state, base.ok_or(CatalogueError::NoBase(name.to_string()))?, model_id)
        }
        BaseKind::Shared => Err(CatalogueError::NoBase(name.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_read_as_it_was_written_until_it_is_removed_and_a_damaged_one_is_told() {
        let state = tempfile::tempdir().expect("a folder");
        assert_eq!(Pin::read(state.path()).expect("none"), None);
        let name = BaseName { kind: BaseKind::Compacted, generation: 7 };
        let pin = Pin { base: name, line: "gen-7 sha256:ab".into(), overrides: "gen-3 sha256:cd".into() };
        Pin::replace(state.path(), Some(&pin)).expect("written");
        assert_eq!(Pin::read(state.path()).expect("read"), Some(pin));
        for _ in 0..2 {
            Pin::replace(state.path(), None).expect("removed");
            assert_eq!(Pin::read(state.path()).expect("none"), None);
        }
        fs::write(state.path().join(FILE), "{\"base\": \"gen-7\"}").expect("written");
        assert!(Pin::read(state.path()).expect_err("damaged").to_string().contains(FILE));
    }
}
