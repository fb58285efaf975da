//! Figures for TensorBoard: records of protobuf, each with the masked CRC-32C of its length and of its content.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::training::EpochMetrics;
use lookalike_common::write_atomically;

/// The event file of a run.
#[derive(Clone, Debug)]
pub struct EventFile(PathBuf);

impl EventFile {
    /// In that folder.
    pub fn of(folder: &Path) -> Self {
        Self(folder.join("events.out.tfevents.lookalike"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Adds an epoch.
    pub fn append(&self, epoch: &EpochMetrics) -> io::Result<()> {
        let fresh = !self.0.exists();
        let mut file = OpenOptions::new().create(true).append(true).open(&self.0)?;
        let mut bytes = if fresh { record(&header(epoch.finished)) } else { Vec::new() };
        bytes.extend(record(&event(epoch)));
        file.write_all(&bytes)
    }

    /// Makes it anew, of these epochs; nothing where there are none.
    pub fn rewrite(&self, epochs: &[EpochMetrics]) -> io::Result<()> {
        let Some(first) = epochs.first() else {
            return match fs::remove_file(&self.0) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
                _ => Ok(()),
            };
        };
        let mut bytes = record(&header(first.finished));
        bytes.extend(epochs.iter().flat_map(|epoch| record(&event(epoch))));
        write_atomically(&self.0, &bytes)
    }
}

/// A record: length, its checksum, content, its checksum; little-endian.
fn record(content: &[u8]) -> Vec<u8> {
    let masked =
        |bytes: &[u8]| crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let length = (content.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), content, &masked(content)].concat()
}

/// The first event: which version of the format this is.
fn header(time: f64) -> Vec<u8> {
    [field_f64(1, time), field_bytes(3, b"brain.Event:2")].concat()
}

/// An epoch: `Event { wall_time, step, summary { value { tag, simple_value }… } }`.
fn event(epoch: &EpochMetrics) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in figures(epoch) {
        let value = [field_bytes(1, tag.as_bytes()), field_f32(2, value as f32)].concat();
        summary.extend(field_bytes(1, &value));
    }
    [field_f64(1, epoch.finished), [vec![2 << 3], varint(epoch.epoch)].concat(), field_bytes(5, &summary)]
        .concat()
}

/// Tag and figure; a figure that was not measured is left out.
fn figures(m: &EpochMetrics) -> Vec<(&'static str, f64)> {
    let all = [
        ("train/loss", Some(m.loss)),
        ("train/cross_entropy", Some(m.cross_entropy)),
        ("train/triplet", m.triplet),
        ("train/triplet_active", m.triplet_active),
        ("train/proxy", m.proxy),
        ("train/top1", m.train_top1),
        ("val/top1", m.val_top1),
        ("val/top3", m.val_top3),
        ("val/top5", m.val_top5),
        ("val/hit_at_1", m.val_hit_at_1),
        ("val/precision_at_10", m.val_precision_at_10),
        ("val/product_hit_at_1", m.val_product_hit_at_1),
        ("run/lr", Some(m.lr)),
        ("run/images_per_second", Some(m.images_per_second)),
        ("run/wait_share", Some(m.wait_share)),
    ];
    all.into_iter().filter_map(|(tag, value)| Some((tag, value?))).collect()
}

fn field_f64(number: u8, value: f64) -> Vec<u8> {
    [&[number << 3 | 1][..], &value.to_le_bytes()].concat()
}

fn field_f32(number: u8, value: f32) -> Vec<u8> {
    [&[number << 3 | 5][..], &value.to_le_bytes()].concat()
}

fn field_bytes(number: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn varint(mut n: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_format() {
        // The first record that TensorBoard's own writer makes of this header; tests/golden/events_reference.py.
        let golden: Vec<u8> = serde_json::from_str(include_str!("../../tests/golden/events.json")).unwrap();
        let epoch = EpochMetrics {
            epoch: 300,
            loss: 1.5,
            cross_entropy: 0.25,
            lr: 0.125,
            val_top1: Some(0.75),
            images_per_second: 40.0,
            finished: 1_700_000_000.5,
            ..EpochMetrics::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let file = EventFile::of(dir.path());
        file.append(&epoch).unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), golden);
        file.rewrite(std::slice::from_ref(&epoch)).unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), golden);
        file.rewrite(&[]).unwrap();
        assert!(!file.path().exists());
    }
}
