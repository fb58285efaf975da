//! Which photos run where: decided by what waits and what is at work, and by nothing else. No lock, no clock, no model.
//!
//! | a thread that is free | what waits | others at work | it takes |
//! |---|---|---|---|
//! | any | nothing | | nothing |
//! | any | photos | the wide way | nothing: all cores are at work, or on a GPU as many passes as there may be |
//! | the wide one | photos | none, and it has been quiet | all of them, up to a batch |
//! | the wide one | photos | none, but crowded | nothing: the lanes take them |
//! | the wide one | one photo | none, but crowded, and a single photo runs wide at no cost | that photo |
//! | the wide one | photos | some lanes | nothing |
//! | a lane | photos | none, and it has been quiet | nothing: the wide way takes them |
//! | a lane | photos | some lanes, or crowded | its part, up to a batch |
//!
//! Threads that are being started again take nothing: without lanes everything runs wide, without the wide one in lanes.
//!
//! It is *crowded* from a photo that meets others on until [`QUIET_AFTER`] photos in a row met none.

/// After so many photos in a row that met no other it counts as quiet.
pub(super) const QUIET_AFTER: usize = 8;

/// After so many passes that fitted a larger one is tried again.
const AGAIN: usize = 50;

/// How a batch is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On all cores, or on a GPU.
    Wide,
    /// On the cores of one lane.
    Lane,
}

/// What is at work, and what it has been like lately.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    /// Photos in one forward pass at most; what it was set to, and what the device has had memory for lately.
    most: usize,
    max_batch: usize,
    /// Passes of so many since there was no memory for more.
    fitted: usize,
    /// Lanes there are; none on a GPU.
    lanes: usize,
    /// A photo on all cores costs no more than one in a lane: what waits alone runs wide even in a crowd.
    single_runs_wide: bool,
    /// Passes that may go the wide way at once: one on a CPU, whose cores it takes.
    wide: usize,
    /// Lanes at work; passes on the wide way; photos in any.
    busy_lanes: usize,
    busy_wide: usize,
    at_work: usize,
    /// How many more photos must meet no other until it is quiet.
    crowded: usize,
}

impl Policy {
    /// Without lanes, so that everything runs wide.
    pub(super) fn new(max_batch: usize) -> Self {
        Self {
            most: max_batch,
            max_batch,
            fitted: 0,
            lanes: 0,
            wide: 1,
            single_runs_wide: false,
            busy_lanes: 0,
            busy_wide: 0,
            at_work: 0,
            crowded: 0,
        }
    }

    /// So many passes may go the wide way at once.
    pub(super) fn set_wide(&mut self, passes: usize) {
        self.wide = passes;
    }

    /// There are lanes to share with.
    pub(super) fn set_lanes(&mut self, lanes: usize) {
        self.lanes = lanes;
    }

    /// A thread of this way takes nothing for now, or takes photos again.
    pub(super) fn set_taking(&mut self, way: Way, takes: bool) {
        let threads = match way {
            Way::Wide => &mut self.wide,
            Way::Lane => &mut self.lanes,
        };
        *threads = if takes { *threads + 1 } else { threads.saturating_sub(1) };
    }

    /// How many photos a pass takes at most, and whether a single one costs no more on all cores than in a lane.
    pub(super) fn set_model(&mut self, max_batch: usize, single_runs_wide: bool) {
        (self.most, self.max_batch, self.single_runs_wide) = (max_batch, max_batch, single_runs_wide);
    }

    /// Photos in one forward pass at most, for now.
    pub(super) fn max_batch(&self) -> usize {
        self.max_batch
    }

    /// The device had no memory for so many: half of them for now, one at least. Returns that.
    pub(super) fn halve(&mut self, too_many: usize) -> usize {
        self.max_batch = self.max_batch.min(too_many / 2).max(1);
        self.fitted = 0;
        self.max_batch
    }

