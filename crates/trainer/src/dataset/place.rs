//! Where photos lie that lists name `img/…`.

use std::path::Path;

use crate::dataset::DatasetError;

/// What of a listed path is left out, and what comes before the rest.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    without: &'static str,
    before: &'static str,
}

/// Where an archive is unpacked to: beside the lists, or as DeepFashion's `Img/img.zip` and `Img/img_highres.zip` are.
const PLACES: [Place; 6] = [
    Place { without: "", before: "" },
    Place { without: "", before: "Img/" },
    Place { without: "", before: "img/" },
    Place { without: "img/", before: "Img/" },
    Place { without: "img/", before: "Img/img_highres/" },
    Place { without: "img/", before: "img_highres/" },
];
/// How many photos are looked for before a place is taken.
const TRIED: usize = 64;

impl Place {
    /// The place where most of some of these photos are; the first of equals.
    ///
    /// # Errors
    /// Where none of them is in any place: says where they were looked for.
    pub fn of<'a>(root: &Path, images: impl ExactSizeIterator<Item = &'a str>) -> Result<Self, DatasetError> {
        let step = (images.len() / TRIED).max(1);
        let tried: Vec<&str> = images.step_by(step).collect();
        let there = |place: &Place| {
            tried
                .iter()
                .filter_map(|image| place.path(image))
                .filter(|path| root.join(path).is_file())
                .count()
        };
        // Of equals `max_by_key` gives the last.
        let best = PLACES.iter().rev().max_by_key(|place| there(place)).filter(|place| there(place) > 0);
        match (best, tried.first()) {
            (Some(place), _) => Ok(*place),
            (None, None) => Ok(PLACES[0]),
            (None, Some(image)) => {
                let mut looked: Vec<String> = PLACES.iter().filter_map(|place| place.path(image)).collect();
                looked.dedup();
                let zip = ["Img/img.zip", "img.zip"].into_iter().find(|zip| root.join(zip).is_file());
                let hint = zip.map_or(String::new(), |zip| format!("; unpack {zip}"));
                let reason = format!("no listed photo is there; looked for {}{hint}", looked.join(", "));
                Err(DatasetError::Empty { path: root.to_owned(), reason })
            }
        }
    }

    /// The path of a listed photo under the set's folder; none for one that leads out of it.
    pub fn path(&self, image: &str) -> Option<String> {
        let below = image.strip_prefix(self.without)?;
        let leads_out = image.starts_with('/') || image.split('/').any(|part| part == "..");
        (!leads_out).then(|| format!("{}{below}", self.before))
    }
}
