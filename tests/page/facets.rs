//! What shoppers filter by beside categories: values, prices, what is in stock; and the order by price.

use std::{fs, path::PathBuf, sync::OnceLock};

use fantoccini::key::Key;
use lookalike_items::Item;
use serde_json::json;

use crate::{
    Visit,
    support::{Shop, item, tiny_bundle, tiny_shop},
};

/// The photos of the tiny shop, with titles, sizes and prices from 10 to 69 euros; every fifth is sold out.
fn priced() -> &'static Shop {
    static SHOP: OnceLock<(tempfile::TempDir, Shop)> = OnceLock::new();
    let (_, shop) = SHOP.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle");
        let tiny = tiny_shop();
        let items = tiny.photos.iter().enumerate().map(|(n, photo)| offered(n, photo)).collect();
        tiny_bundle(&bundle, items);
        let shop = Shop { bundle, images: tiny.images.clone(), photos: tiny.photos.clone() };
        (folder, shop)
    });
    shop
}

/// The `n`th photo of the shop with what is asked for it.
fn offered(n: usize, (id, path): &(String, PathBuf)) -> (Item, Vec<u8>) {
    let (product, view) = id.split_once('~').unwrap();
    let (shape, colour) = product.split_once('-').unwrap();
    let file = path.file_name().unwrap().to_str().unwrap();
    let mut item = item(id, Some(product), shape, file, colour);
    item.title = Some(format!("A {colour} {shape}"));
    item.attributes.insert("size".into(), vec![["S", "M", "L"][view.parse::<usize>().unwrap()].into()]);
    item.numbers.insert("price".into(), 10.0 + n as f64);
    item.numbers.insert("stock".into(), if n % 5 == 4 { 0.0 } else { 3.0 });
    item.payload = json!({"currency": "EUR"}).as_object().cloned();
    (item, fs::read(path).unwrap())
}

const ASKED: &str = "#item=circle-red~0";

impl Visit {
    async fn texts(&self, css: &str) -> Vec<String> {
        let script = format!("return [...document.querySelectorAll('{css}')].map((e) => e.textContent)");
        serde_json::from_value(self.browser.run(&script).await).unwrap()
    }

    /// The values of an attribute with their counts, by value.
    async fn counts(&self, key: &str) -> Vec<String> {
        let mut counts = self.texts(&format!("[data-key={key}] .pick")).await;
        counts.sort();
        counts
    }

    /// The filters above the results, as a screen reader says them.
    async fn chips(&self) -> Vec<String> {
        let chips = self.texts("#chips .chip").await;
        chips.iter().map(|c| c.trim_start_matches("Without ").trim_end_matches('×').to_owned()).collect()
    }

