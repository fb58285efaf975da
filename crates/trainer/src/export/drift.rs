//! How far a precision strays from f32, on photos the network was not trained on, and how far it may.

use crate::evaluation::Scored;
use lookalike_catalogue::distance;
use lookalike_items::{ColourWeight, Vectors};
use lookalike_model::{Drift, Precision};

/// How many neighbours are compared.
const NEAREST: usize = 10;

/// What a precision may stray by.
struct Bound {
    cosine: f64,
    overlap: f64,
}

/// How much of top-1 and of hit@1 may be lost.
const LOSS: f64 = 0.01;

/// Compares photo by photo; both are in the same order. `None` where there are too few to say anything.
pub fn measure(f32s: &[Scored], others: &[Scored], categories: &[String]) -> Option<Drift> {
    if f32s.len() != others.len() || f32s.len() <= NEAREST {
        return None;
    }
    let cosines = centred_cosines(f32s, others);
    let (mut overlap, mut hits) = (0.0, [0usize; 2]);
    for (i, (ours, theirs)) in f32s.iter().zip(others).enumerate() {
        let [exact, drifted] = [ours, theirs].map(|query| nearest(&query.vectors, f32s, i));
        overlap += exact.iter().filter(|n| drifted.contains(n)).count() as f64 / NEAREST as f64;
        for (hits, near) in hits.iter_mut().zip([&exact, &drifted]) {
            let same = |n: &usize| f32s[*n].item.category == ours.item.category;
            *hits += usize::from(near.first().is_some_and(same));
        }
    }
    let n = f32s.len() as f64;
    let change = |[before, after]: [usize; 2]| (after as f64 - before as f64) / n;
    let classified = !categories.is_empty() && f32s.iter().all(|s| s.logits.len() == categories.len());
    let right = |set: &[Scored]| set.iter().filter(|s| predicted(s, categories)).count();
    Some(Drift {
        photos: f32s.len(),
        centred_cosine_mean: cosines.iter().sum::<f64>() / n,
        centred_cosine_min: cosines.iter().fold(1.0, |a, b| a.min(*b)),
        top10_overlap: overlap / n,
        top1_change: classified.then(|| change([right(f32s), right(others)])),
        hit1_change: Some(change(hits)),
    })
}

/// What is past its bound, in words.
///
/// # Errors
/// The figures that stray too far.
pub fn check(drift: &Drift, precision: Precision) -> Result<(), String> {
    let bound = match precision {
        Precision::F32 => return Ok(()),
        Precision::Bf16 | Precision::F16 => Bound { cosine: 0.999, overlap: 0.97 },
        Precision::Int7 | Precision::Int8 => Bound { cosine: 0.985, overlap: 0.92 },
    };
    let mut wrong = Vec::new();
    let mut least = |name: &str, found: f64, bound: f64| {
        // A figure that is no number is past any bound.
        if found.is_nan() || found < bound {
            wrong.push(format!("{name} is {found:.4}, at least {bound} is asked for"));
        }
    };
    least("mean centred cosine", drift.centred_cosine_mean, bound.cosine);
    least("overlap of the nearest ten", drift.top10_overlap, bound.overlap);
    for (name, change) in [("top-1 changes by", drift.top1_change), ("hit@1 changes by", drift.hit1_change)] {
        // Of few photos one alone may be more than the bound.
        let one = 1.0 / drift.photos as f64;
        change.into_iter().for_each(|change| least(name, change, -LOSS.max(one)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

fn predicted(photo: &Scored, categories: &[String]) -> bool {
    let best = (0..photo.logits.len()).max_by(|&a, &b| photo.logits[a].total_cmp(&photo.logits[b]));
    best.is_some_and(|k| categories[k] == photo.item.category)
}

fn centred_cosines(f32s: &[Scored], others: &[Scored]) -> Vec<f64> {
    let deep = |s: &Scored| -> Vec<f64> { s.vectors.deep().iter().map(|x| f64::from(*x)).collect() };
    let mut mean = vec![0.0; f32s[0].vectors.deep().len()];
    for photo in f32s {
        mean.iter_mut().zip(deep(photo)).for_each(|(m, x)| *m += x / f32s.len() as f64);
    }
    let centred = |s: &Scored| -> Vec<f64> { deep(s).iter().zip(&mean).map(|(x, m)| x - m).collect() };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let cosine = |(a, b): (&Scored, &Scored)| {
        let (a, b) = (centred(a), centred(b));
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt().max(1e-30)
    };
    f32s.iter().zip(others).map(cosine).collect()
}

/// The ten of `among` nearest to the query, less photo `own`.
fn nearest(query: &Vectors, among: &[Scored], own: usize) -> Vec<usize> {
    let from = |s: &Scored| {
        let (a, b) = ((query.deep(), query.colour()), (s.vectors.deep(), s.vectors.colour()));
        distance(a, b, ColourWeight::DEFAULT).blend
    };
    let mut all: Vec<(f32, usize)> =
        among.iter().enumerate().filter(|(i, _)| *i != own).map(|(i, s)| (from(s), i)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.into_iter().take(NEAREST).map(|(_, i)| i).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use lookalike_items::{Item, ItemId};

    /// Twenty points around a circle, the second half of another category, all turned by `turn`.
    fn circle(turn: f32, logit: f32) -> Vec<Scored> {
        let one = |i: usize| {
            let angle = i as f32 * 0.3 + turn;
            let id = ItemId::parse(&format!("i{i}")).unwrap();
            let item = Item::new(id, if i < 10 { "one" } else { "two" });
            let vectors = Vectors::new(vec![angle.cos(), angle.sin()], vec![]).unwrap();
            Scored { item: Arc::new(item), vectors, logits: vec![0.0, if i < 10 { logit } else { 1.0 }] }
        };
        (0..20).map(one).collect()
    }

    #[test]
    fn what_is_the_same_does_not_stray() {
        let names = ["one".to_owned(), "two".to_owned()];
        let drift = measure(&circle(0.0, -1.0), &circle(0.0, -1.0), &names).unwrap();
        assert!((drift.centred_cosine_min - 1.0).abs() < 1e-9 && drift.top10_overlap == 1.0);
        assert_eq!((drift.top1_change, drift.hit1_change), (Some(0.0), Some(0.0)));
        Precision::ALL.into_iter().for_each(|p| check(&drift, p).unwrap());
    }

    #[test]
    fn what_strays_is_named() {
        let names = ["one".to_owned(), "two".to_owned()];
        let drift = measure(&circle(0.0, -1.0), &circle(0.7, 1.0), &names).unwrap();
        assert_eq!(drift.top1_change, Some(-0.5));
        let refused = check(&drift, Precision::Int8).unwrap_err();
        for word in ["cosine", "overlap", "top-1"] {
            assert!(refused.contains(word), "{refused}");
        }
        check(&drift, Precision::F32).unwrap();
    }

    #[test]
    fn a_figure_that_is_no_number_is_past_every_bound() {
        let names = ["one".to_owned(), "two".to_owned()];
        let mut drift = measure(&circle(0.0, -1.0), &circle(0.0, -1.0), &names).unwrap();
        drift.centred_cosine_mean = f64::NAN;
        assert!(check(&drift, Precision::Bf16).is_err());
    }
}
