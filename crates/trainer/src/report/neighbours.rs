//! What is found: hits by rank, and queries with their nearest photos.

use rand::{SeedableRng, seq::SliceRandom};
use rayon::prelude::*;

use crate::report::{Judged, page::Section, picture::figure};
use crate::{
    chart::{Lines, Series, escape},
    evaluation::Scored,
};
use lookalike_catalogue::distance;
use lookalike_items::ColourWeight;

/// Neighbours beside a query.
const SHOWN: usize = 5;
/// Queries of each kind.
const ROWS: usize = 6;

/// The nearest of each photo among the others, exactly.
pub(crate) fn nearest(photos: &[Scored], weight: ColourWeight) -> Vec<Vec<(usize, f32)>> {
    let parts = |p: &Scored| (p.vectors.deep().to_vec(), p.vectors.colour().to_vec());
    let vectors: Vec<_> = photos.iter().map(parts).collect();
    let one = |i: usize| {
        let (deep, colour) = &vectors[i];
        let mut all: Vec<(usize, f32)> = (vectors.iter().enumerate())
            .filter(|(j, _)| *j != i)
            .map(|(j, (d, c))| (j, distance((deep, colour), (d, c), weight).blend))
            .collect();
        let order = |a: &(usize, f32), b: &(usize, f32)| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0));
        if all.len() > SHOWN {
            all.select_nth_unstable_by(SHOWN, order);
            all.truncate(SHOWN);
        }
        all.sort_unstable_by(order);
        all
    };
    (0..photos.len()).into_par_iter().map(one).collect()
}

pub(crate) fn section(judged: &Judged<'_>) -> Section {
    let series = ["category", "product"].map(|kind| {
        let (mut points, mut band) = (Vec::new(), Vec::new());
        for k in [1, 5, 10, 20, 30] {
            let name = format!("{kind}_hit_at_{k}");
            let Some(figure) = judged.evaluation.figures.iter().find(|f| f.name == name) else { continue };
            if let Some(value) = figure.value {
                points.push([f64::from(k), value]);
                band.extend(figure.interval.map(|[low, high]| [f64::from(k), low, high]));
            }
        }
        Series { name: format!("by {kind}"), points, band }
    });
    let chart = Lines {
        title: "Recall at k".into(),
        x: "k, nearest photos".into(),
        series: series.into(),
        share: true,
    };
    let mut body = String::new();
    if let Some(svg) = chart.svg() {
        body += &format!(
            r#"<h3>Recall@k</h3><p class="lead">The share of photos with a right one among their k nearest; the shade is its interval.</p><div class="chart">{svg}</div>"#
        );
    }
    let mut order: Vec<usize> =
        (0..judged.nearest.len()).filter(|&i| !judged.nearest[i].is_empty()).collect();
    order.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(7));
    let first = |i: usize| judged.nearest[i][0];
    // Where nothing could have been right, nothing is said by its being wrong.
    let askable = |i: usize| (0..judged.inspection.scored.len()).any(|j| j != i && judged.right(i, j));
    let found: Vec<usize> =
        order.iter().copied().filter(|&i| judged.right(i, first(i).0)).take(ROWS).collect();
    let mut missed: Vec<usize> = order.iter().copied().filter(|&i| !judged.right(i, first(i).0)).collect();
    missed.sort_by(|&a, &b| first(a).1.total_cmp(&first(b).1));
    let missed: Vec<usize> = missed.into_iter().filter(|&i| askable(i)).take(ROWS).collect();
    body += &rows(judged, "Found", "Queries drawn at random whose nearest photo is right.", &found);
    body += &rows(
        judged,
        "Missed",
        "Queries whose nearest photo is wrong, those first where it is nearest: what the network cannot tell apart, or what is labelled badly.",
        &missed,
    );
    let lead = "To the left a photo asked with, to its right the five nearest. <b>✓</b> and green: the same product (the same \
        category where products are unknown). <b>✗</b> and red: something else. The number is the score, 1 for the same photo."
        .into();
    Section { title: "What it finds", lead, body }
}

fn rows(judged: &Judged<'_>, heading: &str, lead: &str, queries: &[usize]) -> String {
    if queries.is_empty() {
        return format!(r#"<h3>{heading}</h3><p class="lead">There is no such photo.</p>"#);
    }
    let mut html = format!(r#"<h3>{heading}</h3><p class="lead">{lead}</p><div class="rows">"#);
    for &query in queries {
        let scored = &judged.inspection.scored;
        let caption = format!("<b>{}</b>", escape(&scored[query].item.category));
        html += r#"<div class="row">"#;
        html += &figure(judged.inspection, query, "query", &caption);
        for &(answer, distance) in &judged.nearest[query] {
            let (kind, mark) = if judged.right(query, answer) { ("right", "✓") } else { ("wrong", "✗") };
            let score = 1.0 / (1.0 + distance);
            let caption = format!("<b>{mark} {score:.2}</b> {}", escape(&scored[answer].item.category));
            html += &figure(judged.inspection, answer, kind, &caption);
        }
        html += "</div>";
    }
    html + "</div>"
}
