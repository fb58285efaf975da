//! What is taken for what: the confusion matrix, categories one by one, the worst mistakes.

use std::fmt::Write;

use crate::chart::{confusion_matrix, escape};
use crate::report::{Judged, page::Section, picture::figure};

/// Mistakes shown.
const WORST: usize = 14;

/// What the classifier says of a photo whose category it knows.
struct Guess {
    photo: usize,
    label: usize,
    guess: usize,
    /// Its probability, by softmax.
    sure: f64,
}

fn guesses(judged: &Judged<'_>) -> Vec<Guess> {
    let names = &judged.inspection.config.categories;
    let one = |(photo, scored): (usize, &crate::evaluation::Scored)| {
        let label = names.iter().position(|name| *name == scored.item.category)?;
        let logits: Vec<f64> = scored.logits.iter().map(|&l| f64::from(l)).collect();
        let guess = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]))?;
        let sum: f64 = logits.iter().map(|l| (l - logits[guess]).exp()).sum();
        (logits.len() == names.len()).then_some(Guess { photo, label, guess, sure: 1.0 / sum })
    };
    judged.inspection.scored.iter().enumerate().filter_map(one).collect()
}

pub(crate) fn section(judged: &Judged<'_>) -> Section {
    let title = "What it takes for what";
    let guesses = guesses(judged);
    let all = &judged.inspection.config.categories;
    // Categories that none of these photos has, and that none is taken for, would be empty rows.
    let used: Vec<usize> =
        (0..all.len()).filter(|c| guesses.iter().any(|g| g.label == *c || g.guess == *c)).collect();
    let place = |c: usize| used.binary_search(&c).unwrap_or(0);
    let names: Vec<String> = used.iter().map(|&c| all[c].clone()).collect();
    let mut counts = vec![vec![0; names.len()]; names.len()];
    guesses.iter().for_each(|g| counts[place(g.label)][place(g.guess)] += 1);
    let Some(matrix) = confusion_matrix(&names, &counts) else {
        let lead = "None of these photos has a category that the classifier knows.".into();
        return Section { title, lead, body: String::new() };
    };
    let mut body = format!("<h3>Confusion matrix</h3>{matrix}");
    body += &table(judged, &names, &counts);
    let mut worst: Vec<&Guess> = guesses.iter().filter(|g| g.guess != g.label).collect();
    worst.sort_by(|a, b| b.sure.total_cmp(&a.sure));
    body += r#"<h3>The worst mistakes</h3>"#;
    if worst.is_empty() {
        body += r#"<p class="lead">There is none.</p>"#;
    } else {
        body += r#"<p class="lead">Wrong, and most sure of it: the network's blind spots, or wrong labels.</p><div class="gallery">"#;
        for g in worst.into_iter().take(WORST) {
            let (label, guess) = (escape(&all[g.label]), escape(&all[g.guess]));
            let caption = format!("{label}, taken for <b>{guess}</b> at {:.0} %", 100.0 * g.sure);
            body += &figure(judged.inspection, g.photo, "wrong", &caption);
        }
        body += "</div>";
    }
    let lead = "A row is what photos show, a column what the classifier takes them for: the deeper a cell, the larger its share of the \
        row. All would be on the diagonal; a pair of deep cells mirrored in it are two categories that look alike."
        .into();
    Section { title, lead, body }
}

/// A category a row.
fn table(judged: &Judged<'_>, names: &[String], counts: &[Vec<usize>]) -> String {
    let mut html = String::from(
        r#"<h3>By category</h3><div class="scroll"><table><tr><th>category</th><th class="number">photos</th><th class="number" title="of its photos, how many are named so">recall</th><th class="number" title="of the photos named so, how many are">precision</th><th class="number" title="of its photos, how many have one of the category nearest">hit@1</th></tr>"#,
    );
    let share = |part: usize, all: usize| match all {
        0 => "–".to_owned(),
        all => format!("{:.1} %", 100.0 * part as f64 / all as f64),
    };
    let scored = &judged.inspection.scored;
    for (c, name) in names.iter().enumerate() {
        let photos: usize = counts[c].iter().sum();
        let named: usize = counts.iter().map(|row| row[c]).sum();
        let near = |i: &usize| {
            let nearest = judged.nearest[*i].first();
            nearest.is_some_and(|(j, _)| scored[*j].item.category == *name)
        };
        let own = (0..scored.len()).filter(|&i| scored[i].item.category == *name);
        let (recall, precision) = (share(counts[c][c], photos), share(counts[c][c], named));
        let hits = share(own.filter(near).count(), photos);
        let name = escape(name);
        let _ = write!(
            html,
            r#"<tr><th>{name}</th><td class="number">{photos}</td><td class="number">{recall}</td><td class="number">{precision}</td><td class="number">{hits}</td></tr>"#
        );
    }
    html + "</table></div>"
}
