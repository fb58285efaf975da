//! How much and how long: bodies, time, crowds.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use tokio::task::{JoinSet, spawn_blocking};

use crate::support::{
    Shop,
    pictures::{jpeg, png},
    running::Running,
    tiny_shop,
};

/// A client that sends everything before it reads anything: the one that a refusal in mid-body hits hardest.
fn stubborn(running: &Running, head: &str, megabytes: usize, chunked: bool) -> String {
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "POST /similar HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n").unwrap();
    let million = vec![b'x'; 1_000_000];
    for _ in 0..megabytes {
        if chunked {
            write!(stream, "{:x}\r\n", million.len()).unwrap();
        }
        stream.write_all(&million).unwrap();
        if chunked {
            stream.write_all(b"\r\n").unwrap();
        }
    }
    if chunked {
        stream.write_all(b"0\r\n\r\n").unwrap();
    }
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

/// As much again as a body may have is taken in after the refusal, so that the answer arrives.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_large_is_refused_in_words_and_the_server_lives() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let server = std::sync::Arc::new(server);
    for (head, megabytes, chunked) in [
        ("Content-Type: image/jpeg\r\nContent-Length: 21000000", 20, false),
        ("Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 21000000", 20, false),
        ("Content-Type: image/jpeg\r\nTransfer-Encoding: chunked", 38, true),
    ] {
        let running = std::sync::Arc::clone(&server);
        let answer = spawn_blocking(move || stubborn(&running, head, megabytes, chunked)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{head}: {answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    let after = server.post("/similar", "image/png", shop.photo("circle-red~0")).await;
    assert_eq!(after.status, 200);
}

#[tokio::test]
async fn the_body_limit_is_where_it_was_set() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &["--max-body", "100kB"]).await);
    let mut photo = shop.photo("circle-red~0");
    photo.resize(100_000, 0); // what follows a PNG's end is of no account
    assert_eq!(server.post("/similar", "image/png", photo.clone()).await.status, 200);
    photo.push(0);
    let detail = server.post("/similar", "image/png", photo.clone()).await.problem(413, "body_too_large");
    assert!(detail.contains("100000 bytes"), "{detail}");
    server.form("/similar", &[("image", &photo)]).await.problem(413, "body_too_large");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Running::start(tiny_shop(), &["--upload-timeout", "0.3"]).await;
    let address = server.address;
    let answer = spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let head = "POST /similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(b"\x89PNG").unwrap();
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("slow_upload"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let flags = ["--request-timeout", "0.000001", "--upload-timeout", "0"];
    // A part of a photo is looked at again, and this one takes a hundred times as long to decode as the server's clock ticks.
    let images = tempfile::tempdir().unwrap();
    let large = image::RgbImage::from_fn(4000, 3000, |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]));
    std::fs::write(images.path().join("circle-red-0.png"), png(&large)).unwrap();
    let shop =
        Shop { bundle: tiny_shop().bundle.clone(), images: images.path().to_owned(), photos: Vec::new() };
    let server = Running::start(&shop, &flags).await;
    let answer = server.get("/items/circle-red~0/similar?box=0,0,0.5,0.5").await;
    answer.problem(504, "timeout");
    let photo = server.post("/similar", "image/jpeg", jpeg(&image::RgbImage::new(3000, 2000))).await;
    assert!(matches!(photo.status, 408 | 504), "{photo:?}");
    server.stop().await;
}

#[tokio::test]
async fn the_time_for_an_answer_begins_when_the_body_is_here_and_not_before() {
    let server = Running::start(tiny_shop(), &["--request-timeout", "0.000001"]).await;
    let large = png(&image::RgbImage::from_fn(4000, 3000, |x, y| image::Rgb([x as u8, y as u8, 7])));
    server.post("/similar", "image/png", large.clone()).await.problem(504, "timeout");
    server.form("/similar", &[("image", &large)]).await.problem(504, "timeout");
    server.form("/similar/batch", &[("image", &large)]).await.problem(504, "timeout");
    server.stop().await;

    // A body that takes longer to come in than the answer may take is no fault of the answer's.
    let server = Running::start(tiny_shop(), &["--request-timeout", "0.8"]).await;
    let (address, photo) = (server.address, tiny_shop().photo("circle-red~0"));
    let answer = spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = photo.len();
        write!(stream, "POST /similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n")
            .unwrap();
        for piece in photo.chunks(length.div_ceil(4)) {
            std::thread::sleep(Duration::from_millis(400));
            stream.write_all(piece).unwrap();
        }
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..read]).into_owned()
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_is_served_or_asked_to_come_back_and_the_server_lives() {
    let shop = tiny_shop();
    let server = std::sync::Arc::new(
        Running::start(shop, &["--queue", "1", "--max-batch", "1", "--threads", "1"]).await,
    );
    // PNG, which is decoded whole; each another, so that none is known already.
    let photo = |n: u8| png(&image::RgbImage::from_fn(1600, 1200, |x, y| image::Rgb([x as u8, y as u8, n])));
    let mut crowd = JoinSet::new();
    let photos: Vec<Vec<u8>> = (0..60).map(photo).collect();
    for photo in photos {
        let server = std::sync::Arc::clone(&server);
        crowd.spawn(async move { server.post("/similar", "image/png", photo).await });
    }
    let answers = crowd.join_all().await;
    let served = answers.iter().filter(|a| a.status == 200).count();
    for answer in answers.iter().filter(|a| a.status != 200) {
        answer.problem(429, "busy");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert!((1..60).contains(&served), "{served} of 60 were served");
    assert_eq!(server.post("/similar", "image/png", photo(60)).await.status, 200);
}
