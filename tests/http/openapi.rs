//! `openapi.yaml` and the router describe the same surface.

use std::collections::BTreeSet;

use crate::support::{
    running::{Running, send},
    spec::{operations, resolved, spec},
    tiny_shop,
};
use serde_json::{Value, json};

#[test]
fn every_route_is_in_the_file_and_every_operation_in_the_router() {
    let routes: BTreeSet<(String, String)> =
        lookalike::http::endpoints().into_iter().map(|(m, p)| (m.to_string(), p.to_owned())).collect();
    assert_eq!(routes, operations().into_iter().collect());
}

#[test]
fn the_file_is_consistent() {
    assert_eq!(spec()["openapi"], "3.1.0");
    assert_eq!(spec()["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut ids = BTreeSet::new();
    for (method, path) in operations() {
        let operation = &spec()["paths"][&path][method.to_lowercase()];
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}: operationId");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(resolved(parameter)["name"].is_string(), "{method} {path}");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let response = resolved(response);
            assert!(response["description"].is_string(), "{method} {path} {status}");
            if status.as_str() >= "400" {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{method} {path} {status}");
            }
        }
    }
    let mut references = Vec::new();
    gather(spec(), &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(spec().pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn gather<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|v| gather(v, found));
        }
        Value::Array(list) => list.iter().for_each(|v| gather(v, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_operation_answers_as_the_file_says() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    for (method, path) in operations() {
        let path = path.replace("{id}", "circle-red~0");
        let path = path.replace("/docs/{file}", "/docs/swagger-ui.css").replace("{file}", "page.js");
        let answer = match (method.as_str(), path.as_str()) {
            // Where the server has admin keys: `writes` asks them there.
            (_, path) if path.starts_with("/admin/") => {
                send(server.request(&method, path)).await.problem(404, "not_found");
                continue;
            }
            // Where the server has a state: `writes` asks them there.
            ("POST", "/items") | ("PUT" | "PATCH" | "DELETE", _) => {
                send(server.request(&method, &path)).await.problem(405, "method_not_allowed");
                continue;
            }
            ("POST", "/search") => server.json(&path, &json!({"positive": ["circle-red~0"]})).await,
            ("GET", "/facets") => server.get("/facets?facet=colour").await,
            ("POST", _) => server.form(&path, &[("image", &shop.photo("circle-red~0"))]).await,
            _ => server.get(&path).await,
        };
        assert_eq!(answer.status, 200, "{method} {path}");
    }
    let served = server.get("/openapi.yaml").await;
    assert_eq!(served.body, include_bytes!("../../openapi.yaml"));
    server.stop().await;
}
