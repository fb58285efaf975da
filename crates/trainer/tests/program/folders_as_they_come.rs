//! Folders and lists as they come: each case of `tests/golden/folders_reference.py` is laid down and read.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::{ffi::OsStringExt, fs::symlink},
    path::Path,
};

use lookalike_trainer::dataset::{Categories, Dataset, DatasetError, Layout};
use serde::Deserialize;

use crate::done;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// Path and text. A path that ends with `/` is a folder, a text `link:…` a link; `bytes:…` is in hexadecimal.
    files: BTreeMap<String, String>,
    layout: Option<String>,
    /// Image and id of every photo, where ids come from paths.
    ids: BTreeMap<String, String>,
    /// The same, where `items.jsonl` says more.
    items: Option<BTreeMap<String, String>>,
    categories: Option<Vec<String>>,
    /// Splits in the records' order.
    splits: Option<Vec<String>>,
    #[serde(default)]
    left_out: usize,
    #[serde(default)]
    skipped: usize,
    #[serde(default)]
    lines: usize,
    #[serde(default)]
    unlined: usize,
    /// Words of what is told.
    #[serde(default)]
    said: Vec<String>,
    /// Words of the refusal.
    #[serde(default)]
    refused: Vec<String>,
}

fn bytes(text: &str) -> Vec<u8> {
    match text.strip_prefix("bytes:") {
        None => text.into(),
        Some(hex) => {
            let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
            digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect()
        }
    }
}

impl Case {
    fn lay(&self, root: &Path) {
        for (path, text) in &self.files {
            let there = root.join(OsString::from_vec(bytes(path)));
            if path.ends_with('/') {
                fs::create_dir_all(there).unwrap();
                continue;
            }
            fs::create_dir_all(there.parent().unwrap()).unwrap();
            match text.strip_prefix("link:") {
                Some(to) => symlink(to, there).unwrap(),
                None => fs::write(there, bytes(text)).unwrap(),
            }
        }
    }

    fn open(&self, root: &Path) -> Result<Dataset, DatasetError> {
        let layout = self.layout.as_ref().map(|name| match name.as_str() {
            "deepfashion" => Layout::Deepfashion,
            _ => Layout::Folders,
        });
        Dataset::open(root, layout, Categories::UpperBody, 0)
    }

    fn check(&self, set: &Dataset) {
        let (name, report, records) = (&self.name, set.report(), set.records());
        let found: BTreeMap<String, String> =
            records.iter().map(|r| (r.item.image.clone(), r.item.id.to_string())).collect();
        assert_eq!(&found, self.items.as_ref().unwrap_or(&self.ids), "{name}");
        assert!(found.keys().all(|image| set.root().join(image).is_file()), "{name}");
        let counts = [
            report.left_out.count,
            report.skipped,
            report.lines_without_photo.count,
            report.photos_without_line.count,
        ];
        let told = [report.notes(), report.named.clone()].concat().join("\n");
        assert_eq!(counts, [self.left_out, self.skipped, self.lines, self.unlined], "{name}: {told}");
        if let Some(categories) = &self.categories {
            assert_eq!(set.categories(), categories, "{name}");
        }
        if let Some(splits) = &self.splits {
            let found: Vec<String> =
                records.iter().map(|r| format!("{:?}", r.split).to_lowercase()).collect();
            assert_eq!(&found, splits, "{name}");
        }
        self.said
            .iter()
            .for_each(|words| assert!(told.contains(words), "{name}: '{words}' is not in\n{told}"));
    }
}

#[test]
fn each_is_read_as_it_comes() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/folders.json");
    let cases: Vec<Case> = serde_json::from_slice(&fs::read(golden).unwrap()).unwrap();
    assert!(cases.len() > 35);
    for case in cases {
        let dir = tempfile::tempdir().unwrap();
        case.lay(dir.path());
        let name = &case.name;
        match case.open(dir.path()) {
            Ok(set) => {
                assert!(case.refused.is_empty(), "{name} is read");
                case.check(&set);
            }
            Err(refusal) => {
                let refusal = refusal.to_string();
                assert!(!case.refused.is_empty(), "{name}: {refusal}");
                case.refused.iter().for_each(|words| assert!(refusal.contains(words), "{name}: {refusal}"));
                assert!(!refusal.contains('\n'), "{name}: {refusal}");
            }
        }
    }
}

/// The program tells in one line what it left out.
#[test]
fn a_set_from_a_mac_is_indexed_whole() {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), "sample-data --out shop --products 20 --views 2 --seed 3");
    fs::remove_dir_all(dir.path().join("shop/Anno")).unwrap();
    for entry in fs::read_dir(dir.path().join("shop/img")).unwrap() {
        for photo in fs::read_dir(entry.unwrap().path()).unwrap().map(|photo| photo.unwrap().path()) {
            let twin = format!("._{}", photo.file_name().unwrap().to_str().unwrap());
            fs::write(photo.with_file_name(twin), b"\x00\x05\x16\x07").unwrap();
        }
    }
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/import.ts");
    done(dir.path(), &format!("import --torchscript {} --out bundle --size 128", model.display()));
    let output = crate::trainer(dir.path(), "index --bundle bundle --data shop");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told: Vec<&str> = errors.lines().filter(|line| line.contains("left out")).collect();
    assert!(told.len() == 1 && told[0].contains("shop's: 40 ("), "{errors}");
}