    async fn prices(&self) -> Vec<f64> {
        let prices = self.texts("#gallery .price").await;
        prices.iter().map(|price| price.strip_prefix('€').unwrap().parse().unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_are_counted_and_any_of_a_key_may_be_chosen() {
    let visit = Visit::of(priced(), 1280, &[]).await;
    let browser = &visit.browser;
    visit.go(ASKED).await;
    let all = ["black 12", "blue 12", "green 12", "red 11", "yellow 12"];
    assert_eq!(visit.counts("colour").await, all);
    assert_eq!(visit.counts("size").await, ["L 20", "M 20", "S 19"]);
    assert!(!browser.shown("#chosen").await);
    browser.shoot("desktop-facets").await;

    browser.click("[data-key=colour] label[data-name=blue]").await;
    visit.answered().await;
    assert!(visit.products().await.iter().all(|product| product.ends_with("-blue")));
    assert!(browser.text("#status").await.starts_with("12 of 12 that fit your filters"));
    assert_eq!(visit.counts("colour").await, all, "what the other colours would bring");
    assert_eq!(visit.counts("size").await, ["L 4", "M 4", "S 4"]);
    browser.click("[data-key=colour] label[data-name=green]").await;
    visit.answered().await;
    assert!(browser.text("#status").await.starts_with("12 of 24 that fit"));
    browser.click("[data-key=size] label[data-name=S]").await;
    visit.answered().await;
    browser.click("#pick-list label[data-name=square]").await;
    visit.answered().await;
    assert!(browser.text("#status").await.starts_with("2 of 2 that fit"));
    assert_eq!(visit.counts("colour").await, ["black 1", "blue 1", "green 1", "red 1", "yellow 1"]);
    let mut categories = visit.texts("#pick-list .pick").await;
    categories.sort();
    assert_eq!(categories, ["circle 2", "square 2", "stripes 2", "triangle 2"]);
    assert_eq!(browser.text("#refined").await, "4 filters");

    // A link is all it takes.
    let address = browser.address().await;
    let filters = "&category=square&attribute=colour:blue&attribute=colour:green&attribute=size:S";
    assert!(address.ends_with(filters), "{address}");
    let (chips, ids) = (visit.chips().await, visit.ids().await);
    assert_eq!(chips, ["square", "colour: blue", "colour: green", "size: S"]);
    browser.page.refresh().await.unwrap();
    visit.answered().await;
    assert_eq!((visit.chips().await, visit.ids().await), (chips, ids));
    assert!(browser.wait("[data-key=colour] label[data-name=blue] input").await.is_selected().await.unwrap());
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_are_taken_away_one_by_one_or_at_once() {
    let visit = Visit::of(priced(), 1280, &[]).await;
    let browser = &visit.browser;
    visit
        .go(&format!("{ASKED}&attribute=colour:blue&attribute=size:S&range=price:20..&range=stock:1.."))
        .await;
    assert_eq!(visit.chips().await, ["colour: blue", "size: S", "price from €20", "in stock"]);
    browser.keys("#chips li:nth-child(2) button", &Key::Enter.to_string()).await;
    visit.answered().await;
    assert_eq!(visit.chips().await, ["colour: blue", "price from €20", "in stock"]);
    let focused = browser.run("return document.activeElement.textContent").await;
    assert_eq!(focused, "Without price from €20×", "the keyboard goes on at the next one");
    browser.click("#filters-off").await;
    visit.answered().await;
    assert!(!browser.shown("#chosen").await && browser.address().await.ends_with(ASKED));
    browser.page.back().await.unwrap();
    visit.answered().await;
    assert_eq!(visit.chips().await.len(), 3);

    // Where nothing is left, too.
    visit.go(&format!("{ASKED}&attribute=colour:blue&range=price:1..5")).await;
    let why = browser.text("#empty-why").await;
    assert!(why.contains("colour: blue, price €1 to €5"), "{why}");
    assert!(
        browser.wait("[data-key=colour] label[data-name=blue] input").await.is_selected().await.unwrap(),
        "what is chosen is shown, whether there is any of it or not"
    );
    browser.shoot("desktop-no-facets").await;
    browser.click("#empty-clear").await;
    visit.answered().await;
    assert_eq!(visit.ids().await.len(), 12);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_price_has_two_ends_and_what_is_sold_out_can_be_left_out() {
    let visit = Visit::of(priced(), 1280, &[]).await;
    let browser = &visit.browser;
    let (from, to) = ("[data-key=price] .from", "[data-key=price] .to");
    visit.go(ASKED).await;
    assert_eq!(browser.text("[data-key=price] .said").await, "€11 – €69", "the asked one costs 10");
    assert_eq!(visit.texts("#gallery .title").await[0], "A red square");

    browser.keys(to, &Key::Left.to_string().repeat(10)).await;
    visit.answered().await;
    assert!(browser.address().await.ends_with("&range=price:..59"), "an end that is not touched stays open");
    assert!(visit.prices().await.iter().all(|price| *price <= 59.0));
    browser.keys(from, &Key::Right.to_string().repeat(39)).await;
    visit.answered().await;
    assert!(browser.address().await.ends_with("&range=price:50..59"));
    assert!(browser.text("#status").await.starts_with("10 of 10 that fit"));
    assert!(visit.prices().await.iter().all(|price| (50.0..=59.0).contains(price)));
    browser.shoot("desktop-price").await;
    browser.keys(from, &Key::Right.to_string().repeat(20)).await;
    visit.answered().await;
    assert_eq!(browser.text("[data-key=price] .said").await, "€59 – €59", "a thumb stops at the other");
    browser.page.back().await.unwrap();
    visit.answered().await;
    assert!(browser.address().await.ends_with(ASKED), "one step back, however long it was played with");
    assert_eq!(browser.text("[data-key=price] .said").await, "€11 – €69");

    browser.run("document.querySelector('#collapse').focus()").await;
    assert!(!visit.texts("#gallery .gone").await.is_empty());
    browser.click("#stock-setting").await;
    visit.answered().await;
    assert!(browser.address().await.ends_with("&range=stock:1.."));
    assert!(visit.texts("#gallery .gone").await.is_empty());
    assert!(browser.text("#status").await.starts_with("12 of 47 that fit"));
    assert_eq!(visit.chips().await, ["in stock"]);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_by_price_takes_the_place_of_variety() {
    let visit = Visit::of(priced(), 1280, &[]).await;
    let browser = &visit.browser;
    visit.go(ASKED).await;
    assert!(browser.shown("#sorting").await && !browser.shown("#diversity-why").await);
    browser.wait("#sort").await.select_by_value("price").await.unwrap();
    visit.answered().await;
    assert!(browser.address().await.ends_with("&sort=price"));
    let cheapest: Vec<f64> = (11..23).map(f64::from).collect();
    assert_eq!(visit.prices().await, cheapest);
    assert!(!browser.wait("#diversity").await.is_enabled().await.unwrap());
    assert!(browser.shown("#diversity-why").await);
    browser.shoot("desktop-sorted").await;
    for shown in [24, 36, 48, 59] {
        browser.click("#more").await;
        browser.until(&format!("document.querySelectorAll('#gallery a').length === {shown}")).await;
    }
    assert_eq!(visit.prices().await, (11..70).map(f64::from).collect::<Vec<_>>());
    assert_eq!(browser.text("#end").await, "That is all there is.");

    // A link with both: the order is held to, and variety waits.
    visit.go(&format!("{ASKED}&diversity=1&sort=-price")).await;
    assert_eq!(visit.prices().await[..2], [69.0, 68.0]);
    assert_eq!(browser.text("#diversity-said").await, "most varied");
    browser.wait("#sort").await.select_by_value("").await.unwrap();
    visit.answered().await;
    assert!(browser.address().await.ends_with("&diversity=1"));
    assert!(browser.wait("#diversity").await.is_enabled().await.unwrap());
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_filter_is_said_and_what_a_shop_has_not_is_not_offered() {
    let visit = Visit::of(priced(), 1280, &[]).await;
    let browser = &visit.browser;
    visit.go(&format!(
        "{ASKED}&range=price:9..1&attribute=red&sort=stock&range=price:20..&range=price:..30&range=stock:1"
    ))
    .await;
    let toast = browser.text("#toast").await;
    assert!(toast.contains("left out: range, attribute, sort."), "{toast}");
    assert_eq!(visit.chips().await, ["price from €20"]);
    visit.end().await;

    let visit = Visit::desk().await;
    let browser = &visit.browser;
    visit.go(ASKED).await;
    for none in ["#sorting", "#stock-setting"] {
        assert!(!browser.shown(none).await, "{none}: no item of this shop has a number");
    }
    assert!(visit.texts("#ranges .range").await.is_empty());
    assert_eq!(visit.counts("colour").await.len(), 7);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_are_for_everybody() {
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light")] {
        let visit = Visit::of(priced(), width, &[]).await;
        let browser = &visit.browser;
        browser.prefer("prefers-color-scheme", scheme).await;
        visit
            .go(&format!("{ASKED}&attribute=colour:blue&range=price:20..60&range=stock:1..&sort=price"))
            .await;
        if width < 500 {
            browser.click("#refine summary").await;
        }
        browser.shoot(&format!("facets-{width}-{scheme}")).await; // movements have ended then
        browser.audit(&format!("facets, {width}, {scheme}")).await;
        visit.end().await;
    }
}
