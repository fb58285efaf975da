//! The page where a proxy shows it below a path, as one that takes the path away does and as one that leaves it.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    browser::Browser,
    support::{running::Running, tiny_shop},
};

const BASE: &str = "/shop/find";

/// A shop's own web server, which hands on what is below the path.
async fn proxy(server: SocketAddr, takes_it_away: bool) -> SocketAddr {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let hand_on = move |request: Request| {
        let client = client.clone();
        async move {
            let asked = request.uri().path_and_query().unwrap().as_str().to_owned();
            let Some(below) = asked.strip_prefix(BASE).filter(|below| below.starts_with('/')) else {
                return StatusCode::IM_A_TEAPOT.into_response(); // another part of the shop
            };
            let path = if takes_it_away { below } else { &asked };
            let (parts, body) = request.into_parts();
            let mut headers = parts.headers;
            headers.remove("host");
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            let answer =
                client.request(parts.method, format!("http://{server}{path}")).headers(headers).body(body);
            let answer = answer.send().await.unwrap();
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut response = Response::new(Body::from(answer.bytes().await.unwrap()));
            (*response.status_mut(), *response.headers_mut()) = (status, headers);
            response
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(hand_on)).await.unwrap() });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shopper_finds_items_below_the_path() {
    let server = Running::start(tiny_shop(), &["--base-path", BASE]).await;
    for takes_it_away in [true, false] {
        let site = proxy(server.address, takes_it_away).await;
        let browser = Browser::open(1280, 1000).await;
        browser.goto(&format!("http://{site}{BASE}/")).await;
        browser.until("document.querySelector('#start:not([hidden])')").await;
        browser.choose("#file", &tiny_shop().images.join("square-red-1.png")).await;
        let pictures = "[...document.querySelectorAll('#gallery img')]";
        browser.until(&format!("{pictures}.length > 3 && {pictures}.some((i) => i.naturalWidth > 0)")).await;
        let first = "return document.querySelector('#gallery small').textContent";
        assert_eq!(browser.run(first).await, "square-red");
        browser.click("#gallery a").await;
        browser
            .until(
                "location.hash.includes('item=') && document.querySelector('#query img')?.naturalWidth > 0",
            )
            .await;
        let asked = "return performance.getEntriesByType('resource').map((e) => new URL(e.name)).filter((u) => u.protocol !== 'blob:')";
        let asked = browser.run(&format!("{asked}.map((u) => u.pathname)")).await;
        let asked: Vec<String> = serde_json::from_value(asked).unwrap();
        assert!(asked.iter().all(|path| path.starts_with(BASE)), "{asked:?}");

        browser.goto(&format!("http://{site}{BASE}/docs")).await;
        browser.until("document.querySelector('[data-path=\"/similar\"]')").await;
        browser.until(&format!("document.querySelector('.servers select')?.value === '{BASE}/'")).await;
        browser.close().await;
    }
    server.stop().await;
}
