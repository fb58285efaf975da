//! Several data sets trained on as one.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::dataset::{Dataset, DatasetError, Groups, Record, Split, ordered};
use lookalike_photo::{Colour, Photo, PhotoError, Preprocessing, Wanted, resize_short_side};

use crate::{
    TrainingError,
    training::{Grouping, Room, photo_cache::Kept},
};

/// How a set's photos are looked at.
#[derive(Clone, Debug)]
pub struct Look {
    /// Cut to the data set's boxes.
    pub boxes: bool,
    /// What is done to a photo before anything is drawn.
    pub shape: Shape,
    /// In which colours.
    pub colour: Colour,
    /// Where photos stay in memory.
    pub room: Room,
}

/// What is done to a photo once and for all.
#[derive(Clone, Debug)]
pub enum Shape {
    /// The shorter side is resized to this: what random crops are cut from.
    ShortSide(u32),
    /// The test transform.
    Square(Preprocessing),
}

impl Shape {
    fn of(&self, photo: &Photo) -> Result<Photo, PhotoError> {
        match self {
            Self::ShortSide(short) => resize_short_side(photo, *short),
            Self::Square(rule) => rule.apply(photo).into_photo(),
        }
    }

    fn short_side(&self) -> u32 {
        match self {
            Self::ShortSide(short) => *short,
            Self::Square(rule) => rule.short_side(),
        }
    }
}

/// A photo: its data set, its record there, its label, its place among what is kept.
#[derive(Clone, Copy)]
struct Entry {
    set: usize,
    record: usize,
    label: usize,
    place: usize,
}

/// The photos of some splits of several data sets, with labels of their own. Cheap to clone.
#[derive(Clone)]
pub struct TrainingSet {
    sets: Arc<Vec<Dataset>>,
    photos: Arc<Vec<Entry>>,
    look: Look,
    kept: Arc<Kept>,
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
    /// The photos of `splits`; a label is the position of the category's name in `categories`.
    pub fn new(sets: Arc<Vec<Dataset>>, categories: &[String], splits: &[Split], look: Look) -> Self {
        let mut photos = Vec::new();
        for (s, set) in sets.iter().enumerate() {
            let label_of = |name: &String| categories.iter().position(|c| c == name);
            let labels: Vec<Option<usize>> = set.categories().iter().map(label_of).collect();
            for (record, r) in set.records().iter().enumerate().filter(|(_, r)| splits.contains(&r.split)) {
                if let Some(label) = labels[r.category] {
                    photos.push(Entry { set: s, record, label, place: photos.len() });
                }
            }
        }
        let kept = Arc::new(Kept::new(photos.len(), look.room.clone()));
        Self { sets, photos: Arc::new(photos), look, kept }
    }

    /// How many photos.
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// The first `n` photos alone, or all where there are fewer.
    pub fn first(&self, n: usize) -> Self {
        let photos = self.photos.iter().take(n).copied().collect();
        Self { photos: Arc::new(photos), ..self.clone() }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// What is known of a photo.
    pub fn record(&self, i: usize) -> &Record {
        let Entry { set, record, .. } = self.photos[i];
        &self.sets[set].records()[record]
    }

    /// A photo's label.
    pub fn label(&self, i: usize) -> usize {
        self.photos[i].label
    }

    /// A photo in its shape: read, decoded and resized, unless it was kept.
    pub fn photo(&self, i: usize) -> Result<Arc<Photo>, DatasetError> {
        let Entry { set, place, .. } = self.photos[i];
        let record = self.record(i);
        self.kept.get(place, || {
            let wanted = Wanted { short_side: self.look.shape.short_side(), colour: self.look.colour };
            let photo = self.sets[set].photo_for(record, self.look.boxes, wanted)?;
            let named = |source| DatasetError::Photo { image: record.item.image.clone(), source };
            self.look.shape.of(&photo).map_err(named)
        })
    }

    /// Which of these photos show the same.
    pub fn groups(&self, by: Grouping) -> Groups {
        // Products of two sets may share a name, so the set's number goes with it.
        let product = |i: usize| {
            let name = self.record(i).item.product.as_ref().filter(|_| by == Grouping::Product)?;
            Some(format!("{}/{name}", self.photos[i].set))
        };
        let products: Vec<Option<String>> = (0..self.len()).map(product).collect();
        Groups::new((0..self.len()).map(|i| (self.label(i), products[i].as_deref())))
    }

    /// Which photos these are, by path, label and product, in their order.
    pub fn digest(&self, hash: &mut Sha256) {
        for i in 0..self.len() {
            let item = &self.record(i).item;
            let product = item.product.as_deref().unwrap_or_default();
            hash.update(format!("{}\n{}\n{product}\n", item.image, self.label(i)));
        }
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
