//! Catalogues to test with: clustered vectors, as photos of many products in few categories give.

use lookalike_catalogue::{BuildOptions, LocalCatalogue, Query, build};
use lookalike_items::{ColourWeight, Item, ItemId, Vectors};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

pub const MODEL: &str = "the-model";

/// Draws photos around cluster centres.
pub struct Source {
    rng: ChaCha8Rng,
    centres: Vec<Vec<f32>>,
    colour: usize,
}

impl Source {
    pub fn new(seed: u64, clusters: usize, deep: usize, colour: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let centres = (0..clusters).map(|_| (0..deep).map(|_| normal(&mut rng)).collect()).collect();
        Self { rng, centres, colour }
    }

    pub fn vectors(&mut self) -> Vectors {
        let centre = self.rng.random_range(0..self.centres.len());
        let deep = self.centres[centre].iter().map(|x| x + 0.5 * normal(&mut self.rng)).collect();
        let colour = (0..self.colour).map(|_| self.rng.random_range(0.0..1.0)).collect();
        Vectors::new(deep, colour).expect("no zero vector")
    }

    pub fn items(&mut self, count: usize) -> Vec<(Item, Vectors)> {
        (0..count).map(|n| (item(n), self.vectors())).collect()
    }

    pub fn queries(&mut self, count: usize, w: f32) -> Vec<Query> {
        let weight = ColourWeight::new(w).expect("a weight");
        (0..count).map(|_| Query { vectors: self.vectors(), weight }).collect()
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f32 {
    (0..12).map(|_| rng.random_range(-0.5..0.5f32)).sum()
}

/// Item `n`: of one of four categories, red or blue or both, one in a hundred rare; nine of ten have a price from 0 to 499, one of three
/// a stock from 0 to 6.
pub fn item(n: usize) -> Item {
    let colours: &[&str] = [&["red"][..], &["blue"], &["red", "blue"]][n % 3];
    let mut attributes =
        [("colour".to_owned(), colours.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>())].to_vec();
    if n % 100 == 7 {
        attributes.push(("stock".to_owned(), vec!["last".to_owned()]));
    }
    let price = (!n.is_multiple_of(10)).then(|| ("price".to_owned(), (n * 37 % 500) as f64));
    let stock = n.is_multiple_of(3).then(|| ("stock".to_owned(), (n % 7) as f64));
    Item {
        product: Some(format!("product-{}", n / 4)),
        numbers: price.into_iter().chain(stock).collect(),
        image: format!("img/{n:06}.jpg"),
        attributes: attributes.into_iter().collect(),
        ..Item::new(
            ItemId::parse(&format!("item-{n:06}")).expect("an id"),
            ["Tee", "Hoodie", "Coat", "Dress"][n % 4],
        )
    }
}

/// Builds and opens; the folder goes when the first is dropped.
pub fn catalogue(items: Vec<(Item, Vectors)>) -> (TempDir, LocalCatalogue) {
    let bundle = tempfile::tempdir().expect("a folder");
    build(bundle.path(), MODEL, items, &BuildOptions::default(), &|_, _, _| ()).expect("builds");
    let catalogue = LocalCatalogue::open(bundle.path(), MODEL).expect("opens");
    (bundle, catalogue)
}
