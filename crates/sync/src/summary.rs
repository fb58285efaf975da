//! What a run came to: for people on the screen, for programs as JSON and as an exit code.

use std::fmt;

use serde::Serialize;

use crate::{
    entries::{Feed, Note, Refusal},
    plan::Plan,
    send::{Failed, Sent},
};

/// How many refusals and failures are shown; a report holds all.
const SHOWN: usize = 20;

/// What a run did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The feed.
    pub feed: String,
    /// The server; none where a dry run had none.
    pub server: Option<String>,
    /// The feed's name.
    pub name: String,
    /// Whether nothing was to be sent.
    pub dry_run: bool,
    /// Entries that the feed has.
    pub entries: u64,
    /// Items that they come to, further photos among them.
    pub items: u64,
    /// The currency of its prices.
    pub currency: Option<String>,
    /// Items put, or to put in a dry run: new, or with another photo.
    pub put: u64,
    /// Items patched, or to patch.
    pub patched: u64,
    /// Items deleted, or to delete.
    pub deleted: u64,
    /// Items that are as they were.
    pub unchanged: u64,
    /// Items of refused entries, which stay as they are.
    pub kept: u64,
    /// Why nothing was sent, where a guard stopped the run.
    pub stopped: Option<String>,
    /// Why the run ended early, where it did.
    pub broken_off: Option<String>,
    /// Entries that were not taken.
    pub refused: Vec<Refusal>,
    /// Changes that did not arrive.
    pub failed: Vec<Failed>,
    /// What was left out of entries that were taken; 10,000 at most.
    pub notes: Vec<Note>,
    /// Notes past those.
    pub more_notes: u64,
    /// What the program exits with.
    pub exit_code: u8,
}

impl Summary {
    /// Of a feed, and of what is to be done or was done.
    pub(crate) fn of(feed: &mut Feed, plan: &Plan) -> Self {
        let mut refused = std::mem::take(&mut feed.refusals);
        refused.append(&mut feed.duplicates);
        for entry in plan.foreign.iter().filter_map(|place| feed.entries.get(*place)) {
            refused.push(Refusal {
                id: Some(entry.id.to_string()),
                place: entry.place.to_string(),
                reason: "the server has an item of this id that another feed, or nobody, put: --adopt takes it over".into(),
            });
        }
        Self {
            entries: feed.count,
            items: feed.entries.len() as u64,
            currency: feed.currency.map(|currency| currency.to_string()),
            put: plan.puts.len() as u64,
            patched: plan.patches.len() as u64,
            deleted: plan.deletes.len() as u64,
            unchanged: plan.same,
            kept: plan.kept,
            refused,
            notes: std::mem::take(&mut feed.notes),
            more_notes: feed.more_notes,
            ..Self::default()
        }
    }

    /// What was to be done was done as far as this.
    pub(crate) fn take(&mut self, sent: Sent) {
        (self.put, self.patched, self.deleted) = (sent.put, sent.patched, sent.deleted);
        self.failed = sent.failed;
    }

    /// 0, 1, 3 or 4, as `--help` has them.
    pub(crate) fn settled(mut self) -> Self {
        self.exit_code = if self.stopped.is_some() {
            3
        } else if self.broken_off.is_some() || self.failed.iter().any(|failed| failed.may_pass) {
            1
        } else if !self.refused.is_empty() || !self.failed.is_empty() {
            4
        } else {
            0
        };
        self
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let currency = self.currency.as_ref().map(|c| format!(", prices in {c}")).unwrap_or_default();
        writeln!(f, "{}: {} entries, {} items{currency}", self.feed, self.entries, self.items)?;
        shown(f, "refused", &self.refused, |r| {
            let id = r.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default();
            format!("{}{id}: {}", r.place, r.reason)
        })?;
        shown(f, "left out", &self.notes, |n| format!("{} ({}): {}", n.place, n.id, n.note))?;
        shown(f, "failed", &self.failed, |x| format!("{}: {}", x.id, x.reason))?;
        if let Some(why) = &self.stopped {
            return writeln!(f, "stopped: {why}");
        }
        if let Some(why) = &self.broken_off {
            writeln!(f, "broken off: {why}")?;
        }
        let changes = self.put + self.patched + self.deleted;
        if changes == 0 && self.failed.is_empty() && self.broken_off.is_none() {
            return writeln!(f, "nothing to send: {} items are as they were", self.unchanged + self.kept);
        }
        let [put, patched, deleted] =
            if self.dry_run { ["to put", "to patch", "to delete"] } else { ["put", "patched", "deleted"] };
        writeln!(
            f,
            "{} {put}, {} {patched}, {} {deleted}, {} unchanged, {} kept, {} failed",
            self.put,
            self.patched,
            self.deleted,
            self.unchanged,
            self.kept,
            self.failed.len()
        )
    }
}

/// The first of a list, and how many more there are.
fn shown<T>(f: &mut fmt::Formatter<'_>, what: &str, all: &[T], line: impl Fn(&T) -> String) -> fmt::Result {
    for one in all.iter().take(SHOWN) {
        // What a feed says is no command to a terminal.
        let text: String = line(one).chars().filter(|c| !c.is_control()).collect();
        writeln!(f, "  {what}: {text}")?;
    }
    match all.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  {what}: {more} more; --report FILE holds all"),
    }
}
