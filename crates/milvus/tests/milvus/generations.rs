//! Which collection is served, and for which model.

use lookalike_catalogue::{Catalogue, CatalogueError, contract::conformance::DIMS};
use lookalike_items::Dims;
use lookalike_milvus::{Credentials, MilvusCatalogue, Options};

use super::{MODEL, items, load, open, server};

#[tokio::test(flavor = "multi_thread")]
async fn another_model_is_refused_in_words() {
    let server = server::shared();
    let address = server.address("models");
    let open = async |model: &str, dims: Dims| {
        MilvusCatalogue::open(&address, &Credentials::None, Options::default(), model, dims).await.map(drop)
    };
    let none = open(MODEL, DIMS).await.unwrap_err();
    let told = none.to_string();
    assert!(
        told.contains("lookalike-trainer index --catalogue milvus://") && told.contains("'models'"),
        "{told}"
    );
    load(&address, MODEL, items(3)).await;
    open(MODEL, DIMS).await.unwrap();
    let other = open("model-b", DIMS).await.unwrap_err();
    assert!(
        matches!(&other, CatalogueError::Model { belongs_to, expected, .. } if belongs_to == MODEL && expected == "model-b"),
        "{other}"
    );
    let other = open(MODEL, Dims { deep: 25, colour: 5 }).await.unwrap_err();
    assert!(matches!(other, CatalogueError::Dims { holds: DIMS, .. }), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_moves_and_is_followed_and_goes_back() {
    let server = server::shared();
    let address = server.address("moves");
    let first = load(&address, MODEL, items(30)).await;
    assert_eq!((first.generation, first.collection.as_str()), (1, "moves_gen_1"));
    let (one, other) = (open(&address).await, open(&address).await);
    assert!(!one.refresh().await.unwrap());
    load(&address, MODEL, items(40)).await;
    // Until it is looked at again, the one before is served.
    assert_eq!(one.count().await.unwrap(), 30);
    assert!(one.refresh().await.unwrap() && !one.refresh().await.unwrap());
    assert_eq!((one.count().await.unwrap(), one.serves().as_str()), (40, "moves_gen_2"));
    let told: Vec<_> = one.generations().await.unwrap();
    let told: Vec<_> = told.iter().map(|g| (g.number, g.items, g.served, g.unfinished, g.dims)).collect();
    assert_eq!(told, [(1, Some(30), false, false, DIMS), (2, Some(40), true, false, DIMS)]);

    assert_eq!(one.roll_back(None).await.unwrap(), 1);
    assert_eq!(one.count().await.unwrap(), 30);
    assert!(other.refresh().await.is_ok_and(|changed| !changed), "it served the first all along");
    assert!(matches!(one.roll_back(None).await, Err(CatalogueError::NoBase(_))));
    assert!(matches!(one.roll_back(Some(9)).await, Err(CatalogueError::NoBase(_))));
    assert_eq!(one.roll_back(Some(2)).await.unwrap(), 2);
    assert!(other.refresh().await.unwrap());
    assert_eq!(other.count().await.unwrap(), 40);

    // A generation of another model is neither followed nor gone back to.
    load(&address, "model-b", items(50)).await;
    assert!(matches!(one.refresh().await, Err(CatalogueError::Model { .. })));
    assert_eq!(one.count().await.unwrap(), 40);
    assert!(matches!(one.roll_back(Some(3)).await, Err(CatalogueError::Model { .. })));
    assert_eq!(one.roll_back(None).await.unwrap(), 2);
    assert!(!one.refresh().await.unwrap());
}
