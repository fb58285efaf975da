//! What was measured, as a table and as JSON.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use crate::{failure::Failed, ours::Ours, peers::PeerReport, sets::Set};

/// The recalls at which rates are compared.
const AT: [f64; 2] = [0.95, 0.99];

pub struct SetReport {
    name: String,
    json: Value,
    ratios: Map<String, Value>,
}

impl SetReport {
    pub fn of(set: &Set, ours: Ours, peers: Vec<PeerReport>) -> Self {
        let mut ratios = Map::new();
        let mut ratio = |name: String, value: Option<f64>| {
            println!("   ratio {name:<44} {}", value.map_or("—".into(), |v| format!("{v:.3}")));
            ratios.insert(format!("{}/{name}", set.name), json!(value));
        };
        let rate = |recall| {
            let rates: Vec<f64> = ours.curves.iter().filter_map(|curve| curve.rate_at(recall)).collect();
            (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
        };
        for recall in AT {
            println!("   ours at {recall}: {:.0} q/s", rate(recall).unwrap_or(f64::NAN));
            for peer in &peers {
                let theirs = peer.curve.rate_at(recall);
                ratio(format!("{}@{recall}", peer.name), rate(recall).zip(theirs).map(|(a, b)| a / b));
            }
        }
        for peer in &peers {
            ratio(format!("build_seconds/{}", peer.name), Some(ours.build_seconds / peer.build_seconds));
        }
        if let Some(hnswlib) = peers.iter().find(|peer| peer.name == "hnswlib") {
            let memory = ours.footprint.anonymous_bytes as f64 / hnswlib.resident_bytes as f64;
            ratio("memory/hnswlib".into(), Some(memory));
            for filter in ours.filters.as_array().into_iter().flatten() {
                let rate = filter["queries_per_second"].as_f64();
                let theirs = hnswlib.curve.rate_at(0.99);
                let name = format!(
                    "filter {}/hnswlib unfiltered@0.99",
                    filter["keeps"].as_str().unwrap_or_default()
                );
                ratio(name, rate.zip(theirs).map(|(a, b)| a / b));
            }
        }
        ratio("two threads/one".into(), Some(ours.two_threads));
        println!("   {:?}", ours.footprint);
        let json = json!({
            "items": set.count(),
            "deep": set.dims.deep,
            "colour": set.dims.colour,
            "weight": set.weight.get(),
            "ours": {
                "code_head": ours.manifest.code_head,
                "build_seconds": ours.build_seconds,
                "unreachable": ours.manifest.unreachable,
                "orphans_repaired": ours.manifest.orphans_repaired,
                "curves": ours.curves,
                "exact_rate": ours.exact_rate,
                "filters": ours.filters,
                "ranges": ours.ranges,
                "facets_ms": ours.facets_ms,
                "two_threads": ours.two_threads,
                "footprint": ours.footprint,
            },
            "peers": peers,
        });
        Self { name: set.name.clone(), json, ratios }
    }
}

pub fn write(path: &Path, sets: &[SetReport]) -> Result<(), Failed> {
    let ratios: Map<String, Value> = sets.iter().flat_map(|set| set.ratios.clone()).collect();
    let by_name: Map<String, Value> = sets.iter().map(|set| (set.name.clone(), set.json.clone())).collect();
    let report = json!({ "k": crate::K, "sets": by_name, "ratios": ratios });
    fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    println!("written to {}", path.display());
    Ok(())
}
