//! Whether the graph still finds what comparing everything finds: one search in so many is made again, both ways, on a thread that
//! runs while no core has anything else to do. Decay under many changes is seen nowhere else.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use lookalike_catalogue::{Catalogue, CatalogueError, Effort, Query};
use lookalike_common::lowest_priority;
use lookalike_items::Filter;
use lookalike_telemetry as telemetry;

/// So many neighbours are compared.
const NEIGHBOURS: usize = 10;

/// Hands searches to the thread that makes them again.
pub(crate) struct Canary {
    every: u64,
    seen: AtomicU64,
    thread: SyncSender<Sample>,
}

/// A search, and the catalogue as it was then.
struct Sample {
    catalogue: Arc<dyn Catalogue>,
    query: Query,
    filter: Filter,
}

impl Canary {
    /// Looks at one search in `every`; at none where that is 0. The thread ends when this is dropped.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(crate) fn start(every: u64) -> io::Result<Option<Self>> {
        if every == 0 {
            return Ok(None);
        }
        let (to, samples) = sync_channel(1);
        thread::Builder::new().name("canary".into()).spawn(move || run(&samples))?;
        Ok(Some(Self { every, seen: AtomicU64::new(0), thread: to }))
    }

    /// A search was made. While another is being made again, this one is passed over.
    pub(crate) fn saw(&self, catalogue: &Arc<dyn Catalogue>, query: &Query, filter: &Filter) {
        if self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every) {
            let sample =
                Sample { catalogue: Arc::clone(catalogue), query: query.clone(), filter: filter.clone() };
            let _ = self.thread.try_send(sample);
        }
    }
}

fn run(samples: &Receiver<Sample>) {
    lowest_priority();
    while let Ok(sample) = samples.recv() {
        match compared(&sample) {
            Ok((_, 0)) => {}
            Ok((found, of)) => telemetry::recalled(found, of),
            Err(e) => tracing::debug!(error = %e, "a search could not be made again"),
        }
    }
}

/// How many of the nearest the usual search finds, and how many there are to find.
fn compared(sample: &Sample) -> Result<(usize, usize), CatalogueError> {
    let nearest = |effort| {
        let Sample { catalogue, query, filter } = sample;
        futures_executor::block_on(catalogue.nearest(query, NEIGHBOURS, filter, effort))
    };
    let (exact, usual) = (nearest(Effort::Exact)?.hits, nearest(Effort::Usual)?.hits);
    // As near as the farthest of the nearest is near enough: which of two such is found is chance.
    let farthest = exact.last().map_or(f32::NEG_INFINITY, |hit| hit.distance.blend);
    let found = usual.iter().filter(|hit| hit.distance.blend <= farthest).count();
    Ok((found.min(exact.len()), exact.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_catalogue::{BuildOptions, LocalCatalogue, build};
    use lookalike_items::{ColourWeight, Item, ItemId, Vectors};

    #[test]
    fn what_a_graph_finds_is_counted_and_one_search_in_so_many_is_looked_at() {
        let point = |n: usize| {
            let angle = n as f32 * 0.13;
            Vectors::new(vec![angle.cos(), angle.sin(), (n % 5) as f32], vec![]).unwrap()
        };
        let items = (0..60).map(|n| {
            (
                Item::new(ItemId::parse(&format!("i{n}")).unwrap(), if n < 3 { "few" } else { "many" }),
                point(n),
            )
        });
        let bundle = tempfile::tempdir().unwrap();
        build(bundle.path(), "m", items.collect(), &BuildOptions::default(), &|_, _, _| ()).unwrap();
        let catalogue: Arc<dyn Catalogue> = Arc::new(LocalCatalogue::open(bundle.path(), "m").unwrap());
        let query = Query { vectors: point(7), weight: ColourWeight::new(0.0).unwrap() };
        let few = Filter { categories: vec!["few".into()], ..Filter::default() };
        let none = Filter { categories: vec!["none".into()], ..Filter::default() };
        for (filter, of) in [(Filter::default(), 10), (few, 3), (none, 0)] {
            let sample = Sample { catalogue: Arc::clone(&catalogue), query: query.clone(), filter };
            assert_eq!(compared(&sample).unwrap(), (of, of));
        }

        assert!(Canary::start(0).unwrap().is_none());
        let (thread, samples) = sync_channel(9);
        let canary = Canary { every: 3, seen: AtomicU64::new(0), thread };
        (0..7).for_each(|_| canary.saw(&catalogue, &query, &Filter::default()));
        drop(canary);
        assert_eq!(samples.iter().count(), 3, "the first, the fourth, the seventh");
    }
}
