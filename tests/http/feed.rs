//! A shop's product feed through a day of changes: after every run of `lookalike-sync` the catalogue is what the feed says, and in the
//! evening it is what a catalogue is that was built of the last feed.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use clap::Parser;
use lookalike_items::{Item, ItemId};
use lookalike_sync::{Options, Summary};
use rand::{RngExt, SeedableRng, seq::IteratorRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::{
    living::{KEY, Living},
    support::{Shop, pictures, running::Running, tiny_bundle},
};

const PRODUCTS: u32 = 5_000;
/// Feeds of the day, after the first.
const CHANGES: usize = 6;
/// How often a run is killed before one is left alone.
const KILLED: usize = 3;

/// What the shop knows of a product.
#[derive(Clone)]
struct Product {
    name: String,
    category: &'static str,
    colour: &'static str,
    cents: u32,
    in_stock: bool,
    /// Its photo's number: another number is another photo.
    photo: u32,
}

impl Product {
    fn new(number: u32, rng: &mut ChaCha8Rng) -> Self {
        Self {
            name: format!("Garment No. {number}, soft & warm"),
            category: ["Tee", "Coat", "Skirt"][rng.random_range(0..3)],
            colour: ["red", "green", "blue", "white"][rng.random_range(0..4)],
            cents: rng.random_range(500..20_000),
            in_stock: rng.random_bool(0.9),
            photo: number,
        }
    }

    fn entry(&self, sku: &str) -> String {
        format!(
            "<item><g:id>{sku}</g:id><g:item_group_id>group {sku}</g:item_group_id><title><![CDATA[{}]]></title>\
             <link>https://shop.example/p/{sku}?a=1&amp;b=2</link><g:image_link>{}</g:image_link>\
             <g:product_type>Clothing &gt; {}</g:product_type><g:color>{}</g:color>\
             <g:price>{}.{:02} EUR</g:price><g:availability>{}</g:availability></item>\n",
            self.name,
            file_of(self.photo),
            self.category,
            self.colour,
            self.cents / 100,
            self.cents % 100,
            if self.in_stock { "in stock" } else { "out_of_stock" },
        )
    }

    /// The item that it is, said once more and apart from what reads feeds.
    fn item(&self, sku: &str) -> Item {
        let stock = if self.in_stock { "in_stock" } else { "out_of_stock" };
        Item {
            product: Some(format!("group {sku}")),
            title: Some(self.name.clone()),
            url: Some(format!("https://shop.example/p/{}?a=1&b=2", sku.replace(" ä", "%20%C3%A4"))),
            attributes: BTreeMap::from([
                ("colour".into(), vec![self.colour.into()]),
                ("availability".into(), vec![stock.into()]),
            ]),
            numbers: BTreeMap::from([
                ("price".into(), f64::from(self.cents) / 100.0),
                ("stock".into(), f64::from(u8::from(self.in_stock))),
            ]),
            payload: json!({"currency": "EUR"}).as_object().cloned(),
            ..Item::new(ItemId::parse(sku).unwrap(), self.category)
        }
    }
}

fn file_of(photo: u32) -> String {
    format!("photos/{photo}.png")
}

/// A photo like no other.
fn picture(number: u32) -> Vec<u8> {
    let mixed = number.wrapping_mul(2_654_435_761).to_le_bytes();
    let shape = pictures::SHAPES[number as usize % pictures::SHAPES.len()];
    pictures::png(&pictures::shape(shape, [mixed[0], mixed[1], mixed[2]], u32::from(mixed[3] % 8)))
}

/// The shop: its products by SKU, and the folder where its feed lies.
struct Feed {
    products: BTreeMap<String, Product>,
    folder: tempfile::TempDir,
    photos: u32,
}

impl Feed {
    fn write(&self) {
        let mut text = String::from(
            "\u{feff}<?xml version=\"1.0\"?>\n<rss version=\"2.0\" xmlns:g=\"http://base.google.com/ns/1.0\"><channel>\n",
        );
        for (sku, product) in &self.products {
            let path = self.folder.path().join(file_of(product.photo));
            if !path.exists() {
                fs::write(path, picture(product.photo)).unwrap();
            }
            text.write_str(&product.entry(sku)).unwrap();
        }
        text.push_str("</channel></rss>\n");
        fs::write(self.path(), text).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("feed.xml")
    }

    fn add(&mut self, count: u32, rng: &mut ChaCha8Rng) {
        for number in self.photos..self.photos + count {
            self.products.insert(format!("SKU/{number:05} ä"), Product::new(number, rng));
        }
        self.photos += count;
    }

    /// Prices, stock and names of some change, some get other photos, some go and others come.
    fn change(&mut self, rng: &mut ChaCha8Rng) {
        let some = |products: &BTreeMap<String, Product>, count, rng: &mut ChaCha8Rng| -> Vec<String> {
            products.keys().cloned().sample(rng, count)
        };
        for sku in some(&self.products, 200, rng) {
            let product = self.products.get_mut(&sku).unwrap();
            product.cents = rng.random_range(500..20_000);
            product.in_stock = !product.in_stock;
        }
        for sku in some(&self.products, 40, rng) {
            let product = self.products.get_mut(&sku).unwrap();
            (product.photo, product.category) = (self.photos, "Tee");
            self.photos += 1;
        }
        for sku in some(&self.products, 60, rng) {
            self.products.remove(&sku);
        }
        self.add(60, rng);
    }
}

fn options(server: &str, feed: &Path, key: &Path) -> Options {
    let (feed, key) = (feed.to_str().unwrap(), key.to_str().unwrap());
    let flags = ["lookalike-sync", "--server", server, "--feed", feed, "--key-file", key, "--name", "day"];
    Options::try_parse_from(flags).unwrap()
}

pub async fn synced(server: &str, feed: &Path, key: &Path) -> Summary {
    let options = options(server, feed, key);
    tokio::task::spawn_blocking(move || lookalike_sync::run(&options).unwrap()).await.unwrap()
}

/// Not a test of its own: a process that runs once, to be killed.
#[test]
#[ignore = "is run by the test below, in a process of its own"]
fn a_run_to_be_killed() {
    let told = |name| env::var(name).unwrap();
    let (feed, key) = (PathBuf::from(told("FEED")), PathBuf::from(told("KEY_FILE")));
    let summary = lookalike_sync::run(&options(&told("SERVER"), &feed, &key)).unwrap();
    assert_eq!(summary.exit_code, 0, "{summary}");
}

/// Kills such a process after so long; whether it was still at work.
fn killed(server: &str, feed: &Path, key: &Path, after: Duration) -> bool {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "feed::a_run_to_be_killed"]);
    command.env("SERVER", server).env("FEED", feed).env("KEY_FILE", key);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    let at_work = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    at_work
}

