//! `index` on many machines, and killed: the catalogue is the same.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{done, refused, repository};

/// The files of the catalogue in use, as its manifest seals them.
fn catalogue(bundle: &Path) -> Value {
    let current = fs::read_to_string(bundle.join("catalogue/CURRENT")).unwrap();
    let generation = bundle.join("catalogue").join(current.split_whitespace().next().unwrap());
    let manifest: Value =
        serde_json::from_slice(&fs::read(generation.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["deterministic"], true);
    manifest["files"].clone()
}

/// A bundle of the shipped weights and a shop of 300 photos.
fn prepare(dir: &Path) {
    let weights = repository().join("weights/demo");
    done(dir, "sample-data --out shop --products 100 --views 3 --seed 31");
    done(dir, &format!("export --run {} --out bundle", weights.display()));
}

#[test]
fn shards_make_the_catalogue_that_one_run_makes() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepare(dir);
    let index = "index --bundle bundle --data shop --layout deepfashion";
    done(dir, index);
    let whole = catalogue(&dir.join("bundle"));
    assert!(!dir.join("bundle/.index").exists(), "what is done leaves nothing behind");

    // Two machines with folders of their own.
    done(dir, &format!("{index} --shard 1/3 --shards first"));
    done(dir, &format!("{index} --shard 3/3 --shards first"));
    let missing = refused(dir, "merge --bundle bundle --shards first");
    assert!(missing.contains("1 shards are missing: 2/3"), "{missing}");
    done(dir, &format!("{index} --shard 2/3 --shards second"));
    done(dir, "merge --bundle bundle --shards first --shards second");
    let current = fs::read_to_string(dir.join("bundle/catalogue/CURRENT")).unwrap();
    assert!(current.starts_with("gen-2"), "{current}");
    assert_eq!(catalogue(&dir.join("bundle")), whole);

    // Again: there is nothing to do, and nothing is made worse.
    let before = fs::read(dir.join("second/2-of-3.shard")).unwrap();
    done(dir, &format!("{index} --shard 2/3 --shards second"));
    assert!(fs::read(dir.join("second/2-of-3.shard")).unwrap() == before);

    fs::copy(dir.join("first/1-of-3.shard"), dir.join("second/copy.shard")).unwrap();
    let twice = refused(dir, "merge --bundle bundle --shards first --shards second");
    assert!(twice.contains("shard 1/3 is there twice"), "{twice}");
    fs::remove_file(dir.join("second/copy.shard")).unwrap();

    done(dir, &format!("{index} --shard 2/2 --shards halves"));
    let overlap = refused(dir, "merge --bundle bundle --shards first --shards second --shards halves");
    assert!(overlap.contains("overlap"), "{overlap}");

    let mut bytes = before.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(dir.join("second/2-of-3.shard"), bytes).unwrap();
    let damaged = refused(dir, "merge --bundle bundle --shards first --shards second");
    assert!(damaged.contains("2-of-3.shard") && damaged.contains("not what was written"), "{damaged}");
    // Running it again mends it.
    done(dir, &format!("{index} --shard 2/3 --shards second"));
    assert!(fs::read(dir.join("second/2-of-3.shard")).unwrap() == before);

    // Another list of photos, another model.
    done(dir, "index --bundle bundle --data shop/img --layout folders --shard 2/3 --shards other");
    let photos = refused(dir, "merge --bundle bundle --shards first --shards other");
    assert!(photos.contains("different photos"), "{photos}");
    let occupied =
        refused(dir, "index --bundle bundle --data shop/img --layout folders --shard 2/3 --shards second");
    assert!(occupied.contains("is there already"), "{occupied}");
    done(
        dir,
        "train --data shop --layout deepfashion --width 4 --embedding 8 --size 128 --epochs 1 --batch 24 --out run",
    );
    done(dir, "export --run run --out small");
    let model = refused(dir, "merge --bundle small --shards first --shards second");
    assert!(model.contains("made with model"), "{model}");
    assert!(refused(dir, "merge --bundle bundle --shards shop").contains("no finished shard"));
    assert_eq!(catalogue(&dir.join("bundle")), whole, "what was refused changed nothing");
}

