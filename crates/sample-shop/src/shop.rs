//! The whole shop on disk, in DeepFashion's layout.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use image::codecs::jpeg::JpegEncoder;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{CATEGORIES, PixelBox, Rendered, SampleError, SampleSpec, item, path, scene::Sitting};

/// Says, as the last file written, that the sample is complete.
const MARKER: &str = "sample.json";
/// The same file's name while the sample is not.
const BEGUN: &str = "sample.json.part";
/// Goes up whenever a seed gives other photos, or says other things of them, than before.
///
/// 2: items have titles, prices and stocks; the photos are those of 1.
const VERSION: u32 = 2;
const QUALITY: u8 = 88;

/// The categories after our own in DeepFashion's list, with their types.
const OTHERS: [(&str, u8); 30] = [
    ("Capris", 2),
    ("Chinos", 2),
    ("Culottes", 2),
    ("Cutoffs", 2),
    ("Gauchos", 2),
    ("Jeans", 2),
    ("Jeggings", 2),
    ("Jodhpurs", 2),
    ("Joggers", 2),
    ("Leggings", 2),
    ("Sarong", 2),
    ("Shorts", 2),
    ("Skirt", 2),
    ("Sweatpants", 2),
    ("Sweatshorts", 2),
    ("Trunks", 2),
    ("Caftan", 3),
    ("Cape", 3),
    ("Coat", 3),
    ("Coverup", 3),
    ("Dress", 3),
    ("Jumpsuit", 3),
    ("Kaftan", 3),
    ("Kimono", 3),
    ("Nightdress", 3),
    ("Onesie", 3),
    ("Robe", 3),
    ("Romper", 3),
    ("Shirtdress", 3),
    ("Sundress", 3),
];

/// What lies in the folder now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleSummary {
    /// How many photos.
    pub photos: u64,
    /// How many of them are for training, validation and testing.
    pub split: [u64; 3],
    /// Whether it was there already, and nothing was written.
    pub already: bool,
}

#[derive(Serialize, Deserialize)]
struct Marker {
    version: u32,
    spec: SampleSpec,
}

