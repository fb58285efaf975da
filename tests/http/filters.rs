//! What a shop's pages filter by, and what they count.

use serde_json::{Value, json};

use crate::living::{Living, vector};
use crate::support::tiny_shop;

/// Ten items of numbers, beside the shop's own, which have none.
async fn priced() -> Living {
    let living = Living::start(tiny_shop()).await;
    let lines: Vec<Value> = (0..10)
        .map(|n| {
            let brand = if n < 6 { "acme" } else { "other" };
            let mut item = json!({"category": "priced", "attributes": {"brand": [brand]},
                "numbers": {"price": 10.5 * f64::from(n), "stock": n % 2}});
            if n == 9 {
                item["attributes"] = json!({});
            }
            json!({"op": "put", "id": format!("p{n}"), "item": item, "embedding": vector(n as usize)})
        })
        .collect();
    let told = living.bulk(&lines).await;
    assert_eq!(told[10]["ok"], 10, "{told:?}");
    living
}

async fn ids(living: &Living, query: &str) -> Vec<String> {
    let listed = living.server.get(&format!("/items?limit=100&{query}")).await.json();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(listed["total"], items.len());
    items.iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn ranges_and_what_is_not_wanted_hold_in_lists_and_searches() {
    let shop = tiny_shop();
    let living = priced().await;
    assert_eq!(ids(&living, "range=price:10.5..31.5").await, ["p1", "p2", "p3"]);
    assert_eq!(ids(&living, "range=price:63..&range=stock:1..1").await, ["p7", "p9"]);
    assert_eq!(ids(&living, "range=weight:..9").await, [""; 0]);
    assert_eq!(ids(&living, "category=priced&not_attribute=brand:acme").await, ["p6", "p7", "p8", "p9"]);
    assert_eq!(ids(&living, "not_category=priced").await.len(), shop.items());
    let query = json!({"vector": vector(3)});
    for exact in ["", "&exact=true"] {
        let found = living.server.json(&format!("/search?k=10&range=price:..31.5{exact}"), &query).await;
        let mut found_ids = found.ids();
        assert_eq!(found_ids[0], "p3");
        found_ids.sort();
        assert_eq!(found_ids, ["p0", "p1", "p2", "p3"]);
        assert_eq!(found.json()["exhausted"], true);
        assert_eq!(found.json()["results"][0]["numbers"], json!({"price": 31.5, "stock": 1.0}));
    }
    // A patch of a number counts in the very next search, and after a restart.
    assert_eq!(living.patch("p3", &json!({"numbers": {"price": 900, "stock": null}})).await.status, 200);
    assert_eq!(living.patch("circle-red~0", &json!({"numbers": {"price": 901}})).await.status, 200);
    assert_eq!(ids(&living, "range=price:500..").await, ["circle-red~0", "p3"]);
    assert_eq!(ids(&living, "range=price:20..40").await, ["p2"]);
    let living = living.restarted(shop).await;
    assert_eq!(ids(&living, "range=price:500..").await, ["circle-red~0", "p3"]);
    assert_eq!(ids(&living, "range=stock:0..0").await, ["p0", "p2", "p4", "p6", "p8"]);
    living.server.stop().await;
}

#[tokio::test]
async fn numbers_that_are_none_are_refused() {
    let living = Living::start(tiny_shop()).await;
    let put = async |numbers: Value| {
        let body = json!({"item": {"category": "c", "numbers": numbers}, "embedding": vector(1)});
        living.put_vector("n", &body).await
    };
    for refused in
        [json!({"price": "39"}), json!({"price": null}), json!([1]), json!({"": 1}), json!({"a\u{1}": 1})]
    {
        put(refused).await.problem(422, "bad_item");
    }
    let many: serde_json::Map<_, _> = (0..65).map(|n| (format!("n{n}"), n.into())).collect();
    put(many.into()).await.problem(422, "bad_item");
    assert_eq!(put(json!({"price": -1e300})).await.status, 201);
    living.patch("n", &json!({"numbers": {"price": "much"}})).await.problem(422, "bad_item");
    for refused in ["range=price:2..1", "range=price:..", "range=price", "range=price:1..2&range=price:1..3"]
    {
        living.server.get(&format!("/items?{refused}")).await.problem(400, "bad_parameter");
    }
    living.server.stop().await;
}

#[tokio::test]
async fn facets_count_all_that_is_admitted_but_for_a_keys_own_filter() {
    let living = priced().await;
    let counted = async |query: &str| living.server.get(&format!("/facets?{query}")).await.json();
    let told = counted("facet=brand&facet=price&category=priced").await;
    assert_eq!((&told["items"], &told["revision"]), (&10.into(), &1.into()));
    let [brand, price] = [0, 1].map(|n| told["facets"][n].clone());
    let values = json!([{"value": "acme", "items": 6}, {"value": "other", "items": 3}]);
    assert_eq!((&brand["values"], &brand["missing"], &brand["numbers"]), (&values, &1.into(), &Value::Null));
    assert_eq!((&price["numbers"]["min"], &price["numbers"]["max"]), (&0.0.into(), &94.5.into()));
    assert_eq!(price["numbers"]["bins"].as_array().unwrap().len(), 10);
    assert_eq!((&price["missing"], &price["numbers"]["missing"]), (&10.into(), &0.into()));
    // A chosen brand leaves the other brands' counts, and changes all else.
    let told =
        counted("facet=brand&facet=price&category=priced&attribute=brand:other&range=price:70..").await;
    assert_eq!(told["items"], 2);
    assert_eq!(told["facets"][0]["values"], json!([{"value": "other", "items": 2}]));
    assert_eq!(told["facets"][1]["numbers"]["min"], 63.0);
    // Along with a search, whatever the page and the score.
    let path = "/search?k=1&min_score=0.99&category=priced&facet=brand";
    let answer = living.server.json(path, &json!({"vector": vector(2)})).await.json();
    assert_eq!(answer["facets"], json!([brand]));
    let none = living.server.json("/search?k=1", &json!({"vector": vector(2)})).await.json();
    assert_eq!(none["facets"], json!([]));
    assert_eq!(counted("facet=nothing&category=priced").await["facets"][0]["missing"], 10);
    living.server.get("/facets").await.problem(400, "bad_parameter");
    living.server.get(&format!("/facets?{}", "facet=a&".repeat(11))).await.problem(400, "bad_parameter");
    living.server.stop().await;
}

#[tokio::test]
async fn the_most_similar_are_sorted_by_a_number_and_boosted_within_a_pool() {
    let living = priced().await;
    let asked = async |query: &str| {
        let path = format!("/search?category=priced&{query}");
        living.server.json(&path, &json!({"vector": vector(3)})).await
    };
    let by_likeness = asked("k=10").await.ids();
    let sorted = asked("k=10&sort=-price").await.ids();
    assert_eq!(sorted, ["p9", "p8", "p7", "p6", "p5", "p4", "p3", "p2", "p1", "p0"]);
    // Of the three most similar alone, and the pages of that fit together.
    let mut three = by_likeness[..3].to_vec();
    three.sort();
    assert_eq!(asked("k=10&sort=price&pool=3").await.ids(), three);
    let (first, rest) = (asked("k=2&sort=price&pool=3").await, asked("k=2&offset=2&sort=price&pool=3").await);
    assert_eq!([first.ids(), rest.ids()].concat(), three);
    assert_eq!((&first.json()["exhausted"], &rest.json()["exhausted"]), (&false.into(), &true.into()));
    // An item without the number comes last, both ways.
    living.patch("p0", &json!({"numbers": null})).await;
    for sort in ["price", "-price"] {
        assert_eq!(asked(&format!("k=10&sort={sort}")).await.ids().last().unwrap(), "p0");
    }
    let boosted = asked("k=10&boost=stock:1..1*10").await.json();
    let results = boosted["results"].as_array().unwrap();
    for (n, result) in results.iter().enumerate() {
        let factor = if n < 5 { 10.0 } else { 1.0 };
        let (score, rank_score) = (result["score"].as_f64().unwrap(), result["rank_score"].as_f64().unwrap());
        assert!((rank_score - score * factor).abs() < 1e-5, "{result}");
        assert_eq!(result["numbers"]["stock"] == 1.0, n < 5);
    }
    let plain = asked("k=1").await.json();
    assert_eq!(plain["results"][0]["rank_score"], Value::Null);
    let both = living.server.json("/search?sort=price&diversity=0.5", &json!({"vector": vector(3)})).await;
    both.problem(400, "bad_parameter");
    living.server.stop().await;
}
