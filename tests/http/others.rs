//! The other questions: several photos, embeddings, items like and unlike, lists of items, what serves.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{network_shop, pictures::png_header, running::Running, tiny_shop};

#[tokio::test]
async fn each_photo_of_a_batch_is_answered_for_itself() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let (one, other) = (shop.photo("circle-red~0"), shop.photo("stripes-blue~2"));
    let fields: [(&str, &[u8]); 5] = [
        ("image", &one),
        ("image", b"text"),
        ("image", &other),
        ("image", &png_header(30_000, 30_000)),
        ("image", b""),
    ];
    let batch = server.form("/similar/batch?k=3&category=circle&category=stripes", &fields).await;
    let answers = batch.json()["answers"].as_array().unwrap().clone();
    let statuses: Vec<u64> = answers.iter().map(|a| a["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 415, 200, 422, 400]);
    for (i, answer) in answers.iter().enumerate() {
        assert_eq!(answer["index"], i);
        assert_eq!(answer.get("answer").is_some(), answer["status"] == 200);
        assert_eq!(answer.get("problem").is_some(), answer["status"] != 200);
    }
    assert_eq!(answers[1]["problem"]["code"], "unknown_format");
    assert_eq!(answers[1]["problem"]["request_id"], batch.header("x-request-id"));
    for (at, photo) in [(0, &one), (2, &other)] {
        let alone =
            server.post("/similar?k=3&category=circle&category=stripes", "image/png", photo.clone()).await;
        assert_eq!(answers[at]["answer"]["results"], alone.json()["results"]);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_batch_holds_one_to_32_photos_in_a_form() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let photo = shop.photo("circle-red~0");
    let fields = vec![("image", photo.as_slice()); 33];
    let full = server.form("/similar/batch?k=1", &fields[..32]).await.json();
    let answers = full["answers"].as_array().unwrap();
    assert!(answers.len() == 32 && answers.iter().all(|a| a["answer"]["results"][0]["id"] == "circle-red~0"));
    let over = server.form("/similar/batch", &fields).await.problem(400, "bad_form");
    assert!(over.contains("more than 32"), "{over}");
    server.form("/similar/batch", &[]).await.problem(400, "bad_form");
    server.form("/similar/batch", &[("photo", &photo)]).await.problem(400, "bad_form");
    server.post("/similar/batch", "image/png", photo).await.problem(415, "unsupported_media_type");
    server.stop().await;
}

#[tokio::test]
async fn an_embedding_searches_as_its_photo_does() {
    let folder = tempfile::tempdir().unwrap();
    let shop = network_shop(folder.path());
    let server = Running::start(&shop, &[]).await;
    let photo = shop.photo("square-green~0");
    let embedded = server.post("/embed", "image/png", photo.clone()).await;
    assert!(embedded.header("server-timing").contains("model;dur="));
    let embedded = embedded.json();
    let info = server.get("/info").await.json();
    let (vector, colour) =
        (embedded["embedding"].as_array().unwrap(), embedded["colour"].as_array().unwrap());
    assert_eq!((vector.len(), colour.len()), (16, 30));
    assert_eq!((&info["model"]["dims"]["deep"], &info["model"]["dims"]["colour"]), (&16.into(), &30.into()));
    let norm: f64 = vector.iter().map(|x| x.as_f64().unwrap().powi(2)).sum();
    assert!((norm - 1.0).abs() < 1e-5);
    let by_photo = server.post("/similar?k=20", "image/png", photo.clone()).await;
    let by_vector = server.json("/search?k=20", &json!({"vector": vector, "colour": colour})).await;
    assert_eq!(by_vector.ids(), by_photo.ids());
    assert_eq!(by_vector.json()["query"], json!({"kind": "vector"}));
    let shape_alone = server.json("/search?k=20", &json!({"vector": vector})).await;
    let weightless = server.post("/similar?k=20&color_weight=0", "image/png", photo.clone()).await;
    assert_eq!(shape_alone.ids(), weightless.ids());
    assert_eq!(shape_alone.json()["results"][5]["distance"]["colour"], 0.0);
    let part = server.post("/embed?box=0,0,0.5,0.5", "image/png", photo.clone()).await.json();
    assert_ne!(part["embedding"], embedded["embedding"]);
    assert_eq!(part["query"]["box"], json!([0.0, 0.0, 0.5, 0.5]));
    server.post("/embed?box=0,0,0.5", "image/png", photo.clone()).await.problem(400, "bad_parameter");
    server.post("/embed?k=3", "image/png", photo).await.problem(400, "unknown_parameter");
    let weighed = server.json("/search?color_weight=1", &json!({"vector": vector})).await;
    weighed.problem(400, "bad_parameter");
    server.stop().await;
}

#[tokio::test]
async fn vectors_are_checked() {
    let server = Running::start(tiny_shop(), &[]).await;
    let vector = |n: usize, value: f64| json!({"vector": vec![value; n]});
    assert_eq!(server.json("/search", &vector(193, 0.5)).await.status, 200);
    let short = server.json("/search", &vector(3, 0.5)).await.problem(400, "bad_vector");
    assert!(short.contains("193 numbers") && short.contains("it has 3"), "{short}");
    server.json("/search", &vector(193, 0.0)).await.problem(400, "bad_vector");
    server.json("/search", &vector(193, 1e39)).await.problem(400, "bad_body");
    let coloured = json!({"vector": vec![0.5; 193], "colour": [0.5]});
    assert!(server.json("/search", &coloured).await.problem(400, "bad_vector").contains("'colour'"));
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"vector":null}"#,
        r#"{"vector":[NaN]}"#,
        r#"{"vector":[1e999]}"#,
        r#"{"k":1}"#,
    ] {
        server.post("/search", "application/json", body).await.problem(400, "bad_body");
    }
    server.post("/search", "text/plain", "{}").await.problem(415, "unsupported_media_type");
    let boxed = server.json("/search?box=0,0,1,1", &vector(193, 0.5)).await;
    boxed.problem(400, "unknown_parameter");
    server.stop().await;
}

