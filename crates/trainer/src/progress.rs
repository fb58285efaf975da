//! Progress bars on long work: one look for all commands, on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar; where standard error is no terminal, its last line alone is printed.
pub struct Bar {
    bar: ProgressBar,
    name: String,
}

impl Bar {
    /// A bar of `total` steps.
    pub fn new(name: &str, total: u64) -> Self {
        let bar = ProgressBar::new(total);
        let template = "{prefix:>16} {bar:32.cyan/dim} {pos}/{len} {per_sec} eta {eta} {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { bar, name: name.to_owned() }
    }

    /// This many steps more are done.
    pub fn advance(&self, steps: u64) {
        self.bar.inc(steps);
    }

    /// Where the work stands, and of how much.
    pub fn set(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// A word beside the bar.
    pub fn message(&self, text: String) {
        self.bar.set_message(text);
    }

    /// Done; the time it took stays on the screen.
    pub fn finish(&self) {
        self.finish_with(format!("{:.1} s", self.bar.elapsed().as_secs_f64()));
    }

    /// Done; `text` stays on the screen.
    pub fn finish_with(&self, text: String) {
        let done = self.bar.position();
        self.bar.finish_and_clear();
        lookalike_common::say!("{:>16} {done} · {text}", self.name);
    }
}