/// Draws the whole shop below `out`; `progress` is told after each photo how many are done, from any thread.
///
/// A folder that holds the same sample is left as it is, one that a killed run left half-done is written anew, and any
/// other that is not empty is refused.
pub fn write(
    spec: &SampleSpec,
    out: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SampleSummary, SampleError> {
    let spec = SampleSpec::new(spec.products, spec.views, spec.seed)?;
    let already = standing(&spec, out)?;
    if !already {
        begin(&spec, out)?;
        let boxes = photos(&spec, out, progress)?;
        lists(&spec, out, &boxes)?;
        fs::rename(out.join(BEGUN), out.join(MARKER)).map_err(disk(&out.join(MARKER)))?;
    }
    let mut split = [0; 3];
    for product in 0..spec.products {
        split[part(product)] += u64::from(spec.views);
    }
    Ok(SampleSummary { photos: spec.photos(), split, already })
}

/// Which of `train`, `val` and `test` a product is in: 7, 1 and 2 of any ten in a category or along the categories.
fn part(product: u32) -> usize {
    let n = CATEGORIES.len() as u32;
    let (category, rank) = (product % n, product / n);
    [0, 0, 2, 0, 0, 1, 0, 2, 0, 0][((rank + 3 * category) % 10) as usize]
}

fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> SampleError + use<> {
    let path = path.display().to_string();
    move |why| SampleError::Disk(path, why)
}

fn encoding(name: &str) -> impl Fn(String) -> SampleError {
    move |why| SampleError::Encoding(name.to_owned(), why)
}

/// Whether the sample stands there complete; an error where something else does.
fn standing(spec: &SampleSpec, out: &Path) -> Result<bool, SampleError> {
    let mut entries = match fs::read_dir(out) {
        Ok(entries) => entries,
        Err(why) if why.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(why) => return Err(disk(out)(why)),
    };
    if entries.next().is_none() {
        return Ok(false);
    }
    let name = out.display().to_string();
    for (file, complete) in [(MARKER, true), (BEGUN, false)] {
        let Ok(text) = fs::read(out.join(file)) else { continue };
        let Ok(marker) = serde_json::from_slice::<Marker>(&text) else { continue };
        if marker.spec == *spec && marker.version == VERSION {
            return Ok(complete);
        }
        let Marker { version, spec: SampleSpec { products, views, seed } } = marker;
        let other = format!("{products} products, {views} views, seed {seed}, version {version}");
        return Err(SampleError::Other(name, other));
    }
    Err(SampleError::Foreign(name))
}

fn begin(spec: &SampleSpec, out: &Path) -> Result<(), SampleError> {
    let folders = CATEGORIES.iter().map(|name| out.join("img").join(name));
    fs::create_dir_all(out).map_err(disk(out))?;
    // Before anything else: a folder with photos and no word of what they are would be refused ever after.
    let marker = Marker { version: VERSION, spec: *spec };
    let mut text = serde_json::to_vec(&marker).map_err(|why| encoding(BEGUN)(why.to_string()))?;
    text.push(b'\n');
    fs::write(out.join(BEGUN), text).map_err(disk(&out.join(BEGUN)))?;
    for folder in folders.chain([out.join("Anno"), out.join("Eval")]) {
        fs::create_dir_all(&folder).map_err(disk(&folder))?;
    }
    Ok(())
}

fn photos(
    spec: &SampleSpec,
    out: &Path,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<PixelBox>, SampleError> {
    let done = AtomicU64::new(0);
    let boxes: Result<Vec<Vec<PixelBox>>, SampleError> = (0..spec.products)
        .into_par_iter()
        .map(|product| {
            let sitting = Sitting::of(spec, product);
            let views = (0..spec.views).map(|view| {
                let bbox = photo(&sitting.shoot(view), out, &path(product, view))?;
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                Ok(bbox)
            });
            views.collect()
        })
        .collect();
    Ok(boxes?.concat())
}

fn numbers(spec: &SampleSpec, i: u64) -> (u32, u32) {
    let views = u64::from(spec.views);
    ((i / views) as u32, (i % views) as u32)
}

fn photo(rendered: &Rendered, out: &Path, name: &str) -> Result<PixelBox, SampleError> {
    let mut bytes = Vec::with_capacity(32 << 10);
    JpegEncoder::new_with_quality(&mut bytes, QUALITY)
        .encode_image(&rendered.image)
        .map_err(|why| encoding(name)(why.to_string()))?;
    let file = out.join(name);
    fs::write(&file, bytes).map_err(disk(&file))?;
    Ok(rendered.bbox)
}

fn lists(spec: &SampleSpec, out: &Path, boxes: &[PixelBox]) -> Result<(), SampleError> {
    file(out, "Anno/list_category_cloth.txt", |to| {
        writeln!(to, "{}\ncategory_name  category_type", CATEGORIES.len() + OTHERS.len())?;
        let ours = CATEGORIES.iter().map(|name| (*name, 1));
        ours.chain(OTHERS).try_for_each(|(name, kind)| writeln!(to, "{name:<14} {kind}"))
    })?;
    let count = spec.photos();
    let paths = || (0..count).map(|i| (i, numbers(spec, i))).map(|(i, (p, v))| (i as usize, p, path(p, v)));
    file(out, "Anno/list_category_img.txt", |to| {
        writeln!(to, "{count}\nimage_name  category_label")?;
        paths().try_for_each(|(_, p, name)| writeln!(to, "{name:<40} {}", p as usize % CATEGORIES.len() + 1))
    })?;
    file(out, "Anno/list_bbox.txt", |to| {
        writeln!(to, "{count}\nimage_name  x_1  y_1  x_2  y_2")?;
        paths().zip(boxes).try_for_each(|((_, _, name), bbox)| {
            let [x1, y1, x2, y2] = bbox.corners();
            writeln!(to, "{name:<40} {x1:03} {y1:03} {x2:03} {y2:03}")
        })
    })?;
    file(out, "Eval/list_eval_partition.txt", |to| {
        writeln!(to, "{count}\nimage_name  evaluation_status")?;
        paths().try_for_each(|(_, p, name)| writeln!(to, "{name:<40} {}", ["train", "val", "test"][part(p)]))
    })?;
    file(out, "items.jsonl", |to| {
        (0..count).try_for_each(|i| {
            let (product, view) = numbers(spec, i);
            let item = item(spec, product, view).map_err(std::io::Error::other)?;
            serde_json::to_writer(&mut *to, &item)?;
            writeln!(to)
        })
    })
}

/// One text file, flushed to the disk.
fn file(
    out: &Path,
    name: &str,
    fill: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), SampleError> {
    let path = out.join(name);
    let write = || {
        let mut to = BufWriter::new(File::create(&path)?);
        fill(&mut to)?;
        to.flush()?;
        to.get_ref().sync_all()
    };
    write().map_err(disk(&path))
}
