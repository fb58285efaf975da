//! The state on disk: one redb file, which holds the last record of every item that came in online.

use std::{
    fs::{File, OpenOptions},
    io,
    ops::Bound,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use lookalike_common::{create_folder, remove, rename_durably, sync};
use lookalike_items::ItemId;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend,
    TableDefinition, backends::FileBackend,
};

use crate::{
    contract::CatalogueError,
    local::live::record::{Record, Records},
};

/// The state's file, below its folder.
pub const STATE_FILE: &str = "items.redb";
/// Below a state's folder while a restore is under way: where it lies, nothing is a state yet.
pub const RESTORING: &str = "restoring";
/// Held while a state is opened or begun.
const LOCK: &str = ".lock";
/// The state of another model while it is made.
const NEXT: &str = "items.next.redb";
/// Records that are written in one transaction where nobody waits for them.
const MANY: usize = 1_000;
/// What this program writes. In format 1 items had neither title, url, payload nor the moment they came in, in format 2 neither
/// numbers nor `source_hash`. What an older format holds is read as it is; a program that knows no newer one would drop what it does
/// not know.
const FORMAT: u64 = 3;
/// The oldest that is read, and made one of today's.
const OLDEST: u64 = 1;

const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
const TEXTS: TableDefinition<'_, &str, &str> = TableDefinition::new("texts");

/// redb's own cache of pages: reads come from memory of ours.
const CACHE: usize = 32 << 20;

/// What a system says where there is no room: on the disk, for this user, in one file.
const FULL: [io::ErrorKind; 3] =
    [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];

/// What a file of redb begins with is as long; it is written last of all when a file is begun.
const MAGIC: usize = 9;

/// Opens the file, wherever it lies.
type Open = dyn Fn() -> Result<Database, redb::Error> + Send;

/// Ids and records as they lie in the file.
pub(crate) type Lying = Vec<(String, Vec<u8>)>;

/// What the file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateAbout {
    /// The format of the file and of its records.
    pub format: u64,
    /// The model that embedded what came in.
    pub model_id: String,
    /// How often it had changed.
    pub revision: u64,
    /// How many records it holds.
    pub records: u64,
}

/// The file as it was at one moment, read beside the writes to come. Where a write fails, the file is opened again, and this ends.
pub(crate) struct Reader {
    folder: PathBuf,
    moment: Moment,
}

/// The store lets go of it where the file is to be opened again.
type Moment = Arc<Mutex<Option<ReadTransaction>>>;

fn locked(moment: &Moment) -> MutexGuard<'_, Option<ReadTransaction>> {
    moment.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state's file, open, and locked against another process.
pub(crate) struct Store {
    folder: PathBuf,
    open: Box<Open>,
    /// None after a write that failed: the file is opened again before the next.
    database: Option<Database>,
    /// What is being read beside the writes.
    moments: Vec<Weak<Mutex<Option<ReadTransaction>>>>,
}

impl Store {
    /// Opens the state in a folder, or begins one there, for vectors of this model.
    pub fn open(folder: &Path, model_id: &str) -> Result<Self, CatalogueError> {
        create_folder(folder).map_err(CatalogueError::io("create", folder))?;
        if folder.join(RESTORING).exists() {
            let why = "a restore into it was cut off: empty the folder and restore again".into();
            return Err(CatalogueError::State { path: folder.to_owned(), why });
        }
        let _alone = alone(folder)?;
        let store = Self::over(folder, model_id, at(folder.join(STATE_FILE)))?;
        sync(folder).map_err(CatalogueError::io("sync", folder))?;
        Ok(store)
    }

    /// The same wherever its file lies.
    fn over(folder: &Path, model_id: &str, open: Box<Open>) -> Result<Self, CatalogueError> {
        let mut store = Self { folder: folder.to_owned(), open, database: None, moments: Vec::new() };
        let began = store.begin(model_id);
        began.map_err(|e| store.error(e))??;
        Ok(store)
    }

