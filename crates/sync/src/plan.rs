//! What the feed says and what the server holds → what is to be sent.

use std::collections::{BTreeMap, HashSet};

use crate::{
    entries::{Entry, Feed},
    hash::{Hashes, Owner},
    options::Most,
};

/// What is to be done; places are those in the feed's entries.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// New, or with another photo.
    pub(crate) puts: Vec<usize>,
    /// The same photo, other metadata.
    pub(crate) patches: Vec<usize>,
    /// Owned, and no longer in the feed.
    pub(crate) deletes: Vec<String>,
    /// Somebody else's: left alone.
    pub(crate) foreign: Vec<usize>,
    /// As they were.
    pub(crate) same: u64,
    /// Owned, and of an entry that was refused: left as they are.
    pub(crate) kept: u64,
    /// Owned before anything is sent.
    pub(crate) owned: u64,
}

impl Plan {
    /// Compares. With `adopt`, what is somebody else's is put like what is new.
    pub(crate) fn new(feed: &Feed, held: &BTreeMap<String, Owner>, adopt: bool) -> Self {
        let mut plan = Self::default();
        let mut named = HashSet::new();
        for (place, entry) in feed.entries.iter().enumerate() {
            named.insert(entry.id.as_str());
            match held.get(entry.id.as_str()) {
                None | Some(Owner::This(None)) => plan.puts.push(place),
                Some(Owner::Other) if adopt => plan.puts.push(place),
                Some(Owner::Other) => plan.foreign.push(place),
                Some(Owner::This(Some(hashes))) => match changed(entry, *hashes) {
                    (_, true) => plan.puts.push(place),
                    (true, false) => plan.patches.push(place),
                    (false, false) => plan.same += 1,
                },
            }
        }
        for (id, _) in held.iter().filter(|(_, owner)| matches!(owner, Owner::This(_))) {
            plan.owned += 1;
            if named.contains(id.as_str()) {
                continue;
            }
            if feed.keeps(id) {
                plan.kept += 1;
            } else {
                plan.deletes.push(id.clone());
            }
        }
        plan
    }

    /// Whether there is nothing to send.
    pub(crate) fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.patches.is_empty() && self.deletes.is_empty()
    }
}

/// Whether the metadata changed, and whether the photo did.
fn changed(entry: &Entry, was: Hashes) -> (bool, bool) {
    (entry.item_hash != was.item, entry.photo_hash != was.photo)
}

/// Why nothing may be sent, if that is so.
pub(crate) fn guard(feed: &Feed, plan: &Plan, most_deleted: Most, most_refused: Most) -> Option<String> {
    let refused = feed.refusals.len() as u64;
    if feed.count == 0 {
        return Some("the feed is empty: nothing was changed".into());
    }
    if most_refused.is_passed(refused, feed.count) {
        return Some(format!(
            "{refused} of the feed's {} entries are refused, and {most_refused} may be (--max-refused): nothing was changed",
            feed.count
        ));
    }
    let deletes = plan.deletes.len() as u64;
    most_deleted.is_passed(deletes, plan.owned).then(|| {
        format!(
            "{deletes} of {} items of this feed would be deleted, and {most_deleted} may be (--max-delete): nothing was changed",
            plan.owned
        )
    })
}

#[cfg(test)]
mod tests {
    use lookalike_items::ItemId;
    use proptest::{collection::btree_map, prelude::*};

    use super::*;
    use crate::{address::PhotoPlace, hash::Hash, record::Place};

    fn entry(id: &str, item: u8, photo: u8) -> Entry {
        Entry {
            id: ItemId::parse(id).unwrap(),
            place: Place::Entry(1),
            fields: "{}".into(),
            item_hash: Hash::of(&[&[item]]),
            photo: PhotoPlace::Address(String::new()),
            photo_hash: Hash::of(&[&[photo]]),
        }
    }

    fn feed(entries: &BTreeMap<String, (u8, u8)>, refused: &[String]) -> Feed {
        let all = entries.iter().filter(|(id, _)| !refused.contains(id));
        let mut feed = Feed::default();
        feed.count = entries.len() as u64;
        feed.entries = all.map(|(id, (item, photo))| entry(id, *item, *photo)).collect();
        refused.iter().for_each(|id| feed.refuse(Some(id), Place::Entry(1), "no".into()));
        feed
    }

