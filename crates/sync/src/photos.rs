//! Photos: files are hashed and read, addresses fetched, each within bounds.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use sha2::{Digest, Sha256};
use ureq::Agent;

use crate::{
    address::PhotoPlace,
    entries::Feed,
    hash::Hash,
    http::{Failure, Tries, get},
    workers::each,
};

/// The most bytes of a photo.
pub(crate) const PHOTO: u64 = 20_000_000;
/// The longest that one may take to come.
const FETCHING: Duration = Duration::from_secs(60);

/// Where photos come from.
pub(crate) struct Albums {
    /// What files are below; none where the feed came from elsewhere and no folder was said.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) agent: Agent,
    pub(crate) tries: Tries,
}

impl Albums {
    /// Reads all files that the feed names, for their hashes: an entry whose file cannot be read is refused. `told` hears of each.
    pub(crate) fn hash_files(&self, feed: &mut Feed, parallel: usize, told: &(dyn Fn(usize) + Sync)) {
        let files: Vec<(usize, PathBuf)> = feed
            .entries
            .iter()
            .enumerate()
            .filter_map(|(i, e)| match &e.photo {
                PhotoPlace::File(path) => Some((i, path.clone())),
                PhotoPlace::Address(_) => None,
            })
            .collect();
        let mut hashed: Vec<(usize, Result<Hash, String>)> = Vec::with_capacity(files.len());
        each(
            files,
            parallel,
            |(place, path)| (place, self.hash_file(&path)),
            |done| {
                hashed.push(done);
                told(hashed.len());
            },
        );
        hashed.sort_by_key(|(place, _)| *place);
        let mut bad: Vec<(usize, String)> = Vec::new();
        for (place, hash) in hashed {
            match (hash, feed.entries.get_mut(place)) {
                (Ok(hash), Some(entry)) => entry.photo_hash = hash,
                (Err(why), _) => bad.push((place, why)),
                (Ok(_), None) => {}
            }
        }
        let mut bad = bad.into_iter().peekable();
        for (place, entry) in std::mem::take(&mut feed.entries).into_iter().enumerate() {
            let Some((_, why)) = bad.next_if(|(of, _)| *of == place) else {
                feed.entries.push(entry);
                continue;
            };
            let reason = format!("its photo {}: {why}", entry.photo);
            feed.refuse(Some(entry.id.as_str()), entry.place, reason);
        }
    }

    fn hash_file(&self, path: &Path) -> Result<Hash, String> {
        let mut file = self.open(path)?;
        let (mut digest, mut size, mut piece) = (Sha256::new(), 0u64, vec![0; 256 << 10]);
        loop {
            let read = match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e.to_string()),
            };
            size += read as u64;
            if size > PHOTO {
                return Err(too_large());
            }
            digest.update(piece.get(..read).unwrap_or_default());
        }
        let name = path.as_os_str().as_encoded_bytes();
        Ok(Hash::of(&[name, &size.to_le_bytes(), &digest.finalize()]))
    }

    fn open(&self, path: &Path) -> Result<File, String> {
        let folder = self.folder.as_deref().ok_or(
            "a feed that comes from an address names photos by addresses; --photo-folder says where files are",
        )?;
        let file = File::open(folder.join(path)).map_err(|e| e.to_string())?;
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(file),
            Ok(_) => Err("it is no file".into()),
            Err(e) => Err(e.to_string()),
        }
    }

    /// A photo's bytes.
    pub(crate) fn bytes(&self, place: &PhotoPlace) -> Result<Vec<u8>, Failure> {
        match place {
            PhotoPlace::File(path) => {
                let mut bytes = Vec::new();
                let file = self.open(path).map_err(Failure::lasting)?;
                let read = file.take(PHOTO + 1).read_to_end(&mut bytes);
                read.map_err(|e| Failure::passing(e.to_string()))?;
                bounded(bytes)
            }
            PhotoPlace::Address(address) => self.tries.make(|| {
                let answer = get(&self.agent, address, Some(FETCHING))?;
                let mut bytes = Vec::new();
                let mut body =
                    answer.into_body().into_with_config().limit(PHOTO + 2).reader().take(PHOTO + 1);
                body.read_to_end(&mut bytes).map_err(|e| Failure::passing(e.to_string()))?;
                bounded(bytes)
            }),
        }
    }
}

fn bounded(bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    match bytes.len() as u64 {
        0 => Err(Failure::lasting("it is empty".into())),
        1..=PHOTO => Ok(bytes),
        _ => Err(Failure::lasting(too_large())),
    }
}

fn too_large() -> String {
    format!("it is larger than {} MB", PHOTO / 1_000_000)
}
