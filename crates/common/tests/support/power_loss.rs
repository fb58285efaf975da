//! A disk whose power goes: it hears what is done to files below a folder, and makes folders as they may be found afterwards.
//!
//! Of what was not synced any part may be there: a new name, a removal or a renaming or not; of a file's new bytes none, all, the
//! first sectors, or sectors here and there. A renaming is done or not, never by half. A file that is synced may still have no name:
//! its folder is synced apart.

// Every test program uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use lookalike_common::{FileStep, Listening, listen};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const SECTOR: usize = 512;
const ROOT: usize = 0;

/// What happened, with the bytes that a file then had.
#[derive(Clone, Debug)]
enum Happened {
    Folder(PathBuf),
    Written(PathBuf, Arc<Vec<u8>>),
    Synced(PathBuf),
    Renamed(PathBuf, PathBuf),
    Removed(PathBuf),
    /// What a test took out.
    Nothing,
}

/// Everything that happened below a folder since it was empty.
pub struct Disk {
    root: PathBuf,
    steps: Arc<Mutex<Vec<Happened>>>,
    _listening: Listening,
}

/// A file or a folder. A folder's names are found by the order of what happened to them.
#[derive(Clone)]
enum Node {
    Folder,
    /// What is on the disk, and what was written since.
    File(Arc<Vec<u8>>, Option<Arc<Vec<u8>>>),
}

/// A change of names; `None` takes one away. A renaming is two, done together.
struct Change {
    names: Vec<(usize, OsString, Option<usize>)>,
    durable: bool,
}

impl Disk {
    /// Of this folder, which is empty now.
    pub fn of(root: &Path) -> Self {
        let root = root.canonicalize().unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
        let steps = Arc::new(Mutex::new(Vec::new()));
        let (log, below) = (Arc::clone(&steps), root.clone());
        let listening = listen(move |step| {
            let inside = |path: &Path| path.strip_prefix(&below).ok().map(Path::to_owned);
            let happened = match step {
                FileStep::Folder(path) => inside(path).map(Happened::Folder),
                FileStep::Written(path) => {
                    inside(path).map(|inner| Happened::Written(inner, Arc::new(fs::read(path).unwrap())))
                }
                FileStep::Synced(path) => inside(path).map(Happened::Synced),
                FileStep::Renamed(from, to) => {
                    inside(from).zip(inside(to)).map(|(from, to)| Happened::Renamed(from, to))
                }
                FileStep::Removed(path) => inside(path).map(Happened::Removed),
            };
            log.lock().unwrap().extend(happened);
        });
        Self { root, steps, _listening: listening }
    }

    /// How many steps there were until now.
    pub fn steps(&self) -> usize {
        self.steps.lock().unwrap().len()
    }

    /// As if nobody had synced what is called so: what a test must notice.
    pub fn forget_syncs_of(&self, name: &str) {
        let mut forgotten = 0;
        for happened in self.steps.lock().unwrap().iter_mut() {
            if matches!(happened, Happened::Synced(path) if path == Path::new(name)) {
                *happened = Happened::Nothing;
                forgotten += 1;
            }
        }
        assert!(forgotten > 0);
    }

    /// Fills an empty folder with what may be found after the power went behind so many steps.
    pub fn after(&self, steps: usize, rng: &mut ChaCha8Rng, target: &Path) {
        let kept = rng.random_range(0.0..=1.0f64);
        let (nodes, changes) = self.replayed(steps);
        let mut names: BTreeMap<(usize, OsString), usize> = BTreeMap::new();
        for change in changes {
            if !change.durable && !rng.random_bool(kept) {
                continue;
            }
            for (folder, name, node) in change.names {
                match node {
                    Some(node) => drop(names.insert((folder, name), node)),
                    None => drop(names.remove(&(folder, name))),
                }
            }
        }
        fill(target, ROOT, &nodes, &names, &mut |durable, since| match since {
            None => durable.to_vec(),
            Some(since) => torn(durable, since, rng),
        });
    }

    /// Fails unless what it heard comes to what really lies there: nothing was done that nobody was told of. `but` are names of files
    /// that others care for.
    pub fn heard_everything(&self, but: &[&str]) {
        let (nodes, changes) = self.replayed(self.steps());
        let mut names = BTreeMap::new();
        for (folder, name, node) in changes.into_iter().flat_map(|change| change.names) {
            match node {
                Some(node) => drop(names.insert((folder, name), node)),
                None => drop(names.remove(&(folder, name))),
            }
        }
        let copy = tempfile::tempdir().unwrap();
        fill(copy.path(), ROOT, &nodes, &names, &mut |durable, since| since.unwrap_or(durable).to_vec());
        let (mut heard, mut real) = (listed(copy.path()), listed(&self.root));
        let others = |name: &PathBuf| but.iter().any(|other| name.ends_with(other));
        heard.retain(|name, _| !others(name));
        real.retain(|name, _| !others(name));
        assert_eq!(heard.keys().collect::<Vec<_>>(), real.keys().collect::<Vec<_>>());
        assert!(heard == real, "a file has other bytes than were told");
    }

