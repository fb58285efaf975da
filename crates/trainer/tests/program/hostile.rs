//! Photos of a set that ask for gigabytes.

use std::{fs, path::Path, process::Stdio, time::Duration};

use crate::{
    command, done,
    pictures::{gif_with_frame, png_with_profile},
};

/// Runs it to its end; the most memory that it was seen to hold, in kB, and what it said.
fn peak(dir: &Path, arguments: &str) -> (u64, String) {
    let mut child = command(dir, arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        peak = now.unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    (peak, said)
}

#[test]
fn index_names_them_and_takes_no_memory_for_them() {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), "sample-data --out shop --products 24 --views 2 --seed 3");
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/import.ts");
    let index = "index --bundle bundle --data shop --layout deepfashion";
    let run = || {
        let _ = fs::remove_dir_all(dir.path().join("bundle"));
        done(dir.path(), &format!("import --torchscript {} --out bundle --size 128", model.display()));
        peak(dir.path(), index)
    };
    let (sound, _) = run();
    let bombs = [
        gif_with_frame((1, 1), (65_535, 65_535)),
        png_with_profile(&image::RgbImage::new(40, 30), 400_000_000),
    ];
    let photos = fs::read_to_string(dir.path().join("shop/Eval/list_eval_partition.txt")).unwrap();
    let names: Vec<&str> = photos.lines().skip(2).filter_map(|line| line.split_whitespace().next()).collect();
    for (name, bomb) in names.iter().zip(&bombs) {
        fs::write(dir.path().join("shop").join(name), bomb).unwrap();
    }
    let (with_bombs, said) = run();
    for name in &names[..bombs.len()] {
        assert!(said.contains(name), "{name} is not named:\n{said}");
    }
    assert!(said.contains("too much memory"), "{said}");
    assert!(with_bombs < sound + 50_000, "{with_bombs} kB, {sound} without them");
}

/// The disk that takes the log is full.
#[test]
fn work_goes_on_where_nobody_can_be_told() {
    let dir = tempfile::tempdir().unwrap();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut drawing = command(dir.path(), "sample-data --out shop --products 3 --views 2 --seed 3");
    assert_eq!(drawing.stderr(full()).status().unwrap().code(), Some(0));
    assert!(dir.path().join("shop/items.jsonl").exists());
    // An error is an error, told or not.
    let mut nothing = command(dir.path(), "index --bundle none --data shop");
    assert_eq!(nothing.stderr(full()).status().unwrap().code(), Some(1));
}