    /// The device had memory for so many. After [`AGAIN`] passes as large as they may be, twice as many are tried: who took the
    /// memory may have given it back.
    pub(super) fn fitted(&mut self, photos: usize) {
        if self.max_batch < self.most && photos >= self.max_batch {
            self.fitted += 1;
            if self.fitted >= AGAIN {
                self.max_batch = (2 * self.max_batch).min(self.most);
                self.fitted = 0;
            }
        }
    }

    /// Takes note of a photo that comes while so many wait, and of whether it meets others: of two that come one after the
    /// other all cores serve each best, of two at once a lane each.
    pub(super) fn arrives(&mut self, waiting: usize) {
        let meets = self.lanes > 0 && waiting + self.at_work >= (self.lanes / 2).max(1);
        self.crowded = if meets { QUIET_AFTER } else { self.crowded.saturating_sub(1) };
    }

    /// How many of the photos that wait this way should take now; 0 is none.
    pub(super) fn share(&self, way: Way, waiting: usize) -> usize {
        if waiting == 0 || self.busy_wide > 0 && self.busy_wide >= self.wide {
            return 0;
        }
        let quiet = match (self.wide, self.lanes) {
            (0, _) => false,
            (_, 0) => true,
            _ => self.busy_lanes == 0 && (self.crowded == 0 || self.single_runs_wide && waiting == 1),
        };
        match way {
            // All cores on what there is.
            Way::Wide if quiet => waiting.min(self.max_batch),
            // Otherwise every lane its part, those at work too: they will be free soon.
            Way::Lane if !quiet => waiting.div_ceil(self.lanes.max(1)).min(self.max_batch),
            Way::Wide | Way::Lane => 0,
        }
    }

    /// A batch of so many goes this way.
    pub(super) fn begins(&mut self, way: Way, photos: usize) {
        self.at_work += photos;
        match way {
            Way::Wide => self.busy_wide += 1,
            Way::Lane => self.busy_lanes += 1,
        }
    }