    /// What the server holds after the plan, by the plainest of means.
    fn applied(plan: &Plan, feed: &Feed, mut held: BTreeMap<String, Owner>) -> BTreeMap<String, Owner> {
        for place in plan.puts.iter().chain(&plan.patches) {
            let entry = &feed.entries[*place];
            let mut hashes = Hashes { item: entry.item_hash, photo: entry.photo_hash };
            if plan.patches.contains(place) {
                // A patch leaves the photo that is there.
                let Some(Owner::This(Some(was))) = held.get(entry.id.as_str()) else {
                    panic!("nothing to patch")
                };
                hashes.photo = was.photo;
            }
            held.insert(entry.id.to_string(), Owner::This(Some(hashes)));
        }
        plan.deletes.iter().for_each(|id| assert!(held.remove(id).is_some()));
        held
    }

    fn ids() -> impl Strategy<Value = String> {
        "[a-f](~~[12])?"
    }

    proptest! {
        #[test]
        fn a_plan_makes_the_server_what_the_feed_is(
            entries in btree_map(ids(), (0u8..3, 0u8..3), 0..8),
            before in btree_map(ids(), prop_oneof![
                (0u8..3, 0u8..3).prop_map(|(item, photo)| {
                    Owner::This(Some(Hashes { item: Hash::of(&[&[item]]), photo: Hash::of(&[&[photo]]) }))
                }),
                Just(Owner::This(None)),
                Just(Owner::Other),
            ], 0..8),
            refused in proptest::collection::vec("[a-f]", 0..3),
            adopt: bool,
        ) {
            let feed = feed(&entries, &refused);
            let plan = Plan::new(&feed, &before, adopt);
            let after = applied(&plan, &feed, before.clone());
            for entry in &feed.entries {
                let id = entry.id.as_str();
                let ours = Owner::This(Some(Hashes { item: entry.item_hash, photo: entry.photo_hash }));
                let foreign = before.get(id) == Some(&Owner::Other) && !adopt;
                prop_assert_eq!(after[id], if foreign { Owner::Other } else { ours });
            }
            for (id, owner) in &before {
                let in_feed = feed.entries.iter().any(|entry| entry.id.as_str() == id);
                if !in_feed {
                    let stays = *owner == Owner::Other || feed.keeps(id);
                    prop_assert_eq!(after.get(id), stays.then_some(owner));
                }
            }
            prop_assert!(after.keys().all(|id| before.contains_key(id) || feed.entries.iter().any(|e| e.id.as_str() == id)));
            let again = Plan::new(&feed, &after, adopt);
            prop_assert!(again.is_empty(), "{:?}", again);
            prop_assert_eq!(again.same + again.foreign.len() as u64, feed.entries.len() as u64);
        }
    }

    #[test]
    fn nothing_is_deleted_while_an_id_is_not_known() {
        let held: BTreeMap<String, Owner> = ["a", "b"].map(|id| (id.to_owned(), Owner::This(None))).into();
        let mut one = feed(&[("a".to_owned(), (0, 0))].into(), &[]);
        assert_eq!(Plan::new(&one, &held, false).deletes, ["b"]);
        one.refuse(None, Place::Entry(2), "it cannot be read".into());
        let plan = Plan::new(&one, &held, false);
        assert_eq!((plan.deletes.len(), plan.kept), (0, 1));
    }

    #[test]
    fn guards_stop_before_anything_is_sent() {
        let entries: BTreeMap<String, (u8, u8)> = [("a".to_owned(), (0, 0))].into();
        let held: BTreeMap<String, Owner> =
            ["a", "b", "c", "d", "e"].map(|id| (id.to_owned(), Owner::This(None))).into();
        let whole = feed(&entries, &[]);
        let plan = Plan::new(&whole, &held, false);
        assert_eq!((plan.deletes.len(), plan.owned), (4, 5));
        let stop = |feed: &Feed, delete, refused| guard(feed, &plan, delete, refused);
        assert!(stop(&whole, Most::Share(0.79), Most::Count(0)).is_some_and(|why| why.contains("4 of 5")));
        assert!(stop(&whole, Most::Share(0.8), Most::Count(0)).is_none());
        assert!(stop(&whole, Most::Count(3), Most::Count(0)).is_some());
        let some = feed(&entries, &["x".into()]);
        assert!(stop(&some, Most::Share(1.0), Most::Share(0.5)).is_some(), "one refused of one");
        assert!(
            stop(&Feed::default(), Most::Share(1.0), Most::Share(1.0))
                .is_some_and(|why| why.contains("empty"))
        );
    }
}
