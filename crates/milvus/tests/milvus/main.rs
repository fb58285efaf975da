//! The engine against a real Milvus: the contract, generations, loads, outages, and how near the nearest are.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test may fail, and tells what it measured
#![allow(clippy::await_holding_lock)] // whoever has the server to itself has it to the end

mod generations;
mod loads;
mod outages;
mod recall;
mod server;

use lookalike_catalogue::contract::conformance::{self, DIMS, Shop};
use lookalike_items::{Item, Vectors};
use lookalike_milvus::{Credentials, Load, Loaded, MilvusAddress, MilvusCatalogue, Options, Source};

/// The model of most tests.
const MODEL: &str = "model-a";

/// So many items of the suite's shop, by rising id.
fn items(n: usize) -> Vec<(Item, Vectors)> {
    let mut shop = Shop::new(3);
    (0..n).map(|n| shop.item(n)).collect()
}

/// Loads these as the next generation.
async fn load(address: &MilvusAddress, model: &str, items: Vec<(Item, Vectors)>) -> Loaded {
    let source = Source { fingerprint: "a test".into(), items: items.len() };
    let what = (model, DIMS);
    let load = Load::begin(address, &Credentials::None, Options::default(), what, source, |_| ()).await;
    let mut load = load.unwrap();
    assert_eq!(load.there(), 0);
    load.put(items).await.unwrap();
    load.finish().await.unwrap()
}

async fn open(address: &MilvusAddress) -> MilvusCatalogue {
    let options = Options::default();
    MilvusCatalogue::open(address, &Credentials::None, options, MODEL, DIMS).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn milvus_keeps_the_contract() {
    let server = server::shared();
    let address = server.address("conforms");
    load(&address, MODEL, Vec::new()).await;
    conformance::holds(&open(&address).await).await;
}
