//! A part of a photo: drawn with a mouse, a finger, keys.

use std::path::PathBuf;

use fantoccini::key::Key;
use image::{RgbImage, imageops};

use crate::{Visit, support::pictures};

/// A photo of two things side by side: a red square, a blue circle.
fn two_things(folder: &tempfile::TempDir) -> PathBuf {
    let (left, right) =
        (pictures::shape("square", [200, 40, 40], 0), pictures::shape("circle", [40, 70, 190], 0));
    let mut both = RgbImage::new(320, 200);
    imageops::replace(&mut both, &left, 0, 0);
    imageops::replace(&mut both, &right, 160, 0);
    let path = folder.path().join("two.png");
    std::fs::write(&path, pictures::png(&both)).unwrap();
    path
}

async fn box_of(visit: &Visit) -> Option<Vec<f64>> {
    let address = visit.browser.address().await;
    let (_, corners) = address.split_once("box=")?;
    Some(corners.split('&').next().unwrap().split(',').map(|c| c.parse().unwrap()).collect())
}

fn near(found: &Option<Vec<f64>>, wanted: [f64; 4]) -> bool {
    found.as_ref().is_some_and(|f| f.iter().zip(wanted).all(|(f, w)| (f - w).abs() < 0.03))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_box_is_drawn_moved_resized_and_taken_away_with_a_mouse() {
    let (visit, folder) = (Visit::desk().await, tempfile::tempdir().unwrap());
    let browser = &visit.browser;
    visit.show_file(&two_things(&folder)).await;

    browser.drag(".stage", (0.5, 0.005), (0.995, 0.995)).await;
    visit.answered().await;
    let drawn = box_of(&visit).await;
    assert!(near(&drawn, [0.5, 0.0, 1.0, 1.0]), "{drawn:?}");
    assert_eq!(visit.products().await[0], "circle-blue");
    browser.shoot("desktop-crop").await;

    browser.drag(".stage", (0.75, 0.5), (0.25, 0.5)).await;
    visit.answered().await;
    let moved = box_of(&visit).await;
    assert!(near(&moved, [0.0, 0.0, 0.5, 1.0]), "{moved:?}");
    assert_eq!(visit.products().await[0], "square-red");

    browser.drag(".stage", (0.5, 0.99), (0.25, 0.6)).await;
    visit.answered().await;
    let resized = box_of(&visit).await;
    assert!(near(&resized, [0.0, 0.0, 0.25, 0.6]), "{resized:?}");

    browser.page.back().await.unwrap();
    visit.answered().await;
    assert_eq!(box_of(&visit).await, None, "boxes one after another are one step");
    browser.page.forward().await.unwrap();
    visit.answered().await;
    assert_eq!(box_of(&visit).await, resized);
    browser.click("#whole").await;
    visit.answered().await;
    assert_eq!(box_of(&visit).await, None);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_do_the_same() {
    let (visit, folder) = (Visit::desk().await, tempfile::tempdir().unwrap());
    let browser = &visit.browser;
    visit.show_file(&two_things(&folder)).await;
    browser.keys("#crop", &Key::Enter.to_string()).await;
    visit.answered().await;
    assert!(near(&box_of(&visit).await, [0.15, 0.15, 0.85, 0.85]));
    assert_eq!(browser.run("return document.activeElement.className").await, "crop");

    let keys = format!("{}{}", Key::Right.to_string().repeat(20), Key::Up.to_string().repeat(2));
    browser.type_keys(&keys).await;
    let narrower = format!("{}{}{}", Key::Shift, Key::Left.to_string().repeat(10), Key::Shift);
    browser.type_keys(&narrower).await;
    browser.type_keys(&Key::Enter.to_string()).await;
    visit.answered().await;
    let found = box_of(&visit).await;
    assert!(near(&found, [0.3, 0.11, 0.8, 0.81]), "{found:?}");
    browser.type_keys(&Key::Escape.to_string()).await;
    visit.answered().await;
    assert_eq!(box_of(&visit).await, None);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finger_scrolls_until_cropping_is_asked_for() {
    let (visit, folder) = (Visit::phone().await, tempfile::tempdir().unwrap());
    let browser = &visit.browser;
    visit.show_file(&two_things(&folder)).await;
    browser.drag(".stage", (0.5, 0.1), (0.9, 0.9)).await;
    visit.answered().await;
    assert_eq!(box_of(&visit).await, None);

    browser.click("#crop").await;
    visit.answered().await;
    browser.shoot("phone-crop").await;
    browser.drag(".stage", (0.15, 0.15), (0.5, 0.03)).await;
    browser.drag(".stage", (0.85, 0.85), (0.99, 0.98)).await;
    visit.answered().await;
    let found = box_of(&visit).await;
    assert!(near(&found, [0.5, 0.03, 0.99, 0.98]), "{found:?}");
    assert_eq!(visit.products().await[0], "circle-blue");
    browser.click("#crop").await;
    assert_eq!(browser.text("#crop").await, "Adjust");
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_of_an_items_photo_can_be_searched_with_and_its_link_shared() {
    let visit = Visit::desk().await;
    visit.go("#item=triangle-green~0&box=0,0,0.2,0.2").await;
    assert_ne!(visit.products().await[0], "triangle-green", "a corner of the ground");
    visit.browser.click("#whole").await;
    visit.answered().await;
    assert_eq!(visit.products().await[0], "triangle-green");
    visit.end().await;
}
