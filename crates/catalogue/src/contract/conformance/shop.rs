//! The items that engines are tested with: clustered vectors, as photos of many products in few categories give.

use lookalike_items::{ColourWeight, Dims, Item, ItemId, Vectors};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use crate::contract::Query;

/// Of all vectors of the suite.
pub const DIMS: Dims = Dims { deep: 24, colour: 6 };

const CLUSTERS: usize = 12;

/// Draws items, vectors and queries.
pub struct Shop {
    rng: ChaCha8Rng,
    centres: Vec<Vec<f32>>,
}

impl Shop {
    /// What it draws follows from the seed.
    pub fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut centre = || (0..DIMS.deep).map(|_| rng.random_range(-1.0..1.0f32)).collect();
        let centres = (0..CLUSTERS).map(|_| centre()).collect();
        Self { rng, centres }
    }

    /// A photo's vectors.
    pub fn vectors(&mut self) -> Vectors {
        let centre = self.rng.random_range(0..CLUSTERS);
        let deep = self.centres[centre].iter().map(|x| x + 0.3 * self.rng.random_range(-1.0..1.0f32));
        let deep = deep.collect();
        let colour = (0..DIMS.colour).map(|_| self.rng.random_range(0.0..1.0f32)).collect();
        Vectors::new(deep, colour).expect("vectors")
    }

    /// A photo to ask with, and how much its colour counts.
    pub fn query(&mut self, weight: f32) -> Query {
        Query { vectors: self.vectors(), weight: ColourWeight::new(weight).expect("a weight") }
    }

    /// Item `n`: of one of four categories, red or blue or both, three of them `last`; nine of ten have a price from 0 to 499, one of three
    /// a stock from 0 to 6.
    pub fn item(&mut self, n: usize) -> (Item, Vectors) {
        let colours: &[&str] = [&["red"][..], &["blue"], &["red", "blue"]][n % 3];
        let mut item = Item {
            product: Some(format!("product-{}", n / 4)),
            image: format!("img/{n:06}.jpg"),
            ..Item::new(id(&format!("item-{n:06}")), ["Tee", "Hoodie", "Coat", "Dress"][n % 4])
        };
        item.attributes.insert("colour".into(), colours.iter().map(|c| (*c).to_owned()).collect());
        if [7, 107, 207].contains(&n) {
            item.attributes.insert("stock".into(), vec!["last".into()]);
        }
        if !n.is_multiple_of(10) {
            item.numbers.insert("price".into(), (n * 37 % 500) as f64 + 0.5 * (n % 2) as f64);
        }
        if n.is_multiple_of(3) {
            item.numbers.insert("stock".into(), (n % 7) as f64);
        }
        (item, self.vectors())
    }

    /// Items whose ids, keys and values are of all kinds that there may be: quotes, percent signs, other scripts, the longest.
    pub fn odd_items(&mut self) -> Vec<(Item, Vectors)> {
        let long = "ß".repeat(128);
        let ids = [
            "a/b",
            "q\"uote",
            "apo'strophe",
            "back\\slash",
            "per%cent_",
            "{brace}",
            "スカート",
            "Ä",
            "A",
            "a",
            " ",
            "😀",
            "100",
            "new\u{a0}space",
            "or 1 == 1",
            "item-000001 ",
            &long,
        ];
        let texts = ["\"", "'", "\\", "%", "_", "a\"]", "ключ", "red", "\u{1f}", "null", "🧥"];
        let mut items = Vec::new();
        for (n, text) in ids.iter().enumerate() {
            let mut item = Item::new(id(text), if n % 2 == 0 { "\"odd\\'" } else { "Tee" });
            let odd = texts[n % texts.len()].replace('\u{1f}', "unit");
            item.attributes.insert(format!("k{odd}"), vec![odd.clone(), format!("{odd}{odd}")]);
            item.numbers.insert(format!("n{odd}"), -1.5e-3 * n as f64);
            item.numbers.insert("price".into(), 1e9 + n as f64);
            item.title = Some(format!("title {odd}"));
            item.url = Some("https://shop.example/a?b=c&d=%20".into());
            item.payload = json!({ "deep": { odd: [1, null, 2.5, "x"] } }).as_object().cloned();
            item.source_hash = Some(format!("hash-{n}"));
            item.image = format!("photo:{n:064x}");
            items.push((item, self.vectors()));
        }
        items
    }
}

/// An id that is one.
pub fn id(text: &str) -> ItemId {
    ItemId::parse(text).expect("an id")
}
