//! A plan → lines of `POST /items`, in batches that the server takes, photos fetched meanwhile.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    SyncError,
    address::PhotoPlace,
    entries::{Entry, Feed},
    hash::Hashes,
    options::Photos,
    photos::Albums,
    plan::Plan,
    server::{Limits, Problem, Server, Written},
    workers::while_taken,
};

/// The most puts of one batch: each may be a photo that the server fetches and embeds, and a request has its time.
const PUTS: usize = 100;
/// The most bytes of one batch, which is in memory.
const BATCH: usize = 16 << 20;

/// Something that did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The item's id.
    pub id: String,
    /// The server's status for it; none where its photo was not there to be sent.
    pub status: Option<u16>,
    /// Why, in the server's words or our own.
    pub reason: String,
    /// Whether the next run may do better.
    pub may_pass: bool,
}

/// What arrived, and what did not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) put: u64,
    pub(crate) patched: u64,
    pub(crate) deleted: u64,
    pub(crate) failed: Vec<Failed>,
}

/// One change.
#[derive(Clone, Copy)]
enum Change<'a> {
    Put(&'a Entry),
    Patch(&'a Entry),
    Delete(&'a str),
}

impl Change<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Put(entry) | Self::Patch(entry) => entry.id.as_str(),
            Self::Delete(id) => id,
        }
    }
}

/// A change as lines, or why there are none.
struct Lines<'a> {
    change: Change<'a>,
    lines: Result<Vec<Vec<u8>>, Failed>,
}

/// Sends a plan.
pub(crate) struct Sender<'a> {
    pub(crate) server: &'a Server,
    pub(crate) limits: Limits,
    pub(crate) albums: &'a Albums,
    pub(crate) photos: Photos,
    pub(crate) name: &'a str,
    pub(crate) parallel: usize,
}

impl Sender<'_> {
    /// Sends all of it: first what is new, deletes last. `told` hears how many changes are through. What arrived before an error is
    /// in `sent`.
    ///
    /// # Errors
    /// Where the server cannot be reached or refuses a whole request.
    pub(crate) fn send(
        &self,
        feed: &Feed,
        plan: &Plan,
        sent: &mut Sent,
        told: &dyn Fn(u64),
    ) -> Result<(), SyncError> {
        let of =
            |places: &[usize]| places.iter().filter_map(|place| feed.entries.get(*place)).collect::<Vec<_>>();
        let mut changes: Vec<Change<'_>> = of(&plan.puts).into_iter().map(Change::Put).collect();
        changes.extend(of(&plan.patches).into_iter().map(Change::Patch));
        changes.extend(plan.deletes.iter().map(|id| Change::Delete(id)));
        let mut batch = Batch::default();
        while_taken(
            changes,
            self.parallel,
            |change| self.lines(change),
            |ready| {
                for Lines { change, lines } in ready {
                    match lines {
                        Ok(lines) => {
                            if !batch.has_room(change, &lines, self.limits) {
                                batch.send(self.server, sent)?;
                            }
                            batch.push(change, &lines);
                        }
                        Err(failed) => sent.failed.push(failed),
                    }
                    told(sent.put + sent.patched + sent.deleted + sent.failed.len() as u64);
                }
                batch.send(self.server, sent)
            },
        )?;
        told(sent.put + sent.patched + sent.deleted + sent.failed.len() as u64);
        Ok(())
    }

    fn lines<'a>(&self, change: Change<'a>) -> Lines<'a> {
        let lines = match change {
            Change::Put(entry) => self.put(entry),
            Change::Patch(entry) => self.patch(entry),
            Change::Delete(id) => Ok(vec![json!({"op": "delete", "id": id})]),
        };
        let failed = |reason, may_pass| Failed { id: change.id().to_owned(), status: None, reason, may_pass };
        let lines = lines.and_then(|lines| {
            let lines: Vec<Vec<u8>> = lines.iter().map(|line| line.to_string().into_bytes()).collect();
            match lines.iter().map(Vec::len).find(|length| *length >= self.limits.body_bytes) {
                Some(length) => {
                    let most = self.limits.body_bytes;
                    Err((
                        format!("with its photo it takes {length} bytes, and the server {most} (--max-body)"),
                        false,
                    ))
                }
                None => Ok(lines),
            }
        });
        Lines { change, lines: lines.map_err(|(reason, may_pass)| failed(reason, may_pass)) }
    }

    fn put(&self, entry: &Entry) -> Result<Vec<Value>, (String, bool)> {
        let passed = match &entry.photo {
            PhotoPlace::Address(address)
                if self.photos == Photos::Pass && address.starts_with("https://") =>
            {
                Some(json!({"url": address}))
            }
            _ => None,
        };
        let photo = match passed {
            Some(photo) => photo,
            None => {
                let bytes = self.albums.bytes(&entry.photo);
                let bytes =
                    bytes.map_err(|e| (format!("its photo {}: {}", entry.photo, e.why), e.passing))?;
                json!({"base64": STANDARD.encode(bytes)})
            }
        };
        Ok(vec![json!({"op": "put", "id": entry.id, "item": self.fields(entry)?, "photo": photo})])
    }

    /// Two patches, which the server makes one after the other in one transaction: the first takes away all that a merge would leave.
    fn patch(&self, entry: &Entry) -> Result<Vec<Value>, (String, bool)> {
        let nothing = json!({"product": null, "title": null, "url": null, "attributes": null, "numbers": null, "payload": null});
        Ok(vec![
            json!({"op": "patch", "id": entry.id, "item": nothing}),
            json!({"op": "patch", "id": entry.id, "item": self.fields(entry)?}),
        ])
    }

    fn fields(&self, entry: &Entry) -> Result<Map<String, Value>, (String, bool)> {
        let mut fields: Map<String, Value> =
            serde_json::from_str(&entry.fields).map_err(|e| (e.to_string(), false))?;
        let hashes = Hashes { item: entry.item_hash, photo: entry.photo_hash };
        fields.insert("source_hash".into(), hashes.source(self.name).into());
        Ok(fields)
    }
}

