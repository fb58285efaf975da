//! What cannot be had is said well, and is not the end.

use std::fs;

use fantoccini::key::Key;

use crate::{Visit, support::pictures};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_photo_is_told_so_and_another_one_can_be_shown() {
    let (visit, folder) = (Visit::with(1280, &["--max-body", "200kB"]).await, tempfile::tempdir().unwrap());
    let browser = &visit.browser;
    for (name, bytes, title, advice) in [
        ("letter.jpg", b"Dear shop, ...".to_vec(), "That is not a photo we can read", "JPEG or PNG"),
        (
            "iphone.heic",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(),
            "That is not a photo we can read",
            "HEIC",
        ),
        ("torn.png", pictures::png_header(100, 100), "That photo cannot be used", "another photo"),
        ("large.bmp", vec![b'B'; 300_000], "That photo is too large", "smaller"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        browser.choose("#file", &path).await;
        browser
            .until(&format!(
                "document.querySelector('#alert:not([hidden]) #alert-title')?.textContent === '{title}'"
            ))
            .await;
        browser.until(&format!("document.querySelector('#alert').textContent.includes('{advice}')")).await;
        assert!(browser.text("#alert-detail").await.len() > 20);
        assert!(
            browser.text("#alert-id").await.starts_with("Request "),
            "what the shop's people can look for"
        );
        assert!(browser.shown("#choose").await && !browser.shown("#alert-again").await);
    }
    browser.shoot("desktop-error").await;
    visit.show("circle-green-0.png").await;
    assert_eq!(visit.products().await[0], "circle-green");
    assert!(!browser.shown("#alert").await);
    browser.page.back().await.unwrap();
    browser.until("!document.querySelector('#start').hidden").await;
    assert!(!browser.shown("#alert").await, "what failed is no place to come back to");
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_that_is_gone_is_said_to_be() {
    let visit = Visit::desk().await;
    visit.go("#item=sold-out").await;
    assert_eq!(visit.browser.text("#alert-title").await, "That is not here");
    assert!(visit.browser.text("#alert").await.contains("sold-out"));
    visit.browser.click("#alert-close").await;
    visit.browser.click("#surprise").await;
    visit.answered().await;
    assert_eq!(visit.ids().await.len(), 12);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_cannot_be_had_leaves_what_was_there() {
    let visit = Visit::desk().await;
    visit.go("#item=circle-red~0").await;
    let before = visit.ids().await;
    let Visit { browser, server, .. } = visit;
    browser.goto("about:blank").await; // lets its connections go
    browser.page.back().await.unwrap();
    browser.wait("#gallery li:nth-child(12) a").await;
    server.stop().await;
    browser.keys("#diversity", &Key::End.to_string()).await;
    browser.until("document.querySelector('#alert-title').textContent === 'No connection'").await;
    let left = browser.run("return document.querySelectorAll('#gallery a').length").await;
    assert_eq!(left, before.len());
    assert!(browser.shown("#alert-again").await, "it may pass");
    browser.shoot("desktop-no-connection").await;
    browser.close().await;
}
