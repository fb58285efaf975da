//! What `metrics.jsonl` says, drawn: whatever is in it, for a run of an earlier or a later program lacks some of it.

use std::path::Path;

use serde_json::{Map, Value};

use crate::chart::{Lines, Series, escape};
use crate::report::page::Section;

type Epoch = Map<String, Value>;

/// The lines that are there; one that is cut off is passed over.
pub(crate) fn read(run: &Path) -> Vec<Epoch> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// A column of figures by epoch; lines without it have no point.
fn series(epochs: &[Epoch], name: &str) -> Series {
    let point = |(i, epoch): (usize, &Epoch)| {
        let x = epoch.get("epoch").and_then(Value::as_f64).unwrap_or(i as f64 + 1.0);
        Some([x, epoch.get(name)?.as_f64()?])
    };
    let points = epochs.iter().enumerate().filter_map(point).collect();
    Series { name: name.replace('_', " "), points, band: Vec::new() }
}

/// All names of figures, in the order in which they are written.
fn names(epochs: &[Epoch]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in epochs.iter().flat_map(Epoch::keys) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

pub(crate) fn section(epochs: &[Epoch]) -> Section {
    let title = "How it learned";
    if epochs.is_empty() {
        let lead = "The run's <code>metrics.jsonl</code> has no lines: there are no curves to draw.".into();
        return Section { title, lead, body: String::new() };
    }
    let names = names(epochs);
    let among = |wanted: &dyn Fn(&str) -> bool| -> Vec<Series> {
        names.iter().filter(|name| wanted(name)).map(|name| series(epochs, name)).collect()
    };
    let classified = |name: &str| name.contains("_top");
    let share = |name: &str| name.starts_with("val_") || classified(name) || name == "triplet_active";
    let rest =
        ["epoch", "lr", "seconds", "finished", "size", "images_per_second", "wait_share", "step", "steps"];
    let charts = [
        ("Loss", among(&|n| !share(n) && !rest.contains(&n) && loss(epochs, n)), false),
        ("Classifier", among(&|n| classified(n) && in_unit(epochs, n)), true),
        ("Neighbours", among(&|n| share(n) && !classified(n) && in_unit(epochs, n)), true),
        ("Learning rate", among(&|n| n == "lr"), false),
        ("Photos a second", among(&|n| n == "images_per_second"), false),
    ];
    let mut body = String::from(r#"<div class="charts">"#);
    for (heading, series, share) in charts {
        let chart = Lines { title: heading.into(), x: "epoch".into(), series, share };
        if let Some(svg) = chart.svg() {
            body += &format!("<div><h3>{}</h3>{svg}</div>", escape(heading));
        }
    }
    body += "</div>";
    let lead = "A point an epoch. The loss should fall and level out. Where training goes on rising while validation has stopped, \
        the network learns photos by heart; where both still rise, it would have liked more epochs."
        .into();
    Section { title, lead, body }
}

/// What is a loss: it is no count, so not all of it is whole.
fn loss(epochs: &[Epoch], name: &str) -> bool {
    let values = epochs.iter().filter_map(|epoch| epoch.get(name)?.as_f64());
    values.clone().any(|v| v.fract() != 0.0) && values.clone().all(|v| v.is_finite() && v.abs() < 1e4)
}

fn in_unit(epochs: &[Epoch], name: &str) -> bool {
    epochs.iter().filter_map(|epoch| epoch.get(name)?.as_f64()).all(|v| (0.0..=1.0).contains(&v))
}
