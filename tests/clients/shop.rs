//! The commands of `docs/shop.md`, as they stand there, by the programs as they were built.

use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use serde_json::Value;

use crate::{
    browser::Browser,
    support::{item, pictures, tiny_bundle},
};

/// A page that a shell runs, and the processes that it left running: all of them end with this.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.0.wait();
    }
}

/// The commands of the page, in their order.
fn commands() -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/shop.md")).unwrap();
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// Where the programs are: beside the server, when the whole workspace is built.
fn programs() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_lookalike-server")).parent().unwrap();
    for program in ["lookalike-trainer", "lookalike-sync"] {
        assert!(folder.join(program).exists(), "build the whole workspace: there is no {program}");
    }
    folder.to_owned()
}

/// A bundle, a feed with photos beside it, and a shopper's photo.
fn prepare(folder: &Path) {
    let photo = pictures::png(&pictures::shape("circle", [9, 9, 9], 0));
    tiny_bundle(&folder.join("bundle"), vec![(item("old", None, "Hat", "", "black"), photo)]);
    fs::create_dir(folder.join("photos")).unwrap();
    let mut feed = String::from("<rss version=\"2.0\" xmlns:g=\"http://base.google.com/ns/1.0\"><channel>");
    for (number, (colour, rgb)) in pictures::COLOURS.into_iter().enumerate() {
        for (n, shape) in pictures::SHAPES.iter().enumerate() {
            let number = number * pictures::SHAPES.len() + n;
            let file = format!("photos/{number}.jpg");
            fs::write(folder.join(&file), pictures::jpeg(&pictures::shape(shape, rgb, 0))).unwrap();
            let price = 10 + 3 * number;
            write!(
                feed,
                "<item><g:id>hoodie-{number}</g:id><title>{shape} &amp; {colour}</title><g:image_link>{file}</g:image_link>\
                 <g:product_type>{shape}</g:product_type><g:color>{colour}</g:color><g:price>{price}.90 EUR</g:price>\
                 <g:availability>{}</g:availability></item>",
                if number % 5 == 4 { "out of stock" } else { "in stock" }
            )
            .unwrap();
        }
    }
    fs::write(folder.join("feed.xml"), feed + "</channel></rss>").unwrap();
    let shoppers = pictures::shape("circle", [60, 90, 180], 1);
    fs::write(folder.join("photo.jpg"), pictures::jpeg(&shoppers)).unwrap();
}

fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_feed_to_a_product_page_in_ten_commands() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let commands = commands();
    assert_eq!(commands.len(), 10);
    let (server, shop) = (free_port(), free_port());
    let mut script = String::from("set -euo pipefail\n");
    for (n, command) in (1..).zip(&commands) {
        let command = command.replace("8080", &server).replace("8000", &shop);
        // A program that goes on in the background keeps the file open.
        writeln!(script, "{{\n{command}}} > said-{n} 2>&1").unwrap();
    }
    let mut shell = Command::new("bash");
    let path = format!("{}:{}", programs().display(), std::env::var("PATH").unwrap());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOOKALIKE_")) {
        shell.env_remove(name);
    }
    shell
        .env("PATH", path)
        .env("LOOKALIKE_DEVICE", "cpu")
        .env("LOOKALIKE_LISTEN", format!("127.0.0.1:{server}"));
    shell.arg("-c").arg(&script).current_dir(folder.path()).process_group(0);
    let mut shell = Shell(shell.spawn().unwrap());
    let said = |n: usize| fs::read_to_string(folder.path().join(format!("said-{n}"))).unwrap_or_default();
    while shell.0.try_wait().unwrap().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let all = || (1..=10).map(|n| format!("{n}: {}", said(n))).collect::<String>();
    assert!(shell.0.try_wait().unwrap().unwrap().success(), "{}", all());

    assert!(said(5).contains("20 to put"), "{}", said(5));
    assert!(said(6).contains("20 put, 0 patched, 0 deleted"), "{}", said(6));
    let facets: Value = serde_json::from_str(&said(7)).unwrap();
    assert_eq!((&facets["items"], &facets["facets"][0]["values"][0]["items"]), (&20.into(), &5.into()));
    assert_eq!(facets["facets"][2]["numbers"]["min"], 10.9);
    let found: Value = serde_json::from_str(&said(8)).unwrap();
    let results = found["results"].as_array().unwrap();
    assert_eq!((results.len(), &results[0]["category"]), (3, &"circle".into()));
    assert!(
        results.iter().all(|r| r["numbers"]["price"].as_f64() <= Some(50.0) && r["numbers"]["stock"] == 1.0)
    );

    let browser = Browser::open(1000, 700).await;
    // Python's server listens a moment later.
    let address = format!("http://127.0.0.1:{shop}/product.html");
    for _ in 0..100 {
        if reqwest::get(&address).await.is_ok() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    browser.page.goto(&address).await.unwrap();
    let inside = "document.querySelector('similar-items').shadowRoot.querySelectorAll";
    browser.until(&format!("{inside}('li [part=price]').length === 4")).await;
    let prices =
        browser.run(&format!("return [...{inside}('[part=price]')].map((e) => e.textContent)")).await;
    assert!(
        prices.as_array().unwrap().iter().all(|price| price.as_str().unwrap().starts_with('€')),
        "{prices}"
    );
    browser.until(&format!("[...{inside}('img')].every((i) => i.naturalWidth > 0)")).await;
    browser.shoot("shop").await;
    browser.page.close().await.unwrap();
    drop(shell);
}
