//! What a server does without being asked.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::living::{Living, vector};
use crate::support::{running::send, tiny_shop};

/// A thousand items beside the shop's own, in a server that compacts by itself after as many compactions that were cut off.
async fn changed(cut_off: u32) -> Living {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("keys"), crate::living::KEY).unwrap();
    fs::create_dir(state.path().join("state")).unwrap();
    fs::write(state.path().join("state/compacting"), format!("{cut_off}\n")).unwrap();
    let server = Living::over_compacting(tiny_shop(), &state, "50%", &[]).await;
    let living = Living { state, server };
    let line =
        |n| json!({"op": "put", "id": format!("n{n}"), "item": {"category": "new"}, "embedding": vector(n)});
    let lines: Vec<Value> = (0..999).map(line).collect();
    assert_eq!(living.bulk(&lines).await[999]["ok"], 999);
    living
}

async fn begun(living: &Living) -> Option<Value> {
    let told = send(living.request("GET", "/admin/operations/compact-1")).await;
    (told.status == 200).then(|| told.json())
}

#[tokio::test]
async fn much_that_has_changed_is_compacted_unless_that_killed_the_server_before() {
    let (living, killed) = tokio::join!(changed(2), changed(3));
    tokio::time::sleep(Duration::from_millis(5_500)).await;
    assert!(begun(&living).await.is_none(), "fewer than a thousand have changed");
    let one = json!({"item": {"category": "new"}, "embedding": vector(5)});
    for living in [&living, &killed] {
        assert_eq!(living.put_vector("last", &one).await.status, 201);
    }
    let mut waited = 0;
    while begun(&living).await.is_none_or(|operation| operation["state"] == "running") {
        waited += 1;
        assert!(waited < 600, "no compaction has ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let ended = begun(&living).await.unwrap();
    assert_eq!(ended["state"], "done", "{ended}");
    assert!(!living.state.path().join("state/compacting").exists());
    let served = send(living.request("GET", "/admin/generations")).await.json();
    assert_eq!(served["served"], "compacted-1", "{served}");
    let total = tiny_shop().items() + 1_000;
    assert_eq!(living.server.get("/items?limit=1").await.json()["total"], total);
    assert!(begun(&killed).await.is_none(), "three were cut off: the next would be, too");
    // Whoever has given it more memory says so.
    assert_eq!(killed.operate("/admin/compact").await["state"], "done");
    assert!(!killed.state.path().join("state/compacting").exists());
    living.server.stop().await;
    // A stop that was asked for says nothing of the memory there is.
    fs::write(killed.state.path().join("state/compacting"), "2\n").unwrap();
    let Living { state, server } = killed;
    server.stop().await;
    assert!(!state.path().join("state/compacting").exists());
}
