//! The local engine, held to what every engine promises.

use std::{sync::Arc, time::Duration};

use lookalike_catalogue::{
    LiveCatalogue, LiveOptions,
    contract::conformance::{self, Faults, Faulty},
};

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

/// A slow engine that can do no more than it must keeps it too; while it is down it says so, and afterwards all is as it was.
#[test]
fn a_faulty_engine_keeps_the_contract() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_bundle, base) = base_of(0..0, &[]);
    let state = tempfile::tempdir().unwrap();
    let options = LiveOptions { few: 10_000 };
    let live = LiveCatalogue::open(state.path(), base, conformance::DIMS, options).unwrap();
    let faults = Faults::default();
    let faulty = Faulty::new(Arc::new(live), faults.clone());
    runtime.block_on(async {
        faults.down(true);
        conformance::fails(&faulty).await;
        faults.down(false);
        faults.slow(Duration::from_millis(1));
        faults.plain(true);
        conformance::holds(&faulty).await;
    });
}
