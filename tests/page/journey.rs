//! From the first look to an item, and back.

use fantoccini::key::Key;

use crate::Visit;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shopper_finds_goes_on_and_comes_back() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    assert_eq!(browser.text("h1").await, "Find what looks like it");
    browser.shoot("desktop-start").await;

    visit.show("triangle-blue-0.png").await;
    assert_eq!(visit.products().await[0], "triangle-blue");
    assert!(browser.text("#status").await.starts_with("12 of 62 items"));
    assert!(browser.text("#gallery .score").await.ends_with("1.00"));
    assert_eq!(browser.text("#query .kind").await.to_lowercase(), "your photo");
    browser.shoot("desktop-photo").await;

    browser.click("#gallery li:nth-child(5) a").await;
    browser.wait("#query .chips li").await;
    let item = browser.text("#query .facts").await;
    assert!(browser.address().await.contains("#item="));
    browser.shoot("desktop-item").await;

    browser.page.back().await.unwrap();
    browser.until("document.querySelector('#query .kind').textContent === 'Your photo'").await;
    assert_eq!(visit.products().await[0], "triangle-blue");
    browser.page.forward().await.unwrap();
    browser.wait("#query .chips li").await;
    assert_eq!(browser.text("#query .facts").await, item);

    browser.click("#home").await;
    assert!(browser.shown("#start").await);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_is_added_up_to_the_last_item_and_is_still_there_after_coming_back() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    visit.show("square-red-0.png").await;
    let first = visit.ids().await;
    assert_eq!(first.len(), 12);
    browser.click("#more").await;
    browser.wait("#gallery li:nth-child(24)").await;
    let all = visit.ids().await;
    assert_eq!(all[..12], first[..]);
    assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 24, "{all:?}");
    let focused = browser.run("return document.activeElement.querySelector('.rank').textContent").await;
    assert_eq!(focused, "Rank 13", "the keyboard goes on at the first new one");

    browser.click("#gallery li:nth-child(20) a").await;
    browser.wait("#query .chips li").await;
    browser.page.back().await.unwrap();
    browser.wait("#gallery li:nth-child(24)").await;
    assert!(
        browser.run("return scrollY").await.as_f64().unwrap() > 100.0,
        "the place on the page is found again"
    );
    browser.page.forward().await.unwrap();

    browser.wait("#query .chips li").await;
    let item = browser.text("#query .facts").await;
    browser.click("#more").await;
    browser.wait("#gallery li:nth-child(24)").await;
    browser.page.refresh().await.unwrap();
    browser.wait("#gallery li:nth-child(24)").await;
    assert_eq!(browser.text("#query .facts").await, item, "an address and what was shown outlive a reload");

    for step in 3..=6 {
        browser.click("#more").await;
        browser
            .until(&format!("document.querySelectorAll('#gallery li').length >= {}", (step * 12).min(61)))
            .await;
    }
    assert_eq!(visit.ids().await.len(), 61, "all but the item itself");
    assert!(!browser.shown("#more").await);
    assert_eq!(browser.text("#end").await, "That is all there is.");
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_random_item_leads_in() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    browser.click("#surprise").await;
    visit.answered().await;
    let address = browser.address().await;
    assert!(address.contains("#item="), "{address}");
    browser.keys("#gallery li:nth-child(2) a", &Key::Enter.to_string()).await;
    browser.until(&format!("location.href !== '{address}'")).await;
    visit.answered().await;
    browser.click("#random").await;
    visit.answered().await;
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_outlives_a_reload_and_only_in_its_own_tab() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    visit.show("circle-green-1.png").await;
    browser.page.refresh().await.unwrap();
    visit.answered().await;
    assert_eq!(visit.products().await[0], "circle-green");

    // Somebody else follows the link.
    let link = format!("{}&category=square", browser.address().await);
    let window = browser.page.new_window(true).await.unwrap();
    browser.page.switch_to_window(window.handle).await.unwrap();
    browser.goto(&link).await;
    browser.until("!document.querySelector('#note').hidden").await;
    let note = browser.text("#note").await;
    assert!(note.contains("made with a photo") && note.contains("square"), "{note}");
    visit.show("circle-green-1.png").await;
    let products = visit.products().await;
    assert!(
        products.iter().all(|p| p.starts_with("square")),
        "the settings came with the link: {products:?}"
    );
    visit.end().await;
}
