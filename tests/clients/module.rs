//! `lookalike.js`: every call, and what a refusal is.

use serde_json::{Value, json};

use crate::{
    Visit,
    browser::Browser,
    support::{running::Running, tiny_shop},
};

impl Visit {
    /// What a function's body returns that has the module's names, and `shop`, a client of the server.
    async fn script(&self, body: &str) -> Value {
        let begin = format!(
            "const {{ Lookalike, LookalikeError }} = await import('/lookalike.js'); \
             const shop = new Lookalike('{}');",
            self.server.url("")
        );
        self.browser.run_async(&format!("{begin} {body}")).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_question_is_asked_from_another_origin() {
    let visit = Visit::begin().await;
    let ids = |answer: &Value| -> Vec<String> {
        answer["results"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer}"))
            .iter()
            .map(|r| r["id"].as_str().unwrap().into())
            .collect()
    };
    let photo = "const photo = await (await fetch('/square-green-0.png')).blob();";
    let found = visit.script(&format!("{photo} return shop.similar(photo, {{ k: 3 }})")).await;
    assert_eq!(ids(&found).len(), 3);
    assert_eq!(ids(&found)[0], "square-green~0");
    let bytes =
        visit.script(&format!("{photo} return shop.similar(await photo.arrayBuffer(), {{ k: 3 }})")).await;
    assert_eq!(ids(&bytes), ids(&found));

    let all = "{ k: 5, offset: 1, minScore: 0.01, category: ['circle', 'square'], attributes: { colour: ['red', 'blue'] }, \
               exclude: 'circle-red~1', collapse: 'product', dedup: true, diversity: 0.1, exact: true }";
    let found = visit.script(&format!("return shop.itemSimilar('circle-red~0', {all})")).await;
    for result in found["results"].as_array().unwrap() {
        assert!(["circle", "square"].contains(&result["category"].as_str().unwrap()), "{result}");
        assert!(["red", "blue"].contains(&result["attributes"]["colour"][0].as_str().unwrap()), "{result}");
    }
    let part =
        visit.script(&format!("{photo} return shop.similar(photo, {{ box: [0, 0, 0.1, 0.1] }})")).await;
    assert_eq!(part["query"]["box"], json!([0, 0, 0.1, 0.1]));

    let embedded =
        "const { embedding } = await shop.embed(photo); return shop.search({ vector: embedding }, { k: 1 })";
    assert_eq!(ids(&visit.script(&format!("{photo} {embedded}")).await), ["square-green~0"]);
    let more = "return shop.search({ positive: ['circle-red~0'], negative: ['square-blue~0'] }, { k: 4 })";
    assert_eq!(ids(&visit.script(more).await).len(), 4);
    let batch = "const { answers } = await shop.similarBatch([photo, new Blob(['Dear shop'])], { k: 1 }); return answers.map((a) => a.status)";
    assert_eq!(visit.script(&format!("{photo} {batch}")).await, json!([200, 415]));

    assert_eq!(visit.script("return (await shop.item('elsewhere')).category").await, "circle");
    let item = visit.script("return shop.random()").await;
    assert!(item["id"].is_string(), "{item}");
    let page = "return (await shop.items({ limit: 2, category: 'square', attributes: { colour: 'red' } })).items.map((i) => i.product)";
    assert_eq!(visit.script(page).await, json!(["square-red", "square-red"]));
    assert_eq!(visit.script("return (await shop.categories()).categories.length").await, 4);
    let counted = visit
        .script("return shop.facets(['colour', 'category'], { category: 'circle', notAttributes: { colour: 'red' }, ranges: {} })")
        .await;
    assert_eq!(counted["facets"][1]["values"].as_array().unwrap().len(), 4, "{counted}");
    let red = |v: &Value| v["value"] == "red" && v["items"].as_u64() > Some(0);
    assert!(counted["facets"][0]["values"].as_array().unwrap().iter().any(red), "{counted}");
    let ordered = "return shop.itemSimilar('circle-red~0', { k: 3, notCategory: 'circle', sort: '-price', boost: 'colour:blue*2', \
                   pool: 9, facet: 'colour', ranges: { price: [null, 5] } })";
    let ordered = visit.script(ordered).await;
    assert_eq!((&ordered["results"], &ordered["facets"][0]["items"]), (&json!([]), &0.into()));
    assert_eq!(visit.script("return (await shop.info()).catalogue.items").await, tiny_shop().items());
    let image = visit
        .script(
            "return shop.imageUrl({ image_url: '/images/circle-red~0' }) === shop.imageUrl('circle-red~0') \
             && shop.imageUrl('a', { width: 64 }).endsWith('/images/a?width=64')",
        )
        .await;
    assert_eq!(image, true);
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_an_error_that_says_what_and_why() {
    let visit = Visit::begin().await;
    let refused = "try { return await asked; } catch (e) { \
         return { is: e instanceof LookalikeError, name: e.name, status: e.status, code: e.code, detail: e.detail, message: e.message, id: e.requestId }; }";
    for (asked, status, code) in [
        ("shop.similar(new Blob(['Dear shop']))", 415, "unknown_format"),
        ("shop.similar(new Blob([]))", 400, "empty_photo"),
        ("shop.itemSimilar('none')", 404, "unknown_item"),
        ("shop.itemSimilar('circle-red~0', { k: 0 })", 400, "bad_parameter"),
        ("shop.itemSimilar('circle-red~0', { colorWeight: 2 })", 400, "bad_parameter"),
        ("new Lookalike('http://127.0.0.1:9/').random()", 0, "unreachable"),
    ] {
        let error = visit.script(&format!("const asked = {asked}; {refused}")).await;
        assert_eq!(
            (&error["is"], &error["status"], &error["code"]),
            (&json!(true), &json!(status), &json!(code)),
            "{asked}: {error}"
        );
        assert_eq!(error["message"], error["detail"]);
        assert_eq!(error["id"].as_str().unwrap().is_empty(), status == 0, "{error}");
    }
    let mistyped = "try { await shop.itemSimilar('circle-red~0', { colourWeight: 1 }); } catch (e) { return e.message; }";
    assert!(visit.script(mistyped).await.as_str().unwrap().contains("colourWeight"));
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_given_up_and_an_upload_is_watched() {
    let visit = Visit::begin().await;
    let photo = "const photo = await (await fetch('/square-green-0.png')).blob();";
    for watched in ["", ", onProgress: () => {}"] {
        let given_up = format!(
            "{photo} const c = new AbortController(); const asked = shop.similar(photo, {{ signal: c.signal{watched} }}); \
             c.abort(); try {{ await asked; return 'answered'; }} catch (e) {{ return e.name; }}"
        );
        assert_eq!(visit.script(&given_up).await, "AbortError");
        let late = format!(
            "{photo} try {{ await shop.similar(photo, {{ signal: AbortSignal.abort(){watched} }}); }} catch (e) {{ return e.name; }}"
        );
        assert_eq!(visit.script(&late).await, "AbortError");
    }
    let seen = format!(
        "{photo} const seen = []; const found = await shop.similar(photo, {{ k: 2, onProgress: (s) => seen.push(s) }}); \
         return [found.results.length, seen.at(-1)];"
    );
    assert_eq!(visit.script(&seen).await, json!([2, 1]));
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_pages_of_allowed_origins_get_answers() {
    for flags in [&[][..], &["--cors-origin", "https://shop.example"]] {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let visit = Visit::with(|_| flags).await;
        let refused = "try { await shop.random(); } catch (e) { return [e.code, e.detail]; }";
        let refused = visit.script(refused).await;
        assert_eq!(refused[0], "unreachable");
        assert!(refused[1].as_str().unwrap().contains("--cors-origin"), "{refused}");
        // What a product page loads is open all the same.
        let from = visit.server.url("/assets/lookalike.js");
        assert_eq!(visit.script(&format!("return Object.keys(await import('{from}')).length")).await, 2);
        let photo = visit.server.url("/images/circle-red~0");
        assert_eq!(visit.script(&format!("return (await fetch('{photo}')).status")).await, 200);
        visit.end().await;
    }
}

/// As Safari 16 and Node 18 have it: `URLSearchParams` without `size`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_are_sent_where_a_runtime_does_not_count_them() {
    let visit = Visit::begin().await;
    let found = "delete URLSearchParams.prototype.size; \
                 const { results } = await shop.itemSimilar('circle-red~0', { k: 3, category: 'square' }); \
                 return [results.length, ...new Set(results.map((r) => r.category))]";
    assert_eq!(visit.script(found).await, json!([3, "square"]));
    visit.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn photos_are_found_behind_every_kind_of_proxy() {
    let visit = Visit::begin().await;
    let urls = "const at = (base, image_url) => new Lookalike(base).imageUrl({ image_url }, { width: 64 }); \
                return [at('https://shop.example/shop/find', '/shop/find/images/a'), at('https://shop.example/shop/find/', '/images/a'), \
                        at('https://find.shop.example', '/images/a')]";
    let expected = json!([
        "https://shop.example/shop/find/images/a?width=64",
        "https://shop.example/shop/find/images/a?width=64",
        "https://find.shop.example/images/a?width=64"
    ]);
    assert_eq!(visit.script(urls).await, expected);
    visit.end().await;
}

/// From a page of the server's own: no other origin may write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_are_written() {
    const KEY: &str = "an-admin-key-of-the-tests";
    let folder = tempfile::tempdir().unwrap();
    let (state, keys) = (folder.path().join("state"), folder.path().join("keys"));
    std::fs::write(&keys, KEY).unwrap();
    let flags =
        ["--state", state.to_str().unwrap(), "--admin-keys-file", keys.to_str().unwrap(), "--reads", "open"];
    let server = Running::start(tiny_shop(), &flags).await;
    let browser = Browser::open(800, 600).await;
    browser.goto(&server.url("/")).await;
    let script = format!(
        "const {{ Lookalike }} = await import('/assets/lookalike.js'); \
         const shop = new Lookalike('/', {{ apiKey: '{KEY}' }}); \
         const photo = await (await fetch('/images/circle-red~0')).blob(); \
         const put = await shop.putItem('from-js', {{ category: 'circle' }}, {{ photo }}, {{ onlyNew: true }}); \
         const patched = await shop.patchItem('from-js', {{ category: 'square' }}); \
         const twice = await shop.putItem('from-js', {{ category: 'circle' }}, {{ photo }}, {{ onlyNew: true }}).catch((e) => e.code); \
         const {{ embedding }} = await shop.embed(photo); \
         const again = await shop.putItem('from-js', {{ category: 'circle' }}, {{ embedding }}); \
         const photoUrl = 'https://cdn.shop.example/a.jpg'; \
         const fetched = await shop.putItem('from-js', {{ category: 'circle' }}, {{ photoUrl }}).catch((e) => e.code); \
         await shop.deleteItem('from-js'); \
         const gone = await shop.item('from-js').catch((e) => e.code); \
         return [put.category, patched.category, twice, again.id, fetched, gone]"
    );
    let told = browser.run_async(&script).await;
    let expected =
        json!(["circle", "square", "precondition_failed", "from-js", "bad_photo_address", "unknown_item"]);
    assert_eq!(told, expected);
    browser.close().await;
    server.stop().await;
}