#[tokio::test]
async fn items_can_be_liked_and_disliked() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let one = server.json("/search?k=5", &json!({"positive": ["circle-red~0"]})).await;
    assert_eq!(one.ids(), server.get("/items/circle-red~0/similar?k=5").await.ids());
    let two = json!({"positive": ["circle-red~0", "circle-red~1"]});
    let body = json!({"positive": ["circle-red~0", "circle-red~1"], "negative": ["square-red~0"]});
    let with = server.json("/search?k=20", &body).await;
    assert_eq!(
        with.json()["query"],
        json!({"kind": "items", "positive": body["positive"], "negative": body["negative"]})
    );
    for id in ["circle-red~0", "circle-red~1", "square-red~0"] {
        assert!(!with.ids().contains(&id.to_owned()), "{id}");
    }
    // As far from the negative one as the positive one is, and again as far: p + (p − n), by the embeddings of their photos.
    let mut parts = Vec::new();
    for id in ["circle-red~0", "square-red~0"] {
        let embedded = server.post("/embed", "image/png", shop.photo(id)).await.json();
        parts.push(["embedding", "colour"].map(|part| {
            let numbers = embedded[part].as_array().unwrap().iter();
            numbers.map(|n| n.as_f64().unwrap()).collect::<Vec<f64>>()
        }));
    }
    let away = |part: usize| -> Vec<f64> {
        parts[0][part].iter().zip(&parts[1][part]).map(|(p, n)| 2.0 * p - n).collect()
    };
    let pointed = json!({"vector": away(0), "colour": away(1)});
    let pointed = server.json("/search?k=10&exclude=circle-red~0&exclude=square-red~0", &pointed).await;
    let liked = json!({"positive": ["circle-red~0"], "negative": ["square-red~0"]});
    assert_eq!(server.json("/search?k=10", &liked).await.ids(), pointed.ids());
    let once = server.json("/search?k=100&collapse=product", &two).await.json();
    assert_eq!(once["returned"], 21, "not of the products asked with");
    server.stop().await;
}

