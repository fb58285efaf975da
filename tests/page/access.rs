//! For everybody: keys alone, screen readers, telephones, the dark; and nobody else is told of it.

use fantoccini::key::Key;
use serde_json::json;

use crate::Visit;

async fn focused(visit: &Visit) -> String {
    let script = "const e = document.activeElement; return e.id || e.className || e.tagName";
    visit.browser.run(script).await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_alone_lead_from_the_start_to_an_item_and_its_settings() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    let (tab, enter) = (Key::Tab.to_string(), Key::Enter.to_string());
    for stop in ["skip", "home", "choose", "surprise"] {
        browser.type_keys(&tab).await;
        assert_eq!(focused(&visit).await, stop);
    }
    browser.type_keys(&enter).await;
    visit.answered().await;
    assert_eq!(focused(&visit).await, "results", "a screen reader goes on with what was found");
    for stop in ["share", "card"] {
        browser.type_keys(&tab).await;
        assert_eq!(focused(&visit).await, stop);
    }
    let address = browser.address().await;
    browser.type_keys(&enter).await;
    browser.until(&format!("location.href !== '{address}'")).await;
    visit.answered().await;

    // Backwards into the settings, which keep the focus while the results change.
    let back = format!("{}{tab}{}", Key::Shift, Key::Shift);
    let mut stops = Vec::new();
    while stops.last().is_none_or(|stop| stop != "diversity") {
        assert!(stops.len() < 20, "{stops:?}");
        browser.type_keys(&back).await;
        stops.push(focused(&visit).await);
    }
    browser.type_keys(&Key::Right.to_string().repeat(4)).await;
    visit.answered().await;
    assert!(browser.address().await.ends_with("&diversity=0.2"));
    assert_eq!(focused(&visit).await, "diversity");
    assert_eq!(browser.run("return document.querySelector('#results').ariaBusy").await, "false");
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_to_complain_of() {
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light")] {
        let visit = Visit::with(width, &[]).await;
        let browser = &visit.browser;
        browser.prefer("prefers-color-scheme", scheme).await;
        browser.audit(&format!("start, {width}, {scheme}")).await;
        visit.show("stripes-black-0.png").await;
        browser.click("#crop").await;
        visit.answered().await;
        if width < 500 {
            browser.click("#refine summary").await;
        }
        browser.audit(&format!("photo, {width}, {scheme}")).await;
        visit.go("#item=circle-red~0&category=square").await;
        browser.audit(&format!("item, {width}, {scheme}")).await;
        browser.shoot(&format!("{width}-{scheme}")).await;
        visit.go("#item=none").await;
        browser.audit(&format!("error, {width}, {scheme}")).await;
        browser.run("document.querySelector('#keys').showModal()").await;
        browser.audit(&format!("key, {width}, {scheme}")).await;
        visit.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fits_a_telephone() {
    let visit = Visit::phone().await;
    let browser = &visit.browser;
    browser.shoot("phone-start").await;
    visit.show("square-red-1.png").await;
    assert_eq!(visit.products().await[0], "square-red");
    assert!(!browser.shown("#settings").await, "settings are folded away");
    browser.shoot("phone-photo").await;
    browser.click("#refine summary").await;
    browser.click("label[data-name=circle]").await;
    visit.answered().await;
    assert_eq!(browser.text("#refined").await, "circle");
    browser.shoot("phone-settings").await;
    browser.click("#gallery li:nth-child(3) a").await;
    browser.wait("#query .chips li").await;
    browser.shoot("phone-item").await;
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_calm_gets_it() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    browser.prefer("prefers-reduced-motion", "reduce").await;
    visit.go("#item=circle-red~0").await;
    browser.run("Element.prototype.animate = () => { document.title = 'moved' }").await;
    browser.keys("#diversity", &Key::End.to_string()).await;
    visit.answered().await;
    assert_ne!(browser.page.title().await.unwrap(), "moved");
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_is_asked_for_anything() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    visit.show("circle-green-0.png").await;
    browser.click("#gallery a").await;
    visit.answered().await;
    let names = "return performance.getEntriesByType('resource').map((e) => e.name).filter((n) => !n.startsWith('blob:'))";
    let names: Vec<String> = serde_json::from_value(browser.run(names).await).unwrap();
    assert!(names.len() > 15 && names.iter().any(|n| n.contains("/similar")), "{names:?}");
    let home = visit.server.url("/");
    assert!(names.iter().all(|name| name.starts_with(&home)), "{names:?}");
    // And could not be: the policy of the page forbids it.
    let tried = browser.run_async("return await fetch('http://127.0.0.1:9/').catch((e) => e.name)").await;
    assert_eq!(tried, json!("TypeError"));
    let policy = visit.server.get("/").await;
    let policy = policy.header("content-security-policy");
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    visit.end().await;
}
