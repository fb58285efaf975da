//! Several data sets trained on as one.

use std::sync::Arc;

use crate::{
    dataset::{Dataset, DatasetError, Record, Split, TripletSampler, ordered},
    image::Photo,
};

use super::TrainingError;

/// The photos of one split of several data sets, with labels of their own. Cheap to clone.
#[derive(Clone)]
pub struct TrainingSet {
    sets: Arc<Vec<Dataset>>,
    /// (data set, record in it, label).
    photos: Arc<Vec<(usize, usize, usize)>>,
    boxes: bool,
}

/// Names of all categories: the first set's in its order, then those the others add.
pub fn merge_categories(sets: &[Dataset]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in sets.iter().flat_map(Dataset::categories) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

impl TrainingSet {
    /// The photos of `split`; a label is the position of the category's name in `categories`.
    pub fn new(sets: Arc<Vec<Dataset>>, categories: &[String], split: Split, boxes: bool) -> Self {
        let mut photos = Vec::new();
        for (s, set) in sets.iter().enumerate() {
            let label_of = |name: &String| categories.iter().position(|c| c == name);
            let labels: Vec<Option<usize>> = set.categories().iter().map(label_of).collect();
            for (r, record) in set.records().iter().enumerate().filter(|(_, r)| r.split == split) {
                if let Some(label) = labels[record.category] {
                    photos.push((s, r, label));
                }
            }
        }
        Self { sets, photos: Arc::new(photos), boxes }
    }

    /// How many photos.
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// What is known of a photo.
    pub fn record(&self, i: usize) -> &Record {
        let (s, r, _) = self.photos[i];
        &self.sets[s].records()[r]
    }

    /// A photo's label.
    pub fn label(&self, i: usize) -> usize {
        self.photos[i].2
    }

    /// Reads and decodes a photo.
    pub fn photo(&self, i: usize) -> Result<Photo, DatasetError> {
        self.sets[self.photos[i].0].photo(self.record(i), self.boxes)
    }

    /// Triplets over these photos: same product where known, else same category.
    pub fn triplets(&self, seed: u64) -> TripletSampler {
        // Products of two sets may share a name, so the set's number goes with it.
        let products: Vec<Option<String>> = (0..self.len())
            .map(|i| self.record(i).item.product.as_ref().map(|p| format!("{}/{p}", self.photos[i].0)))
            .collect();
        TripletSampler::new((0..self.len()).map(|i| (self.label(i), products[i].as_deref())), seed)
    }

    /// Decodes every photo once and leaves out those that cannot be: named, counted, and refused where they are more than
    /// one in twenty. `progress` is called after each photo.
    pub fn checked(
        &self,
        workers: usize,
        mut progress: impl FnMut(),
    ) -> Result<(Self, Vec<String>), TrainingError> {
        let this = self.clone();
        let mut bad = Vec::new();
        let mut good = Vec::with_capacity(self.len());
        let verdicts =
            ordered((0..self.len()).collect(), workers, move |i| this.photo(i).err().map(|e| e.to_string()));
        for (i, verdict) in verdicts.enumerate() {
            match verdict {
                None => good.push(self.photos[i]),
                Some(reason) => bad.push(reason),
            }
            progress();
        }
        if let Some(first) = bad.first()
            && bad.len() * 20 > self.len()
        {
            let (bad, total, first) = (bad.len(), self.len(), first.clone());
            return Err(TrainingError::TooManyBad { bad, total, first });
        }
        Ok((Self { photos: Arc::new(good), ..self.clone() }, bad))
    }
}