    /// Opens the state in a folder as it is, whatever model it belongs to; none where there is none.
    pub fn existing(folder: &Path) -> Result<Option<Self>, CatalogueError> {
        let file = folder.join(STATE_FILE);
        if !file.try_exists().map_err(CatalogueError::io("open", &file))? {
            return Ok(None);
        }
        let _alone = alone(folder)?;
        let mut store =
            Self { folder: folder.to_owned(), open: at(file), database: None, moments: Vec::new() };
        let model = store.model()?;
        // A file of a start that was cut off belongs to nobody yet.
        if model.is_empty() {
            return Ok(None);
        }
        let began = store.begin(&model);
        began.map_err(|e| store.error(e))??;
        Ok(Some(store))
    }

    /// Which model it belongs to.
    pub fn model(&mut self) -> Result<String, CatalogueError> {
        let read = self.read_model();
        read.map_err(|e| self.error(e))
    }

    fn read_model(&mut self) -> Result<String, redb::Error> {
        let transaction = self.database()?.begin_read()?;
        match transaction.open_table(TEXTS) {
            Ok(texts) => Ok(texts.get("model")?.map(|found| found.value().to_owned()).unwrap_or_default()),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(String::new()),
            Err(e) => Err(e.into()),
        }
    }

    /// Puts a state of another model in this one's place, wholly or not at all. This one goes on with the file that nobody will open
    /// any more.
    pub fn replaced(&self, model_id: &str, to: &Records) -> Result<(), CatalogueError> {
        let path = self.folder.join(NEXT);
        remove(&path).map_err(CatalogueError::io("remove", &path))?;
        let mut next = Self::over(&self.folder, model_id, at(path.clone()))?;
        let written = to
            .records
            .chunks(MANY)
            .try_for_each(|some| next.write(some.iter().map(|(id, record)| (id, record)), to.revision));
        written.and_then(|()| next.write(std::iter::empty(), to.revision))?;
        drop(next);
        let place = self.folder.join(STATE_FILE);
        rename_durably(&path, &place).map_err(CatalogueError::io("replace", &place))
    }

    fn begin(&mut self, model_id: &str) -> Result<Result<(), CatalogueError>, redb::Error> {
        let folder = self.folder.clone();
        let transaction = self.database()?.begin_write()?;
        {
            let mut numbers = transaction.open_table(NUMBERS)?;
            let mut texts = transaction.open_table(TEXTS)?;
            transaction.open_table(RECORDS)?;
            let format = numbers.get("format")?.map(|found| found.value());
            match format {
                Some(FORMAT) => {}
                Some(OLDEST..FORMAT) => drop(numbers.insert("format", FORMAT)?),
                None => {
                    numbers.insert("format", FORMAT)?;
                    texts.insert("model", model_id)?;
                }
                Some(found) => {
                    let why = format!(
                        "it has format {found}, this program reads {OLDEST} to {FORMAT}: serve it with the program that wrote it"
                    );
                    return Ok(Err(CatalogueError::State { path: folder, why }));
                }
            }
            let belongs_to = texts.get("model")?.map(|found| found.value().to_owned()).unwrap_or_default();
            if belongs_to != model_id {
                let why = format!(
                    "what came in was embedded by model {belongs_to}, and the bundle's is {model_id}: serve the bundle it belongs to, or name an empty folder"
                );
                return Ok(Err(CatalogueError::State { path: folder, why }));
            }
        }
        transaction.commit()?;
        Ok(Ok(()))
    }

    fn database(&mut self) -> Result<&Database, redb::Error> {
        match &mut self.database {
            Some(database) => Ok(database),
            none => Ok(none.insert((self.open)()?)),
        }
    }

    /// All of it.
    pub fn read(&mut self) -> Result<Records, CatalogueError> {
        let read = self.read_all();
        let (revision, rows) = read.map_err(|e| self.error(e))?;
        let mut records = Vec::with_capacity(rows.len());
        for (id, bytes) in rows {
            let damaged = |why: String| CatalogueError::State {
                path: self.folder.clone(),
                why: format!("the record of item '{id}' is damaged: {why}; restore the folder from a backup"),
            };
            let parsed = ItemId::parse(&id).map_err(|e| damaged(e.to_string()))?;
            records.push((parsed, Record::decode(&bytes).map_err(damaged)?));
        }
        Ok(Records { revision, records })
    }

