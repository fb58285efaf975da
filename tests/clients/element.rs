//! `<similar-items>` on a page of a shop's own.

use serde_json::{Value, json};

use crate::Visit;

/// A function that makes an element, notes its events in `window.seen`, and appends it to the page.
const PUT: &str = "window.seen = []; \
    window.put = (attributes, inner = '') => { \
        document.querySelector('main').replaceChildren(); \
        const element = document.createElement('similar-items'); element.id = 'it'; element.innerHTML = inner; \
        for (const name of ['load', 'error', 'select']) element.addEventListener(name, (e) => seen.push([name, e.detail?.code ?? e.detail?.results?.length ?? e.detail?.id])); \
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value); \
        document.querySelector('main').append(element); return element; }; \
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
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_before_it_comes_near() {
    let visit = Visit::begin(&[]).await;
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
    let visit = Visit::begin(&[]).await;
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
async fn the_server_itself_hands_the_element_out() {
    let visit = Visit::begin(&[]).await;
    let browser = &visit.browser;
    browser.goto(&format!("http://{}/example.css", visit.site)).await; // a page without the element
    browser.run("document.body.append(document.createElement('main'))").await;
    let from = visit.server.url("/assets/similar-items.js");
    assert_eq!(browser.run_async(&format!("await import('{from}'); return 'loaded'")).await, "loaded");
    browser.run(&format!("{PUT} put({{ item: 'square-red~0' }})")).await;
    visit.state("ready").await;
    visit.end().await;
}
