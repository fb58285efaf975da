//! What looks like what.

use image::{ImageFormat, imageops};
use serde_json::Value;

use crate::support::{
    pictures::{encoded, jpeg, shape, with_orientation},
    running::Running,
    tiny_shop,
};

fn first(json: &Value) -> (&str, f64) {
    let first = &json["results"][0];
    (first["id"].as_str().unwrap(), first["score"].as_f64().unwrap())
}

#[tokio::test]
async fn a_photo_of_the_shop_finds_itself_raw_and_as_a_form() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    for id in ["circle-red~0", "stripes-blue~2", "triangle-black~1"] {
        let photo = shop.photo(id);
        let media = if id.ends_with('2') { "image/jpeg" } else { "image/png" };
        let raw = server.post("/similar", media, photo.clone()).await;
        let form = server.form("/similar", &[("image", &photo)]).await;
        for answer in [&raw, &form] {
            let json = answer.json();
            let (found, score) = first(&json);
            assert_eq!((answer.status, found), (200, id));
            assert!(score > 0.999, "{score}");
        }
        assert_eq!(raw.ids(), form.ids());
    }
    server.stop().await;
}

#[tokio::test]
async fn the_answer_says_what_was_asked_and_who_answered() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let json = server.post("/similar", "image/png", shop.photo("square-green~0")).await.json();
    assert_eq!(json["query"]["width"], 160);
    assert_eq!(json["query"]["height"], 200);
    assert_eq!(json["query"]["format"], "PNG");
    assert_eq!(json["query"]["orientation_applied"], false);
    let categories = json["query"]["categories"].as_array().unwrap();
    let scores: Vec<f64> = categories.iter().map(|c| c["score"].as_f64().unwrap()).collect();
    assert_eq!(scores.len(), 3);
    assert!(scores.is_sorted_by(|a, b| a >= b) && scores.iter().sum::<f64>() <= 1.0 + 1e-6);
    assert_eq!(json["catalogue"]["items"], shop.items());
    assert_eq!((&json["requested"], &json["returned"]), (&10.into(), &10.into()));
    assert_eq!(json["exhausted"], false);
    let best = &json["results"][0];
    assert_eq!(best["rank"], 1);
    assert_eq!(best["product"], "square-green");
    assert_eq!(best["category"], "square");
    assert_eq!(best["attributes"]["colour"][0], "green");
    assert_eq!(best["image_url"], "/images/square-green~0");
    for step in ["decode", "queue", "model", "search", "total"] {
        assert!(json["timings_ms"][step].is_number(), "{step}");
    }
    server.stop().await;
}

#[tokio::test]
async fn results_come_nearest_first_and_scores_follow_from_distances() {
    let server = Running::start(tiny_shop(), &[]).await;
    let json = server.get("/items/circle-blue~1/similar?k=40").await.json();
    let results = json["results"].as_array().unwrap();
    assert_eq!(results.len(), 40);
    let number = |value: &Value| value.as_f64().unwrap();
    let mut last = 0.0;
    for (i, result) in results.iter().enumerate() {
        let (d, w) = (&result["distance"], 0.1);
        let blend = number(&d["blend"]);
        assert_eq!(result["rank"], i + 1);
        assert!(blend >= last, "rank {}", i + 1);
        assert!((blend - number(&d["deep"]) - w * number(&d["colour"])).abs() < 1e-5);
        assert!((number(&result["score"]) - 1.0 / (1.0 + blend)).abs() < 1e-6);
        last = blend;
    }
    server.stop().await;
}

#[tokio::test]
async fn k_means_k() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let photo = shop.photo("circle-red~0");
    for k in [1, 10, 61, 62] {
        let answer = server.post(&format!("/similar?k={k}"), "image/png", photo.clone()).await;
        assert_eq!(answer.ids().len(), k);
    }
    let all = server.post("/similar?k=100", "image/png", photo).await.json();
    assert_eq!((&all["requested"], &all["returned"]), (&100.into(), &shop.items().into()));
    assert_eq!(all["exhausted"], true);
    server.stop().await;
}

#[tokio::test]
async fn an_item_is_not_similar_to_itself_but_its_other_views_are() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let ids = server.get("/items/square-yellow~1/similar").await.ids();
    assert_eq!(ids.len(), 10);
    assert!(!ids.contains(&"square-yellow~1".to_owned()));
    assert!(ids[0].starts_with("square-yellow"), "{ids:?}");
    let json = server.get("/items/square-yellow~1/similar?k=100").await.json();
    assert_eq!(json["returned"], shop.items() - 1);
    assert_eq!(json["query"]["item"]["id"], "square-yellow~1");
    server.stop().await;
}

#[tokio::test]
async fn a_photo_is_turned_upright_as_its_exif_says() {
    let server = Running::start(tiny_shop(), &[]).await;
    let upright = shape("triangle", [200, 40, 40], 0);
    let expected = server.post("/similar", "image/jpeg", jpeg(&upright)).await;
    // What a camera held sideways stores, and the orientation that undoes it.
    for (stored, orientation) in [
        (imageops::rotate270(&upright), 6),
        (imageops::rotate90(&upright), 8),
        (imageops::rotate180(&upright), 3),
        (imageops::flip_horizontal(&upright), 2),
    ] {
        let untagged = jpeg(&stored);
        let answer = server.post("/similar", "image/jpeg", with_orientation(&untagged, orientation)).await;
        let json = answer.json();
        assert_eq!(json["query"]["orientation_applied"], true);
        assert_eq!((&json["query"]["width"], &json["query"]["height"]), (&160.into(), &200.into()));
        assert_eq!(answer.ids()[..5], expected.ids()[..5], "orientation {orientation}");
        let (_, score) = first(&json);
        assert!(score > 0.95, "orientation {orientation}: {score}");
        if orientation != 2 {
            let lying = server.post("/similar", "image/jpeg", untagged).await.json();
            assert!(first(&lying).1 < score - 0.02, "orientation {orientation}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn every_format_is_read_whatever_the_content_type_says() {
    let server = Running::start(tiny_shop(), &[]).await;
    let picture = shape("circle", [40, 150, 60], 0);
    for (format, name) in [
        (ImageFormat::Png, "PNG"),
        (ImageFormat::WebP, "WebP"),
        (ImageFormat::Gif, "GIF"),
        (ImageFormat::Bmp, "BMP"),
        (ImageFormat::Jpeg, "JPEG"),
    ] {
        let answer = server.post("/similar", "image/jpeg", encoded(&picture, format)).await;
        let json = answer.json();
        assert_eq!(json["query"]["format"], name, "{json}");
        assert_eq!(first(&json).0, "circle-green~0", "{name}");
    }
    server.stop().await;
}