    /// The revision, and every record as it lies there.
    fn read_all(&mut self) -> Result<(u64, Lying), redb::Error> {
        let transaction = self.database()?.begin_read()?;
        let revision = transaction.open_table(NUMBERS)?.get("revision")?.map_or(0, |found| found.value());
        let records = transaction.open_table(RECORDS)?;
        let mut rows = Vec::new();
        for entry in records.iter()? {
            let (id, bytes) = entry?;
            rows.push((id.value().to_owned(), bytes.value().to_vec()));
        }
        Ok((revision, rows))
    }

    /// The record of an item.
    pub fn record(&mut self, id: &ItemId) -> Result<Option<Record>, CatalogueError> {
        let bytes = self.bytes(id).map_err(|e| self.error(e))?;
        let damaged = |why| CatalogueError::State {
            path: self.folder.clone(),
            why: format!("the record of item '{id}' is damaged: {why}; restore the folder from a backup"),
        };
        bytes.map(|bytes| Record::decode(&bytes).map_err(damaged)).transpose()
    }

    fn bytes(&mut self, id: &ItemId) -> Result<Option<Vec<u8>>, redb::Error> {
        let transaction = self.database()?.begin_read()?;
        let records = transaction.open_table(RECORDS)?;
        Ok(records.get(id.as_str())?.map(|found| found.value().to_vec()))
    }

