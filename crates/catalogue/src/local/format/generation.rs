//! The catalogue inside a bundle: numbered generations, each immutable, and `CURRENT`, which names the one in use.
//!
//! ```text
//! catalogue/CURRENT            gen-3 sha256:<digest of gen-3/manifest.json>
//! catalogue/gen-3/manifest.json    what it belongs to, and the size and digest of the other files
//! catalogue/gen-3/items.jsonl      the items by rising id
//! catalogue/gen-3/graph.bin        their vectors, codes of them, and the graph over them
//! catalogue/gen-3/facets.bin       what they can be filtered by
//! catalogue/gen-3/numbers.bin      their numbers, where they have any
//! ```
//!
//! `CURRENT` vouches for the manifest, the manifest for the files: no byte can change unseen.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::contract::CatalogueError;
use lookalike_common::{FileSeal, hex};
use lookalike_items::{ColourWeight, Dims};

/// The manifest's format, raised whenever an old program could not read a new catalogue.
pub(crate) const FORMAT: u32 = 2;

/// The items of a generation, one JSON object a line, by rising id.
pub(crate) const ITEMS: &str = "items.jsonl";
/// The graph of a generation.
pub(crate) const GRAPH: &str = "graph.bin";
/// Who has which category and attributes, of a generation.
pub(crate) const FACETS: &str = "facets.bin";
/// The numbers of a generation whose items have any.
pub(crate) const NUMBERS: &str = "numbers.bin";
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const CURRENT: &str = "CURRENT";

/// The files that every manifest vouches for.
pub(crate) const FILES: [&str; 3] = [ITEMS, GRAPH, FACETS];

/// What a generation is and how it came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerationManifest {
    /// The version of this format.
    pub format: u32,
    /// Its number: generations of a bundle only ever count up.
    pub generation: u64,
    /// The model its vectors come from.
    pub model_id: String,
    /// How many items it has.
    pub count: usize,
    /// The lengths of their vectors.
    pub dims: Dims,
    /// M of the graph.
    pub m: usize,
    /// `ef_construction` of the graph.
    pub ef_construction: usize,
    /// How many numbers of a deep vector its code has.
    pub code_head: usize,
    /// The colour weight the graph was built with; any other can be searched with.
    pub weight: ColourWeight,
    /// What drew the order of insertion.
    pub seed: u64,
    /// Whether the same items would give the same bytes again: few items or one thread.
    pub deterministic: bool,
    /// Points that no search could have found, as the graph was built.
    pub unreachable: usize,
    /// Links made so that every point can be found.
    pub orphans_repaired: usize,
    /// How long the build took.
    pub build_seconds: f64,
    /// When it was published, in seconds since 1970; a generation from before this was noted does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_at: Option<u64>,
    /// Size and digest of each file.
    pub files: BTreeMap<String, FileSeal>,
}

/// The catalogue's folder in a bundle.
pub(crate) fn folder(bundle: &Path) -> PathBuf {
    bundle.join("catalogue")
}

/// A generation's folder name.
pub(crate) fn name(generation: u64) -> String {
    format!("gen-{generation}")
}

/// The number in a generation's folder name.
pub(crate) fn number(name: &str) -> Option<u64> {
    name.strip_prefix("gen-")?.parse().ok().filter(|&n| self::name(n) == name)
}

/// A generation as it lies on the disk, its manifest read and its files not yet.
pub(crate) struct Lying {
    /// What `CURRENT` says of it where it names it: its folder's name and its manifest's digest.
    pub line: String,
    pub folder: PathBuf,
    pub manifest: GenerationManifest,
}

