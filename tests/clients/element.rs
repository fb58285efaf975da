//! `<similar-items>` on a page of a shop's own.

use serde_json::{Value, json};

use crate::Visit;

/// A function that makes an element, notes its events in `window.seen`, and leaves nothing on the page but it and the title.
const PUT: &str = "window.seen = []; \
    window.put = (attributes, inner = '') => { \
        const main = document.querySelector('main'); main.replaceChildren(...main.querySelectorAll('h1')); \
        const element = document.createElement('similar-items'); element.id = 'it'; element.innerHTML = inner; \
        for (const name of ['load', 'error', 'select']) element.addEventListener(name, (e) => seen.push([name, e.detail?.code ?? e.detail?.results?.length ?? e.detail?.id])); \
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value); \
        main.append(element); return element; }; \
    window.inside = (css) => document.getElementById('it').shadowRoot.querySelectorAll(css);";

impl Visit {
    async fn put(&self, attributes: Value, inner: &str) {
        let api = self.server.url("/");
        let mut all = json!({"api": api});
        all.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        self.browser.run(&format!("{PUT} put({all}, `{inner}`)")).await;
    }

    async fn state(&self, state: &str) {
        self.browser
            .until(&format!("document.querySelector('#it')?.getAttribute('state') === '{state}'"))
            .await;
    }

