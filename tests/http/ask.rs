//! What each parameter of a search does.

use std::collections::{BTreeMap, BTreeSet};

use image::{Rgb, RgbImage, imageops};
use serde_json::Value;

use crate::support::{
    Shop, item, network_shop,
    pictures::{png, shape},
    running::{Answer, Running},
    tiny_bundle, tiny_shop,
};

const ITEM: &str = "/items/circle-red~0/similar";

fn scores(answer: &Answer) -> Vec<f64> {
    answer.json()["results"].as_array().unwrap().iter().map(|r| r["score"].as_f64().unwrap()).collect()
}

fn values(answer: &Answer, of: impl Fn(&Value) -> &Value) -> BTreeSet<String> {
    let json = answer.json();
    json["results"].as_array().unwrap().iter().map(|r| of(r).as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn offset_turns_the_page_and_ranks_go_on() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let photo = shop.photo("circle-red~0");
    let all = server.post("/similar?k=20", "image/png", photo.clone()).await;
    let second = server.post("/similar?k=5&offset=5", "image/png", photo).await;
    assert_eq!(second.ids(), all.ids()[5..10]);
    assert_eq!(second.json()["results"][0]["rank"], 6);
    let last = server.get(&format!("{ITEM}?k=10&offset=60")).await.json();
    assert_eq!(
        (&last["requested"], &last["returned"], &last["exhausted"]),
        (&10.into(), &1.into(), &true.into())
    );
    let beyond = server.get(&format!("{ITEM}?k=10&offset=490")).await.json();
    assert_eq!((&beyond["returned"], &beyond["exhausted"]), (&0.into(), &true.into()));
    server.stop().await;
}

#[tokio::test]
async fn exhausted_says_whether_there_is_more() {
    let server = Running::start(tiny_shop(), &[]).await;
    for (k, exhausted) in [(60, false), (61, true), (62, true)] {
        let json = server.get(&format!("{ITEM}?k={k}")).await.json();
        assert_eq!(json["exhausted"], exhausted, "{k}");
    }
    server.stop().await;
}

#[tokio::test]
async fn min_score_cuts_the_tail() {
    let server = Running::start(tiny_shop(), &[]).await;
    let all = scores(&server.get(&format!("{ITEM}?k=30")).await);
    let between = (all[6] + all[7]) / 2.0;
    let cut = server.get(&format!("{ITEM}?k=30&min_score={between}")).await;
    assert_eq!(scores(&cut), all[..7]);
    assert_eq!(cut.json()["exhausted"], true);
    assert!(server.get(&format!("{ITEM}?min_score=1")).await.ids().is_empty());
    server.stop().await;
}

#[tokio::test]
async fn categories_are_alternatives() {
    let server = Running::start(tiny_shop(), &[]).await;
    let one = server.get(&format!("{ITEM}?k=100&category=square")).await;
    assert_eq!((one.ids().len(), values(&one, |r| &r["category"])), (15, ["square".to_owned()].into()));
    let two = server.get(&format!("{ITEM}?k=100&category=square&category=stripes")).await;
    assert_eq!(two.ids().len(), 30);
    let none = server.get(&format!("{ITEM}?category=cape")).await.json();
    assert_eq!((&none["returned"], &none["exhausted"]), (&0.into(), &true.into()));
    server.stop().await;
}

#[tokio::test]
async fn attributes_are_alternatives_within_a_key_and_conditions_across() {
    let server = Running::start(tiny_shop(), &[]).await;
    let colours = |answer: &Answer| values(answer, |r| &r["attributes"]["colour"][0]);
    let two = server.get(&format!("{ITEM}?k=100&attribute=colour:red&attribute=colour:blue")).await;
    assert_eq!((two.ids().len(), colours(&two)), (23, ["blue".to_owned(), "red".to_owned()].into()));
    let with = server.get(&format!("{ITEM}?k=100&attribute=colour:blue&category=square")).await;
    assert_eq!(with.ids().len(), 3);
    let across = server.get(&format!("{ITEM}?attribute=colour:blue&attribute=fit:slim")).await;
    assert!(across.ids().is_empty());
    // The rarest of all is found as well.
    assert_eq!(server.get(&format!("{ITEM}?attribute=colour:pink")).await.ids(), ["elsewhere"]);
    server.stop().await;
}

#[tokio::test]
async fn what_is_excluded_makes_room_for_the_next() {
    let server = Running::start(tiny_shop(), &[]).await;
    let all = server.get(&format!("{ITEM}?k=10")).await.ids();
    let excluded = format!("{ITEM}?k=8&exclude={}&exclude={}&exclude=no-such-item", all[0], all[2]);
    let left: Vec<String> = [&all[1..2], &all[3..]].concat();
    assert_eq!(server.get(&excluded).await.ids(), left);
    server.stop().await;
}

#[tokio::test]
async fn colour_weighs_from_nothing_to_all() {
    let folder = tempfile::tempdir().unwrap();
    let shop = network_shop(folder.path());
    let server = Running::start(&shop, &[]).await;
    let mut orders = Vec::new();
    for (weight, w) in [("color_weight=0&", 0.0), ("", 0.1), ("color_weight=1&", 1.0)] {
        let answer =
            server.post(&format!("/similar?{weight}k=40"), "image/png", shop.photo("circle-red~0")).await;
        for result in answer.json()["results"].as_array().unwrap() {
            let number = |name: &str| result["distance"][name].as_f64().unwrap();
            assert!((number("blend") - number("deep") - w * number("colour")).abs() < 1e-4);
        }
        orders.push(answer.ids());
    }
    assert_ne!(orders[0], orders[2]);
    server.stop().await;
}

#[tokio::test]
async fn without_colours_colour_has_no_weight() {
    let server = Running::start(tiny_shop(), &[]).await;
    assert_eq!(server.get(&format!("{ITEM}?color_weight=0")).await.status, 200);
    let detail = server.get(&format!("{ITEM}?color_weight=0.5")).await.problem(400, "bad_parameter");
    assert!(detail.contains("'color_weight'"), "{detail}");
    server.stop().await;
}

/// Two photos side by side.
fn side_by_side(left: &RgbImage, right: &RgbImage) -> RgbImage {
    let mut both = RgbImage::from_pixel(left.width() + right.width(), left.height(), Rgb([255; 3]));
    imageops::replace(&mut both, left, 0, 0);
    imageops::replace(&mut both, right, i64::from(left.width()), 0);
    both
}

#[tokio::test]
async fn a_box_is_the_part_that_is_asked_with() {
    let server = Running::start(tiny_shop(), &[]).await;
    let both = png(&side_by_side(&shape("circle", [200, 40, 40], 0), &shape("stripes", [40, 70, 190], 1)));
    // A large JPEG is decoded small, but not smaller than the box needs.
    let large = imageops::resize(
        &image::load_from_memory(&both).unwrap().into_rgb8(),
        3200,
        2000,
        imageops::FilterType::CatmullRom,
    );
    let large = crate::support::pictures::jpeg(&large);
    for (media, photo) in [("image/png", &both), ("image/jpeg", &large)] {
        for (part, found) in [("0,0,0.5,1", "circle-red~0"), ("0.5,0,1,1", "stripes-blue~1")] {
            let answer = server.post(&format!("/similar?box={part}"), media, photo.clone()).await;
            assert_eq!(answer.ids()[0], found);
            assert!(scores(&answer)[0] > 0.98, "{part}: {}", scores(&answer)[0]);
            let query = &answer.json()["query"];
            let given: Vec<f64> = part.split(',').map(|n| n.parse().unwrap()).collect();
            assert_eq!(query["box"], serde_json::json!(given));
            assert_eq!(
                query["width"].as_u64().unwrap() * 5,
                query["height"].as_u64().unwrap() * 8,
                "of the whole photo"
            );
        }
    }
    let whole = server.post("/similar", "image/png", both.clone()).await.json();
    assert_eq!(whole["query"]["box"], Value::Null);
    for empty in ["0.5,0.5,0.5,0.9", "0.9,0,0.1,1", "0.5,0.5,0.500001,0.500001"] {
        let answer = server.post(&format!("/similar?box={empty}"), "image/png", both.clone()).await;
        let detail = answer.problem(422, "empty_box");
        assert!(detail.contains(empty), "{detail}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_box_in_an_items_photo_looks_at_that_photo_again() {
    let server = Running::start(tiny_shop(), &[]).await;
    let whole = server.get(&format!("{ITEM}?box=0,0,1,1&k=20")).await;
    assert_eq!(whole.ids(), server.get(&format!("{ITEM}?k=20")).await.ids());
    let corner = server.get(&format!("{ITEM}?box=0,0,0.3,0.2&k=20")).await;
    assert_ne!(corner.ids(), whole.ids());
    let query = &corner.json()["query"];
    assert_eq!((&query["kind"], &query["item"]["id"]), (&"item".into(), &"circle-red~0".into()));
    assert!(!corner.ids().contains(&"circle-red~0".to_owned()));
    server.get("/items/elsewhere/similar?box=0,0,1,1").await.problem(404, "no_photo");
    server.get(&format!("{ITEM}?box=0.2,0,0.2,1")).await.problem(422, "empty_box");
    server.stop().await;
}

#[tokio::test]
async fn a_product_comes_once_where_it_is_asked_for_once() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let photo = shop.photo("circle-red~0");
    let products = |answer: &Answer| -> Vec<Value> {
        answer.json()["results"].as_array().unwrap().iter().map(|r| r["product"].clone()).collect()
    };
    let usual = server.post("/similar?k=20&collapse=none", "image/png", photo.clone()).await;
    assert!(BTreeSet::from_iter(products(&usual).iter().map(Value::to_string)).len() < 20);
    for k in [10, 20] {
        let once = server.post(&format!("/similar?k={k}&collapse=product"), "image/png", photo.clone()).await;
        assert_eq!(once.ids().len(), k, "k means k");
        assert_eq!(
            BTreeSet::from_iter(products(&once).iter().map(Value::to_string)).len(),
            k.min(once.ids().len())
        );
        assert_eq!(once.ids()[0], "circle-red~0", "the nearest of its product");
    }
    // 20 products, and two items of no known product, which stand for themselves.
    let all = server.post("/similar?k=100&collapse=product", "image/png", photo).await.json();
    assert_eq!((&all["returned"], &all["exhausted"]), (&22.into(), &true.into()));
    let others = server.get(&format!("{ITEM}?k=100&collapse=product")).await;
    assert_eq!(others.ids().len(), 21);
    assert!(!products(&others).contains(&"circle-red".into()), "other photos of the product itself");
    server.stop().await;
}

/// A shop whose every photo is there under two names.
fn twins(root: &std::path::Path) -> Shop {
    let names = ["circle", "square", "triangle", "stripes"];
    let mut items = Vec::new();
    for name in names {
        let photo = png(&shape(name, [40, 70, 190], 0));
        for twin in ["a", "b"] {
            items.push((item(&format!("{name}~{twin}"), None, name, "none.png", "blue"), photo.clone()));
        }
    }
    tiny_bundle(&root.join("bundle"), items);
    std::fs::create_dir(root.join("images")).unwrap();
    Shop { bundle: root.join("bundle"), images: root.join("images"), photos: Vec::new() }
}

#[tokio::test]
async fn what_looks_the_same_is_shown_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Running::start(&twins(folder.path()), &[]).await;
    let photo = png(&shape("circle", [200, 40, 40], 1));
    let usual = server.post("/similar?k=4", "image/png", photo.clone()).await.ids();
    assert_eq!(usual[0].split('~').next(), usual[1].split('~').next(), "{usual:?}");
    let dedup = server.post("/similar?k=4&dedup=true", "image/png", photo.clone()).await;
    assert_eq!(dedup.ids().len(), 4, "k means k");
    let kinds: BTreeSet<String> =
        dedup.ids().iter().map(|id| id.split('~').next().unwrap().to_owned()).collect();
    assert_eq!(kinds.len(), 4);
    assert_eq!(dedup.json()["exhausted"], true, "the other four look like these");
    let off = server.post("/similar?k=8&dedup=false", "image/png", photo).await;
    assert_eq!(off.ids().len(), 8);
    server.stop().await;
}

/// How far items are from each other, by their ids.
async fn distances(server: &Running, ids: &[String]) -> f64 {
    let mut sum = 0.0;
    for id in ids {
        let json = server.get(&format!("/items/{id}/similar?k=100")).await.json();
        let to: BTreeMap<String, f64> = json["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| (r["id"].as_str().unwrap().to_owned(), r["distance"]["blend"].as_f64().unwrap()))
            .collect();
        sum += ids.iter().filter(|other| *other != id).map(|other| to[other]).sum::<f64>();
    }
    sum / (ids.len() * (ids.len() - 1)) as f64
}

#[tokio::test]
async fn diversity_drives_results_apart_and_pages_fit_together() {
    let server = Running::start(tiny_shop(), &[]).await;
    let mut apart = Vec::new();
    for diversity in ["0", "0.4", "0.8"] {
        let ids = server.get(&format!("{ITEM}?k=8&diversity={diversity}")).await.ids();
        assert_eq!(ids.len(), 8);
        apart.push(distances(&server, &ids).await);
    }
    assert!(apart[0] < apart[1] && apart[1] < apart[2], "{apart:?}");
    let plain = server.get(&format!("{ITEM}?k=8")).await.ids();
    assert_eq!(server.get(&format!("{ITEM}?k=8&diversity=0")).await.ids(), plain);
    let whole = server.get(&format!("{ITEM}?k=20&diversity=0.7")).await;
    assert_eq!(whole.ids()[0], plain[0], "the nearest is always first");
    let second = server.get(&format!("{ITEM}?k=10&offset=10&diversity=0.7")).await;
    assert_eq!(second.ids(), whole.ids()[10..]);
    let all = server.get(&format!("{ITEM}?k=100&diversity=1")).await;
    assert_eq!((all.ids().len(), &all.json()["exhausted"]), (61, &true.into()));
    server.stop().await;
}

#[tokio::test]
async fn exact_is_the_order_of_all_distances() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let embedding = async |id: &str| -> Vec<f64> {
        let json = server.post("/embed", "image/png", shop.photo(id)).await.json();
        json["embedding"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect()
    };
    let asked = embedding("triangle-green~1").await;
    let mut expected = Vec::new();
    for (id, _) in shop.photos.iter().filter(|(id, _)| id != "triangle-green~1") {
        let other = embedding(id).await;
        let d: f64 = asked.iter().zip(&other).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        expected.push((d, id.clone()));
    }
    expected.sort_by(|a, b| a.0.total_cmp(&b.0));
    let answer =
        server.get("/items/triangle-green~1/similar?k=20&exact=true&exclude=elsewhere&exclude=escape").await;
    for (result, (d, id)) in answer.json()["results"].as_array().unwrap().iter().zip(&expected) {
        assert!((result["distance"]["deep"].as_f64().unwrap() - d).abs() < 1e-5);
        assert_eq!(result["id"], **id);
    }
    server.stop().await;
}

#[tokio::test]
async fn parameters_go_together() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let path = "/similar?k=3&offset=1&category=square&category=circle&attribute=colour:red&attribute=colour:blue\
                &collapse=product&dedup=true&diversity=0.5&exact=true&box=0,0,1,1&exclude=circle-red~0";
    let answer = server.form(path, &[("image", &shop.photo("circle-red~0"))]).await.json();
    assert_eq!((&answer["returned"], &answer["exhausted"]), (&3.into(), &true.into()), "{answer}");
    server.stop().await;
}
