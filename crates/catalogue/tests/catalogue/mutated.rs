//! A generation's files as somebody might make them, sealed again: an error, or a catalogue that answers.

#[path = "../../../common/tests/support/mutation.rs"]
mod mutation;

use std::{fs, path::Path};

use lookalike_catalogue::{
    BuildOptions, CATEGORY, Catalogue, CatalogueError, Effort, FileSeal, LiveCatalogue, LiveOptions,
    LocalCatalogue, Query, build,
};
use lookalike_items::{ColourWeight, Dims, Filter, ItemId, NumberRange, Vectors};
use mutation::{cases, each_case, in_a_process, mutated};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::runtime::Runtime;

use crate::{
    live::{delete, patch, put},
    samples::{MODEL, Source, item},
};

/// What a process has that opens such files.
const MEMORY: u64 = 2 << 30;
const ITEMS: usize = 90;

/// Each kind of file has a test of its own.
macro_rules! kinds {
    ($($test:ident, $cases:ident: $file:literal;)*) => {$(
        #[test]
        fn $test() {
            in_a_process(concat!("mutated::", stringify!($cases)), cases(300));
        }

        #[test]
        #[ignore = "is run by the test above, in a process of its own"]
        fn $cases() {
            each_mutated($file);
        }
    )*};
}

kinds! {
    a_mutated_manifest_is_an_error_or_answers, each_manifest: "manifest.json";
    mutated_items_are_an_error_or_answer, each_items: "items.jsonl";
    mutated_facets_are_an_error_or_answer, each_facets: "facets.bin";
    a_mutated_graph_is_an_error_or_answers, each_graph: "graph.bin";
    mutated_numbers_are_an_error_or_answer, each_numbers: "numbers.bin";
}

fn each_mutated(name: &str) {
    let (folder, mut source) = (tempfile::tempdir().unwrap(), Source::new(1, 5, 12, 4));
    let (bundle, items) = (folder.path().join("bundle"), source.items(ITEMS));
    let options = BuildOptions { m: 4, ef_construction: 40, ..BuildOptions::default() };
    build(&bundle, MODEL, items, &options, &|_, _, _| ()).unwrap();
    let generation = bundle.join("catalogue/gen-1");
    let manifest = fs::read(generation.join("manifest.json")).unwrap();
    let whole = fs::read(generation.join(name)).unwrap();
    let runtime = Runtime::new().unwrap();
    let (mut opened, mut refused) = (0, 0);
    each_case(MEMORY, |rng| {
        fs::write(generation.join(name), mutated(&whole, rng)).unwrap();
        if name != "manifest.json" {
            fs::write(generation.join("manifest.json"), &manifest).unwrap();
            reseal(&generation, name);
        }
        reseal_manifest(&bundle);
        match LocalCatalogue::open(&bundle, MODEL) {
            Ok(catalogue) => {
                opened += 1;
                asked(&runtime, &catalogue, source.vectors(), rng);
                if opened % 20 == 0 {
                    lived(&runtime, catalogue, folder.path(), source.vectors());
                }
            }
            Err(_) => refused += 1,
        }
    });
    assert!(opened > 0 && refused > 0, "{opened} were opened, {refused} refused");
}

/// The manifest says of the file what it now is.
fn reseal(generation: &Path, name: &str) {
    let path = generation.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let seal = FileSeal::of(&generation.join(name)).unwrap();
    manifest["files"][name] = serde_json::to_value(seal).unwrap();
    fs::write(&path, serde_json::to_vec(&manifest).unwrap()).unwrap();
}

/// `CURRENT` says of the manifest what it now is.
fn reseal_manifest(bundle: &Path) {
    let bytes = fs::read(bundle.join("catalogue/gen-1/manifest.json")).unwrap();
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(bundle.join("catalogue/CURRENT"), format!("gen-1 sha256:{digest}\n")).unwrap();
}

