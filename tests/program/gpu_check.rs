//! What `scripts/gpu-check.sh` makes of what its stages found, without a GPU: the tables, the exit status, the judgement.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

fn python(arguments: &[&str]) -> (bool, String) {
    let output =
        Command::new("python3").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let both = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(both).unwrap())
}

/// Results as a run leaves them, of which `server` failed half-way through a line.
fn results(folder: &Path) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write(
        "about.json",
        r#"{"device": "cpu", "cpu": "A CPU", "cores": 2, "torch": "2.11.0", "commit": "0123456"}"#,
    );
    write("stages.tsv", "batcher\tpassed\t5\neager\tpassed\t4\nmemory\tskipped\t0\nserver\tfailed\t3\n");
    let ours = r#"{"batch": 8, "precision": "f16", "device": "cpu", "photos_per_second": 300.0, "pass_ms": 26.7, "answer_ms": 53.0,
        "normalising_ms": 1.5, "slowest_ms": 60.0, "slowest_at_first_ms": 900.0, "loading_s": 1.0,
        "centred_cosine": {"photos": 32, "mean": 0.9999, "least": 0.9998}}"#;
    write("batcher.jsonl", &(ours.replace('\n', "") + "\n"));
    write(
        "eager.jsonl",
        r#"{"peer": "eager", "precision": "f16", "batch": 8, "photos_per_second": 200.0, "pass_ms": 40.0}"#,
    );
    write("server.jsonl", r#"{"clients": 64, "outco"#);
    write("server.log", "FAILED: the server did not start\n");
}

#[test]
fn a_stage_that_failed_is_named_and_the_figures_of_the_others_stand() {
    let folder = tempfile::tempdir().unwrap();
    let (found, out) = (folder.path().join("results"), folder.path().join("out"));
    fs::create_dir_all(&found).unwrap();
    fs::create_dir_all(&out).unwrap();
    results(&found);
    let report = |seconds: &str| {
        python(&["scripts/gpu-check-report.py", found.to_str().unwrap(), out.to_str().unwrap(), seconds])
    };
    let (well, said) = report("12");
    assert!(!well && said.contains("failed: server"), "{said}");
    let tables = fs::read_to_string(out.join("gpu-check.md")).unwrap();
    assert!(tables.contains("| Lookalike, through its batcher, f16 | 300.0 (26.70) |"), "{tables}");
    assert!(tables.contains("| PyTorch eager, f16 | 200.0 (40.00): **1.50 ×** |"), "{tables}");
    assert!(tables.contains("| memory | **NOT CHECKED** | 0 |"), "{tables}");
    assert!(tables.contains("| server | **FAILED** | 3 |"), "{tables}");
    let written: Value =
        serde_json::from_str(&fs::read_to_string(out.join("gpu-check.json")).unwrap()).unwrap();
    assert_eq!(written["batcher"][0]["photos_per_second"], 300.0);
    assert!(fs::read_to_string(out.join("gpu-check.log")).unwrap().contains("did not start"));

    fs::write(found.join("stages.tsv"), "batcher\tpassed\t5\neager\tpassed\t4\nmemory\tskipped\t0\n")
        .unwrap();
    let (well, said) = report("9");
    assert!(well, "{said}");
}

#[test]
fn a_server_that_leaves_photos_without_an_answer_has_not_survived() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("memory.jsonl");
    let judged = |short: &str, afterwards: &str| {
        let line = |at: &str, failed: &str| {
            format!(
                r#"{{{at}, "clients": 256, "outcome": {{"answered": 90, "refused_429": 0, "failed_by_status": {{{failed}}}}}}}"#
            )
        };
        let text = [line(r#""left_mib": 300"#, short), line(r#""afterwards": true"#, afterwards)].join("\n");
        fs::write(&file, text + "\n{\"halved\": 3}\n").unwrap();
        python(&["scripts/gpu-check-memory.py", "--judge", file.to_str().unwrap()])
    };
    assert_eq!(judged("", ""), (true, String::new()));
    assert!(judged(r#""503": 2"#, "").0, "an answer in words is one");
    let (well, said) = judged(r#""0": 2"#, "");
    assert!(!well && said.contains("2 photos got no answer"), "{said}");
    let (well, said) = judged(r#""500": 7"#, "");
    assert!(!well && said.contains("7 photos were answered 500"), "{said}");
    let (well, said) = judged("", r#""500": 1"#);
    assert!(!well && said.contains("free again"), "{said}");
}
