//! How each of the model's threads is. A seat is a thread's place: where it ends or stalls, another takes the seat.

use super::policy::Way;

/// Whether photos can be embedded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    /// All of the model's threads are well.
    Up,
    /// One of them at least is being started again, or waits for memory; why.
    Down(String),
    /// The model cannot be started again: the process has to end. Why.
    GaveUp(String),
}

#[derive(Debug)]
struct Seat {
    way: Way,
    /// Why it takes nothing, where it takes nothing.
    down: Option<String>,
}

/// All threads.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    seats: Vec<Seat>,
    gave_up: Option<String>,
}

impl Seats {
    /// One more, which is up.
    pub fn add(&mut self, way: Way) -> usize {
        self.seats.push(Seat { way, down: None });
        self.seats.len() - 1
    }

    pub fn way(&self, seat: usize) -> Way {
        self.seats.get(seat).map_or(Way::Wide, |seat| seat.way)
    }

    /// Whether it was up.
    pub fn lose(&mut self, seat: usize, why: &str) -> bool {
        self.seats.get_mut(seat).is_some_and(|seat| seat.down.replace(why.to_owned()).is_none())
    }

    /// Whether it was down.
    pub fn up(&mut self, seat: usize) -> bool {
        self.seats.get_mut(seat).is_some_and(|seat| seat.down.take().is_some())
    }

    /// Nobody starts them any more.
    pub fn give_up(&mut self, why: String) {
        self.gave_up.get_or_insert(why);
    }

    /// Why nobody takes photos, if nobody does.
    pub fn why_none(&self) -> Option<String> {
        if let Some(why) = &self.gave_up {
            return Some(why.clone());
        }
        let first = self.seats.first()?.down.clone();
        self.seats.iter().all(|seat| seat.down.is_some()).then_some(first).flatten()
    }

    pub fn life(&self) -> Life {
        let down = || self.seats.iter().find_map(|seat| seat.down.clone());
        match &self.gave_up {
            Some(why) => Life::GaveUp(why.clone()),
            None => down().map_or(Life::Up, Life::Down),
        }
    }
}
