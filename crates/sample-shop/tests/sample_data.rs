//! The generated sample catalogue, as whoever runs `sample-data` meets it.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use lookalike_items::{Item, ItemId};
use lookalike_sample_shop::{CATEGORIES, SampleError, SampleSpec, SampleSummary, draw, item, write};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

fn spec(products: u32, views: u32, seed: u64) -> SampleSpec {
    SampleSpec::new(products, views, seed).unwrap()
}

fn written(spec: &SampleSpec) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(spec, dir.path(), &|_| {}).unwrap();
    dir
}

/// Every file's path with its hash.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.insert(name, Sha256::digest(fs::read(&path).unwrap()).to_vec());
            }
        }
    }
    found
}

/// The rows of a list, its count checked, split at blanks.
fn list(root: &Path, name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root.join(name)).unwrap();
    let mut lines = text.lines();
    let count: usize = lines.next().unwrap().parse().unwrap();
    lines.next().unwrap();
    let rows: Vec<Vec<String>> = lines.map(|l| l.split_whitespace().map(str::to_owned).collect()).collect();
    assert_eq!(rows.len(), count, "{name}");
    rows
}

#[test]
fn a_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let spec = spec(20, 2, 11);
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| tree(written(&spec).path()))
    };
    let one = on(1);
    assert_eq!(one, on(3));
    assert_eq!(one.len(), 40 + 6);
}

#[test]
fn another_seed_gives_other_photos() {
    let (a, b) = (written(&spec(20, 1, 1)), written(&spec(20, 1, 2)));
    let (a, b) = (tree(a.path()), tree(b.path()));
    for (name, hash) in a.iter().filter(|(name, _)| name.starts_with("img/")) {
        assert_ne!(Some(hash), b.get(name), "{name}");
    }
}

#[test]
fn the_lists_agree_with_the_photos_and_the_items() {
    let spec = spec(40, 2, 5);
    let dir = written(&spec);
    let root = dir.path();
    let cloth = list(root, "Anno/list_category_cloth.txt");
    assert_eq!(cloth.len(), 50);
    assert!(CATEGORIES.iter().zip(&cloth).all(|(ours, row)| row == &[*ours, "1"]));

    let (labels, boxes) = (list(root, "Anno/list_category_img.txt"), list(root, "Anno/list_bbox.txt"));
    let parts = list(root, "Eval/list_eval_partition.txt");
    let text = fs::read_to_string(root.join("items.jsonl")).unwrap();
    let items: Vec<Item> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!([labels.len(), boxes.len(), parts.len(), items.len()], [80; 4]);

    let (mut seen, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (i, it) in items.iter().enumerate() {
        assert_eq!([&labels[i][0], &boxes[i][0], &parts[i][0]], [&it.image; 3]);
        let label: usize = labels[i][1].parse().unwrap();
        assert_eq!(cloth[label - 1][0], it.category);
        assert_eq!(it.id, ItemId::from_path(&it.image).unwrap());
        assert_eq!(*it, item(&spec, i as u32 / 2, i as u32 % 2).unwrap());
        assert!(it.title.is_some() && it.numbers.contains_key("price") && it.numbers.contains_key("stock"));
        for key in ["colour", "pattern", "sleeve", "neckline", "closure"] {
            assert!(it.attributes.get(key).is_some_and(|values| !values.is_empty()), "{key} of {}", it.id);
        }
        let photo = image::open(root.join(&it.image)).unwrap();
        let [x1, y1, x2, y2] = [1, 2, 3, 4].map(|k| boxes[i][k].parse::<u32>().unwrap());
        assert!(1 <= x1 && x1 < x2 && x2 <= photo.width(), "{}", it.id);
        assert!(1 <= y1 && y1 < y2 && y2 <= photo.height(), "{}", it.id);
        seen.insert(it.category.clone());
        assert!(ids.insert(it.id.clone()));
    }
    assert_eq!(seen.len(), CATEGORIES.len());
}

#[test]
fn every_product_has_a_title_a_price_and_a_stock_that_its_views_share() {
    let spec = spec(400, 2, 7);
    let (mut sold_out, mut titles) = (0, BTreeSet::new());
    let mut dearest: BTreeMap<String, f64> = BTreeMap::new();
    for product in 0..spec.products {
        let [front, back] = [0, 1].map(|view| item(&spec, product, view).unwrap());
        assert_eq!((&front.title, &front.numbers), (&back.title, &back.numbers));
        assert_eq!(front.check(), Ok(()));
        let (price, stock) = (front.numbers["price"], front.numbers["stock"]);
        let cents = (price * 100.0).round();
        assert!((5.0..400.0).contains(&price) && [90.0, 95.0].contains(&(cents % 100.0)), "{price}");
        assert_eq!(price, cents / 100.0, "as a shop writes it");
        assert!((0.0..=60.0).contains(&stock) && stock.fract() == 0.0, "{stock}");
        sold_out += u32::from(stock == 0.0);
        let title = front.title.unwrap();
        assert!(title.to_lowercase().contains(&front.category.to_lowercase()), "{title}");
        assert!(title.contains(&front.attributes["colour"][0]), "{title}");
        titles.insert(title);
        let most = dearest.entry(front.category).or_default();
        *most = most.max(price);
    }
    assert!((16..=48).contains(&sold_out), "about 8 in 100: {sold_out} of 400");
    assert!(titles.len() > 300, "{}", titles.len());
    assert!(dearest["Tank"] < dearest["Sweater"] && dearest["Sweater"] < dearest["Peacoat"], "{dearest:?}");
}

#[test]
fn no_product_is_in_two_splits_and_none_is_empty() {
    for products in [20, 33, 60] {
        let dir = written(&spec(products, 2, 3));
        let mut of = BTreeMap::new();
        for row in list(dir.path(), "Eval/list_eval_partition.txt") {
            let product = row[0].rsplit_once('-').unwrap().0.to_owned();
            assert_eq!(of.entry(product).or_insert(row[1].clone()), &row[1]);
        }
        let share = |split: &str| of.values().filter(|s| *s == split).count() as f64 / f64::from(products);
        assert!((share("train") - 0.7).abs() < 0.07, "{products}: {}", share("train"));
        assert!((share("val") - 0.1).abs() < 0.06 && share("val") > 0.0);
        assert!((share("test") - 0.2).abs() < 0.07 && share("test") > 0.0);
    }
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("letter.txt"), "dear").unwrap();
    let refused = write(&spec(1, 1, 0), dir.path(), &|_| {});
    assert!(matches!(refused, Err(SampleError::Foreign(_))));
    assert_eq!(tree(dir.path()).len(), 1);
}

