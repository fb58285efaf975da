//! Principal components as a part of the exported model, held against a singular value decomposition in f64. The study never
//! saved its own, so that a new photo could not be queried: here photos that nothing was fitted to are.

use std::{fs, path::Path};

use lookalike_model::Precision;
use nalgebra::{DMatrix, DVector};
use serde_json::Value;

use crate::{done, refused, repository, trainer};

/// Embeddings by `embed`, a row a photo.
fn embeddings(dir: &Path, bundle: &str, precision: &str, photos: &[String]) -> DMatrix<f64> {
    let photos = photos.join(" ");
    let output =
        trainer(dir, &format!("embed --bundle {bundle} --device cpu --precision {precision} {photos}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Vec<f64>> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            serde_json::from_value(line["embedding"].clone()).unwrap()
        })
        .collect();
    DMatrix::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn photos(dir: &Path, split: &str) -> Vec<String> {
    let list = fs::read_to_string(dir.join("shop/Eval/list_eval_partition.txt")).unwrap();
    let of = |line: &str| {
        let (photo, its) = line.split_once(char::is_whitespace)?;
        (its.trim() == split).then(|| format!("shop/{photo}"))
    };
    list.lines().filter_map(of).collect()
}

fn distance(rows: &DMatrix<f64>, i: usize, j: usize) -> f64 {
    (rows.row(i) - rows.row(j)).norm()
}

#[test]
fn a_new_photos_distances_are_those_of_principal_components() {
    const NUMBERS: usize = 24;
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let weights = repository().join("weights/demo");
    done(dir, "sample-data --out shop --products 100 --views 3 --seed 41");
    let data = "--data shop --layout deepfashion";
    let export = format!("export --run {}", weights.display());
    done(dir, &format!("{export} --out plain"));
    // int8 is what a CPU without VNNI gets wrong: there it is not made.
    let all = [("f32", 2e-4), ("bf16", 0.15), ("int7", 0.4), ("int8", 0.4)];
    let right = Precision::right_here();
    let precisions = all.into_iter().filter(|p| right.iter().any(|r| r.name() == p.0));
    let precisions: Vec<(&str, f64)> = precisions.collect();
    let names: Vec<&str> = precisions[1..].iter().map(|p| p.0).collect();
    let names = names.join(",");
    done(dir, &format!("{export} --out bundle {data} --pca {NUMBERS} --precision {names} --allow-drift"));
    let manifest: Value =
        serde_json::from_slice(&fs::read(dir.join("bundle/manifest.json")).unwrap()).unwrap();
    let plain: Value = serde_json::from_slice(&fs::read(dir.join("plain/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["dims"]["deep"], NUMBERS);
    assert_ne!(manifest["model_id"], plain["model_id"]);

    // By another road: singular values of the centred embeddings, in f64.
    let (train, test) = (photos(dir, "train"), photos(dir, "test"));
    let fitted = embeddings(dir, "plain", "f32", &train);
    let mean: DVector<f64> = fitted.row_mean().transpose();
    let centred =
        |rows: &DMatrix<f64>| DMatrix::from_fn(rows.nrows(), rows.ncols(), |i, j| rows[(i, j)] - mean[j]);
    let svd = centred(&fitted).svd(false, true);
    let directions = svd.v_t.unwrap().rows(0, NUMBERS).transpose();
    let mut wanted = centred(&embeddings(dir, "plain", "f32", &test)) * directions;
    wanted.row_iter_mut().for_each(|mut row| {
        row.normalize_mut();
    });
    let share = svd.singular_values.rows(0, NUMBERS).norm_squared() / svd.singular_values.norm_squared();
    let pca = &manifest["pca"];
    assert_eq!((pca["from"].as_u64(), pca["photos"].as_u64()), (Some(512), Some(train.len() as u64)));
    assert!((pca["explained"].as_f64().unwrap() - share).abs() < 1e-4, "{pca} {share}");
    for (precision, most) in precisions {
        let found = embeddings(dir, "bundle", precision, &test);
        assert_eq!(found.ncols(), NUMBERS);
        let mut worst = 0.0f64;
        for (i, j) in (0..test.len()).flat_map(|i| (0..i).map(move |j| (i, j))) {
            worst = worst.max((distance(&found, i, j) - distance(&wanted, i, j)).abs());
        }
        assert!(worst < most, "{precision}: a distance strays by {worst}");
    }

    // The catalogue is of the same numbers; the classifier is what it was.
    let figures = |bundle: &str| -> Value {
        done(dir, &format!("index --bundle {bundle} {data}"));
        serde_json::from_str(&done(dir, &format!("evaluate --bundle {bundle} {data} --split test --json")))
            .unwrap()
    };
    let (projected, whole) = (figures("bundle"), figures("plain"));
    assert_eq!(projected["category_top1"], whole["category_top1"]);
    assert!(projected["product_hit_at_1"].as_f64().unwrap() > 0.5, "{projected}");
}

#[test]
fn a_projection_that_cannot_be_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let weights = repository().join("weights/demo");
    done(dir, "sample-data --out shop --products 20 --views 2 --seed 42");
    let export = format!(
        "export --run {} --out bundle --data shop --layout deepfashion --precision bf16 --pca",
        weights.display()
    );
    for (numbers, why) in [("0", "1 to 512"), ("513", "1 to 512"), ("64", "more than 64 photos")] {
        let refused = refused(dir, &format!("{export} {numbers}"));
        assert!(refused.contains(why), "{refused}");
        assert!(!dir.join("bundle").exists());
    }
}
