//! Records → batches → model. Workers read, decode and resize; the model's thread does nothing else.

use std::{ops::Range, path::Path, sync::Arc, time::Duration};

use sha2::{Digest, Sha256};
use tch::Device;

use crate::dataset::{Dataset, DatasetError, Record, ordered};
use crate::extraction::{
    ExtractionError, Shard, check_skipped,
    frames::{Entry, Header, Writer},
};
use lookalike_common::hex;
use lookalike_model::{Embedded, Model};
use lookalike_photo::Pixels;

/// Records are parted at multiples of this, and batches divide it: the same photos always go together.
pub(crate) const BLOCK: usize = 64;

/// A record, and its embedding or why there is none.
type Outcome = (Record, Result<Embedded, String>);
type Sink<'a> = dyn FnMut(Vec<Outcome>) -> Result<(), ExtractionError> + 'a;

/// What is to be embedded, and by what.
pub struct Extraction<'a> {
    model: &'a Model,
    set: Arc<Dataset>,
    records: Arc<Vec<Record>>,
    boxes: bool,
    workers: usize,
}

/// A shard that is whole.
#[derive(Clone, Copy, Debug)]
pub struct Done {
    /// Photos of the shard.
    pub photos: usize,
    /// Those that an earlier run had done.
    pub resumed: usize,
    /// Those that could not be used.
    pub skipped: usize,
    /// How long the model waited for photos.
    pub waited: Duration,
}

impl<'a> Extraction<'a> {
    /// Of these records of the set; `boxes` cuts photos to theirs.
    pub fn new(
        model: &'a Model,
        set: &Dataset,
        records: Vec<Record>,
        (boxes, workers): (bool, usize),
    ) -> Self {
        Self { model, set: Arc::new(set.without_records()), records: Arc::new(records), boxes, workers }
    }

    /// Photos in one forward pass.
    fn batch(&self) -> usize {
        if self.model.device() == Device::Cpu { BLOCK / 4 } else { BLOCK }
    }

    /// Embeds the records of a range, which starts at a multiple of the batch, and gives `sink` a batch at a time. Returns
    /// how long the model waited.
    pub(crate) fn each_batch(
        &self,
        range: Range<usize>,
        sink: &mut Sink<'_>,
    ) -> Result<Duration, ExtractionError> {
        let batch = self.batch();
        let jobs: Vec<Range<usize>> =
            range.clone().step_by(batch).map(|from| from..range.end.min(from + batch)).collect();
        let (set, records, rule) =
            (self.set.clone(), self.records.clone(), self.model.preprocessing().clone());
        let boxes = self.boxes;
        let prepare = move |job: Range<usize>| -> Vec<(Record, Result<Pixels, DatasetError>)> {
            // As the server decodes, so that a catalogue's own photo is found at distance 0.
            let one = |r: &Record| Ok(rule.apply(&set.photo_for(r, boxes, rule.wanted())?));
            records[job].iter().map(|record| (record.clone(), one(record))).collect()
        };
        let mut load = ordered(jobs, self.workers, prepare);
        for prepared in load.by_ref() {
            sink(self.embed(prepared)?)?;
        }
        Ok(load.waited())
    }

    fn embed(
        &self,
        prepared: Vec<(Record, Result<Pixels, DatasetError>)>,
    ) -> Result<Vec<Outcome>, ExtractionError> {
        let pixels: Vec<Pixels> = prepared.iter().filter_map(|(_, p)| p.as_ref().ok().cloned()).collect();
        let mut embedded = self.model.embed(&pixels)?.into_iter();
        let outcome = |(record, pixels): (Record, Result<Pixels, DatasetError>)| {
            let outcome = match pixels {
                Err(e) => Err(e.to_string()),
                Ok(_) => match embedded.next() {
                    Some(Ok(embedded)) => Ok(embedded),
                    Some(Err(e)) => Err(format!("{}: {e}", record.item.image)),
                    None => Err(format!("{}: the model gave nothing", record.item.image)),
                },
            };
            (record, outcome)
        };
        Ok(prepared.into_iter().map(outcome).collect())
    }

    /// Embeds a shard into its file in `folder`, going on where an earlier run was interrupted. Memory does not grow with the
    /// number of photos beyond their list. `progress` is called with the number of photos done and of all.
    pub fn shard(
        &self,
        shard: Shard,
        model_id: &str,
        folder: &Path,
        progress: &dyn Fn(u64, u64),
    ) -> Result<Done, ExtractionError> {
        let range = shard.range(self.records.len());
        let header = Header {
            format: Header::FORMAT,
            model_id: model_id.to_owned(),
            records: self.digest(),
            photos: self.records.len(),
            shard,
            dims: self.model.shape().dims,
        };
        let mut writer = Writer::open(folder, header)?;
        let resumed = writer.done();
        let (photos, mut done) = (range.len(), resumed);
        progress(done as u64, photos as u64);
        let waited = self.each_batch(range.start + resumed..range.end, &mut |batch| {
            done += batch.len();
            let entry = |(record, outcome): Outcome| match outcome {
                Ok(embedded) => Entry::Item(record.item, embedded.vectors),
                Err(reason) => Entry::Skipped(reason),
            };
            writer.append(&batch.into_iter().map(entry).collect::<Vec<_>>())?;
            progress(done as u64, photos as u64);
            Ok(())
        })?;
        let skipped = writer.skipped();
        check_skipped(skipped.0, photos, skipped.1)?;
        let skipped = skipped.0;
        writer.finish()?;
        Ok(Done { photos, resumed, skipped, waited })
    }

    /// What the records are: names, labels, boxes where photos are cut to them, and how long the files are, so that an
    /// interrupted run does not go on with other photos.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for record in self.records.iter() {
            let path = self.set.root().join(&record.item.image);
            let length = std::fs::metadata(path).map(|file| file.len()).unwrap_or(0);
            let bbox = record.bbox.filter(|_| self.boxes).map(|b| b.corners());
            hash.update(serde_json::to_vec(&(&record.item, bbox, length)).unwrap_or_default());
        }
        hex(&hash.finalize())
    }
}