/// The generation in use.
pub(crate) fn current(bundle: &Path) -> Result<Lying, CatalogueError> {
    let folder = folder(bundle);
    let current = folder.join(CURRENT);
    let text = read(&current)?;
    let line = std::str::from_utf8(&text).ok().and_then(|text| text.strip_suffix('\n'));
    let named = line.and_then(|line| line.split_once(" sha256:"));
    let (generation, digest) = named
        .filter(|(generation, _)| number(generation).is_some())
        .ok_or_else(|| CatalogueError::damaged(&current, "it does not name a generation and its digest"))?;
    let path = folder.join(generation).join(MANIFEST);
    let bytes = read(&path)?;
    if hex(&Sha256::digest(&bytes)) != digest {
        return Err(CatalogueError::damaged(&path, "its sha256 differs from the one that CURRENT names"));
    }
    let line = format!("{generation} sha256:{digest}");
    Ok(Lying { line, folder: folder.join(generation), manifest: parse(&path, &bytes)? })
}

/// The generation of this number, whatever `CURRENT` names: nothing vouches for its manifest, which vouches for its files.
pub(crate) fn numbered(bundle: &Path, generation: u64) -> Result<Lying, CatalogueError> {
    let folder = folder(bundle).join(name(generation));
    let path = folder.join(MANIFEST);
    let bytes = read(&path)?;
    let manifest = parse(&path, &bytes)?;
    if manifest.generation != generation {
        let why = format!("it is of generation {}, its folder of {generation}", manifest.generation);
        return Err(CatalogueError::damaged(&path, why));
    }
    Ok(Lying { line: current_line(generation, &bytes).trim().to_owned(), folder, manifest })
}

/// What `CURRENT` says now: the generation in use and its digest.
pub(crate) fn named(bundle: &Path) -> Result<String, CatalogueError> {
    let text = read(&folder(bundle).join(CURRENT))?;
    Ok(String::from_utf8_lossy(&text).trim().to_owned())
}

/// The number in what `CURRENT` says of a generation.
pub(crate) fn number_in(line: &str) -> Option<u64> {
    number(line.split_whitespace().next()?)
}

/// What `CURRENT` says of a generation.
pub(crate) fn current_line(generation: u64, manifest: &[u8]) -> String {
    format!("{} sha256:{}\n", name(generation), hex(&Sha256::digest(manifest)))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<GenerationManifest, CatalogueError> {
    /// The one field that every format has.
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }
    let not_json = |e: serde_json::Error| CatalogueError::damaged(path, format!("it cannot be read: {e}"));
    let Versioned { format } = serde_json::from_slice(bytes).map_err(not_json)?;
    if format != FORMAT {
        return Err(CatalogueError::Version { path: path.to_owned(), found: format, known: FORMAT });
    }
    serde_json::from_slice(bytes).map_err(not_json)
}

/// Holds every file against its size and digest.
pub(crate) fn verify(folder: &Path, manifest: &GenerationManifest) -> Result<(), CatalogueError> {
    let numbers = manifest.files.contains_key(NUMBERS).then_some(NUMBERS);
    for name in FILES.into_iter().chain(numbers) {
        let path = folder.join(name);
        let Some(seal) = manifest.files.get(name) else {
            return Err(CatalogueError::damaged(&folder.join(MANIFEST), format!("it does not list {name}")));
        };
        let mut file = open(&path)?;
        let bytes = file.metadata().map_err(CatalogueError::io("read", &path))?.len();
        if bytes != seal.bytes {
            let why = format!("it has {bytes} bytes, its manifest says {}", seal.bytes);
            return Err(CatalogueError::damaged(&path, why));
        }
        if digest(&mut file).map_err(CatalogueError::io("read", &path))? != seal.sha256 {
            return Err(CatalogueError::damaged(&path, "its sha256 differs from the manifest's"));
        }
    }
    Ok(())
}

/// A whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, CatalogueError> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).map_err(CatalogueError::io("read", path))?;
    Ok(bytes)
}

/// A file of a generation.
pub(crate) fn open(path: &Path) -> Result<File, CatalogueError> {
    File::open(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => CatalogueError::Missing(path.to_owned()),
        _ => CatalogueError::io("open", path)(e),
    })
}

fn digest(file: &mut File) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}

/// The numbers of the generations that are there.
pub(crate) fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<io::Result<Vec<_>>>()?;
    Ok(names.iter().filter_map(|name| number(name)).collect())
}