/// All items, less what only those have that came in online.
async fn listed(server: &Running) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("/items?limit=1000{after}")).await.json();
        all.extend(page["items"].as_array().unwrap().iter().map(|item| {
            let mut item = item.as_object().unwrap().clone();
            ["updated", "source_hash"].iter().for_each(|name| drop(item.remove(*name)));
            Value::from(item)
        }));
        let Some(next) = page["next"].as_str() else { return all };
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        after = format!("&after={next}");
    }
}

/// How far the nearest are from a photo, and which is the first.
async fn nearest(server: &Running, photo: &[u8]) -> (String, Vec<f64>) {
    let answer = server.post("/similar?k=20&exact=true", "image/png", photo.to_vec()).await;
    let first = answer.ids().remove(0);
    let results = answer.json()["results"].as_array().unwrap().clone();
    (first, results.iter().map(|result| result["distance"]["blend"].as_f64().unwrap()).collect())
}

/// A bundle of the tiny model over these items, and one that no feed owns.
fn shop(root: &Path, items: Vec<(Item, Vec<u8>)>) -> Shop {
    let own = (Item::new(ItemId::parse("own").unwrap(), "Hat"), picture(u32::MAX));
    let (bundle, images) = (root.join("bundle"), root.join("images"));
    fs::create_dir_all(&images).unwrap();
    tiny_bundle(&bundle, items.into_iter().chain([own]).collect());
    Shop { bundle, images, photos: Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_a_feed_ends_in_what_is_built_of_the_last_one() {
    let mut rng = ChaCha8Rng::seed_from_u64(18);
    let mut feed = Feed { products: BTreeMap::new(), folder: tempfile::tempdir().unwrap(), photos: 0 };
    fs::create_dir(feed.folder.path().join("photos")).unwrap();
    feed.add(PRODUCTS, &mut rng);
    let root = tempfile::tempdir().unwrap();
    let living = Living::start(&shop(&root.path().join("living"), Vec::new())).await;
    let (server, key) = (living.server.url(""), living.state.path().join("keys"));
    assert_eq!(fs::read_to_string(&key).unwrap(), KEY);

    let (mut interrupted, mut resumed) = (0, 0);
    for round in 0..=CHANGES {
        if round > 0 {
            feed.change(&mut rng);
        }
        feed.write();
        let wanted = PRODUCTS as u64;
        for _ in 0..KILLED {
            let after = Duration::from_millis(rng.random_range(100..if round == 0 { 4_000 } else { 900 }));
            let (server, path, key) = (server.clone(), feed.path(), key.clone());
            let at_work = tokio::task::spawn_blocking(move || killed(&server, &path, &key, after));
            interrupted += usize::from(at_work.await.unwrap());
        }
        let done = synced(&server, &feed.path(), &key).await;
        assert_eq!((done.exit_code, done.items, done.failed.len()), (0, wanted, 0), "{done}");
        resumed += usize::from(round == 0 && done.unchanged > 0);
        let again = synced(&server, &feed.path(), &key).await;
        assert_eq!((again.put, again.patched, again.deleted, again.unchanged), (0, 0, 0, wanted), "{again}");
        if round > 0 {
            assert!(done.put <= 100 && done.patched <= 240 && done.deleted <= 60, "{done}");
        }
    }
    assert!(interrupted > CHANGES && resumed == 1, "{interrupted} runs were cut off, {resumed} gone on with");

    // A feed that has lost most of its entries deletes nothing.
    let whole = fs::read_to_string(feed.path()).unwrap();
    let half: String = whole.lines().take(2_000).chain(["</channel></rss>"]).collect::<Vec<_>>().join("\n");
    fs::write(feed.path(), half).unwrap();
    let stopped = synced(&server, &feed.path(), &key).await;
    assert_eq!((stopped.exit_code, stopped.deleted), (3, 0), "{stopped}");

    let items = feed.products.iter().map(|(sku, product)| (product.item(sku), picture(product.photo)));
    let built = Running::start(&shop(&root.path().join("built"), items.collect()), &[]).await;
    let (came_in, expected) = (listed(&living.server).await, listed(&built).await);
    assert_eq!(came_in.len(), expected.len());
    for (came_in, expected) in came_in.iter().zip(&expected) {
        assert_eq!(came_in, expected);
    }
    for number in (0..feed.photos).sample(&mut rng, 40) {
        let photo = picture(number);
        let (one, other) = (nearest(&living.server, &photo).await, nearest(&built, &photo).await);
        assert_eq!(one.0, other.0);
        for (one, other) in one.1.iter().zip(&other.1) {
            assert!((one - other).abs() < 1e-4, "{one} {other}");
        }
    }
    built.stop().await;
    living.server.stop().await;
}
