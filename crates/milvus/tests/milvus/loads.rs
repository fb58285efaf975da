//! Loads that are interrupted, and go on.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use lookalike_catalogue::{Catalogue, CatalogueError, contract::conformance::DIMS};
use lookalike_items::Filter;
use lookalike_milvus::{Credentials, Load, LoadStep, MilvusAddress, Options, Source};
use milvus::v2::prelude::{ClientV2, ConnectConfig, CreateAliasRequest};

use super::{MODEL, items, load, open, server};

async fn begin(
    address: &MilvusAddress,
    fingerprint: &str,
    items: usize,
) -> (Load, Arc<Mutex<Vec<LoadStep>>>) {
    let steps = Arc::new(Mutex::new(Vec::new()));
    let heard = steps.clone();
    let source = Source { fingerprint: fingerprint.into(), items };
    let hear = move |step| heard.lock().unwrap().push(step);
    let load =
        Load::begin(address, &Credentials::None, Options::default(), (MODEL, DIMS), source, hear).await;
    (load.unwrap(), steps)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_was_interrupted_goes_on() {
    let server = server::shared();
    let address = server.address("interrupted");
    let all = items(9_000);
    let (mut first, _) = begin(&address, "a", all.len()).await;
    first.put(all[..6_500].to_vec()).await.unwrap();
    drop(first);
    // Nothing is served, and the generation is known to be unfinished.
    let opened = lookalike_milvus::MilvusCatalogue::open(
        &address,
        &Credentials::None,
        Options::default(),
        MODEL,
        DIMS,
    );
    assert!(matches!(opened.await, Err(CatalogueError::Engine(_))));

    let begun = Instant::now();
    let (mut second, steps) = begin(&address, "a", all.len()).await;
    let there = second.there();
    assert!((1_000..=6_000).contains(&there), "{there}");
    assert_eq!(second.generation(), 1);
    second.put(all[there..].to_vec()).await.unwrap();
    let loaded = second.finish().await.unwrap();
    println!("the rest of a load, {} items, indexed and served: {:?}", all.len() - there, begun.elapsed());
    assert_eq!((loaded.items, loaded.generation), (9_000, 1));
    let steps = steps.lock().unwrap();
    assert!(matches!(steps.last(), Some(LoadStep::Served)) && steps.contains(&LoadStep::Flushing));
    assert!(steps.contains(&LoadStep::Writing { items: 9_000, of: 9_000 }), "{steps:?}");

    let catalogue = open(&address).await;
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let part = catalogue.list(&Filter::default(), after.as_ref(), 2_500).await.unwrap();
        listed.extend(part.items);
        after = listed.last().map(|item: &Arc<lookalike_items::Item>| item.id.clone());
        if !part.more {
            break;
        }
    }
    assert!(listed.iter().map(|item| &**item).eq(all.iter().map(|(item, _)| item)));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..60 {
        seen.insert(catalogue.random().await.unwrap().unwrap().id.clone());
    }
    assert!(seen.len() > 55, "sixty draws of nine thousand gave {}", seen.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_of_something_else_begins_anew() {
    let server = server::shared();
    let address = server.address("anew");
    let all = items(4_200);
    let (mut first, _) = begin(&address, "a", all.len()).await;
    first.put(all[..4_100].to_vec()).await.unwrap();
    drop(first);
    let (second, _) = begin(&address, "b", 10).await;
    assert_eq!(second.there(), 0);
    drop(second);
    // One that comes to another number of items than it should is not served.
    let (mut third, _) = begin(&address, "b", 10).await;
    third.put(all[..9].to_vec()).await.unwrap();
    let told = third.finish().await.unwrap_err().to_string();
    assert!(told.contains("9 items, and 10"), "{told}");
    let (mut fourth, _) = begin(&address, "c", 10).await;
    let turned = fourth.put(vec![all[1].clone(), all[0].clone()]).await;
    assert!(matches!(turned, Err(CatalogueError::Options(_))), "{turned:?}");
    drop(fourth);
    load(&address, MODEL, all[..10].to_vec()).await;
    assert_eq!(open(&address).await.count().await.unwrap(), 10);
}

/// The loading alias as a load leaves it that is killed after its generation is served, and before it takes that alias away.
#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_was_killed_at_its_very_end_takes_nothing_away() {
    let server = server::shared();
    let address = server.address("at_the_end");
    let all = items(40);
    load(&address, MODEL, all[..30].to_vec()).await;
    let served = open(&address).await;
    let endpoint = address.to_string().replace("milvus://", "http://").replace("/at_the_end", "");
    let client = ClientV2::new(&ConnectConfig::new().uri(endpoint)).await.unwrap();
    let left = |from: &str| {
        let request = CreateAliasRequest::builder().alias("at_the_end_loading").collection_name(from);
        client.create_alias(request.build().unwrap())
    };
    // Another source, and then the same once more: either begins a generation of its own.
    for (number, source) in [(2, "other"), (3, "other")] {
        left(&format!("at_the_end_gen_{}", number - 1)).await.unwrap();
        let (mut next, _) = begin(&address, source, all.len()).await;
        assert_eq!((next.generation(), next.there()), (number, 0));
        assert_eq!(served.count().await.unwrap(), 30, "what is served stays");
        next.put(all.clone()).await.unwrap();
        assert_eq!(next.finish().await.unwrap().items, 40);
    }
    let numbers: Vec<u64> = served.generations().await.unwrap().iter().map(|one| one.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}
