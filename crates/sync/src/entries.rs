//! What a feed comes to: items to have on the server, and what was refused of it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use lookalike_items::ItemId;
use serde::Serialize;

use crate::{
    address::PhotoPlace,
    draft::{Draft, entry_of},
    hash::{Hash, canonical},
    money::Currency,
    record::Place,
};

/// The most notes that are kept; more are counted.
const NOTES: usize = 10_000;

/// One item as the server is to have it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: ItemId,
    pub(crate) place: Place,
    /// Its metadata, as canonical JSON; all photos of an entry have the same.
    pub(crate) fields: Arc<str>,
    pub(crate) item_hash: Hash,
    pub(crate) photo: PhotoPlace,
    /// Of the photo's address; of a file, when it has been read.
    pub(crate) photo_hash: Hash,
}

/// An entry that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Its id, where it could be read.
    pub id: Option<String>,
    /// Where it stands in the feed.
    pub place: String,
    /// Why it is not taken.
    pub reason: String,
}

/// What was left out of an entry that is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// The entry's id.
    pub id: String,
    /// Where it stands in the feed.
    pub place: String,
    /// What was left out, and why.
    pub note: String,
}

/// A feed that was read to its end.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// How many entries it has, refused ones too.
    pub(crate) count: u64,
    pub(crate) entries: Vec<Entry>,
    /// Entries that cannot be taken.
    pub(crate) refusals: Vec<Refusal>,
    /// Entries whose id another one before them has.
    pub(crate) duplicates: Vec<Refusal>,
    pub(crate) notes: Vec<Note>,
    /// Notes past those that are kept.
    pub(crate) more_notes: u64,
    pub(crate) currency: Option<Currency>,
    /// Ids of refused entries: what the server has of them stays as it is.
    kept: HashSet<String>,
    /// Whether an entry was refused whose id could not be read: any item of the server may be its.
    unnamed: bool,
}

impl Feed {
    /// Refuses an entry; what the server has of it stays as it is.
    pub(crate) fn refuse(&mut self, id: Option<&str>, place: Place, reason: String) {
        self.kept.extend(id.map(str::to_owned));
        let reason = match id {
            Some(_) => reason,
            None => format!("{reason}; while its id is not known, nothing is deleted"),
        };
        self.unnamed |= id.is_none();
        self.refusals.push(Refusal { id: id.map(str::to_owned), place: place.to_string(), reason });
    }

    /// Whether an item on the server is, or may be, of an entry that was refused.
    pub(crate) fn keeps(&self, id: &str) -> bool {
        self.unnamed || self.kept.contains(id) || entry_of(id).is_some_and(|entry| self.kept.contains(entry))
    }

    fn note(&mut self, id: &str, place: Place, notes: Vec<String>) {
        for note in notes {
            if self.notes.len() < NOTES {
                self.notes.push(Note { id: id.to_owned(), place: place.to_string(), note });
            } else {
                self.more_notes += 1;
            }
        }
    }
}

/// Takes entries one by one.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    feed: Feed,
    seen: HashSet<String>,
    /// What waits for the currency that most prices are in.
    drafts: Vec<(Place, Draft)>,
    currencies: BTreeMap<Currency, u64>,
}

impl Collector {
    /// For prices in the currency that is told, or in what most of them are in.
    pub(crate) fn new(currency: Option<Currency>) -> Self {
        Self { feed: Feed { currency, ..Feed::default() }, ..Self::default() }
    }

    /// How many entries there were.
    pub(crate) fn count(&self) -> u64 {
        self.feed.count
    }

    /// An entry: its id as far as it can be read, and what it is.
    pub(crate) fn take(&mut self, place: Place, id: Option<&str>, draft: Result<Draft, String>) {
        self.feed.count += 1;
        let id = id.map(str::trim).filter(|id| !id.is_empty());
        if let Some(id) = id.filter(|id| !self.seen.insert((*id).to_owned())) {
            let reason = "an entry before it has the same id, and counts".to_owned();
            let refusal = Refusal { id: Some(id.to_owned()), place: place.to_string(), reason };
            self.feed.duplicates.push(refusal);
            return;
        }
        match draft {
            Ok(draft) if self.feed.currency.is_some() => self.feed.settle(place, draft),
            Ok(draft) => {
                draft.currency().into_iter().for_each(|c| *self.currencies.entry(c).or_default() += 1);
                self.drafts.push((place, draft));
            }
            Err(reason) => self.feed.refuse(id, place, reason),
        }
    }

    /// The feed, with all prices settled.
    pub(crate) fn finish(self) -> Feed {
        let Self { mut feed, drafts, currencies, seen } = self;
        drop(seen);
        // Of equals the first by its letters, so that two runs agree.
        let usual = currencies.iter().rev().max_by_key(|(_, count)| **count).map(|(currency, _)| *currency);
        feed.currency = feed.currency.or(usual);
        for (place, draft) in drafts {
            feed.settle(place, draft);
        }
        feed
    }
}

impl Feed {
    fn settle(&mut self, place: Place, draft: Draft) {
        let id = draft.id().as_str().to_owned();
        match draft.priced(self.currency) {
            Ok(draft) => self.enter(place, &id, draft),
            Err(reason) => self.refuse(Some(&id), place, reason),
        }
    }

    fn enter(&mut self, place: Place, id: &str, mut draft: Draft) {
        let fields = match draft.fields() {
            Ok(fields) => canonical(&fields),
            Err(reason) => return self.refuse(Some(id), place, reason),
        };
        let item_hash = Hash::of(&[fields.as_bytes()]);
        let fields: Arc<str> = fields.into();
        let mut notes = std::mem::take(&mut draft.notes);
        let mut ids = vec![(Some(draft.id().clone()), draft.photo.clone())];
        ids.extend(draft.further.iter().enumerate().map(|(i, p)| (draft.further_id(i + 1), p.clone())));
        for (id, photo) in ids {
            let Some(id) = id else {
                notes.push("further photos are left out: the id is too long for a number after it".into());
                break;
            };
            let photo_hash = match &photo {
                PhotoPlace::Address(address) => Hash::of(&[address.as_bytes()]),
                PhotoPlace::File(path) => Hash::of(&[path.as_os_str().as_encoded_bytes()]),
            };
            let fields = Arc::clone(&fields);
            self.entries.push(Entry { id, place, fields, item_hash, photo, photo_hash });
        }
        self.note(id, place, notes);
    }
}
