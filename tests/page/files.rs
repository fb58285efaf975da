//! The files the page and the clients are made of, over HTTP.

use std::{collections::BTreeSet, fs, path::Path};

use crate::support::{running::Running, spec::spec, tiny_shop};

/// The files of a folder that are sent.
fn files(folder: &str) -> impl Iterator<Item = String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let sent = |name: &String| name.ends_with(".js") || name.ends_with(".css") || name.ends_with(".svg");
    names.filter(move |name| sent(name) && !name.starts_with("example"))
}

fn described() -> BTreeSet<String> {
    let parameters = &spec()["paths"]["/assets/{file}"]["get"]["parameters"];
    serde_json::from_value(parameters[0]["schema"]["enum"].clone()).unwrap()
}

#[tokio::test]
async fn every_file_is_sent_with_its_type_and_once() {
    let server = Running::start(tiny_shop(), &[]).await;
    let all: BTreeSet<String> = files("src/http/page").chain(files("clients/javascript")).collect();
    assert_eq!(all, described());
    for file in &all {
        let path = format!("/assets/{file}");
        let answer = server.get(&path).await;
        let media_type = match file.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{file}");
        assert!(answer.body.len() > 100, "{file}");
        for known in [answer.header("etag").to_owned(), format!("W/{}, \"x\"", answer.header("etag"))] {
            let again =
                crate::support::running::send(server.request("GET", &path).header("if-none-match", known))
                    .await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{file}");
            assert_eq!(again.header("etag"), answer.header("etag"));
        }
    }
    for none in ["/assets/none.js", "/assets/", "/assets/..%2Findex.html", "/assets/example.js"] {
        server.get(none).await.problem(404, "not_found");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_page_names_only_files_that_there_are() {
    let server = Running::start(tiny_shop(), &[]).await;
    let page = String::from_utf8(server.get("/").await.body).unwrap();
    let named: BTreeSet<&str> =
        page.split("\"assets/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    for script in files("src/http/page").filter(|name| name.ends_with(".js")) {
        assert!(named.contains(script.as_str()), "{script} would be asked for late");
    }
    for file in named {
        assert!(described().contains(file), "{file}");
    }
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
    server.stop().await;
}
