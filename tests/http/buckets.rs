//! Photos of what comes in, kept in a bucket or in a folder that several servers have.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lookalike::{
    backup::restore,
    http::Server,
    ingest::{IngestError, PhotoName},
};
use serde_json::{Value, json};

use crate::{
    living::{KEY, Living, a_photo},
    support::{
        bucket::{Bucket, SECRET},
        pictures::{jpeg, shape, with_orientation},
        running::{Running, send},
        tiny_shop,
    },
};

const PLACE: &str = "s3://shop/photos/of-the-tests";

/// A server over this state, whose photos are there.
async fn over(bucket: &Bucket, state: &tempfile::TempDir) -> Running {
    let settings = Living::settings(tiny_shop(), state, "off", &["--photos", PLACE]);
    Running::start_as(bucket.told(settings)).await
}

async fn living(bucket: &Bucket) -> Living {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("keys"), KEY).unwrap();
    let server = over(bucket, &state).await;
    Living { state, server }
}

fn item() -> Value {
    json!({"category": "circle"})
}

#[tokio::test]
async fn a_photo_is_in_the_bucket_and_every_server_shows_it() {
    let bucket = Bucket::start().await;
    let living = living(&bucket).await;
    let photo = with_orientation(&jpeg(&shape("circle", [250, 30, 240], 1)), 1);
    assert_eq!(living.put("new", &photo, &item(), &[]).await.status, 201);
    let name = PhotoName::of(&photo);
    assert_eq!(bucket.keys().await, [format!("photos/of-the-tests/{}", name.relative())]);
    assert!(!living.state.path().join("state/photos").exists(), "none is below the state");
    let store = bucket.photos(PLACE).await;
    let kept = store.read(&name, |_| true).await.unwrap().unwrap().bytes.unwrap();
    assert!(!kept.windows(4).any(|four| four == b"Exif"));
    let shown = living.server.get("/images/new").await;
    assert_eq!((shown.status, shown.header("content-type")), (200, "image/jpeg"));
    assert!(shown.body == kept);
    let again = living.server.request("GET", "/images/new").header("if-none-match", shown.header("etag"));
    assert_eq!(send(again).await.status, 304);
    let small = living.server.get("/images/new?width=64").await;
    assert_eq!((small.status, small.header("content-type")), (200, "image/jpeg"));
    assert_eq!(living.server.get("/items/new/similar?box=0,0,0.5,0.5").await.status, 200);

    // A snapshot holds no photo, and says where they are; who restores it finds them there.
    let snapshot = send(living.request("GET", "/admin/snapshot")).await;
    let mut tar = tar::Archive::new(&snapshot.body[..]);
    let mut about = Value::Null;
    for entry in tar.entries().unwrap() {
        let entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        assert!(!path.starts_with("photos"), "{path}");
        if path == "snapshot.json" {
            about = serde_json::from_reader(entry).unwrap();
        }
    }
    assert_eq!(
        (&about["photos"], &about["photos_missing"], &about["photos_at"]),
        (&0.into(), &0.into(), &PLACE.into())
    );
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("keys"), KEY).unwrap();
    fs::write(state.path().join("snapshot.tar"), &snapshot.body).unwrap();
    restore(&state.path().join("snapshot.tar"), &state.path().join("state")).unwrap();
    let other = Living { server: over(&bucket, &state).await, state };
    assert!(other.server.get("/images/new").await.body == kept);
    // What the one puts, the other shows by the name of the photo alone: it was put once, and is the same.
    assert_eq!(other.put("also", &photo, &item(), &[]).await.status, 201);
    assert!(other.server.get("/images/also").await.body == kept);
    assert_eq!(bucket.keys().await.len(), 1);
    other.server.stop().await;
    living.server.stop().await;
}

#[tokio::test]
async fn photos_that_no_item_shows_are_swept_once_they_are_old() {
    const OLD: Duration = Duration::from_secs(3);
    let bucket = Bucket::start().await;
    let living = living(&bucket).await;
    let store = bucket.photos(PLACE).await;
    let photo = a_photo(1);
    let shown = |image: String| {
        assert_eq!(image, PhotoName::of(&photo).image());
        async {
            let one = living.server.get("/items/one").await.status == 200;
            Ok::<_, IngestError>(one || living.server.get("/items/two").await.status == 200)
        }
    };
    for id in ["one", "two"] {
        assert_eq!(living.put(id, &photo, &item(), &[]).await.status, 201);
    }
    assert_eq!(living.delete("one").await.status, 204);
    tokio::time::sleep(OLD + Duration::from_secs(1)).await;
    assert_eq!(store.sweep(OLD, shown).await.unwrap(), 0, "another item shows it");
    assert_eq!(living.delete("two").await.status, 204);
    assert_eq!(store.sweep(2 * OLD, shown).await.unwrap(), 0, "it is young");
    let held = store.hold(PhotoName::of(&photo));
    assert_eq!(store.sweep(OLD, shown).await.unwrap(), 0, "a write under way holds it");
    drop(held);
    assert_eq!(store.names().await.unwrap(), [PhotoName::of(&photo)], "a deletion erases nothing by itself");
    assert_eq!(store.sweep(OLD, shown).await.unwrap(), 1);
    assert!(bucket.keys().await.is_empty());
    assert_eq!(store.sweep(OLD, shown).await.unwrap(), 0);
    living.server.stop().await;
}

