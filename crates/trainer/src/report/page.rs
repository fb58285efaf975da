//! The page around the sections: head, style, figures, options.

use std::fmt::Write;

use super::Judged;
use crate::{
    chart::escape,
    dataset::Split,
    training::{RunConfig, TrainOn, TrainOptions, ValidateOn},
};

/// A part of the page: heading, how to read it, and what it shows.
pub(crate) struct Section {
    pub title: &'static str,
    pub lead: String,
    pub body: String,
}

/// A page that grows from top to bottom.
pub(crate) struct Page {
    html: String,
}

const STYLE: &str = include_str!("style.css");

/// Figures at the top, by name: what each is called, and how it is to be read.
const TILES: [(&str, &str, &str); 7] = [
    ("category_top1", "top-1", "photos whose category the classifier names first"),
    ("category_top3", "top-3", "… among its first three"),
    ("category_hit_at_1", "hit@1, category", "photos whose nearest other photo is of their category"),
    (
        "category_precision_at_10",
        "precision@10, category",
        "of the ten nearest photos, how many are of the category",
    ),
    ("category_map_at_r", "mAP@R, category", "how far to the front all photos of the category stand"),
    ("product_hit_at_1", "hit@1, product", "photos whose nearest other photo shows the same product"),
    ("product_map_at_r", "mAP@R, product", "how far to the front all photos of the product stand"),
];

/// What the photos of a split were to a run.
fn what(split: Option<Split>, options: &TrainOptions) -> &'static str {
    match (split, options.train_on, options.validate_on) {
        (Some(_), TrainOn::All, _) | (Some(Split::Train), ..) => {
            "photos <strong>it was trained on</strong>: these figures say nothing of new ones"
        }
        (None, ..) => "photos of all splits, <strong>those it was trained on too</strong>",
        (Some(Split::Val), ..) => {
            "validation photos, by which the best epoch was chosen: expect a little less on new ones"
        }
        (Some(Split::Test), _, ValidateOn::Val) => "test photos, used for nothing else",
        (Some(Split::Test), _, ValidateOn::Rest) => {
            "test photos, by which the best epoch was chosen too: expect a little less on new ones"
        }
    }
}

impl Page {
    pub fn new(name: &str, config: &RunConfig) -> Self {
        let (name, what) = (escape(name), escape(&config.architecture.name()));
        let (size, numbers) = (config.preprocessing.size(), config.architecture.embedding);
        let data: Vec<String> = config.data.iter().map(|d| escape(d)).collect();
        let html = format!(
            r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{name} · Lookalike</title><style>{STYLE}</style></head><body><main>
<header><p class="eyebrow">Training report</p><h1>{name}</h1><p class="lead">{what}, {size} px, {numbers} numbers a photo, {} categories<br>{}</p></header>
"#,
            config.categories.len(),
            data.join("<br>")
        );
        Self { html }
    }

    pub fn note(&mut self, html: &str) {
        let _ = writeln!(self.html, r#"<p class="note">{html}</p>"#);
    }

    pub fn figures(&mut self, judged: &Judged<'_>) {
        let e = &judged.evaluation;
        self.html.push_str(r#"<div class="tiles">"#);
        for (name, title, meaning) in TILES {
            let Some(figure) = e.figures.iter().find(|f| f.name == name) else { continue };
            let Some(value) = figure.value else { continue };
            let interval = figure
                .interval
                .map_or(String::new(), |[low, high]| format!("{:.1} – {:.1} %", 100.0 * low, 100.0 * high));
            let _ = write!(
                self.html,
                r#"<div class="tile"><h3>{title}</h3><p class="value">{:.1}<span> %</span></p><p class="interval">{interval}</p><p>{meaning}</p></div>"#,
                100.0 * value
            );
        }
        self.html.push_str("</div>");
        let of = what(judged.split, &judged.inspection.config.options);
        let (photos, available) = (e.photos, judged.inspection.available);
        let some = if photos < available { format!(" of the {available}") } else { String::new() };
        let asked = match e.product_queries {
            0 => "Products are unknown, so there are no figures by product.".into(),
            n => format!("{n} of them have another photo of their product there."),
        };
        self.note(&format!(
            "{photos}{some} {of}. Neighbours are among these photos, by exact search. {asked} Below each figure is where it would lie in 95 of 100 drawings of such photos."
        ));
        if judged.leaked > 0 {
            self.note(&format!(
                "<strong>{} of the split's photos are byte for byte among the training photos too</strong>: they make all figures look better than they are.",
                judged.leaked
            ));
        }
    }

    pub fn add(&mut self, section: Section) {
        let Section { title, lead, body } = section;
        let _ = writeln!(self.html, r#"<section><h2>{title}</h2><p class="lead">{lead}</p>{body}</section>"#);
    }

    /// How the run was made.
    pub fn options(&mut self, config: &RunConfig) {
        let mut rows = String::new();
        if let Ok(serde_json::Value::Object(options)) = serde_json::to_value(&config.options) {
            for (name, value) in options {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let _ = write!(rows, "<tr><th>{}</th><td>{}</td></tr>", escape(&name), escape(&value));
            }
        }
        let _ = writeln!(
            self.html,
            "<section><details><summary>How it was trained</summary><table>{rows}</table></details></section>"
        );
    }

    pub fn finish(mut self) -> String {
        self.html.push_str("</main></body></html>\n");
        self.html
    }
}
