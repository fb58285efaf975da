//! What came in, folded into a base of its own under the state's folder: one graph again, and a start that lays little over it.
//!
//! It stands for one generation of the bundle: where the bundle's is another, the compacted base is left aside, and the records are
//! laid over the bundle's. The records stay where they are: any base will do, this one too.

use std::{fs, io, path::Path};

use lookalike_common::{create_folder, remove, sync, write_atomically};

use crate::{
    contract::CatalogueError,
    local::{
        LocalCatalogue,
        build::{BuildOptions, Progress, build},
        live::view::View,
    },
};

/// Below the state's folder, laid out as a bundle's catalogue is.
const FOLDER: &str = "base";
/// Names the generation that the compacted base stands for.
const STANDS_FOR: &str = "STANDS-FOR";

/// Builds the base, and opens it.
pub(crate) fn compact(
    state: &Path,
    bundle: &LocalCatalogue,
    view: &View,
    progress: Progress<'_>,
) -> Result<LocalCatalogue, CatalogueError> {
    let folder = state.join(FOLDER);
    create_folder(&folder).map_err(CatalogueError::io("create", &folder))?;
    let path = folder.join(STANDS_FOR);
    // What is built next stands for this generation, and for no other that the one before stood for.
    if fs::read_to_string(&path).is_ok_and(|name| name != bundle.name()) {
        remove(&path).and_then(|()| sync(&folder)).map_err(CatalogueError::io("remove", &path))?;
    }
    let model_id = &bundle.manifest().model_id;
    build(&folder, model_id, view.all()?, &BuildOptions::default(), progress)?;
    write_atomically(&path, bundle.name().as_bytes()).map_err(CatalogueError::io("write", &path))?;
    LocalCatalogue::open(&folder, model_id)
}

/// The compacted base, where there is one that stands for this generation.
pub(crate) fn opened(state: &Path, bundle: &LocalCatalogue) -> Option<LocalCatalogue> {
    let folder = state.join(FOLDER);
    match fs::read_to_string(folder.join(STANDS_FOR)) {
        Ok(name) if name == bundle.name() => {}
        Ok(_) => {
            tracing::info!("the bundle has another generation than the one that was compacted: it is served");
            return None;
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
        Err(e) => {
            tracing::warn!(error = %e, "a compacted base cannot be read: the bundle's is served");
            return None;
        }
    }
    let opened = LocalCatalogue::open(&folder, &bundle.manifest().model_id);
    opened
        .inspect_err(
            |e| tracing::warn!(error = %e, "a compacted base cannot be opened: the bundle's is served"),
        )
        .ok()
}
