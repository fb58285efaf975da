//! What reading a set passed over.

/// How many there were of something, and the first of them by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: usize,
    /// The first few.
    pub named: Vec<String>,
}

impl Tally {
    const NAMED: usize = 5;

    /// Counts one, and names it while there is room.
    pub fn add(&mut self, what: impl Into<String>) {
        self.count += 1;
        if self.named.len() < Self::NAMED {
            self.named.push(what.into());
        }
    }

    /// `7 (a, b, c, d, e and 2 more)`.
    fn told(&self) -> String {
        let more = self.count - self.named.len();
        let and = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{} ({}{and})", self.count, self.named.join(", "))
    }
}

/// What was passed over while reading, and why.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many photos were skipped.
    pub skipped: usize,
    /// The first of them, named, each with its reason.
    pub named: Vec<String>,
    /// Files and folders that systems and programs leave beside photos, and folders that hold nothing.
    pub left_out: Tally,
    /// Lines of `items.jsonl` whose photo is not there.
    pub lines_without_photo: Tally,
    /// Photos of which `items.jsonl` says nothing, where there is one.
    pub photos_without_line: Tally,
}

impl Report {
    const NAMED: usize = 20;

    /// Counts one, and names it while there is room.
    pub fn skip(&mut self, what: String) {
        self.skipped += 1;
        if self.named.len() < Self::NAMED {
            self.named.push(what);
        }
    }

    /// What is worth a word besides the photos that were skipped: a line each.
    pub fn notes(&self) -> Vec<String> {
        let notes = [
            ("files and folders left out that are not the shop's", &self.left_out),
            ("lines of items.jsonl without a photo", &self.lines_without_photo),
            ("photos without a line in items.jsonl", &self.photos_without_line),
        ];
        let told = notes.iter().filter(|(_, tally)| tally.count > 0);
        told.map(|(what, tally)| format!("{what}: {}", tally.told())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_counts_all_and_names_the_first() {
        let mut report = Report::default();
        assert_eq!(report.notes(), Vec::<String>::new());
        (1..=7).for_each(|i| report.photos_without_line.add(format!("img/{i}.jpg")));
        let note = "photos without a line in items.jsonl: \
            7 (img/1.jpg, img/2.jpg, img/3.jpg, img/4.jpg, img/5.jpg and 2 more)";
        assert_eq!(report.notes(), [note]);
    }
}
