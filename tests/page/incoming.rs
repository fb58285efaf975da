//! How photos come in: chosen (journey.rs), pasted, dropped; on their way; too large to travel as they are.

use image::{Rgb, RgbImage};
use serde_json::json;

use crate::{Visit, support::pictures};

/// A transfer that holds a photo of the shop, fetched from the server, as the clipboard or a mouse would hand it over.
const TRANSFER: &str = "const blob = await (await fetch('images/triangle-red~0')).blob(); \
     const transfer = new DataTransfer(); \
     transfer.items.add(new File([blob], 'photo.png', { type: blob.type }));";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_is_pasted() {
    let visit = Visit::desk().await;
    let paste = "dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true }));";
    visit.browser.run_async(&format!("{TRANSFER} {paste}")).await;
    visit.answered().await;
    assert_eq!(visit.products().await[0], "triangle-red");

    let empty =
        "dispatchEvent(new ClipboardEvent('paste', { clipboardData: new DataTransfer(), bubbles: true }));";
    visit.browser.run(empty).await;
    visit
        .browser
        .until("document.querySelector('#toast.shown').textContent.includes('no photo in the clipboard')")
        .await;
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_is_dropped_and_a_link_is_told_from_one() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    let drag = |name: &str| {
        format!(
            "document.body.dispatchEvent(new DragEvent('{name}', {{ dataTransfer: transfer, bubbles: true, cancelable: true }}));"
        )
    };
    browser.run_async(&format!("{TRANSFER} {} {}", drag("dragenter"), drag("dragover"))).await;
    assert!(browser.shown("#veil").await, "the page shows where to let go");
    browser.shoot("desktop-dragging").await;
    browser.run_async(&format!("{TRANSFER} {}", drag("drop"))).await;
    visit.answered().await;
    assert_eq!(visit.products().await[0], "triangle-red");
    assert!(!browser.run("return document.body.classList.contains('dragging')").await.as_bool().unwrap());

    let link = "const transfer = new DataTransfer(); transfer.setData('text/uri-list', 'https://shop.example/a.jpg');";
    browser.run_async(&format!("{link} {} {}", drag("dragenter"), drag("drop"))).await;
    browser.until("document.querySelector('#toast.shown').textContent.includes('a link, not a photo')").await;
    visit.end().await;
}

/// Noise does not compress.
fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 7u32;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [_, a, b, c] = state.to_le_bytes();
        Rgb([a, b, c])
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_far_a_photo_is_on_its_way_is_shown() {
    let (visit, folder) = (Visit::desk().await, tempfile::tempdir().unwrap());
    let browser = &visit.browser;
    let path = folder.path().join("slow.png");
    std::fs::write(&path, pictures::png(&noise(380, 380))).unwrap();
    let slow = json!({"offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 120_000});
    browser.devtools("Network.enable", json!({})).await;
    browser.devtools("Network.emulateNetworkConditions", slow).await;
    browser.choose("#file", &path).await;
    browser.until("document.querySelector('#progress:not([hidden])')?.value > 0").await;
    assert!(browser.run("return document.querySelector('#progress').value").await.as_f64().unwrap() < 1.0);
    assert_eq!(browser.text("#status").await, "Sending the photo …");
    browser.shoot("desktop-sending").await;
    visit.answered().await;
    assert!(!browser.shown("#progress").await);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_photo_is_made_smaller_before_it_travels_and_stays_upright() {
    let (visit, folder) = (Visit::desk().await, tempfile::tempdir().unwrap());
    // As a telephone writes it: lying on its side, and a word in it that says so.
    let large = image::imageops::rotate270(&noise(1500, 2000));
    let path = folder.path().join("large.jpg");
    std::fs::write(&path, pictures::with_orientation(&pictures::jpeg(&large), 6)).unwrap();
    assert!(path.metadata().unwrap().len() > 1_000_000);
    visit.show_file(&path).await;
    assert_eq!(visit.browser.text("#query .facts").await, "960 × 1280, JPEG");
    visit.end().await;
}