fn filters() -> Vec<Filter> {
    let none = Filter::default;
    let text = |text: &str| vec![text.to_owned()];
    let range = NumberRange::new(Some(50.0), Some(300.0)).unwrap();
    vec![
        none(),
        Filter { categories: text("Tee"), ..none() },
        Filter { not_categories: text("Coat"), ..none() },
        Filter { attributes: [("colour".to_owned(), text("red"))].into(), ..none() },
        Filter { not_attributes: [("colour".to_owned(), text("blue"))].into(), ..none() },
        Filter { ranges: [("price".to_owned(), range)].into(), ..none() },
        Filter { exclude: vec![item(3).id, item(500).id], ..none() },
    ]
}

/// Everything that a catalogue can be asked: each answer is an error, or of the shape that it should have.
fn asked(runtime: &Runtime, catalogue: &LocalCatalogue, vectors: Vectors, rng: &mut ChaCha8Rng) {
    let weight = ColourWeight::new(rng.random_range(0.0..1.0)).unwrap();
    let (query, count) = (Query { vectors, weight }, catalogue.len());
    for filter in filters() {
        for effort in [Effort::Usual, Effort::Ef(8), Effort::Ef(500), Effort::Exact] {
            let Ok(nearest) = catalogue.search(&query, 7, &filter, effort) else { continue };
            assert!(nearest.hits.len() <= 7.min(count));
            let apart = |hit: &lookalike_catalogue::Hit| hit.distance.blend;
            assert!(nearest.hits.iter().all(|hit| apart(hit).is_finite()), "{:?}", nearest.hits);
            assert!(nearest.hits.is_sorted_by(|a, b| apart(a) <= apart(b)));
        }
        let Ok(listing) = runtime.block_on(catalogue.list(&filter, Some(&item(5).id), 10)) else { continue };
        assert!(listing.items.len() <= 10 && listing.total <= count);
    }
    let ids: Vec<ItemId> = [0, 1, 40, 89, 5_000].map(|n| item(n).id).into();
    let keys = [CATEGORY, "colour", "price", "nothing"].map(str::to_owned);
    runtime.block_on(async {
        if let Ok(found) = catalogue.vectors(&ids).await {
            assert_eq!(found.len(), ids.len());
            assert!(found.iter().flatten().all(|vectors| vectors.dims() == catalogue.dims()));
        }
        for id in &ids {
            let _ = catalogue.get(id).await;
        }
        if let Ok(facets) = catalogue.facets(&filters()[1], &keys).await {
            assert_eq!(facets.len(), keys.len());
        }
        let _ = (catalogue.random().await, catalogue.categories().await, catalogue.health().await);
    });
    let _ = catalogue.audit(3);
    assert_eq!(catalogue.items().count(), count);
}

/// What comes in is laid over it.
fn lived(runtime: &Runtime, catalogue: LocalCatalogue, folder: &Path, vectors: Vectors) {
    let state = folder.join("state");
    let _ = fs::remove_dir_all(&state);
    let dims = Dims { deep: 12, colour: 4 };
    let Ok(live) = LiveCatalogue::open(&state, catalogue, dims, LiveOptions::default()) else { return };
    let writes = [
        vec![put(item(3), vectors.clone()), put(item(900), vectors.clone())],
        vec![patch(item(4).id, serde_json::json!({"category": "Cape"})), delete(item(5).id)],
    ];
    for writes in writes {
        let _: Result<_, CatalogueError> =
            runtime.block_on(lookalike_catalogue::LivingCatalogue::write(&live, writes));
    }
    let query = Query { vectors, weight: ColourWeight::DEFAULT };
    for filter in filters() {
        let _ = live.view().search(&query, 7, &filter, Effort::Usual);
        let _ = runtime.block_on(live.view().list(&filter, None, 10));
    }
    let _ = runtime.block_on(live.compact(|_, _, _| ()));
}