    async fn products(&self) -> Vec<String> {
        let products = "return [...inside('[part=product]')].map((e) => e.textContent)";
        serde_json::from_value(self.browser.run(products).await).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_shows_what_looks_like_its_product_and_like_a_photo() {
    let visit = Visit::begin().await;
    let browser = &visit.browser;
    let count = |id: &str| {
        format!("document.querySelector('#{id}').shadowRoot.querySelectorAll('li img').length === 8")
    };
    browser.until(&count("similar")).await;
    assert_eq!(browser.text("#title").await, "circle");
    browser.choose("#file", &crate::tiny_shop().images.join("stripes-blue-0.png")).await;
    browser.until(&count("own")).await;
    browser.until("[...document.querySelectorAll('similar-items')].every((e) => [...e.shadowRoot.querySelectorAll('img')].some((i) => i.naturalWidth > 0))").await;
    let first =
        "return document.querySelector('#own').shadowRoot.querySelector('[part=product]').textContent";
    assert_eq!(browser.run(first).await, "stripes-blue");
    browser.audit("example").await;
    browser.shoot("client-example").await;
    browser.run("document.querySelector('#own').shadowRoot.querySelector('button[part=card]').click()").await;
    browser.until("document.querySelector('#title').textContent === 'stripes'").await;
    assert_eq!(browser.text("#said").await, "");
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_by_its_address_and_attributes_that_change() {
    let visit = Visit::begin().await;
    let browser = &visit.browser;
    let asked =
        json!({"image": "/triangle-blue-0.png", "k": "4", "collapse": "product", "color-weight": "0"});
    visit.put(asked, "").await;
    visit.state("ready").await;
    assert_eq!(visit.products().await[0], "triangle-blue");
    assert_eq!(visit.products().await.len(), 4);

    browser
        .run("seen.length = 0; it.setAttribute('category', 'circle, square'); it.setAttribute('k', '3')")
        .await;
    browser.until("seen.length").await;
    assert_eq!(browser.run("return seen").await, json!([["load", 3]]), "two changes at once are one search");
    let categories = browser.run("return it.answer.results.map((r) => r.category)").await;
    assert!(
        categories.as_array().unwrap().iter().all(|c| c == "circle" || c == "square"),
        "not of the two alone: {categories}"
    );

    browser
        .run("seen.length = 0; it.setAttribute('heading', 'Like it'); it.setAttribute('scores', '')")
        .await;
    assert_eq!(browser.run("return inside('[part=score]').length").await, 3);
    assert_eq!(browser.run("return inside('h2')[0].textContent").await, "Like it");
    assert_eq!(browser.run("return seen.length").await, 0, "what is only shown is not asked for again");

    browser.run("it.removeAttribute('image'); it.setAttribute('item', 'square-red~0')").await;
    browser.until("seen.length").await;
    assert_eq!(browser.run("return it.answer.query.item.id").await, "square-red~0");
    // The page's policy forbids inline styles; the element brings its own all the same.
    assert_eq!(browser.run("return getComputedStyle(inside('ul')[0]).display").await, "grid");
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_hold_and_titles_and_prices_are_shown() {
    let visit = Visit::begin().await;
    let browser = &visit.browser;
    let asked = json!({"item": "circle-red~0", "k": "9", "attributes": "colour:red, colour:blue", "not-category": "circle"});
    visit.put(asked, "").await;
    visit.state("ready").await;
    let kinds =
        browser.run("return it.answer.results.map((r) => [r.category, r.attributes.colour[0]])").await;
    let kinds: Vec<[String; 2]> = serde_json::from_value(kinds).unwrap();
    assert!(!kinds.is_empty());
    assert!(
        kinds.iter().all(|[category, colour]| category != "circle" && ["red", "blue"].contains(&&**colour))
    );
    browser
        .run("Object.assign(it.answer.results[0], { title: 'A red square', numbers: { price: 1234.5 } }); it.setAttribute('currency', 'EUR')")
        .await;
    assert_eq!(visit.products().await[0], "A red square");
    let prices = browser.run("return [...inside('[part=price]')].map((e) => e.textContent)").await;
    assert_eq!(prices.as_array().unwrap().len(), 1, "what has no price shows none");
    let price = prices[0].as_str().unwrap();
    assert!(price.contains('€') && price.contains("234"), "{price}");
    browser.run("it.setAttribute('range', 'price:..50, stock:1..')").await;
    visit.state("empty").await;
    browser.run("it.setAttribute('range', 'price:2..1')").await;
    visit.state("error").await;
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_before_it_comes_near() {
    let visit = Visit::begin().await;
    let browser = &visit.browser;
    browser.run(PUT).await;
    let far = format!(
        "const e = put({{ item: 'square-red~0', api: '{}' }}); const far = document.createElement('div'); far.style.height = '4000px'; e.before(far);",
        visit.server.url("/")
    );
    browser.run(&far).await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    browser.run("it.setAttribute('k', '5')").await;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    assert_eq!(browser.run("return [it.getAttribute('state'), seen.length]").await, json!([null, 0]));
    browser.run("it.scrollIntoView()").await;
    visit.state("ready").await;
    assert_eq!(browser.run("return seen").await, json!([["load", 5]]));
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_leads_where_the_shop_says() {
    let visit = Visit::begin().await;
    let browser = &visit.browser;
    visit
        .put(json!({"item": "square-red~0", "category": "circle", "link": "/p/{product}?from={id}"}), "")
        .await;
    visit.state("ready").await;
    let link = browser.run("return inside('a[part=card]')[0].getAttribute('href')").await;
    assert!(link.as_str().unwrap().starts_with("/p/circle-"), "{link}");
    browser.run("it.addEventListener('select', (e) => e.preventDefault()); inside('a')[0].click()").await;
    let seen = browser.run("return seen.at(-1)").await;
    assert_eq!(seen[0], "select");
    assert!(browser.address().await.contains("example.html"), "a cancelled choice leads nowhere");
    let own = "it.renderItem = (r) => { const b = document.createElement('b'); b.textContent = `~${r.rank}~`; return b; }; \
               it.setAttribute('heading', 'Own cards'); return inside('a b')[1].textContent";
    assert_eq!(browser.run(own).await, "~2~");
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_found_and_nothing_had_are_said_in_the_shops_words() {
    let visit = Visit::begin().await;
    let browser = &visit.browser;
    let words =
        "<p slot=\"empty\" id=\"none\">Nothing today.</p><p slot=\"error\" id=\"wrong\">Come back later.</p>";
    let shown = |id: &str| {
        format!("return document.getElementById('{id}').checkVisibility({{ checkVisibilityCSS: true }})")
    };
    visit.put(json!({"item": "square-red~0", "category": "trousers"}), words).await;
    visit.state("empty").await;
    assert_eq!(browser.run(&shown("none")).await, true);
    assert_eq!(browser.run(&shown("wrong")).await, false);

    for (attributes, code) in [
        (json!({"item": "none"}), "unknown_item"),
        (json!({"item": "square-red~0", "k": "many"}), "bad_parameter"),
        (json!({"item": "square-red~0", "color-weight": "0.5"}), "bad_parameter"), // the tiny model has no colours
        (json!({"image": "/none.png"}), "image_unreachable"),
        (json!({"image": "/example.css"}), "unknown_format"),
        (json!({"item": "square-red~0", "api": "http://127.0.0.1:9/"}), "unreachable"),
    ] {
        visit.put(attributes, words).await;
        visit.state("error").await;
        assert_eq!(browser.run("return seen").await, json!([["error", code]]));
        assert_eq!(browser.run(&shown("wrong")).await, true);
    }
    browser.audit("error").await;
    visit.put(json!({"item": "none"}), "").await;
    visit.state("error").await;
    browser.run("it.setAttribute('item', 'square-red~0')").await;
    visit.state("ready").await;
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_itself_hands_the_element_out() {
    let visit = Visit::begin().await;
    let browser = &visit.browser;
    browser.goto(&format!("http://{}/example.css", visit.site)).await; // a page without the element
    browser.run("document.body.append(document.createElement('main'))").await;
    let from = visit.server.url("/assets/similar-items.js");
    assert_eq!(browser.run_async(&format!("await import('{from}'); return 'loaded'")).await, "loaded");
    browser.run(&format!("{PUT} put({{ item: 'square-red~0' }})")).await;
    visit.state("ready").await;
    visit.end().await;
}
