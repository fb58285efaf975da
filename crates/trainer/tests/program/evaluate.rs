//! `evaluate`: every figure is there with its interval, and photos that are in more than one split are found.

use std::{collections::HashMap, fs, path::Path};

use serde_json::{Map, Value};

use crate::{done, trainer};

const EVALUATE: &str = "evaluate --bundle bundle --data shop --layout deepfashion --json";

fn figures(dir: &Path, more: &str) -> Map<String, Value> {
    let told: Value = serde_json::from_str(&done(dir, &format!("{EVALUATE} {more}"))).unwrap();
    told.as_object().unwrap().clone()
}

/// Photos of a split, by the shop's own list.
fn photos(dir: &Path, split: &str) -> Vec<String> {
    let list = fs::read_to_string(dir.join("shop/Eval/list_eval_partition.txt")).unwrap();
    let lines = list.lines().filter_map(|line| line.split_once(char::is_whitespace));
    lines.filter(|(_, its)| its.trim() == split).map(|(photo, _)| photo.to_owned()).collect()
}

#[test]
fn every_figure_has_its_interval_and_copies_across_splits_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 40 --views 3 --seed 71");
    done(
        dir,
        "train --data shop --layout deepfashion --width 4 --embedding 16 --size 128 --epochs 1 --batch 24 --out run",
    );
    done(dir, "export --run run --out bundle");
    done(dir, "index --bundle bundle --data shop --layout deepfashion");
    let told = figures(dir, "--split test");
    let hits = [1, 5, 10, 20, 30].map(|k| format!("hit_at_{k}"));
    let of_neighbours = || hits.iter().map(String::as_str).chain(["precision_at_10", "map_at_r"]);
    let mut names = vec!["category_top1".to_owned(), "category_top3".into(), "category_top5".into()];
    for search in ["", "ann_"] {
        for kind in ["category", "product"] {
            names.extend(of_neighbours().map(|name| format!("{search}{kind}_{name}")));
        }
    }
    assert_eq!(names.len(), 31);
    for name in &names {
        let number = |name: &str| told[name].as_f64().unwrap_or_else(|| panic!("{name}: {told:?}"));
        let (low, value, high) =
            (number(&format!("{name}_low")), number(name), number(&format!("{name}_high")));
        assert!(0.0 <= low && low <= value && value <= high && high <= 1.0, "{name}: {low} {value} {high}");
    }
    let wide = |name: &str| told[&format!("{name}_high")].as_f64() > told[&format!("{name}_low")].as_f64();
    assert!(names.iter().any(|name| wide(name)), "all intervals are of one point: {told:?}");
    assert!(told["ann_recall_at_10"].as_f64().unwrap() > 0.95);
    for ranks in hits.windows(2) {
        let at = |rank: &str| told[&format!("category_{rank}")].as_f64().unwrap();
        assert!(at(&ranks[0]) <= at(&ranks[1]), "more neighbours, fewer hits: {told:?}");
    }
    assert_eq!(figures(dir, "--split test"), told, "the same seed, the same intervals");
    let other = figures(dir, "--split test --bootstrap-seed 1");
    assert!(names.iter().all(|name| other[name] == told[name]) && other != told);
    let plain = figures(dir, "--split test --bootstrap 0");
    assert!(plain.keys().all(|key| !key.ends_with("_low") && !key.ends_with("_high")));

    let counts = |told: &Map<String, Value>| {
        let keys = ["duplicate_groups", "duplicate_groups_across_splits", "photos_also_in_train"];
        keys.map(|key| told[key].as_u64().unwrap())
    };
    assert_eq!(counts(&told), [0, 0, 0]);
    // One photo trained on comes back in test, another in val, and two more of train are the same.
    let (train, val, test) = (photos(dir, "train"), photos(dir, "val"), photos(dir, "test"));
    for (from, to) in [(&train[0], &test[1]), (&train[5], &val[0]), (&train[7], &train[9])] {
        fs::copy(dir.join("shop").join(from), dir.join("shop").join(to)).unwrap();
    }
    assert_eq!(counts(&figures(dir, "--split test --duplicates twice.jsonl")), [3, 2, 1]);
    assert_eq!(counts(&figures(dir, "")), [3, 2, 2]);
    let twice = fs::read_to_string(dir.join("twice.jsonl")).unwrap();
    let groups: Vec<HashMap<String, String>> = twice
        .lines()
        .map(|line| {
            let group: Vec<HashMap<String, String>> = serde_json::from_str(line).unwrap();
            group
                .into_iter()
                .map(|mut photo| (photo.remove("image").unwrap(), photo.remove("split").unwrap()))
                .collect()
        })
        .collect();
    let leaked =
        HashMap::from([(train[0].clone(), "train".to_owned()), (test[1].clone(), "test".to_owned())]);
    assert!(groups.len() == 3 && groups.contains(&leaked), "{groups:?}");
    let output = trainer(dir, &EVALUATE.replace(" --json", " --split test"));
    let warned = String::from_utf8_lossy(&output.stderr);
    assert!(
        warned.contains("the same photo in more than one split") && warned.contains(&test[1]),
        "{warned}"
    );
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("1 of the photos asked with were trained on too"), "{table}");
}
