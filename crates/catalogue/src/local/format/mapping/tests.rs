use std::{fs, os::unix::process::ExitStatusExt, process::Command};

use super::*;

/// Of some pages, none of which is empty.
fn file(folder: &Path, bytes: usize) -> PathBuf {
    let path = folder.join("file");
    fs::write(&path, vec![7u8; bytes]).unwrap();
    path
}

fn cut(path: &Path, to: u64) {
    File::options().write(true).open(path).unwrap().set_len(to).unwrap();
}

#[test]
fn a_file_that_is_whole_is_read_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for bytes in [0, 1, 4096, 100_000, 300_000] {
        let map = Mapping::open(&file(folder.path(), bytes)).unwrap();
        assert_eq!(&*map, vec![7; bytes]);
        map.check().unwrap();
        // Removed, it is read on.
        fs::remove_file(folder.path().join("file")).unwrap();
        assert_eq!(&*map, vec![7; bytes]);
        map.check_length().unwrap();
        assert_eq!(&*map.copied().unwrap(), vec![7; bytes]);
    }
}

#[test]
fn what_is_read_of_a_file_that_was_cut_short_is_lost_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    fs::write(&other, vec![9u8; 50_000]).unwrap();
    let other = Mapping::open(&other).unwrap();
    for to in [0, 1, 5_000, 100_000, 234_000, 299_999] {
        let path = file(folder.path(), 300_000);
        let (map, copy) = (Mapping::open(&path).unwrap(), Mapping::open(&path).unwrap().copied().unwrap());
        cut(&path, to);
        // The page where it was cut: zeros, and no fault.
        if to > 0 {
            assert_eq!((map[to as usize - 1], map[to as usize]), (7, 0));
        }
        if to < 300_000 - PAGE as u64 {
            assert!(matches!(map.check(), Err(CatalogueError::Lost(lost)) if lost == path), "cut to {to}");
        }
        assert!(matches!(map.check_length(), Err(CatalogueError::Lost(_))), "cut to {to}");
        let sum: usize = map.iter().map(|byte| usize::from(*byte)).sum();
        assert!(sum < 2_100_000, "{sum}");
        assert!(matches!(map.check(), Err(CatalogueError::Lost(lost)) if lost == path), "cut to {to}");
        // It does not come back with the file.
        cut(&path, 300_000);
        assert!(map.check().is_err());
        assert!(copy.check_length().is_ok() && copy.iter().all(|byte| *byte == 7));
        drop(map);
        Mapping::open(&path).unwrap().check().unwrap();
        assert!(other.iter().all(|byte| *byte == 9));
        other.check().unwrap();
    }
}

#[test]
fn threads_that_read_while_it_is_cut_short_all_find_out() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..20 {
        let path = file(folder.path(), 1 << 20);
        let map = Mapping::open(&path).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                // A zero was read: it must be known that it is none of the file's.
                scope.spawn(|| while !(map.contains(&0) && map.check().is_err()) {});
            }
            cut(&path, 4096);
        });
    }
}

/// Not a test of its own: it ends as it should.
#[test]
#[ignore = "is run by the test below, in a process of its own"]
fn reads_a_page_of_anothers_that_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    Mapping::open(&file(folder.path(), 100_000)).unwrap().check().unwrap();
    let file = File::options().read(true).write(true).open(folder.path().join("file")).unwrap();
    // SAFETY: what is read after the file was cut short is a fault, which ends this process.
    let others = unsafe { Mmap::map(&file) }.unwrap();
    file.set_len(0).unwrap();
    black_box(others[50_000]);
}

#[test]
fn a_fault_of_anothers_memory_ends_the_process_as_ever() {
    let name = "local::format::mapping::tests::reads_a_page_of_anothers_that_is_gone";
    let mut command = Command::new(std::env::current_exe().unwrap());
    let ended = command.args(["--ignored", "--exact", name]).output().unwrap();
    assert_eq!(ended.status.signal(), Some(libc::SIGBUS), "{ended:?}");
}
