//! `report.html`: whole, alone, and there even where the run lacks something.

use std::{fs, path::Path};

use crate::{done, refused};

const TRAIN: &str = "train --data shop --layout deepfashion --width 8 --embedding 16 --size 128 --epochs 2 --batch 24 --out run";

fn page(dir: &Path) -> String {
    let html = fs::read_to_string(dir.join("run/report.html")).unwrap();
    // It stands alone: nothing is loaded from elsewhere, nothing runs.
    let without_names = html.replace("http://www.w3.org/2000/svg", "");
    for outside in ["http:", "https:", "src=\"/", "href=", "url(", "@import", "<script", "<link", "<iframe"] {
        assert!(!without_names.contains(outside), "the page has {outside}");
    }
    let opened = html.matches("<section>").count();
    assert_eq!(opened, html.matches("</section>").count());
    assert!(html.ends_with("</main></body></html>\n"));
    html
}

#[test]
fn a_run_is_a_page_that_stands_alone() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 60 --views 3 --seed 51");
    done(dir, TRAIN);
    let trained = page(dir);
    assert!(trained.contains("validation photos, by which the best epoch was chosen"));
    done(dir, "report --run run --data shop --layout deepfashion");
    let html = page(dir);
    for part in [
        "test photos, used for nothing else",
        "How it learned",
        "Recall@k",
        "Found",
        "Missed",
        "Confusion matrix",
        "By category",
        "The worst mistakes",
        "Where it looks",
        "How it was trained",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.matches("data:image/jpeg;base64,").count() > 30);
    assert!(html.matches("<svg").count() >= 6);
    assert!(html.contains(r#"<figure class="right">"#) && html.contains(r#"<figure class="wrong">"#));
    // Every picture is there.
    assert!(!html.contains(r#"src="""#));

    // Without photos, and without a line of metrics, it is a page still.
    done(dir, "report --run run");
    assert!(page(dir).contains("No photos were looked at"));
    fs::remove_file(dir.join("run/metrics.jsonl")).unwrap();
    done(dir, "report --run run --data shop --layout deepfashion --split val --photos 5");
    let html = page(dir);
    assert!(html.contains("no lines") && html.contains("5 of ") && html.contains("Where it looks"));
    let nowhere = refused(dir, "report --run nowhere");
    assert!(nowhere.contains("nowhere"), "{nowhere}");
}
