//! What a built catalogue is worth: how much of the truth its graph finds, and whether all of it can be found.

use std::fmt;

use crate::{
    contract::{CatalogueError, Effort, Query},
    local::{Entry, LocalCatalogue, bits::Bits},
};
use lookalike_items::{ColourWeight, Filter, Vectors};

/// The weights a request may ask with, from no colour to as much colour as shape.
const WEIGHTS: [f32; 4] = [0.0, 0.1, 0.5, 1.0];

/// The graph of an open catalogue, audited.
#[derive(Debug)]
pub struct Audit {
    /// Items asked with, each left out of its own answer.
    pub queries: usize,
    /// ann_recall@10 at the usual effort, by weight.
    pub recalls: Vec<(ColourWeight, f64)>,
    /// Points that no walk can reach; 0 unless the file is not what the build wrote.
    pub orphans: usize,
    /// How many points have 0, 1, 2 … neighbours on level 0.
    pub degrees: Vec<usize>,
    /// Bytes a point takes in memory (codes and neighbours).
    pub resident_bytes: f64,
    /// Bytes a point's f32 vectors take, mapped.
    pub mapped_bytes: f64,
}

impl LocalCatalogue {
    /// Asks with `queries` of the items, evenly spread, and counts what the graph is made of.
    pub fn audit(&self, queries: usize) -> Result<Audit, CatalogueError> {
        let (count, memory) = (self.len().max(1) as f64, self.footprint());
        let asked = self.spread(queries)?;
        let mut recalls = Vec::new();
        for weight in WEIGHTS {
            let weight = ColourWeight::new(weight)?;
            let ask = |(vectors, filter): &(Vectors, Filter)| {
                (Query { vectors: vectors.clone(), weight }, filter.clone())
            };
            let asked: Vec<_> = asked.iter().map(ask).collect();
            recalls.push((weight, self.recall_among(&asked, 10, Effort::Usual)?));
        }
        let (orphans, degrees) = self.reach();
        Ok(Audit {
            queries: asked.len(),
            recalls,
            orphans,
            degrees,
            resident_bytes: (memory.codes + memory.graph) as f64 / count,
            mapped_bytes: memory.mapped as f64 / count,
        })
    }

    /// Items as queries, and the filters that leave each out of its own answer.
    fn spread(&self, queries: usize) -> Result<Vec<(Vectors, Filter)>, CatalogueError> {
        let step = (self.len() / queries.max(1)).max(1);
        let one = |row: Result<Entry<'_>, CatalogueError>| {
            let (item, vectors) = row?;
            Ok((Vectors::stored(vectors), Filter { exclude: vec![item.id], ..Filter::default() }))
        };
        self.items().step_by(step).take(queries).map(one).collect()
    }

    /// How many points cannot be reached from the entry point, and how many have how many neighbours.
    fn reach(&self) -> (usize, Vec<usize>) {
        let links = self.links();
        let mut degrees = vec![0; links.width + 1];
        let (mut seen, mut reached, mut open) = (Bits::empty(links.len()), 0, vec![0]);
        if links.len() > 0 {
            seen.insert(0);
        }
        while let Some(point) = open.pop().filter(|_| links.len() > 0) {
            reached += 1;
            open.extend(links.of(point).filter(|&neighbour| seen.insert(neighbour)));
        }
        (0..links.len() as u32).for_each(|point| degrees[links.of(point).count()] += 1);
        (links.len() - reached, degrees)
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ann_recall@10, {} items asked with, each left out of its answer:", self.queries)?;
        for (weight, recall) in &self.recalls {
            writeln!(f, "  w {:<4} {recall:.4}", weight.get())?;
        }
        writeln!(f, "orphans: {}", self.orphans)?;
        let (all, most) =
            (self.degrees.iter().sum::<usize>().max(1), self.degrees.iter().max().copied().unwrap_or(0));
        let links: usize = self.degrees.iter().enumerate().map(|(degree, n)| degree * n).sum();
        writeln!(f, "neighbours of a point on level 0 (mean {:.1}):", links as f64 / all as f64)?;
        for (degree, &n) in self.degrees.iter().enumerate().filter(|(_, n)| **n > 0) {
            writeln!(f, "  {degree:>3} {n:>9} {}", "█".repeat((n * 40).div_ceil(most.max(1))))?;
        }
        write!(
            f,
            "bytes a vector: {:.0} in memory (codes, graph), {:.0} mapped (f32)",
            self.resident_bytes, self.mapped_bytes
        )
    }
}
