//! Both layouts: what is read, what is refused, what is skipped and said.

use std::{fs, path::Path};

use lookalike_trainer::dataset::{Categories, Dataset, DatasetError, Layout, Split};

use crate::{done, refused, repository};

fn open(root: &Path, layout: Option<Layout>) -> Result<Dataset, DatasetError> {
    Dataset::open(root, layout, Categories::UpperBody, 0)
}

fn lists(root: &Path) -> Result<Dataset, DatasetError> {
    open(root, Some(Layout::Deepfashion))
}

/// A small shop in DeepFashion's layout.
fn shop(dir: &Path) -> std::path::PathBuf {
    done(dir, "sample-data --out shop --products 20 --views 2 --seed 3");
    dir.join("shop")
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

#[test]
fn lists_are_joined_by_photo() {
    let dir = tempfile::tempdir().unwrap();
    let root = shop(dir.path());
    let set = lists(&root).unwrap();
    assert_eq!((set.records().len(), set.categories().len(), set.report().skipped), (40, 20, 0));
    let split = |s| set.records().iter().filter(|r| r.split == s).count();
    assert!(split(Split::Train) > 0 && split(Split::Val) > 0 && split(Split::Test) > 0);
    for record in set.records() {
        let photo = set.photo(record, false).unwrap();
        assert!(record.bbox.unwrap().lies_within(photo.width(), photo.height()));
        let [x1, y1, x2, y2] = record.bbox.unwrap().corners();
        let cut = set.photo(record, true).unwrap();
        assert_eq!((cut.width(), cut.height()), (x2 - x1 + 1, y2 - y1 + 1));
        assert!(record.item.product.is_some() && !record.item.attributes.is_empty());
        assert!(record.item.title.is_some() && record.item.numbers["price"] > 0.0);
        assert_eq!(set.categories()[record.category], record.item.category);
    }
}

#[test]
fn broken_lists_are_refused_by_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let root = shop(dir.path());
    let spoil = |list: &str, change: &dyn Fn(String) -> String| {
        let path = root.join(list);
        let before = fs::read(&path).unwrap();
        edit(&path, change);
        let refusal = lists(&root).unwrap_err().to_string();
        fs::write(&path, before).unwrap();
        assert!(refusal.contains(list), "{refusal}");
        refusal
    };
    let cut = |text: String| text[..text.len() / 2].to_owned();
    assert!(spoil("Anno/list_category_img.txt", &cut).contains("cut off"));
    let no_count = |text: String| text.replacen("40", "forty", 1);
    assert!(spoil("Anno/list_bbox.txt", &no_count).contains("line 1"));
    let nonsense = |text: String| text.replacen("train", "trian", 1);
    assert!(spoil("Eval/list_eval_partition.txt", &nonsense).contains("'trian'"));
    let label = |text: String| {
        let lines: Vec<&str> = text.lines().collect();
        let spoilt = lines[2].rsplit_once(' ').unwrap().0.to_owned() + " 99";
        [&[lines[0], lines[1], &spoilt], &lines[3..]].concat().join("\n")
    };
    assert!(spoil("Anno/list_category_img.txt", &label).contains("line 3"));
    fs::remove_file(root.join("Anno/list_bbox.txt")).unwrap();
    assert!(lists(&root).unwrap_err().to_string().contains("list_bbox.txt"));
}

#[test]
fn missing_and_broken_photos_are_named_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let root = shop(dir.path());
    let image = |i: usize| lists(&root).unwrap().records()[i].item.image.clone();
    let (gone, broken) = (image(0), image(1));
    fs::remove_file(root.join(&gone)).unwrap();
    let set = lists(&root).unwrap();
    assert_eq!((set.records().len(), set.report().skipped), (39, 1));
    assert!(set.report().named[0].contains(&gone));
    fs::write(root.join(&broken), b"\xFF\xD8\xFF broken").unwrap();
    assert!(set.photo(&set.records()[0], false).unwrap_err().to_string().contains(&broken));
}

#[test]
fn a_box_outside_is_cut_and_an_empty_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = shop(dir.path());
    let boxed = |corners: &str| {
        edit(&root.join("Anno/list_bbox.txt"), |text| {
            let lines: Vec<&str> = text.lines().collect();
            let name = lines[2].split_whitespace().next().unwrap();
            let spoilt = format!("{name} {corners}");
            [&[lines[0], lines[1], &spoilt], &lines[3..]].concat().join("\n")
        });
    };
    boxed("11 11 9000 9000");
    let set = lists(&root).unwrap();
    let record = &set.records()[0];
    let whole = set.photo(record, false).unwrap();
    let cut = set.photo(record, true).unwrap();
    assert_eq!((cut.width(), cut.height()), (whole.width() - 10, whole.height() - 10));
    boxed("8000 8000 9000 9000");
    let set = lists(&root).unwrap();
    assert!(set.photo(&set.records()[0], true).unwrap_err().to_string().contains("no pixel"));
    boxed("20 20 10 10");
    assert!(lists(&root).unwrap_err().to_string().contains("1-based"));
}

#[test]
fn folders_are_classes_and_a_layout_must_be_said_where_both_fit() {
    let dir = tempfile::tempdir().unwrap();
    let root = shop(dir.path());
    // The shop's own img/ holds a folder a category: both layouts fit.
    assert!(open(&root, None).unwrap_err().to_string().contains("--layout"));
    let refusal = refused(dir.path(), "train --data shop --out run");
    assert!(refusal.contains("--layout deepfashion") && !dir.path().join("run").exists(), "{refusal}");
    let set = open(&root, Some(Layout::Folders)).unwrap();
    assert_eq!((set.records().len(), set.categories().len()), (40, 20));
    assert!(set.records().iter().all(|r| r.bbox.is_none()));
    fs::remove_dir_all(root.join("Anno")).unwrap();
    assert_eq!(open(&root, None).unwrap().records().len(), 40);
    fs::write(root.join("img/Hoodie/notes.txt"), "not a photo").unwrap();
    assert_eq!(open(&root, None).unwrap().report().skipped, 1);
    assert!(open(&dir.path().join("nowhere"), None).unwrap_err().to_string().contains("no such folder"));
}

#[test]
fn two_photos_of_one_id_are_refused_by_both_names() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["tops/a b.png", "tops/a_b.png"] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbImage::new(9, 9).save(path).unwrap();
    }
    let refusal = open(dir.path(), None).unwrap_err().to_string();
    assert!(refusal.contains("tops/a b.png") && refusal.contains("tops/a_b.png"), "{refusal}");
}

#[test]
fn the_real_photos_lists_are_read_where_they_are() {
    let root = repository().join("../shared/clothing");
    if !root.is_dir() {
        eprintln!("no ../shared/clothing here: the sample catalogue's lists stand for it");
        return;
    }
    assert!(open(&root, None).unwrap_err().to_string().contains("--layout"));
    let set = open(&root, Some(Layout::Deepfashion)).unwrap();
    let of = |name: &str| set.records().iter().filter(|r| r.item.category == name).count();
    assert_eq!((of("Jacket"), of("Tee"), of("Top"), of("Button-Down")), (208, 876, 504, 319));
    assert_eq!(set.records().len(), 208 + 876 + 504 + 319);
    let all = Dataset::open(&root, Some(Layout::Deepfashion), Categories::All, 0).unwrap();
    assert_eq!((all.records().len(), all.categories().len()), (3048, 50));
    let folders = open(&root, Some(Layout::Folders)).unwrap();
    assert_eq!((folders.records().len(), folders.categories().len()), (3409, 10));
}
