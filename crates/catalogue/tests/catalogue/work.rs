//! Dear searches, more at once than are taken on, and what becomes of those that nobody waits for.

use std::time::{Duration, Instant};

use lookalike_catalogue::{Catalogue, CatalogueError, Effort, LocalCatalogue, Query, search_pools};
use lookalike_common::PoolFigures;
use lookalike_items::Filter;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::samples::{Source, catalogue};

/// So many that comparing all exactly is dear.
const ITEMS: usize = 34_000;

fn large() -> (TempDir, LocalCatalogue, Vec<Query>) {
    let mut source = Source::new(9, 60, 16, 4);
    let (folder, catalogue) = catalogue(source.items(ITEMS));
    let queries = source.queries(50, 0.1);
    (folder, catalogue, queries)
}

fn scans() -> PoolFigures {
    search_pools().iter().find(|(name, _)| *name == "scan").unwrap().1.figures()
}

/// An exact search, on a task of its own, and how long it took.
async fn exact(catalogue: LocalCatalogue, query: Query) -> (Result<usize, CatalogueError>, Duration) {
    let started = Instant::now();
    let found = catalogue.nearest(&query, 10, &Filter::default(), Effort::Exact).await;
    (found.map(|nearest| nearest.hits.len()), started.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dear_searches_are_taken_on_few_at_once_and_left_when_nobody_waits() {
    let (_folder, catalogue, queries) = large();
    let cores = std::thread::available_parallelism().unwrap().get();

    // Far more than may wait: some are refused, at once; whatever runs, few do, and what is cheap is not kept waiting.
    let mut asked = JoinSet::new();
    for n in 0..600 {
        asked.spawn(exact(catalogue.clone(), queries[n % queries.len()].clone()));
    }
    let mut most_at_work = 0;
    for query in &queries {
        let started = Instant::now();
        let found = catalogue.nearest(query, 10, &Filter::default(), Effort::Usual).await.unwrap();
        assert_eq!(found.hits.len(), 10);
        assert!(started.elapsed() < Duration::from_millis(500), "a walk waited for scans");
        most_at_work = most_at_work.max(scans().working);
    }
    assert!(most_at_work <= (cores / 4).max(1), "{most_at_work} dear searches at once");
    let (mut answered, mut refused) = (0, 0);
    for (found, took) in asked.join_all().await {
        match found {
            Ok(hits) => {
                assert_eq!(hits, 10);
                answered += 1;
            }
            Err(CatalogueError::Busy { retry_after }) => {
                assert!(retry_after > Duration::ZERO && took < Duration::from_secs(4), "{took:?}");
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(answered >= 50 && refused >= 50, "{answered} answered, {refused} refused");

    // Those whose callers leave are not made: whoever comes after them waits for none.
    let before = scans();
    let mut leaving = JoinSet::new();
    for n in 0..200 {
        leaving.spawn(exact(catalogue.clone(), queries[n % queries.len()].clone()));
    }
    while scans().waiting < 100 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    leaving.shutdown().await;
    assert_eq!(exact(catalogue.clone(), queries[0].clone()).await.0.unwrap(), 10);
    let after = scans();
    assert!(after.left - before.left >= 50, "{before:?} {after:?}");
    assert_eq!(after.waiting, 0);
}