#[test]
fn the_same_sample_is_kept_another_is_refused_and_half_of_one_is_written_anew() {
    let small = spec(3, 2, 9);
    let dir = written(&small);
    let before = tree(dir.path());
    let again = write(&small, dir.path(), &|_| panic!("nothing is drawn again")).unwrap();
    assert!(matches!(again, SampleSummary { photos: 6, already: true, .. }));
    assert!(matches!(write(&spec(3, 2, 8), dir.path(), &|_| {}), Err(SampleError::Other(..))));

    // As an earlier version drew it: the same photos, and less said of them.
    let marker = fs::read_to_string(dir.path().join("sample.json")).unwrap();
    fs::write(dir.path().join("sample.json"), marker.replace("\"version\":2", "\"version\":1")).unwrap();
    let Err(SampleError::Other(_, other)) = write(&small, dir.path(), &|_| {}) else {
        panic!("taken for whole")
    };
    assert!(other.ends_with("version 1"), "{other}");
    fs::write(dir.path().join("sample.json"), marker).unwrap();

    // As a killed run leaves it: no completion marker, a photo cut short.
    fs::rename(dir.path().join("sample.json"), dir.path().join("sample.json.part")).unwrap();
    fs::write(dir.path().join("img/Anorak/p0000-0.jpg"), "half").unwrap();
    let anew = write(&small, dir.path(), &|_| {}).unwrap();
    assert!(!anew.already);
    assert_eq!(tree(dir.path()), before);
}

#[test]
fn progress_counts_every_photo() {
    let told = std::sync::Mutex::new(BTreeSet::new());
    let dir = tempfile::tempdir().unwrap();
    write(&spec(5, 3, 1), dir.path(), &|done| assert!(told.lock().unwrap().insert(done))).unwrap();
    assert_eq!(told.into_inner().unwrap(), (1..=15).collect());
}

#[test]
fn a_shop_without_products_or_views_cannot_be() {
    for (products, views) in [(0, 1), (1, 0), (1_000_001, 1), (1, 65)] {
        assert!(matches!(SampleSpec::new(products, views, 0), Err(SampleError::Spec { .. })));
    }
}

#[test]
fn views_of_a_product_differ_and_keep_its_colours() {
    let spec = spec(40, 3, 21);
    // The middle of the box is the garment itself, on most photos.
    let tone = |product, view| {
        let drawn = draw(&spec, product, view);
        let [x1, y1, x2, y2] = drawn.bbox.corners();
        let (x, y) = ((x1 + x2) / 2, (y1 * 2 + y2 * 3) / 5);
        let mut sum = [0.0; 3];
        for (dx, dy) in (0..20).flat_map(|dx| (0..20).map(move |dy| (dx, dy))) {
            let pixel = drawn.image.get_pixel(x + dx - 10, y + dy - 10);
            (0..3).for_each(|c| sum[c] += f64::from(pixel[c]) / 400.0);
        }
        (sum, drawn.image.into_raw())
    };
    let far = |a: [f64; 3], b: [f64; 3]| (0..3).map(|c| (a[c] - b[c]).powi(2)).sum::<f64>().sqrt();
    let (mut same, mut other) = (0.0, 0.0);
    let tones: Vec<_> = (0..40).map(|p| [tone(p, 0), tone(p, 1)]).collect();
    for (i, [a, b]) in tones.iter().enumerate() {
        assert_ne!(a.1, b.1, "product {i}");
        same += far(a.0, b.0);
        other += far(a.0, tones[(i + 20) % 40][0].0);
    }
    assert!(same * 2.0 < other, "same product {same}, another {other}");
}