    /// Writes these records as one: all of them are on the disk when it returns, or none is.
    pub fn write<'a>(
        &mut self,
        records: impl Iterator<Item = (&'a ItemId, &'a Record)>,
        revision: u64,
    ) -> Result<(), CatalogueError> {
        let written = self.write_all(records, revision);
        written.map_err(|e| {
            // Whatever the file holds now is read anew: its memory of it may be of the write that failed.
            for moment in self.moments.drain(..).filter_map(|moment| moment.upgrade()) {
                *locked(&moment) = None;
            }
            self.database = None;
            self.error(e)
        })
    }

    fn write_all<'a>(
        &mut self,
        records: impl Iterator<Item = (&'a ItemId, &'a Record)>,
        revision: u64,
    ) -> Result<(), redb::Error> {
        let transaction = self.database()?.begin_write()?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for (id, record) in records {
                let bytes = record.encode().map_err(io::Error::other)?;
                table.insert(id.as_str(), bytes.as_slice())?;
            }
            transaction.open_table(NUMBERS)?.insert("revision", revision)?;
        }
        Ok(transaction.commit()?)
    }

    /// The file as it is now.
    pub fn reader(&mut self) -> Result<Reader, CatalogueError> {
        let began = self.database().and_then(|database| Ok(database.begin_read()?));
        let moment = Arc::new(Mutex::new(Some(began.map_err(|e| self.error(e))?)));
        self.moments.retain(|moment| moment.strong_count() > 0);
        self.moments.push(Arc::downgrade(&moment));
        Ok(Reader { folder: self.folder.clone(), moment })
    }

    /// Begins a state that is to hold what another one held.
    pub fn restored(folder: &Path, about: &StateAbout) -> Result<Self, CatalogueError> {
        let open = at(folder.join(STATE_FILE));
        let mut store = Self { folder: folder.to_owned(), open, database: None, moments: Vec::new() };
        let began = store.begin_restored(about);
        began.map_err(|e| store.error(e))?;
        Ok(store)
    }

    fn begin_restored(&mut self, about: &StateAbout) -> Result<(), redb::Error> {
        let transaction = self.database()?.begin_write()?;
        {
            let mut numbers = transaction.open_table(NUMBERS)?;
            numbers.insert("format", about.format)?;
            numbers.insert("revision", about.revision)?;
            transaction.open_table(TEXTS)?.insert("model", about.model_id.as_str())?;
            transaction.open_table(RECORDS)?;
        }
        Ok(transaction.commit()?)
    }

    /// Writes records as they lay in another state's file.
    pub fn write_lying(&mut self, rows: &[(ItemId, &[u8])]) -> Result<(), CatalogueError> {
        self.insert_lying(rows).map_err(|e| self.error(e))
    }

    fn insert_lying(&mut self, rows: &[(ItemId, &[u8])]) -> Result<(), redb::Error> {
        let transaction = self.database()?.begin_write()?;
        {
            let mut table = transaction.open_table(RECORDS)?;
            for (id, bytes) in rows {
                table.insert(id.as_str(), *bytes)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn error(&self, e: redb::Error) -> CatalogueError {
        let path = self.folder.clone();
        match e {
            redb::Error::Io(e) if FULL.contains(&e.kind()) => CatalogueError::Full(path),
            redb::Error::DatabaseAlreadyOpen => CatalogueError::State {
                path,
                why: "another process has it open: one server alone writes a state".into(),
            },
            e => CatalogueError::State { path, why: e.to_string() },
        }
    }
}

/// A way to open the file of this path.
fn at(path: PathBuf) -> Box<Open> {
    Box::new(move || {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        opened(FileBackend::new(file)?)
    })
}

/// Keeps other processes from opening or beginning the state, until it is dropped.
fn alone(folder: &Path) -> Result<File, CatalogueError> {
    let lock = folder.join(LOCK);
    let alone = File::create(&lock).map_err(CatalogueError::io("create", &lock))?;
    alone.lock().map_err(CatalogueError::io("lock", &lock))?;
    Ok(alone)
}

/// Opens what lies there, or begins it. A file that was begun when the process or the power ended holds nothing but zeros where redb
/// looks for its name, and nothing that was ever acknowledged: it is begun anew.
fn opened(backend: impl StorageBackend) -> Result<Database, redb::Error> {
    let mut magic = [0; MAGIC];
    let length = backend.len()?;
    let there = magic.get_mut(..length.min(MAGIC as u64) as usize).unwrap_or_default();
    backend.read(0, there)?;
    if length > 0 && there.iter().all(|byte| *byte == 0) {
        backend.set_len(0)?;
    }
    Ok(Database::builder().set_cache_size(CACHE).create_with_backend(backend)?)
}

/// Whether this program reads records of this format.
pub(crate) fn is_read(format: u64) -> bool {
    (OLDEST..=FORMAT).contains(&format)
}

impl Reader {
    /// What the file said of itself at that moment.
    pub fn about(&self) -> Result<StateAbout, CatalogueError> {
        self.read(|transaction| {
            let (numbers, texts) = (transaction.open_table(NUMBERS)?, transaction.open_table(TEXTS)?);
            let number =
                |name: &str| Ok::<_, redb::Error>(numbers.get(name)?.map_or(0, |found| found.value()));
            let model = texts.get("model")?.map(|found| found.value().to_owned());
            Ok(StateAbout {
                format: number("format")?,
                model_id: model.unwrap_or_default(),
                revision: number("revision")?,
                records: transaction.open_table(RECORDS)?.len()?,
            })
        })
    }

    /// The records that follow this one by id, as they lay there: about `size` bytes of them, none at the end.
    pub fn after(&self, id: Option<&str>, size: usize) -> Result<Lying, CatalogueError> {
        self.read(|transaction| {
            let records = transaction.open_table(RECORDS)?;
            let from = id.map_or(Bound::Unbounded, Bound::Excluded);
            let (mut rows, mut bytes) = (Lying::new(), 0);
            for entry in records.range::<&str>((from, Bound::Unbounded))? {
                let (id, record) = entry?;
                bytes += record.value().len();
                rows.push((id.value().to_owned(), record.value().to_vec()));
                if bytes >= size {
                    break;
                }
            }
            Ok(rows)
        })
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, CatalogueError> {
        let state = |why: String| CatalogueError::State { path: self.folder.clone(), why };
        match &*locked(&self.moment) {
            Some(transaction) => read(transaction).map_err(|e| state(e.to_string())),
            None => Err(state("a write failed while it was read: ask again".into())),
        }
    }
}

#[cfg(test)]
mod tests;
