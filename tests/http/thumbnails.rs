//! Photos of items, made small.

use serde_json::json;

use crate::{
    living::Living,
    support::{
        pictures::{jpeg, shape},
        running::{Answer, Running, send},
        tiny_shop,
    },
};

fn size(answer: &Answer) -> (u32, u32) {
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/jpeg"));
    image::load_from_memory(&answer.body).unwrap().into_rgb8().dimensions()
}

#[tokio::test]
async fn photos_are_made_small_and_known_by_their_tags() {
    let server = Running::start(tiny_shop(), &[]).await;
    let get = async |width: &str| server.get(&format!("/images/circle-red~0?width={width}")).await;
    for (width, made) in [("64", (64, 80)), ("65", (128, 160)), ("128", (128, 160)), ("2048", (160, 200))] {
        assert_eq!(size(&get(width).await), made);
    }
    let (first, again) = (get("100").await, get("128").await);
    assert_eq!((first.header("etag"), &first.body), (again.header("etag"), &again.body));
    assert!(first.header("cache-control").contains("max-age"));
    let whole = server.get("/images/circle-red~0").await;
    assert_eq!(whole.header("content-type"), "image/png", "as it is kept, where no width is asked for");
    let tags =
        [first.header("etag"), get("64").await.header("etag"), whole.header("etag")].map(str::to_owned);
    assert!(tags.iter().all(|tag| tag.starts_with('"')) && tags[0] != tags[1] && tags[0] != tags[2]);
    let asked = |path: &str, tag: &str| send(server.request("GET", path).header("if-none-match", tag));
    let small = "/images/circle-red~0?width=128";
    let known = asked(small, &format!("\"x\", {}", tags[0])).await;
    assert_eq!((known.status, known.body.len(), known.header("etag")), (304, 0, tags[0].as_str()));
    assert_eq!(asked(small, &tags[2]).await.status, 200);
    for width in ["15", "2049", "0", "-1", "64.5", "all", ""] {
        get(width).await.problem(400, "bad_parameter");
    }
    get("64&width=64").await.problem(400, "bad_parameter");
    get("64&height=64").await.problem(400, "unknown_parameter");
    server.get("/images/none?width=64").await.problem(404, "unknown_item");
    server.get("/images/escape?width=64").await.problem(404, "no_photo");
    let elsewhere = server.get("/images/elsewhere?width=64").await;
    assert_eq!(elsewhere.header("location"), "https://cdn.shop.example/elsewhere.jpg");
    server.stop().await;
}

#[tokio::test]
async fn a_photo_that_came_in_has_them_and_another_in_its_place_has_others() {
    let living = Living::start_with(tiny_shop(), &[]).await;
    let photo = |colour| jpeg(&shape("circle", colour, 0));
    let item = json!({"category": "circle"});
    assert_eq!(living.put("a", &photo([250, 0, 0]), &item, &[]).await.status, 201);
    let red = living.server.get("/images/a?width=64").await;
    assert_eq!(size(&red), (64, 80));
    assert_eq!(living.put("a", &photo([0, 0, 250]), &item, &[]).await.status, 200);
    let blue = living.server.get("/images/a?width=64").await;
    assert!(size(&blue) == (64, 80) && blue.body != red.body && blue.header("etag") != red.header("etag"));
    living.server.stop().await;
}

/// Anybody may ask: what is asked for at once is made a few at a time, and all of it is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_all_answered() {
    let server = Running::start(tiny_shop(), &[]).await;
    let paths = tiny_shop()
        .photos
        .iter()
        .flat_map(|(id, _)| [64, 128].map(|width| format!("/images/{id}?width={width}")));
    let asked: Vec<_> = paths.map(|path| tokio::spawn(server.request("GET", &path).send())).collect();
    assert_eq!(asked.len(), 120);
    for answer in asked {
        assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    }
    server.stop().await;
}