#[tokio::test]
async fn examples_that_are_none_are_refused() {
    let server = Running::start(tiny_shop(), &[]).await;
    let unknown = json!({"positive": ["circle-red~0"], "negative": ["no-such"]});
    assert!(server.json("/search", &unknown).await.problem(404, "unknown_item").contains("'no-such'"));
    let many: Vec<&str> = vec!["circle-red~0"; 101];
    for body in [
        json!({"positive": []}),
        json!({"positive": many}),
        json!({"negative": ["circle-red~0"]}),
        json!({"positive": ["a\nb"]}),
        json!({"positive": ["circle-red~0"], "vector": [1]}),
        json!({"positive": "circle-red~0"}),
        json!({"positive": ["circle-red~0"], "more": 1}),
    ] {
        server.json("/search", &body).await.problem(400, "bad_body");
    }
    server.stop().await;
}

#[tokio::test]
async fn all_items_are_listed_page_by_page() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
    };
    let (mut all, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = server.get(&format!("/items?limit=25{after}")).await.json();
        assert_eq!(page["total"], shop.items());
        all.extend(ids(&page));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(next, all.last().unwrap());
        after = format!("&after={next}");
    }
    assert_eq!((all.len(), pages), (shop.items(), 3));
    assert!(all.is_sorted() && BTreeSet::from_iter(&all).len() == all.len());
    assert_eq!(server.get("/items").await.json()["items"].as_array().unwrap().len(), 10);
    let one_of_two = server.get("/items?limit=100&category=square&attribute=colour:red").await.json();
    assert_eq!(ids(&one_of_two), ["square-red~0", "square-red~1", "square-red~2"]);
    assert_eq!((&one_of_two["total"], &one_of_two["next"]), (&3.into(), &Value::Null));
    let two = server.get("/items?limit=2&category=square&category=circle&after=square-red~1").await.json();
    assert_eq!(
        (ids(&two), &two["total"]),
        (vec!["square-red~2".into(), "square-yellow~0".into()], &32.into())
    );
    assert!(ids(&server.get("/items?after=zzz").await.json()).is_empty());
    let whole = server.get("/items?limit=1000").await.json();
    assert_eq!((ids(&whole), &whole["next"]), (all, &Value::Null));
    let some = server.get("/items?limit=1&fields=product,source_hash&category=square").await.json();
    assert_eq!(
        some["items"],
        json!([{"id": "square-black~0", "product": "square-black", "source_hash": null}])
    );
    for (parameter, name) in [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("after=a%0Ab", "after"),
        ("category=", "category"),
        ("fields=", "fields"),
        ("fields=id,image", "fields"),
    ] {
        let detail = server.get(&format!("/items?{parameter}")).await.problem(400, "bad_parameter");
        assert!(detail.contains(&format!("'{name}'")), "{detail}");
    }
    server.get("/items?offset=3").await.problem(400, "unknown_parameter");
    server.stop().await;
}

#[tokio::test]
async fn what_serves_and_what_it_holds_is_told() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &["--max-body", "1MB"]).await);
    let categories = server.get("/categories").await.json();
    let counts: Vec<(&str, u64)> = categories["categories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| (c["name"].as_str().unwrap(), c["items"].as_u64().unwrap()))
        .collect();
    assert_eq!(counts, [("circle", 17), ("square", 15), ("stripes", 15), ("triangle", 15)]);
    let info = server.get("/info").await.json();
    assert_eq!(
        (&info["catalogue"]["items"], &info["catalogue"]["categories"]),
        (&shop.items().into(), &4.into())
    );
    assert_eq!((&info["device"], &info["versions"]["libtorch"]), (&"cpu".into(), &"2.11.0".into()));
    assert_eq!(
        (&info["limits"]["body_bytes"], &info["model"]["input_size"]),
        (&1_000_000.into(), &128.into())
    );
    let answer = server.get("/items/circle-red~0/similar").await.json();
    assert_eq!(info["model"]["id"], answer["model"]["id"]);
    server.stop().await;
}