/// Starts `arguments`, waits until `file` has some frames, and kills the process.
fn kill(dir: &Path, arguments: &str, file: &Path) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_lookalike-trainer"))
        .args(arguments.split_whitespace())
        .current_dir(dir)
        .env("OMP_NUM_THREADS", "1")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let before = fs::metadata(file).map_or(0, |f| f.len());
    while fs::metadata(file).map_or(0, |f| f.len()) < before + 100_000 {
        assert!(process.try_wait().unwrap().is_none(), "it was done before it could be killed");
        assert!(started.elapsed() < Duration::from_secs(120), "nothing was written");
        std::thread::sleep(Duration::from_millis(1));
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn killed_and_run_again_it_ends_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    prepare(dir);
    let index = "index --bundle bundle --data shop --layout deepfashion";
    done(dir, &format!("{index} --shard 1/1 --shards whole"));
    let part = dir.join("killed/1-of-1.part");
    let shard = format!("{index} --shard 1/1 --shards killed");
    kill(dir, &shard, &part);
    assert!(refused(dir, "merge --bundle bundle --shards killed").contains("no finished shard"));
    kill(dir, &shard, &part);
    // As if the machine itself had failed: a frame half on the disk.
    let bytes = fs::read(&part).unwrap();
    fs::write(&part, &bytes[..bytes.len() - 777]).unwrap();
    let output = crate::trainer(dir, &shard);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("by an earlier run"), "{told}");
    let read = |folder: &str| fs::read(dir.join(folder).join("1-of-1.shard")).unwrap();
    assert!(read("killed") == read("whole"));

    // `index` alone goes on as well.
    done(dir, "merge --bundle bundle --shards whole");
    let whole = catalogue(&dir.join("bundle"));
    kill(dir, index, &dir.join("bundle/.index/1-of-1.part"));
    let output = crate::trainer(dir, index);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("by an earlier run"), "{told}");
    assert_eq!(catalogue(&dir.join("bundle")), whole);
}

/// What the containers of `deploy/index-job.yaml` run, in the order of its jobs: script, and environment.
fn containers() -> Vec<(String, Vec<(String, String)>)> {
    let path = repository().join("deploy/index-job.yaml");
    let text = fs::read_to_string(path).unwrap();
    let jobs = serde_yaml_ng::Deserializer::from_str(&text);
    let jobs = jobs.map(|job| <Value as serde::Deserialize>::deserialize(job).unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    jobs.map(|job| {
        assert_eq!(job["kind"], "Job");
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["command"], serde_json::json!(["bash", "-c"]));
        let env = container["env"].as_array().unwrap();
        let env = env.iter().map(|e| (text(&e["name"]), text(&e["value"]))).collect();
        (text(&container["args"][0]), env)
    })
    .collect()
}

#[test]
fn the_jobs_that_kubernetes_is_given_run() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 60 --views 3 --seed 32");
    done(
        dir,
        "train --data shop --layout deepfashion --width 4 --embedding 8 --size 128 --epochs 1 --batch 24 --out run",
    );
    done(dir, "export --run run --out bundle");
    let program = Path::new(env!("CARGO_BIN_EXE_lookalike-trainer"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let start = |(script, env): &(String, Vec<(String, String)>), index: &str| {
        let here = |value: &str| value.replace("/data/photos", "shop/img").replace("/data/", "");
        let shards = |(name, value): &(String, String)| {
            (name.clone(), if name == "SHARDS" { "2".to_owned() } else { here(value) })
        };
        Command::new("bash")
            .args(["-c", script])
            .envs(env.iter().map(shards))
            .env("JOB_COMPLETION_INDEX", index)
            .env("PATH", &path)
            .env("OMP_NUM_THREADS", "1")
            .current_dir(dir)
            .spawn()
            .unwrap()
    };
    let jobs = containers();
    assert_eq!(jobs.len(), 2);
    // The merge is started with the others, and waits.
    let mut all = [start(&jobs[1], ""), start(&jobs[0], "0"), start(&jobs[0], "1")];
    assert!(all.iter_mut().all(|job| job.wait().unwrap().success()));
    let items = fs::read_to_string(dir.join("bundle/catalogue/gen-1/items.jsonl")).unwrap();
    assert_eq!(items.lines().count(), 180);
}
