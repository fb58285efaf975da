//! How many connections are taken: in all, and from one address.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{config::Network, http::listener::caller::counted};

/// Connections from one address, by address; an address without any is not there.
#[derive(Default)]
struct Counts(Mutex<HashMap<IpAddr, usize>>);

impl Counts {
    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places for connections.
pub(crate) struct Places {
    all: Arc<Semaphore>,
    /// From one address; 0 is as many as there are.
    from_one: usize,
    trusted: Arc<[Network]>,
    counts: Arc<Counts>,
}

/// A connection's place, until this is dropped.
pub(crate) struct Place {
    _of_all: OwnedSemaphorePermit,
    counted: Option<(IpAddr, Arc<Counts>)>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// All of them are taken.
    Server,
    /// The address has as many as one may.
    Address,
}

impl Places {
    /// So many in all, and from one address, except from proxies that are trusted and from this machine itself.
    pub(crate) fn new(all: usize, from_one: usize, trusted: Arc<[Network]>) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), from_one, trusted, counts: Arc::default() }
    }

    /// A place for a connection from there.
    pub(crate) fn take(&self, from: IpAddr) -> Result<Place, Full> {
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Full::Server)?;
        let from = from.to_canonical();
        let exempt = from.is_loopback() || self.trusted.iter().any(|network| network.holds(from));
        if exempt || self.from_one == 0 {
            return Ok(Place { _of_all: of_all, counted: None });
        }
        let address = counted(from);
        let mut counts = self.counts.lock();
        let count = counts.entry(address).or_insert(0);
        if *count >= self.from_one {
            return Err(Full::Address);
        }
        *count += 1;
        drop(counts);
        Ok(Place { _of_all: of_all, counted: Some((address, Arc::clone(&self.counts))) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((address, counts)) = &self.counted else { return };
        let mut counts = counts.lock();
        if let Some(count) = counts.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(all: usize, from_one: usize) -> Places {
        Places::new(all, from_one, Arc::new(["10.0.0.0/8".parse().unwrap()]))
    }

    fn of(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_has_its_share_and_leaves_the_others() {
        let places = places(10, 2);
        let held: Vec<Place> = (0..2).map(|_| places.take(of("192.0.2.1")).ok().unwrap()).collect();
        assert_eq!(places.take(of("192.0.2.1")).err(), Some(Full::Address));
        assert_eq!(places.take(of("::ffff:192.0.2.1")).err(), Some(Full::Address));
        assert!(places.take(of("192.0.2.2")).is_ok());
        drop(held);
        assert!(places.take(of("192.0.2.1")).is_ok());
        assert!(places.counts.lock().is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let places = places(10, 1);
        let _held = places.take(of("2001:db8::1")).ok().unwrap();
        assert_eq!(places.take(of("2001:db8::ffff:2")).err(), Some(Full::Address));
        assert!(places.take(of("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn proxies_and_this_machine_have_all_there_is() {
        for from in ["10.1.2.3", "127.0.0.1", "::1"] {
            let places = places(3, 1);
            let _held: Vec<Place> = (0..3).map(|_| places.take(of(from)).ok().unwrap()).collect();
            assert_eq!(places.take(of(from)).err(), Some(Full::Server), "{from}");
        }
        let places = places(3, 0);
        let _held: Vec<Place> = (0..3).map(|_| places.take(of("192.0.2.1")).ok().unwrap()).collect();
    }
}
