//! What came in, folded into a base of its own under the state's folder: one graph again, and a start that lays little over it.
//!
//! It stands for one generation of the bundle: where the bundle's is another, the compacted base is left aside, and the records are
//! laid over the bundle's. The records stay where they are: any base will do, this one too.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lookalike_common::{create_folder, remove, sync, write_atomically};

use crate::{
    contract::CatalogueError,
    local::{
        BaseKind, LocalCatalogue,
        bases::{Base, STANDS_FOR, compacted_bases},
        build::{BuildOptions, Progress, build},
        format::generation::{self, CURRENT},
        live::view::View,
    },
};

/// Below the state's folder, laid out as a bundle's catalogue is.
const FOLDER: &str = "base";
/// Below the state's folder while one is under way: how many were begun and did not end.
const BEGUN: &str = "compacting";

/// Where compacted bases lie: laid out as a bundle is.
pub(crate) fn folder(state: &Path) -> PathBuf {
    state.join(FOLDER)
}

/// How many compactions were begun and did not end: the program was gone before they failed or were done.
pub(crate) fn unfinished(state: &Path) -> u32 {
    fs::read_to_string(state.join(BEGUN)).map_or(0, |text| text.trim().parse().unwrap_or(1))
}

/// One is begun.
pub(crate) fn begun(state: &Path) -> io::Result<()> {
    let count = unfinished(state).saturating_add(1);
    write_atomically(&state.join(BEGUN), format!("{count}\n").as_bytes())
}

/// It has ended, well or not.
pub(crate) fn ended(state: &Path) -> io::Result<()> {
    match remove(&state.join(BEGUN)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Builds the next base upon what the view is laid over, and opens it. The one that is served stays on the disk beside it.
pub(crate) fn compact(
    state: &Path,
    view: &View,
    progress: Progress<'_>,
) -> Result<LocalCatalogue, CatalogueError> {
    let (folder, served) = (folder(state), view.base());
    create_folder(&folder).map_err(CatalogueError::io("create", &folder))?;
    let model_id = &served.manifest().model_id;
    if served.base_name().kind == BaseKind::Compacted {
        // After a rollback it names another one: what is published next keeps the one that it names.
        let current = generation::folder(&folder).join(CURRENT);
        let line = format!("{}\n", served.name());
        write_atomically(&current, line.as_bytes()).map_err(CatalogueError::io("replace", &current))?;
    }
    build(&folder, model_id, view.all()?, &BuildOptions::default(), progress)?;
    let built = generation::current(&folder)?;
    let path = built.folder.join(STANDS_FOR);
    write_atomically(&path, served.of().as_bytes()).map_err(CatalogueError::io("write", &path))?;
    LocalCatalogue::verified(built, Some(served.of().to_owned()), model_id)
}

/// The base that was compacted last of this generation of the bundle, where there is one that can be opened.
pub(crate) fn opened(state: &Path, bundle: &LocalCatalogue) -> Option<LocalCatalogue> {
    let warn = |e: &CatalogueError| tracing::warn!(error = %e, "a compacted base cannot be opened: the bundle's is served");
    let all = compacted_bases(&folder(state)).inspect_err(warn).ok()?;
    let last = all.iter().rfind(|base| base.of == bundle.name());
    if last.is_none() && !all.is_empty() {
        tracing::info!("the bundle has another generation than the one that was compacted: it is served");
    }
    open(state, last?, &bundle.manifest().model_id).inspect_err(warn).ok()
}

/// Opens one of them, verified and searched once.
pub(crate) fn open(state: &Path, base: &Base, model_id: &str) -> Result<LocalCatalogue, CatalogueError> {
    let lying = generation::numbered(&folder(state), base.name.generation)?;
    let opened = LocalCatalogue::verified(lying, Some(base.of.clone()), model_id)?;
    opened.warm_up()?;
    Ok(opened)
}

/// Takes over what an older program left: one file for all compacted bases, which speaks of the last one.
pub(crate) fn take_over(state: &Path) -> Result<(), CatalogueError> {
    let folder = folder(state);
    let old = folder.join(STANDS_FOR);
    let name = match fs::read_to_string(&old) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(CatalogueError::io("read", &old))?,
    };
    if let Ok(last) = generation::current(&folder) {
        let path = last.folder.join(STANDS_FOR);
        if !path.exists() {
            write_atomically(&path, name.as_bytes()).map_err(CatalogueError::io("write", &path))?;
        }
    }
    remove(&old).and_then(|()| sync(&folder)).map_err(CatalogueError::io("remove", &old))
}
