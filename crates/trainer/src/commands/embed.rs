//! `embed`: photos → JSON lines.

use std::{io::Write, path::PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use lookalike_model::{Bundle, DeviceChoice, PrecisionChoice};
use lookalike_photo::{Limits, Photo};
use serde_json::json;

/// `embed`
#[derive(Args)]
pub struct Embed {
    /// The bundle; it needs no catalogue.
    #[arg(long)]
    bundle: PathBuf,
    /// auto, cpu, cuda:0, …
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// f32, bf16, f16, int7 or int8, if the bundle holds it; auto is what the server would take.
    #[arg(long, default_value = "f32")]
    precision: PrecisionChoice,
    /// The photos.
    #[arg(required = true)]
    photos: Vec<PathBuf>,
}

impl Embed {
    /// A photo that cannot be used is named on standard error; the others are printed all the same, the exit status tells.
    pub fn run(self) -> Result<()> {
        let device = self.device.open()?;
        let bundle = Bundle::open(&self.bundle)?;
        let precision = self.precision.pick(&bundle.precisions(), device)?;
        let model = bundle.load_model_in(precision, device)?;
        let mut failed = 0;
        for path in &self.photos {
            let embedding = || -> Result<Vec<f32>> {
                let bytes = std::fs::read(path)?;
                let rule = model.preprocessing();
                let whole = rule.wanted().at_side(u32::MAX);
                let photo = Photo::decode_for(&bytes, &Limits::default(), whole)?;
                let embedded = model.embed(&[rule.apply(&photo)])?;
                let embedded = embedded.into_iter().next().context("the model gave nothing")??;
                Ok(embedded.vectors.deep().to_vec())
            };
            match embedding() {
                Ok(embedding) => {
                    let line = json!({ "path": path, "embedding": embedding });
                    writeln!(std::io::stdout(), "{line}").context("standard output")?;
                }
                Err(e) => {
                    failed += 1;
                    lookalike_common::say!("error: {}: {e:#}", path.display());
                }
            }
        }
        ensure!(failed == 0, "{failed} of {} photos could not be embedded", self.photos.len());
        Ok(())
    }
}
