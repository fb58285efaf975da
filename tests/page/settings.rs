//! Colour, variety, products, categories: what they change, and that the address holds them.

use std::{collections::HashSet, sync::OnceLock};

use fantoccini::key::Key;

use crate::{
    Visit,
    support::{Shop, network_shop},
};

/// A shop whose model has colours and takes photos for something.
fn colourful() -> &'static Shop {
    static SHOP: OnceLock<(tempfile::TempDir, Shop)> = OnceLock::new();
    let (_, shop) = SHOP.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let shop = network_shop(folder.path());
        (folder, shop)
    });
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn colour_slides_from_any_to_this_very_one() {
    let visit = Visit::of(colourful(), 1280, &[]).await;
    let browser = &visit.browser;
    visit.go("#item=circle-red~0").await;
    let usual = visit.ids().await;
    assert_eq!(browser.text("#color_weight-said").await, "0.10");

    browser.keys("#color_weight", &Key::End.to_string()).await;
    visit.answered().await;
    assert_eq!(browser.text("#color_weight-said").await, "this very colour");
    assert!(browser.address().await.ends_with("&color_weight=1"));
    let very = visit.ids().await;
    assert_ne!(very, usual);
    assert!(browser.shown("#legend .of-colour").await && browser.shown(".parts .of-colour").await);
    browser.shoot("desktop-colour").await;

    browser.keys("#color_weight", &Key::Home.to_string()).await;
    visit.answered().await;
    assert_eq!(browser.text("#color_weight-said").await, "any colour");
    let any = visit.ids().await;
    assert_ne!(any, very);

    browser.page.back().await.unwrap();
    visit.answered().await;
    assert_eq!(
        visit.ids().await,
        usual,
        "one step back is one step, however long the slider was played with"
    );
    assert_eq!(browser.text("#color_weight-said").await, "0.10");
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_photo_is_taken_for_is_shown_and_can_be_searched_in() {
    let visit = Visit::of(colourful(), 1280, &[]).await;
    let browser = &visit.browser;
    visit.show("square-blue-0.png").await;
    let guesses = "return [...document.querySelectorAll('.guess')].map((g) => [g.children[0].textContent, g.children[1].textContent])";
    let guesses: Vec<(String, String)> = serde_json::from_value(browser.run(guesses).await).unwrap();
    assert_eq!(guesses.len(), 3);
    assert!(guesses.iter().all(|(_, share)| share.ends_with(" %")), "{guesses:?}");
    assert_eq!(browser.text("#query h2").await, guesses[0].0);

    // The model's categories are none of this catalogue's.
    browser.click(".guess").await;
    visit.answered().await;
    assert!(browser.address().await.contains(&format!("category={}", guesses[0].0)));
    assert_eq!(browser.run("return document.querySelector('.guess').ariaPressed").await, "true");
    assert!(browser.text("#empty").await.contains(&guesses[0].0));
    browser.shoot("desktop-empty").await;
    browser.click("#empty-clear").await;
    visit.answered().await;
    assert_eq!(visit.ids().await.len(), 12);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variety_products_and_categories_change_what_is_found() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    visit.go("#item=circle-red~0").await;
    assert!(!browser.shown("#colour-setting").await, "this model has no colours");
    assert!(!browser.shown("#legend .of-colour").await && !browser.shown(".parts .of-colour").await);
    let closest = visit.ids().await;

    browser.keys("#diversity", &Key::End.to_string()).await;
    visit.answered().await;
    assert!(browser.address().await.ends_with("&diversity=1"));
    assert_ne!(visit.ids().await, closest);
    assert_eq!(browser.text("#diversity-said").await, "most varied");
    browser.click("#reset").await;
    visit.answered().await;
    assert_eq!(visit.ids().await, closest);

    browser.click("label.switch").await;
    visit.answered().await;
    let products = visit.products().await;
    assert_eq!(products.iter().collect::<HashSet<_>>().len(), products.len(), "{products:?}");
    browser.click("label.switch").await;
    visit.answered().await;

    browser.click("label[data-name=square]").await;
    visit.answered().await;
    assert!(visit.products().await.iter().all(|p| p.starts_with("square")));
    browser.click("label[data-name=stripes]").await;
    visit.answered().await;
    let products = visit.products().await;
    assert!(products.iter().all(|p| p.starts_with("square") || p.starts_with("stripes")), "{products:?}");
    assert!(browser.address().await.ends_with("&category=square&category=stripes"));
    browser.page.back().await.unwrap();
    visit.answered().await;
    assert!(browser.address().await.ends_with("&category=square"));
    assert!(!browser.wait("label[data-name=stripes] input").await.is_selected().await.unwrap());
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_brings_a_state_and_says_what_of_it_was_not_understood() {
    let visit = Visit::desk().await;
    let browser = &visit.browser;
    visit.go("#item=circle-red~0&diversity=0.4&collapse=product&category=circle&category=square&color_weight=7&foo=1").await;
    let toast = browser.text("#toast").await;
    assert!(
        toast.contains("color_weight") && toast.contains("foo") && !toast.contains("category"),
        "{toast}"
    );
    assert_eq!(browser.text("#diversity-said").await, "0.40");
    for chosen in ["#collapse", "label[data-name=circle] input", "label[data-name=square] input"] {
        assert!(browser.wait(chosen).await.is_selected().await.unwrap(), "{chosen}");
    }
    // Settings go on with the shopper.
    browser.click("#gallery a").await;
    visit.answered().await;
    assert!(
        browser.address().await.ends_with("&diversity=0.4&collapse=product&category=circle&category=square")
    );
    visit.end().await;
}
