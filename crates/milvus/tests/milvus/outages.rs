//! Milvus slow, gone and back.

use std::time::{Duration, Instant};

use lookalike_catalogue::{
    Catalogue, CatalogueError, Effort, LivingCatalogue,
    contract::conformance::{DIMS, Shop, put},
};
use lookalike_items::Filter;
use lookalike_milvus::{Credentials, MilvusCatalogue, Options};

use super::{MODEL, items, load, open, server};

#[tokio::test(flavor = "multi_thread")]
async fn milvus_hangs_is_killed_and_comes_back() {
    let mut server = server::alone();
    let address = server.address("outage");
    load(&address, MODEL, items(300)).await;
    let options =
        Options { read: Duration::from_secs(1), write: Duration::from_secs(2), ..Options::default() };
    let catalogue = MilvusCatalogue::open(&address, &Credentials::None, options, MODEL, DIMS).await.unwrap();
    let mut shop = Shop::new(9);
    let (item, vectors) = shop.item(8_000);
    catalogue.write(vec![put(item.clone(), vectors)]).await.unwrap();

    // It hangs: each answer is late, but never later than it may be.
    server.freeze(true);
    let begun = Instant::now();
    let told = catalogue.nearest(&shop.query(0.1), 5, &Filter::default(), Effort::Usual).await.unwrap_err();
    assert!(matches!(told, CatalogueError::Timeout(_)), "{told}");
    assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
    let told = catalogue.write(vec![put(item.clone(), shop.vectors())]).await.unwrap_err();
    assert!(matches!(told, CatalogueError::Timeout(_)), "{told}");
    server.freeze(false);
    recovers(&catalogue).await;

    // It is gone: after some failures nobody waits for it any more.
    server.kill();
    let mut last = None;
    for _ in 0..8 {
        last = Some(catalogue.count().await.unwrap_err());
    }
    assert!(matches!(&last, Some(CatalogueError::Unavailable { .. })), "{last:?}");
    let begun = Instant::now();
    for _ in 0..20 {
        let told = catalogue.get(&item.id).await.unwrap_err();
        assert!(
            matches!(&told, CatalogueError::Unavailable { retry_after, .. } if *retry_after <= Duration::from_secs(5)),
            "{told}"
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(catalogue.health().await.is_err());
    let begun = Instant::now();
    let none = MilvusCatalogue::open(
        &address,
        &Credentials::None,
        Options { connect: Duration::from_secs(1), ..Options::default() },
        MODEL,
        DIMS,
    );
    assert!(matches!(none.await.map(drop), Err(CatalogueError::Unavailable { .. })));
    assert!(begun.elapsed() < Duration::from_secs(4));

    // It is back: so is the catalogue, by itself, with everything that was acknowledged.
    server.start();
    recovers(&catalogue).await;
    assert_eq!(catalogue.count().await.unwrap(), 301);
    assert!(catalogue.get(&item.id).await.unwrap().is_some());
    assert_eq!(open(&address).await.count().await.unwrap(), 301);
}

async fn recovers(catalogue: &MilvusCatalogue) {
    let begun = Instant::now();
    loop {
        let filter = Filter::default();
        let found = catalogue.nearest(&Shop::new(1).query(0.1), 5, &filter, Effort::Usual).await;
        let health = catalogue.health().await;
        match (found, health) {
            (Ok(found), Ok(())) => {
                assert_eq!(found.hits.len(), 5);
                println!("well again after {:?}", begun.elapsed());
                return;
            }
            (Err(CatalogueError::Unavailable { .. } | CatalogueError::Timeout(_)), _) | (_, Err(_)) => {}
            (other, _) => panic!("{other:?}"),
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "well again within two minutes");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