    /// All files and folders that ever were, and the changes of names in their order.
    fn replayed(&self, steps: usize) -> (Vec<Node>, Vec<Change>) {
        let mut nodes = vec![Node::Folder];
        let mut changes: Vec<Change> = Vec::new();
        let mut now: BTreeMap<PathBuf, usize> = BTreeMap::from([(PathBuf::new(), ROOT)]);
        let place = |now: &BTreeMap<PathBuf, usize>, path: &Path| {
            let above = path.parent().unwrap();
            let folder =
                *now.get(above).unwrap_or_else(|| panic!("nobody told of the folder {}", above.display()));
            (folder, path.file_name().unwrap().to_owned())
        };
        for happened in self.steps.lock().unwrap().iter().take(steps) {
            let mut change = |names| changes.push(Change { names, durable: false });
            match happened {
                Happened::Nothing => {}
                Happened::Folder(path) => {
                    let (folder, name) = place(&now, path);
                    nodes.push(Node::Folder);
                    now.insert(path.clone(), nodes.len() - 1);
                    change(vec![(folder, name, Some(nodes.len() - 1))]);
                }
                Happened::Written(path, bytes) => match now.get(path).map(|&node| &mut nodes[node]) {
                    Some(Node::File(_, since)) => *since = Some(Arc::clone(bytes)),
                    Some(Node::Folder) => panic!("{} is a folder", path.display()),
                    None => {
                        let (folder, name) = place(&now, path);
                        nodes.push(Node::File(Arc::default(), Some(Arc::clone(bytes))));
                        now.insert(path.clone(), nodes.len() - 1);
                        change(vec![(folder, name, Some(nodes.len() - 1))]);
                    }
                },
                Happened::Synced(path) => {
                    let synced = now[path];
                    match &mut nodes[synced] {
                        Node::File(durable, since) => {
                            *durable = since.take().unwrap_or_else(|| Arc::clone(durable))
                        }
                        Node::Folder => {
                            for change in &mut changes {
                                change.durable |= change.names.iter().any(|(folder, ..)| *folder == synced);
                            }
                        }
                    }
                }
                Happened::Renamed(from, to) => {
                    let ((old, old_name), (new, new_name)) = (place(&now, from), place(&now, to));
                    let moved: Vec<(PathBuf, usize)> = now
                        .iter()
                        .filter_map(|(path, &node)| {
                            let rest = path.strip_prefix(from).ok()?;
                            let path = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                            Some((path, node))
                        })
                        .collect();
                    let node = now[from];
                    now.retain(|path, _| !path.starts_with(from) && !path.starts_with(to));
                    now.extend(moved);
                    change(vec![(old, old_name, None), (new, new_name, Some(node))]);
                }
                Happened::Removed(path) => {
                    // What is in a folder goes name by name, the deepest first.
                    let gone: Vec<PathBuf> =
                        now.keys().filter(|inner| inner.starts_with(path)).rev().cloned().collect();
                    for inner in gone {
                        let (folder, name) = place(&now, &inner);
                        now.remove(&inner);
                        change(vec![(folder, name, None)]);
                    }
                }
            }
        }
        (nodes, changes)
    }
}

/// A file's bytes where not all of what was written since has come to the disk.
fn torn(durable: &[u8], since: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    match rng.random_range(0..5) {
        0 => durable.to_vec(),
        1 => since.to_vec(),
        2 => Vec::new(),
        3 => since[..rng.random_range(0..=since.len() / SECTOR) * SECTOR].to_vec(),
        _ => {
            let mut bytes = vec![0; since.len()];
            for (new, old) in bytes.chunks_mut(SECTOR).zip(since.chunks(SECTOR)) {
                if rng.random_bool(0.5) {
                    new.copy_from_slice(old);
                }
            }
            bytes
        }
    }
}

type Bytes<'a> = dyn FnMut(&[u8], Option<&[u8]>) -> Vec<u8> + 'a;

fn fill(
    target: &Path,
    folder: usize,
    nodes: &[Node],
    names: &BTreeMap<(usize, OsString), usize>,
    bytes: &mut Bytes<'_>,
) {
    let from = (folder, OsString::new());
    for ((_, name), &node) in names.range(from..).take_while(|((of, _), _)| *of == folder) {
        let path = target.join::<&OsStr>(name);
        match &nodes[node] {
            Node::Folder => {
                fs::create_dir(&path).unwrap();
                fill(&path, node, nodes, names, bytes);
            }
            Node::File(durable, since) => {
                fs::write(&path, bytes(durable, since.as_ref().map(|since| since.as_slice()))).unwrap();
            }
        }
    }
}

/// All that lies below a folder: bytes of files, nothing for folders.
fn listed(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_owned();
            if path.is_dir() {
                all.insert(name, None);
                folders.push(path);
            } else {
                all.insert(name, Some(fs::read(&path).unwrap()));
            }
        }
    }
    all
}