#[tokio::test]
async fn while_the_store_is_down_photos_wait_and_the_rest_goes_on() {
    let mut bucket = Bucket::start().await;
    let living = living(&bucket).await;
    assert_eq!(living.put("before", &a_photo(1), &item(), &[]).await.status, 201);
    let known = living.server.get("/images/before").await.header("etag").to_owned();
    bucket.stop();
    for answer in [
        living.put("after", &a_photo(2), &item(), &[]).await,
        living.put("before", &a_photo(1), &item(), &[]).await,
        living.server.get("/images/before").await,
        living.server.get("/images/before?width=64").await,
        living.server.get("/items/before/similar?box=0,0,0.5,0.5").await,
    ] {
        let detail = answer.problem(503, "photos_unavailable");
        assert_eq!(answer.header("retry-after"), "5");
        assert!(!detail.contains(&bucket.address.port().to_string()), "{detail}");
    }
    let photo = json!({"base64": STANDARD.encode(a_photo(3))});
    let lines = [
        json!({"op": "put", "id": "after", "item": item(), "photo": photo}),
        json!({"op": "patch", "id": "circle-red~0", "item": {"category": "patched"}}),
    ];
    let told = living.bulk(&lines).await;
    assert_eq!(
        (&told[0]["status"], &told[0]["problem"]["code"]),
        (&503.into(), &"photos_unavailable".into())
    );
    assert_eq!(told[1]["status"], 200);
    living.server.get("/items/after").await.problem(404, "unknown_item");
    assert_eq!(living.patch("before", &json!({"category": "other"})).await.status, 200);
    assert_eq!(living.first(&a_photo(1)).await, "before");
    let again = living.server.request("GET", "/images/before").header("if-none-match", &known);
    assert_eq!(send(again).await.status, 304, "who has it need not wait");
    assert_eq!(living.server.get("/readyz").await.status, 200);

    bucket.restart().await;
    assert_eq!(living.put("after", &a_photo(2), &item(), &[]).await.status, 201);
    assert_eq!(living.server.get("/images/after").await.status, 200);
    // It came back empty: a photo that is lost is put again by the next write that shows it.
    living.server.get("/images/before").await.problem(404, "no_photo");
    assert_eq!(living.put("before", &a_photo(1), &item(), &[]).await.status, 200);
    assert_eq!(living.server.get("/images/before").await.status, 200);
    living.server.stop().await;
}

#[tokio::test]
async fn a_store_that_cannot_be_used_keeps_the_server_from_starting() {
    let mut bucket = Bucket::start().await;
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("keys"), KEY).unwrap();
    let settings = |place| bucket_settings(&state, place);
    let refused = async |bucket: &Bucket, place| {
        let refused = Server::open(&bucket.told(settings(place))).await.err().unwrap().to_string();
        assert!(refused.contains(place) && refused.contains("--photos"), "{refused}");
        assert_eq!(refused.lines().count(), 1, "{refused}");
        assert!(!refused.contains(SECRET) && !refused.contains("a-key-of-the-tests"), "{refused}");
        refused
    };
    let told = refused(&bucket, "s3://another-shop/photos").await;
    assert!(told.contains("no such bucket") && told.contains("create it"), "{told}");
    bucket.stop();
    let told = refused(&bucket, PLACE).await;
    assert!(told.contains("cannot be reached") && told.contains("AWS_ENDPOINT_URL"), "{told}");
    let told = refused(&bucket, "/no/such/volume").await;
    assert!(told.contains("mount"), "{told}");
}

fn bucket_settings(state: &tempfile::TempDir, place: &str) -> lookalike::config::ServerConfig {
    Living::settings(tiny_shop(), state, "off", &["--photos", place])
}

#[tokio::test]
async fn a_folder_that_several_servers_have_is_swept_at_the_start() {
    let volume = tempfile::tempdir().unwrap();
    let place = format!("file://{}", volume.path().display());
    let flags = ["--photos", &place];
    let living = Living::start_with(tiny_shop(), &flags).await;
    for (id, n) in [("stays", 1), ("goes", 2)] {
        assert_eq!(living.put(id, &a_photo(n), &item(), &[]).await.status, 201);
    }
    assert_eq!(living.delete("goes").await.status, 204);
    let file = |n| volume.path().join(PhotoName::of(&a_photo(n)).relative());
    assert!(file(1).exists() && file(2).exists());
    let Living { state, server } = living;
    server.stop().await;
    let two_hours = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    [1, 2].iter().for_each(|n| aged(&file(*n), two_hours));
    let living = Living { server: Living::over(tiny_shop(), &state, &flags).await, state };
    while file(2).exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(file(1).exists(), "an item shows it");
    assert_eq!(living.server.get("/images/stays").await.status, 200);
    // A write that shows it again puts it again: it is young when the write is made.
    assert_eq!(living.put("stays", &a_photo(1), &item(), &[]).await.status, 200);
    assert!(file(1).metadata().unwrap().modified().unwrap() > two_hours + Duration::from_secs(60 * 60));
    living.server.stop().await;
}

fn aged(path: &Path, to: SystemTime) {
    File::options().write(true).open(path).unwrap().set_modified(to).unwrap();
}