/// Lines that are sent together.
#[derive(Default)]
struct Batch<'a> {
    body: Vec<u8>,
    changes: Vec<(Change<'a>, usize)>,
    lines: usize,
    puts: usize,
}

impl<'a> Batch<'a> {
    fn has_room(&self, change: Change<'_>, lines: &[Vec<u8>], limits: Limits) -> bool {
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        let puts = self.puts + usize::from(matches!(change, Change::Put(_)));
        self.changes.is_empty()
            || (self.body.len() + bytes <= BATCH.min(limits.bulk_bytes)
                && self.lines + lines.len() <= limits.bulk_lines
                && puts <= PUTS)
    }

    fn push(&mut self, change: Change<'a>, lines: &[Vec<u8>]) {
        for line in lines {
            self.body.extend_from_slice(line);
            self.body.push(b'\n');
        }
        self.lines += lines.len();
        self.puts += usize::from(matches!(change, Change::Put(_)));
        self.changes.push((change, lines.len()));
    }

    /// Sends what there is, and empties it.
    fn send(&mut self, server: &Server, sent: &mut Sent) -> Result<(), SyncError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let Self { body, changes, lines, .. } = std::mem::take(self);
        let written = server.write(&body, lines)?;
        let mut written = written.into_iter();
        for (change, count) in changes {
            let of: Vec<Written> = written.by_ref().take(count).collect();
            let worst = of.iter().find(|line| line.status >= 400);
            match (change, worst) {
                (Change::Delete(_), Some(Written { status: 404, .. })) | (Change::Delete(_), None) => {
                    sent.deleted += 1
                }
                (Change::Put(_), None) => sent.put += 1,
                (Change::Patch(_), None) => sent.patched += 1,
                (_, Some(line)) => sent.failed.push(failed(change.id(), line)),
            }
        }
        Ok(())
    }
}

fn failed(id: &str, line: &Written) -> Failed {
    let code = line.problem.as_ref().map_or("", |problem| &problem.code);
    let reason = match &line.problem {
        Some(Problem { code, detail }) => format!("{code}: {detail}"),
        None => "the server does not say why".into(),
    };
    // A host that did not give a photo may do so later; an item that was deleted meanwhile is put by the next run.
    let later = matches!(code, "photo_not_fetched" | "timeout")
        || matches!(line.status, 404 | 408 | 409 | 412 | 429 | 500..);
    Failed { id: id.to_owned(), status: Some(line.status), reason, may_pass: later }
}
