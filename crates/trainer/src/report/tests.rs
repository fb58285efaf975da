use std::fs;

use super::*;
use crate::report::page::Section;

fn section(lines: &str) -> Section {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("metrics.jsonl"), lines).unwrap();
    curves::section(&curves::read(dir.path()))
}

#[test]
fn curves_are_drawn_of_what_there_is() {
    let whole = section(
        r#"{"epoch":1,"loss":2.5,"cross_entropy":1.5,"lr":0.1,"val_top1":0.2,"val_map_at_r":null,"seconds":3}
{"epoch":2,"loss":2.0,"cross_entropy":1.25,"lr":0.05,"val_top1":0.3,"val_map_at_r":0.4,"seconds":3}
{"epoch":3,"loss":1."#,
    );
    assert_eq!(whole.body.matches("<svg").count(), 4, "{}", whole.body);
    for name in ["cross entropy", "val top1", "val map at r", "Learning rate"] {
        assert!(whole.body.contains(name), "{name}");
    }
    let poor = section(r#"{"epoch":1,"loss":2.5}"#);
    assert_eq!(poor.body.matches("<svg").count(), 1);
    assert!(section("").lead.contains("no lines"));
    assert!(section("not json\n[1,2]\n").lead.contains("no lines"));
}
