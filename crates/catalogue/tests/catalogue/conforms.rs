//! The local engine, held to what every engine promises.

use lookalike_catalogue::{LiveCatalogue, LiveOptions, contract::conformance};

use crate::live::base_of;

/// So few that most of what came in gets graphs of its own, and so many that all of it is compared one by one.
#[test]
fn the_local_engine_keeps_the_contract() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for few in [100, 10_000] {
        let (_bundle, base) = base_of(0..0, &[]);
        let state = tempfile::tempdir().unwrap();
        let live = LiveCatalogue::open(state.path(), base, conformance::DIMS, LiveOptions { few }).unwrap();
        runtime.block_on(conformance::holds(&live));
    }
}
