//! The peers, each run by a Python process from `scripts/bench-index-peers.py`.

use std::{fs, path::Path, process::Command};

use serde::{Deserialize, Serialize};

use crate::{curve::Curve, failure::Failed, sets::Set};

const NAMES: [&str; 4] = ["hnswlib", "faiss-sq8", "faiss-flat", "usearch"];

pub struct Peer(&'static str);

/// What a peer did with a set.
#[derive(Debug, Serialize, Deserialize)]
pub struct PeerReport {
    pub name: String,
    pub version: String,
    /// With two threads.
    pub build_seconds: f64,
    /// Of a fresh process, by loading the index alone.
    pub resident_bytes: usize,
    pub curve: Curve,
    /// One thread over all rows; 0 where it was not measured.
    pub exact_rate: f64,
}

/// The peers of these names; `none` for none, `all` for all.
pub fn named(names: &str) -> Result<Vec<Peer>, Failed> {
    let known = |name: &str| NAMES.iter().find(|known| **known == name).map(|known| Peer(known));
    match names {
        "none" => Ok(Vec::new()),
        "all" => Ok(NAMES.into_iter().map(Peer).collect()),
        _ => names
            .split(',')
            .map(|name| known(name).ok_or_else(|| format!("no peer is called '{name}'").into()))
            .collect(),
    }
}

impl Peer {
    /// Peers compare by L2 alone. On a set with colour they search `[deep, w·colour]`, the nearest thing they can do, and
    /// are held against the exact answer to that: an easier task than the blend.
    pub fn measure(&self, set: &Set, folder: &Path) -> Result<PeerReport, Failed> {
        let (rows, queries) = (folder.join("peer-rows.f32"), folder.join("peer-queries.f32"));
        // Their fastest loops want a multiple of 16.
        let width = set.width().next_multiple_of(16);
        let scaled = |row: &[f32]| -> Vec<f32> {
            let (deep, colour) = row.split_at(set.dims.deep);
            let filled = std::iter::repeat_n(0.0, width - set.width());
            deep.iter().copied().chain(colour.iter().map(|x| x * set.weight.get())).chain(filled).collect()
        };
        let flat: Vec<f32> = set.rows.chunks_exact(set.width()).flat_map(scaled).collect();
        fs::write(&rows, bytemuck::cast_slice(&flat))?;
        drop(flat);
        let asked = set.queries.iter().flat_map(|query| {
            let row: Vec<f32> = query.vectors.deep().iter().chain(query.vectors.colour()).copied().collect();
            scaled(&row)
        });
        fs::write(&queries, bytemuck::cast_slice(&asked.collect::<Vec<f32>>()))?;
        let python = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "target/bench/venv/bin/python".into());
        let output = Command::new(&python)
            .arg("scripts/bench-index-peers.py")
            .args([self.0, &width.to_string()])
            .args([&rows, &queries])
            .stderr(std::process::Stdio::inherit())
            .output()
            .map_err(|e| format!("{python}: {e}; `make bench-index` installs it"))?;
        if !output.status.success() {
            return Err(format!("{} failed: {}", self.0, output.status).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let report: PeerReport = serde_json::from_str(text.lines().last().unwrap_or_default())?;
        for point in &report.curve.0 {
            println!(
                "   {}: ef {:>4}  recall {:.4}  {:>8.0} q/s",
                self.0, point.ef, point.recall, point.rate
            );
        }
        println!("   {}: built in {:.1} s with 2 threads", self.0, report.build_seconds);
        Ok(report)
    }
}
