//! How many searches a second there are, for whoever changes what each of them does: run by hand, before and after, by turns.
//!
//! `cargo test --release --workspace --test catalogue -- --ignored --nocapture rate`

use std::time::Instant;

use lookalike_catalogue::Effort;
use lookalike_items::Filter;

use crate::samples::{Source, catalogue};

#[test]
#[ignore = "measures"]
fn rate_of_searches() {
    let mut source = Source::new(5, 300, 192, 30);
    let items = source.items(20_000);
    let (queries, (_bundle, catalogue)) = (source.queries(2_000, 0.1), catalogue(items));
    for round in 0..6 {
        let begun = Instant::now();
        for query in &queries {
            let found = catalogue.search(query, 10, &Filter::default(), Effort::Usual).unwrap();
            assert_eq!(found.hits.len(), 10);
        }
        let rate = queries.len() as f64 / begun.elapsed().as_secs_f64();
        eprintln!("round {round}: {rate:.0} searches a second");
    }
}
