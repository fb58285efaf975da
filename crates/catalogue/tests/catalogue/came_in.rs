//! What came in over a base large enough for its codes to tell others apart: searches of it find what comparing all finds.

use std::time::{Duration, Instant};

use lookalike_catalogue::{Effort, LiveCatalogue, LiveOptions, LocalCatalogue, Query, View};
use lookalike_items::{ColourWeight, Filter, Item, Vectors};
use tempfile::TempDir;

use crate::{
    live::{delete, patch, put},
    samples::{Source, catalogue, item},
};

const BASE: usize = 6_000;
const NEW: usize = 1_500;

struct Shop {
    source: Source,
    new: Vec<(Item, Vectors)>,
    live: LiveCatalogue,
    _folders: (TempDir, TempDir),
}

/// A base of which a third is deleted, and items that came in, of which a graph is made beyond `few`.
async fn shop(few: usize) -> Shop {
    let mut source = Source::new(18, 30, 96, 16);
    let (bundle, base): (TempDir, LocalCatalogue) = catalogue(source.items(BASE));
    let state = tempfile::tempdir().unwrap();
    let dims = source.vectors().dims();
    let live = LiveCatalogue::open(state.path(), base, dims, LiveOptions { few }).unwrap();
    let new: Vec<(Item, Vectors)> = (BASE..BASE + NEW).map(|n| (item(n), source.vectors())).collect();
    let puts = new.iter().map(|(item, vectors)| put(item.clone(), vectors.clone()));
    live.write(puts.collect()).await.unwrap();
    live.write((0..BASE).step_by(3).map(|n| delete(item(n).id)).collect()).await.unwrap();
    Shop { source, new, live, _folders: (bundle, state) }
}

impl Shop {
    /// The share of the ten nearest that a usual search finds, and that nothing found is farther than it should be.
    fn recall(&mut self, view: &View, filter: &Filter) -> f64 {
        let (mut found, mut wanted) = (0, 0);
        for query in self.source.queries(100, 0.1) {
            let exact = view.search(&query, 10, filter, Effort::Exact).unwrap().hits;
            let usual = view.search(&query, 10, filter, Effort::Usual).unwrap().hits;
            assert_eq!(usual.len(), exact.len());
            let last = exact.last().map_or(0.0, |hit| hit.distance.blend);
            found += usual.iter().filter(|hit| hit.distance.blend <= last).count();
            wanted += exact.len();
        }
        found as f64 / wanted as f64
    }

    fn filters() -> [Filter; 3] {
        let of = |key: &str, value: &str| Filter {
            attributes: [(key.to_owned(), vec![value.to_owned()])].into(),
            ..Filter::default()
        };
        [Filter::default(), of("colour", "red"), of("stock", "last")]
    }

    fn check(&mut self) {
        let view = self.live.view();
        for filter in Self::filters() {
            let recall = self.recall(&view, &filter);
            assert!(recall >= 0.99, "{recall} among {filter:?} with {view:?}");
        }
        // What came in is found by its own photo, wherever it is.
        for (item, vectors) in self.new.iter().step_by(50) {
            let query = Query { vectors: vectors.clone(), weight: ColourWeight::DEFAULT };
            let nearest = view.search(&query, 1, &Filter::default(), Effort::Usual).unwrap().hits;
            assert_eq!(nearest.first().map(|hit| &hit.item.id), Some(&item.id));
        }
    }
}

#[tokio::test]
async fn items_in_no_graph_are_found() {
    let mut shop = shop(NEW).await;
    let view = shop.live.view();
    assert_eq!((view.rows(), view.in_segment()), (NEW, 0));
    shop.check();
    // Slots that are free, and such as hold another row than before.
    let (gone, again) = (shop.new[..100].to_vec(), shop.new[100..160].to_vec());
    shop.new.drain(..160);
    shop.live.write(gone.iter().map(|(item, _)| delete(item.id.clone())).collect()).await.unwrap();
    for (item, _) in again {
        let moved = (item, shop.source.vectors());
        shop.live.write(vec![put(moved.0.clone(), moved.1.clone())]).await.unwrap();
        shop.new.push(moved);
    }
    shop.live.write(vec![put(gone[0].0.clone(), gone[0].1.clone())]).await.unwrap();
    shop.new.push(gone[0].clone());
    assert_eq!(shop.live.view().rows(), NEW - 99);
    shop.check();
}

#[tokio::test]
async fn items_in_a_graph_of_their_own_are_found() {
    let mut shop = shop(100).await;
    let started = Instant::now();
    while shop.live.view().in_segment() == 0 {
        assert!(started.elapsed() < Duration::from_secs(60), "no graph was built");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    shop.check();
    // Both: some of the segment hidden, some patched, and rows beside it.
    let (gone, patched) = (shop.new[..200].to_vec(), shop.new[200..400].to_vec());
    shop.new.drain(..200);
    shop.live.write(gone.iter().map(|(item, _)| delete(item.id.clone())).collect()).await.unwrap();
    let patches =
        patched.iter().map(|(item, _)| patch(item.id.clone(), serde_json::json!({"category": "Cape"})));
    shop.live.write(patches.collect()).await.unwrap();
    let more: Vec<(Item, Vectors)> = (20_000..20_050).map(|n| (item(n), shop.source.vectors())).collect();
    let puts = more.iter().map(|(item, vectors)| put(item.clone(), vectors.clone()));
    shop.live.write(puts.collect()).await.unwrap();
    shop.new.extend(more);
    let view = shop.live.view();
    assert!(view.rows() > 0 && view.in_segment() > 0, "{view:?}");
    shop.check();
    let capes = Filter { categories: vec!["Cape".into()], ..Filter::default() };
    assert!(shop.recall(&view, &capes) >= 0.99);
}