    /// It is over, whatever came of it.
    pub(super) fn ends(&mut self, way: Way, photos: usize) {
        self.at_work -= photos;
        match way {
            Way::Wide => self.busy_wide -= 1,
            Way::Lane => self.busy_lanes -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn policy(lanes: usize, single_runs_wide: bool) -> Policy {
        let mut policy = Policy::new(1);
        policy.set_lanes(lanes);
        policy.set_model(4, single_runs_wide);
        policy
    }

    /// What the wide way and a lane would take.
    fn shares(policy: &Policy, waiting: usize) -> (usize, usize) {
        (policy.share(Way::Wide, waiting), policy.share(Way::Lane, waiting))
    }

    #[test]
    fn the_table() {
        let quiet = policy(2, false);
        assert_eq!(shares(&quiet, 0), (0, 0));
        assert_eq!(shares(&quiet, 1), (1, 0));
        assert_eq!(shares(&quiet, 9), (4, 0), "a batch at most");
        let mut wide = policy(2, true);
        wide.begins(Way::Wide, 1);
        assert_eq!(shares(&wide, 3), (0, 0), "all cores are at work");
        let mut crowded = policy(2, false);
        crowded.arrives(1);
        assert_eq!(shares(&crowded, 1), (0, 1));
        assert_eq!(shares(&crowded, 5), (0, 3), "five photos, two lanes");
        let mut single = policy(2, true);
        single.arrives(1);
        assert_eq!((shares(&single, 1), shares(&single, 2)), ((1, 0), (0, 1)));
        let mut lane = policy(2, true);
        lane.begins(Way::Lane, 2);
        assert_eq!(shares(&lane, 1), (0, 1), "a lane is at work: the other takes it");
        let gpu = policy(0, false);
        assert_eq!(shares(&gpu, 9), (4, 0));
    }

    #[test]
    fn who_is_left_takes_what_a_lost_thread_would_have_taken() {
        let mut policy = policy(2, false);
        policy.set_taking(Way::Wide, false);
        assert_eq!(shares(&policy, 3), (0, 2), "it is quiet, and there are lanes alone");
        policy.set_taking(Way::Wide, true);
        policy.arrives(1);
        assert_eq!(shares(&policy, 3), (0, 2));
        (0..2).for_each(|_| policy.set_taking(Way::Lane, false));
        assert_eq!(shares(&policy, 3), (3, 0), "it is crowded, and there is the wide way alone");
        policy.set_taking(Way::Lane, true);
        assert_eq!(shares(&policy, 3), (0, 3));
    }

    #[test]
    fn it_is_quiet_again_after_a_while() {
        let mut policy = policy(2, false);
        policy.arrives(1);
        for alone in 1..=QUIET_AFTER {
            assert_eq!(shares(&policy, 1), (0, 1), "after {alone}");
            policy.arrives(0);
        }
        assert_eq!(shares(&policy, 1), (1, 0));
    }

    #[test]
    fn without_memory_batches_are_halved_down_to_one() {
        let mut policy = policy(0, false);
        assert_eq!([policy.halve(7), policy.halve(3), policy.halve(1)], [3, 1, 1]);
        assert_eq!(shares(&policy, 5), (1, 0));
    }

    #[test]
    fn with_memory_again_batches_grow_to_what_they_were() {
        let mut policy = policy(0, false);
        policy.halve(3);
        (0..AGAIN - 1).for_each(|_| policy.fitted(1));
        assert_eq!(shares(&policy, 5), (1, 0));
        policy.fitted(1);
        assert_eq!(shares(&policy, 5), (2, 0));
        (0..AGAIN).for_each(|_| policy.fitted(1));
        assert_eq!(shares(&policy, 5), (2, 0), "single photos say nothing of larger batches");
        (0..9 * AGAIN).for_each(|_| policy.fitted(4));
        assert_eq!(shares(&policy, 9), (4, 0), "and never beyond what was set");
    }

    /// Threads that take, work and end in any order, and photos that come in any order.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Arrive,
        Free(usize),
        End(usize),
    }

    proptest! {
        #[test]
        fn every_photo_is_taken_once_and_cores_are_never_promised_twice(
            lanes in 0usize..5,
            single in any::<bool>(),
            events in vec(prop_oneof![Just(Event::Arrive), (0usize..6).prop_map(Event::Free), (0usize..6).prop_map(Event::End)], 0..300),
        ) {
            let mut policy = policy(lanes, single);
            // Place 0 is the wide way, the others are lanes.
            let mut at_work: Vec<usize> = vec![0; lanes + 1];
            let (mut waiting, mut came, mut done) = (0, 0, 0);
            let way = |place: usize| if place == 0 { Way::Wide } else { Way::Lane };
            let idle: Vec<Event> = (0..=lanes).flat_map(|p| [Event::Free(p), Event::End(p)]).collect();
            let drain = idle.iter().copied().cycle().take(idle.len() * 400);
            for event in events.into_iter().chain(drain) {
                match event {
                    Event::Arrive => {
                        policy.arrives(waiting);
                        (waiting, came) = (waiting + 1, came + 1);
                    }
                    Event::Free(place) if place <= lanes && at_work[place] == 0 => {
                        let share = policy.share(way(place), waiting);
                        prop_assert!(share <= waiting.min(4));
                        if share > 0 {
                            policy.begins(way(place), share);
                            (at_work[place], waiting) = (share, waiting - share);
                            let lanes_at_work = at_work[1..].iter().filter(|photos| **photos > 0).count();
                            prop_assert!(at_work[0] == 0 || lanes_at_work == 0, "all cores, and a lane beside");
                        }
                    }
                    Event::End(place) if place <= lanes && at_work[place] > 0 => {
                        policy.ends(way(place), at_work[place]);
                        done += at_work[place];
                        at_work[place] = 0;
                    }
                    Event::Free(_) | Event::End(_) => {}
                }
            }
            prop_assert_eq!((waiting, done), (0, came));
        }
    }
}
