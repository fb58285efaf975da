//! A model that runs is not right yet: it is tried on photos, each alone, again, and among others.

use super::ExportError;
use crate::dataset::{Dataset, Record};
use lookalike_model::{Embedded, EmbedderError, Model};
use lookalike_photo::{Photo, Pixels, Preprocessing};
use lookalike_sample_shop::{SampleSpec, draw};

/// How many photos a model is tried on, at most.
const PHOTOS: usize = 16;
/// How many it is tried on at least; drawn ones are added.
const AT_LEAST: usize = 4;
/// What a photo's numbers may stray by between passes, as a part of what different photos' are apart.
const STRAYS: f64 = 0.05;
/// What rounding may make of numbers of norm 1.
const ROUNDING: f64 = 1e-4;
/// Photos that are no further apart are the same to the model.
const SAME: f64 = 1e-6;

/// A photo and what it is called.
pub(super) struct Tried {
    name: String,
    pixels: Pixels,
}

/// Photos evenly from the sets, and drawn ones where they are too few. A photo that cannot be decoded is passed over.
///
/// # Errors
/// Where sets are given and none of their photos can be decoded.
pub(super) fn photos(sets: &[Dataset], rule: &Preprocessing) -> Result<Vec<Tried>, ExportError> {
    let mut tried = Vec::new();
    for set in sets {
        let share = PHOTOS.div_ceil(sets.len()).min(set.records().len());
        let step = set.records().len() / share.max(1);
        for record in set.records().iter().step_by(step.max(1)).take(share) {
            tried.extend(tried_of(set, record, rule));
        }
    }
    if tried.is_empty() && !sets.is_empty() {
        return Err(ExportError::Photos("none of them can be decoded".into()));
    }
    if tried.len() < AT_LEAST {
        tried.extend(drawn(rule));
    }
    Ok(tried)
}

fn tried_of(set: &Dataset, record: &Record, rule: &Preprocessing) -> Option<Tried> {
    let photo = set.photo_for(record, false, rule.wanted()).ok()?;
    Some(Tried { name: record.item.image.clone(), pixels: rule.apply(&photo) })
}

/// Garments as the sample shop draws them, one a category.
fn drawn(rule: &Preprocessing) -> Vec<Tried> {
    let products = PHOTOS as u32 / 2;
    let spec = SampleSpec { products, views: 1, seed: 1 };
    let photo = |product| Photo::from_rgb(draw(&spec, product, 0).image);
    let tried = |(i, photo): (u32, Photo)| Tried {
        name: format!("drawn photo {}", i + 1),
        pixels: rule.apply(&photo),
    };
    (0..products).filter_map(|i| Some((i, photo(i)?))).map(tried).collect()
}

/// Tries a model as it stands in its file, and as this CPU runs it (`packed`). Two photos at least.
///
/// # Errors
/// Why what it gives cannot be right, in words.
pub(super) fn try_on(model: &Model, packed: &Model, photos: &[Tried]) -> Result<(), String> {
    let first = alone(model, photos)?;
    let apart = Apart::of(&first);
    if apart.0[DEEP] < SAME {
        return Err("it gives the same embedding for every photo: such a model finds nothing".into());
    }
    if let Some(i) = apart.strays(&first, &alone(model, photos)?) {
        return Err(format!(
            "of {} it gives other numbers each time: dropout or another draw of chance is in the trace; \
             call model.eval() before it",
            photos[i].name
        ));
    }
    let among = pass(model, &photos.iter().collect::<Vec<_>>())?;
    if let Some(i) = apart.strays(&first, &among) {
        return Err(format!(
            "of {} it gives other numbers alone than among other photos: it was traced in train mode \
             (batch norm of the batch), or mixes photos; call model.eval() before the trace",
            photos[i].name
        ));
    }
    if let Some(i) = apart.strays(&first, &alone(packed, photos)?) {
        return Err(format!(
            "of {} it gives other numbers once its batch norm is folded: it was traced in train mode; \
             call model.eval() before the trace",
            photos[i].name
        ));
    }
    Ok(())
}

/// What the model gives for each photo alone.
fn alone(model: &Model, photos: &[Tried]) -> Result<Vec<Numbers>, String> {
    let each: Result<Vec<_>, _> = photos.iter().map(|tried| pass(model, &[tried])).collect();
    Ok(each?.concat())
}

fn pass(model: &Model, photos: &[&Tried]) -> Result<Vec<Numbers>, String> {
    let pixels: Vec<Pixels> = photos.iter().map(|tried| tried.pixels.clone()).collect();
    let embedded = model.embed(&pixels).map_err(|e| format!("it fails on photos: {e}"))?;
    photos.iter().zip(embedded).map(|(tried, embedded)| sound(&tried.name, embedded)).collect()
}

/// Embedding, colour and logits of a photo.
type Numbers = [Vec<f32>; 3];
const DEEP: usize = 0;

fn sound(name: &str, embedded: Result<Embedded, EmbedderError>) -> Result<Numbers, String> {
    let Embedded { vectors, logits } = embedded.map_err(|e| {
        format!("of {name} it gives nothing to search with: {e}; was model.eval() called before the trace?")
    })?;
    if logits.iter().any(|x| !x.is_finite()) {
        return Err(format!("of {name} it gives logits that are not finite"));
    }
    Ok([vectors.deep().to_vec(), vectors.colour().to_vec(), logits])
}

/// How far different photos are apart, by each of their numbers: the mean over all pairs.
struct Apart([f64; 3]);

impl Apart {
    fn of(photos: &[Numbers]) -> Self {
        let pairs = || (0..photos.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        let mean = |part: usize| {
            let sum: f64 = pairs().map(|(a, b)| distance(&photos[a][part], &photos[b][part])).sum();
            sum / (pairs().count().max(1) as f64)
        };
        Self([mean(0), mean(1), mean(2)])
    }

    /// The first photo whose numbers differ between two passes by more than rounding.
    fn strays(&self, first: &[Numbers], again: &[Numbers]) -> Option<usize> {
        let strays = |(one, other): (&Numbers, &Numbers)| {
            (0..one.len()).any(|part| {
                let norm = distance(&one[part], &vec![0.0; one[part].len()]);
                distance(&one[part], &other[part]) > (STRAYS * self.0[part]).max(ROUNDING * norm)
            })
        };
        first.iter().zip(again).position(strays)
    }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_no_other_answer_and_dropout_is_one() {
        let photos: Vec<Numbers> =
            (0..4).map(|i| [vec![(i as f32).cos(), (i as f32).sin()], vec![], vec![5.0]]).collect();
        let moved = |by: f32| -> Vec<Numbers> {
            photos
                .iter()
                .map(|[deep, colour, logits]| [vec![deep[0] + by, deep[1]], colour.clone(), logits.clone()])
                .collect()
        };
        let apart = Apart::of(&photos);
        assert_eq!(apart.strays(&photos, &moved(1e-3)), None);
        assert_eq!(apart.strays(&photos, &moved(0.2)), Some(0));
        let mut last = photos.clone();
        last[3][2][0] = 5.1;
        assert_eq!(apart.strays(&photos, &last), Some(3), "logits count too");
    }
}
