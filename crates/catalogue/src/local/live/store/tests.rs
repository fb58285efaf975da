//! The power goes at any moment of the state's writes: what was acknowledged is there, everything else wholly or not at all.

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use lookalike_items::{Item, ItemId, Vectors};
use proptest::{collection::vec, prelude::*};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use redb::StorageBackend;

use super::*;
use crate::local::live::record::Row;

const MODEL: &str = "the-model";
const SECTOR: usize = 512;

/// What was done to the file since it was synced.
#[derive(Clone, Debug)]
enum Unsynced {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// A drive that loses its power after so many operations.
#[derive(Debug, Default)]
struct Drive {
    durable: Vec<u8>,
    now: Vec<u8>,
    unsynced: Vec<Unsynced>,
    left: usize,
    is_out: bool,
}

#[derive(Clone, Debug)]
struct File(Arc<Mutex<Drive>>);

impl File {
    fn new(durable: Vec<u8>, left: usize) -> Self {
        Self(Arc::new(Mutex::new(Drive { now: durable.clone(), durable, left, ..Drive::default() })))
    }

    fn drive(&self) -> MutexGuard<'_, Drive> {
        self.0.lock().expect("nobody panicked")
    }

    fn is_out(&self) -> bool {
        self.drive().is_out
    }

    fn powered(&self) -> io::Result<MutexGuard<'_, Drive>> {
        let drive = self.drive();
        if drive.is_out { Err(io::Error::other("the power is out")) } else { Ok(drive) }
    }

    /// For an operation that changes something: the last one that has power is the one before.
    fn changing(&self) -> io::Result<MutexGuard<'_, Drive>> {
        let mut drive = self.powered()?;
        drive.is_out = drive.left == 0;
        drive.left = drive.left.saturating_sub(1);
        if drive.is_out { Err(io::Error::other("the power went")) } else { Ok(drive) }
    }

    /// What is found when the power is back: of what was not synced any part, sector by sector, and one of the lengths that
    /// the file had. A file system writes a length down as one; bytes beyond it are not seen.
    fn found(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let drive = self.drive();
        let (mut bytes, mut length) = (drive.durable.clone(), drive.durable.len());
        let kept = rng.random_range(0.0..=1.0f64);
        for unsynced in &drive.unsynced {
            if !rng.random_bool(kept) {
                continue;
            }
            match unsynced {
                Unsynced::Length(new) => {
                    bytes.truncate(*new);
                    length = *new;
                }
                Unsynced::Write(offset, data) => {
                    if bytes.len() < offset + data.len() {
                        bytes.resize(offset + data.len(), 0);
                    }
                    let sectors = data.len().div_ceil(SECTOR);
                    let whole = rng.random_range(0..3);
                    let cut = rng.random_range(0..=sectors);
                    for (n, sector) in data.chunks(SECTOR).enumerate() {
                        let comes = match whole {
                            0 => true,
                            1 => n < cut,
                            _ => rng.random_bool(0.5),
                        };
                        if comes {
                            let at = offset + n * SECTOR;
                            bytes[at..at + sector.len()].copy_from_slice(sector);
                        }
                    }
                }
            }
        }
        bytes.resize(length, 0);
        bytes
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.powered()?.now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let drive = self.powered()?;
        let range = offset as usize..offset as usize + out.len();
        out.copy_from_slice(drive.now.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut drive = self.changing()?;
        drive.now.resize(len as usize, 0);
        drive.unsynced.push(Unsynced::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut drive = self.changing()?;
        for unsynced in std::mem::take(&mut drive.unsynced) {
            match unsynced {
                Unsynced::Length(len) => drive.durable.resize(len, 0),
                Unsynced::Write(offset, data) => {
                    drive.durable[offset..offset + data.len()].copy_from_slice(&data);
                }
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (mut drive, offset) = (self.changing()?, offset as usize);
        let end = offset + data.len();
        if drive.now.len() < end {
            drive.now.resize(end, 0);
            drive.unsynced.push(Unsynced::Length(end));
        }
        drive.now[offset..end].copy_from_slice(data);
        drive.unsynced.push(Unsynced::Write(offset, data.to_vec()));
        Ok(())
    }
}

/// A write: of which item, with how many numbers; none is that it is deleted.
type Change = (u8, Option<u16>);

/// From one start to the next loss of power.
#[derive(Clone, Debug)]
struct Life {
    operations: usize,
    transactions: Vec<Vec<Change>>,
    seed: u64,
}

fn lives() -> impl Strategy<Value = Vec<Life>> {
    let change = (0u8..10, prop::option::weighted(0.8, prop_oneof![3 => 1u16..40, 1 => 1_000u16..6_000]));
    let life = (prop_oneof![0usize..60, 0usize..400], vec(vec(change, 1..12), 0..12), any::<u64>());
    let life = life.prop_map(|(operations, transactions, seed)| Life { operations, transactions, seed });
    vec(life, 1..6)
}

fn record(of: ItemId, revision: u64, numbers: Option<u16>) -> Record {
    let Some(numbers) = numbers else { return Record::Deleted };
    let deep = (0..numbers).map(|i| f32::from(i) + revision as f32 + 1.0).collect();
    let vectors = Arc::new(Vectors::new(deep, vec![]).expect("vectors"));
    Record::Whole(Row { item: Arc::new(Item::new(of, &format!("write-{revision}"))), vectors })
}

/// All records as they are encoded, and the revision.
type State = (u64, BTreeMap<ItemId, Vec<u8>>);

fn state_of(store: &mut Store) -> Result<State, CatalogueError> {
    let held = store.read()?;
    let encoded = held.records.into_iter().map(|(id, record)| (id, record.encode().expect("encodes")));
    Ok((held.revision, encoded.collect()))
}

fn open(file: &File) -> Result<Store, CatalogueError> {
    let file = file.clone();
    Store::over(Path::new("state"), MODEL, Box::new(move || opened(file.clone())))
}

// `PROPTEST_CASES=10000` tries more than 256.
proptest! {
    #[test]
    fn what_was_acknowledged_survives_a_loss_of_power(lives in lives()) {
        let mut bytes = Vec::new();
        let mut acknowledged = State::default();
        // Sent, and not acknowledged when the power went.
        let mut sent: Option<State> = None;
        let forever = Life { operations: usize::MAX, transactions: Vec::new(), seed: 0 };
        for life in lives.into_iter().chain([forever]) {
            let file = File::new(bytes, life.operations);
            match open(&file).and_then(|mut store| Ok((state_of(&mut store)?, store))) {
                Err(e) => prop_assert!(file.is_out(), "{}", e),
                Ok((found, mut store)) => {
                    let whole = found == acknowledged || Some(&found) == sent.as_ref();
                    prop_assert!(whole, "revision {} is found, {} was acknowledged", found.0, acknowledged.0);
                    (acknowledged, sent) = (found, None);
                    for changes in life.transactions {
                        let mut next = acknowledged.clone();
                        next.0 += 1;
                        let mut records = BTreeMap::new();
                        for (name, numbers) in changes {
                            let id = ItemId::parse(&format!("item-{name}")).expect("an id");
                            records.insert(id.clone(), record(id, next.0, numbers));
                        }
                        for (id, record) in &records {
                            next.1.insert(id.clone(), record.encode().expect("encodes"));
                        }
                        if let Err(e) = store.write(records.iter(), next.0) {
                            prop_assert!(file.is_out(), "{}", e);
                            sent = Some(next);
                            break;
                        }
                        acknowledged = next;
                    }
                }
            }
            bytes = file.found(&mut ChaCha8Rng::seed_from_u64(life.seed));
        }
    }
}

#[test]
fn a_file_that_was_only_begun_is_begun_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(STATE_FILE), [0; 70_000]).expect("writable");
    let mut store = Store::open(folder.path(), MODEL).expect("opens");
    assert_eq!(state_of(&mut store).expect("reads"), State::default());
    drop(store);
    std::fs::write(folder.path().join(STATE_FILE), "something else").expect("writable");
    let why = Store::open(folder.path(), MODEL).err().expect("refused").to_string();
    assert!(why.contains("redb"), "{why}");
}
