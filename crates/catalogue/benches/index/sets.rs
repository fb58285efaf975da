//! What is searched: rows of vectors, and queries that are not among them.

use std::{fs, io::Read, path::Path};

use lookalike_catalogue::Query;
use lookalike_items::{ColourWeight, Dims, Item, ItemId, Vectors};
use nalgebra::DMatrix;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::failure::Failed;

/// How many queries are asked.
pub const QUERIES: usize = 1_000;

/// Attributes that filters of these shares of the items go by; the last is had by three items.
pub const SHARES: [(&str, f64); 4] = [("50%", 0.5), ("5%", 0.05), ("0.5%", 0.005), ("3 items", 0.0)];

/// Numbers that ranges go by, each from 0 to 1, drawn for each item.
pub const NUMBERS: [&str; 3] = ["price", "stock", "size"];

/// Attributes that are counted, and how many values each has.
pub const COUNTED: [(&str, u32); 3] = [("colour", 50), ("brand", 50), ("fit", 20)];

/// How many categories there are.
pub const CATEGORIES: usize = 20;

/// The made-up set: so many clusters, whose centres and members vary less and less along 512 directions.
const CLUSTERS: usize = 1_400;
const SPREAD: f32 = 0.7;
const DECAY: f32 = -0.75;
const DEEP: usize = 512;

pub struct Set {
    pub name: String,
    pub dims: Dims,
    pub weight: ColourWeight,
    /// `[deep | colour]`, row after row; deep of norm 1.
    pub rows: Vec<f32>,
    pub queries: Vec<Query>,
}

impl Set {
    pub fn of(name: &str, items: usize, folder: &Path) -> Result<Self, Failed> {
        match name {
            "clustered" => clustered(items, folder),
            "sample" => sample(items),
            other => Err(format!("there is no set '{other}'; there are clustered and sample").into()),
        }
    }

    pub fn width(&self) -> usize {
        self.dims.deep + self.dims.colour
    }

    pub fn count(&self) -> usize {
        self.rows.len() / self.width()
    }

    /// Items for the rows, each with the attributes that filters go by.
    pub fn items(&self) -> Result<Vec<(Item, Vectors)>, Failed> {
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let three = [1, self.count() / 2, self.count() - 1];
        let mut item = |(i, row): (usize, &[f32])| {
            let (deep, colour) = row.split_at(self.dims.deep);
            let chosen = SHARES
                .iter()
                .filter(|(_, share)| if *share > 0.0 { rng.random_bool(*share) } else { three.contains(&i) });
            let id = ItemId::parse(&format!("item-{i:06}"))?;
            let share = ("share".to_owned(), chosen.map(|(name, _)| (*name).to_owned()).collect());
            let counted = COUNTED.map(|(key, values)| {
                (key.to_owned(), vec![format!("{key}-{}", rng.random_range(0..values))])
            });
            let category = format!("category-{}", i % CATEGORIES);
            let item = Item {
                product: Some(format!("p{}", i / 8)),
                image: format!("img/{category}/item-{i:06}.jpg"),
                attributes: counted.into_iter().chain([share]).collect(),
                numbers: NUMBERS.map(|key| (key.to_owned(), rng.random_range(0.0..1.0))).into(),
                ..Item::new(id, &category)
            };
            Ok((item, Vectors::new(deep.to_vec(), colour.to_vec())?))
        };
        self.rows.chunks_exact(self.width()).enumerate().map(&mut item).collect()
    }
}

fn clustered(items: usize, folder: &Path) -> Result<Set, Failed> {
    let path = folder.join(format!("clustered-{items}.f32"));
    let mut rows = match read(&path) {
        Ok(rows) if rows.len() == (items + QUERIES) * DEEP => rows,
        _ => {
            let rows = draw_clustered(items + QUERIES);
            fs::write(&path, bytemuck::cast_slice(&rows))?;
            rows
        }
    };
    let (dims, weight) = (Dims { deep: DEEP, colour: 0 }, ColourWeight::new(0.0)?);
    let queries = queries(&rows.split_off(items * DEEP), dims, weight)?;
    Ok(Set { name: "clustered".into(), dims, weight, rows, queries })
}

fn draw_clustered(count: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let deviation: Vec<f32> = (0..DEEP).map(|i| (1.0 + i as f32).powf(DECAY)).collect();
    let along = |rng: &mut ChaCha8Rng| deviation.iter().map(|d| d * normal(rng)).collect::<Vec<f32>>();
    let centres: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| along(&mut rng)).collect();
    let turn = DMatrix::from_fn(DEEP, DEEP, |_, _| normal(&mut rng)).qr().q();
    let block = |start: usize| {
        let mut rng = ChaCha8Rng::seed_from_u64(100 + start as u64);
        let n = 1_000.min(count - start);
        let mut drawn = DMatrix::zeros(DEEP, n);
        for mut column in drawn.column_iter_mut() {
            let centre = &centres[rng.random_range(0..CLUSTERS)];
            let around = along(&mut rng);
            column.iter_mut().zip(centre).zip(around).for_each(|((x, c), a)| *x = c + SPREAD * a);
        }
        let mut turned = &turn * drawn;
        for mut column in turned.column_iter_mut() {
            column.normalize_mut();
        }
        turned.as_slice().to_vec()
    };
    let starts: Vec<usize> = (0..count).step_by(1_000).collect();
    starts.into_par_iter().flat_map_iter(block).collect()
}

/// Standard normal, by Box and Muller.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let (u, v): (f32, f32) = (rng.random_range(f32::MIN_POSITIVE..1.0), rng.random_range(0.0..1.0));
    (-2.0 * u.ln()).sqrt() * (std::f32::consts::TAU * v).cos()
}

/// What `cargo bench --bench embeddings` made.
fn sample(items: usize) -> Result<Set, Failed> {
    let (dims, weight) = (Dims { deep: 512, colour: 30 }, ColourWeight::DEFAULT);
    let folder = Path::new("target/bench/embeddings");
    let mut rows = read(&folder.join("items.f32"))?;
    let wanted = items * (dims.deep + dims.colour);
    if rows.len() < wanted {
        let there = rows.len() / (dims.deep + dims.colour);
        return Err(
            format!("{there} of {items} embeddings are there: run `cargo bench --bench embeddings`").into()
        );
    }
    rows.truncate(wanted);
    let queries = queries(&read(&folder.join("queries.f32"))?, dims, weight)?;
    Ok(Set { name: "sample".into(), dims, weight, rows, queries })
}

fn queries(rows: &[f32], dims: Dims, weight: ColourWeight) -> Result<Vec<Query>, Failed> {
    let query = |row: &[f32]| {
        let (deep, colour) = row.split_at(dims.deep);
        Ok(Query { vectors: Vectors::new(deep.to_vec(), colour.to_vec())?, weight })
    };
    rows.chunks_exact(dims.deep + dims.colour).take(QUERIES).map(query).collect()
}

/// A file of little-endian f32; a row begun but not finished is left out by whoever splits it.
fn read(path: &Path) -> Result<Vec<f32>, Failed> {
    let mut file = fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut numbers = vec![0f32; file.metadata()?.len() as usize / 4];
    file.read_exact(bytemuck::cast_slice_mut(&mut numbers))?;
    Ok(numbers)
}
