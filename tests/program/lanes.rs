//! Which threads of the program run which photos, by the time each spent on a core.

use std::{fs, path::Path, process::Child};

use serde_json::Value;

use crate::{program, started::Started, support::network_shop};

/// Nanoseconds that threads of this name have run.
fn time_of(child: &Child, name: &str) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let named = tasks.map(|task| task.unwrap().path()).filter(|task| read(task, "comm").trim() == name);
    let times: Vec<u64> =
        named.map(|task| read(&task, "schedstat").split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(!times.is_empty(), "no thread is called {name}");
    times.iter().sum()
}

fn read(task: &Path, file: &str) -> String {
    fs::read_to_string(task.join(file)).unwrap()
}

fn results(answer: &str) -> Value {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    serde_json::from_str::<Value>(body).unwrap()["results"].take()
}

#[test]
fn a_crowd_runs_in_lanes_and_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let shop = network_shop(folder.path());
    let arguments = ["--embedding-cache", "off", "--threads", "2", "--queue", "100"];
    let started = Started::new(program(&shop.bundle).args(arguments));
    let times = || (time_of(&started.child, "model wide"), time_of(&started.child, "model lane"));
    let photos =
        ["circle-red~0", "square-green~1", "triangle-blue~2", "stripes-black~0"].map(|id| shop.photo(id));

    let before = times();
    let alone = [0, 1, 2, 3].map(|i| results(&started.ask("POST /similar", &photos[i])));
    let after = times();
    assert!(after.0 > before.0 && after.1 - before.1 < after.0 - before.0, "alone: {before:?}, {after:?}");

    let before = times();
    let crowd: Vec<Value> = std::thread::scope(|scope| {
        let (started, photos) = (&started, &photos);
        let asked: Vec<_> = (0..40)
            .map(|i| scope.spawn(move || results(&started.ask("POST /similar", &photos[i % 4]))))
            .collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let after = times();
    // Not held to the wide way's time, which its waiting for a core that others have makes long: lanes that ran have run far longer
    // than in all their life before; lanes that were passed over have not.
    assert!(after.1 - before.1 > 10 * before.1, "in a crowd: {before:?}, {after:?}");

    for (i, found) in crowd.iter().enumerate() {
        assert_eq!(found[0]["id"], alone[i % 4][0]["id"]);
        let score = |results: &Value| results[9]["score"].as_f64().unwrap();
        assert!((score(found) - score(&alone[i % 4])).abs() < 1e-4);
    }
}
