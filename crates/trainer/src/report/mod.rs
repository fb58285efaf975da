//! `report.html`: a run to look at, in one file that asks for nothing from elsewhere.
//!
//! May enter: a run's folder and, for all that needs photos, data sets. A part that the run or the data lacks is left out, and
//! the page says so.

mod curves;
mod labels;
mod looks;
mod montage;
mod neighbours;
mod page;
mod picture;

pub use montage::{MontageTile, montage};

use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Split};
use crate::{
    TrainingError,
    evaluation::{Bootstrap, Entry, Evaluation, Examination, Inspected, Inspection, evaluate, inspect},
    training::RunFolder,
};
use lookalike_common::write_atomically;
use lookalike_items::ColourWeight;
use page::Page;

/// Writes `report.html` into the run's folder and returns its path. Photos are those of `what`; without data sets the page has the
/// training's curves alone.
pub fn report(
    run: &Path,
    sets: &[Dataset],
    what: Inspected,
    progress: &dyn Fn(u64, u64),
) -> Result<PathBuf, TrainingError> {
    let (_, config) = RunFolder::open(run)?;
    let name = run.canonicalize().ok().and_then(|p| p.file_name().map(|n| n.to_string_lossy().into_owned()));
    let mut page = Page::new(&name.unwrap_or_else(|| "run".into()), &config);
    let inspection = if sets.is_empty() { None } else { Some(inspect(run, sets, what, progress)?) };
    match inspection.filter(|i| i.scored.len() > 1) {
        Some(inspection) => {
            let judged = Judged::of(&inspection, sets, what)?;
            page.figures(&judged);
            page.add(curves::section(&curves::read(run)));
            page.add(neighbours::section(&judged));
            page.add(labels::section(&judged));
            page.add(looks::section(&judged));
        }
        None => {
            page.note("No photos were looked at: figures, pictures and maps need <code>--data</code> with photos of the split asked for.");
            page.add(curves::section(&curves::read(run)));
        }
    }
    page.options(&config);
    let path = run.join("report.html");
    let failed = |e: std::io::Error| TrainingError::Run { path: path.clone(), reason: e.to_string() };
    write_atomically(&path, page.finish().as_bytes()).map_err(failed)?;
    Ok(path)
}

/// Photos, what the network says of them, and how good that is.
struct Judged<'a> {
    inspection: &'a Inspection,
    evaluation: Evaluation,
    split: Option<Split>,
    /// Of each photo, the places of its nearest, with their distances.
    nearest: Vec<Vec<(usize, f32)>>,
    /// Of the photos looked at, those that are byte for byte among the training photos too.
    leaked: usize,
}

impl<'a> Judged<'a> {
    fn of(inspection: &'a Inspection, sets: &[Dataset], what: Inspected) -> Result<Self, TrainingError> {
        let photos = &inspection.scored;
        let mut catalogue: Vec<Entry> = photos.iter().map(|p| (p.item.clone(), p.vectors.clone())).collect();
        catalogue.sort_by(|a, b| a.0.id.cmp(&b.0.id));
        let weight = ColourWeight::DEFAULT;
        let categories = &inspection.config.categories;
        let asked = Examination { photos, catalogue: &catalogue, categories, weight };
        let leaked = |set: &Dataset| set.duplicates().leaked(set.records(), what.split);
        Ok(Self {
            inspection,
            evaluation: evaluate(&asked, None, Bootstrap::default(), &|| ())?,
            split: what.split,
            nearest: neighbours::nearest(photos, weight),
            leaked: sets.iter().map(leaked).sum(),
        })
    }

    /// Whether one photo is a right answer to another: the same product where both are known, else the same category.
    fn right(&self, query: usize, answer: usize) -> bool {
        let (a, b) = (&self.inspection.scored[query].item, &self.inspection.scored[answer].item);
        match (&a.product, &b.product) {
            (Some(a), Some(b)) => a == b,
            _ => a.category == b.category,
        }
    }
}

#[cfg(test)]
mod tests;
