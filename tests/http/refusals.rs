//! What is not taken, and how that is said.

use crate::support::{
    pictures::{jpeg, png, png_header, shape},
    running::{Running, send},
    tiny_shop,
};

#[tokio::test]
async fn parameters_are_refused_by_name_and_never_clamped() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let photo = shop.photo("circle-red~0");
    for k in ["0", "101", "abc", "-1", "1.5", "", "%31%30x", "99999999999999999999"] {
        for answer in [
            server.post(&format!("/similar?k={k}"), "image/png", photo.clone()).await,
            server.get(&format!("/items/circle-red~0/similar?k={k}")).await,
        ] {
            let detail = answer.problem(400, "bad_parameter");
            assert_eq!(detail, "the query parameter 'k' must be a whole number from 1 to 100");
        }
    }
    let twice = server.get("/items/circle-red~0/similar?k=1&k=2").await.problem(400, "bad_parameter");
    assert!(twice.contains("'k' is given more than once"), "{twice}");
    for path in
        ["/items/circle-red~0/similar?kk=1", "/items/circle-red~0?kk=1", "/random?kk", "/images/escape?kk=1"]
    {
        let detail = server.get(path).await.problem(400, "unknown_parameter");
        assert!(detail.contains("'kk'"), "{detail}");
    }
    server.stop().await;
}

#[tokio::test]
async fn addresses_and_methods_that_are_none() {
    let server = Running::start(tiny_shop(), &[]).await;
    for path in ["/nothing", "/similar/", "/items/", "/items/a/b", "//", "/images/"] {
        server.get(path).await.problem(404, "not_found");
    }
    for (method, path, allowed) in [
        ("GET", "/similar", "POST"),
        ("DELETE", "/items/circle-red~0", "GET,HEAD"),
        ("POST", "/random", "GET,HEAD"),
        ("PUT", "/", "GET,HEAD"),
    ] {
        let answer = send(server.request(method, path)).await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_photo_is_told_by_its_bytes() {
    let server = Running::start(tiny_shop(), &[]).await;
    let text = server.post("/similar", "image/jpeg", "this is text, whatever the header says").await;
    let detail = text.problem(415, "unknown_format");
    assert!(detail.contains("JPEG, PNG, WebP, GIF or BMP"), "{detail}");
    for (bytes, name) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "AVIF"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"<svg xmlns='...'/>", "SVG"),
        (b"II*\0........", "TIFF"),
    ] {
        for answer in [
            server.post("/similar", "image/png", bytes).await,
            server.form("/similar", &[("image", bytes)]).await,
        ] {
            let detail = answer.problem(415, "unknown_format");
            assert!(detail.contains(name), "{detail}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn content_types_that_wrap_no_photo() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let photo = shop.photo("circle-red~0");
    for media in
        ["application/json", "application/x-www-form-urlencoded", "text/plain", "image", "multipart/mixed"]
    {
        let detail =
            server.post("/similar", media, photo.clone()).await.problem(415, "unsupported_media_type");
        assert!(detail.contains(media), "{detail}");
    }
    let bare = send(server.request("POST", "/similar").body(photo)).await;
    assert!(bare.problem(415, "unsupported_media_type").starts_with("no Content-Type"));
    server.stop().await;
}

#[tokio::test]
async fn no_bytes_are_no_photo() {
    let server = Running::start(tiny_shop(), &[]).await;
    server.post("/similar", "image/jpeg", "").await.problem(400, "empty_photo");
    server.form("/similar", &[("image", b"")]).await.problem(400, "empty_photo");
    server.stop().await;
}

#[tokio::test]
async fn damaged_photos_are_named_and_harm_nothing() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let picture = shape("square", [40, 70, 190], 1);
    let (whole_png, whole_jpeg) = (png(&picture), jpeg(&picture));
    let detail = |format| format!("the photo is damaged and cannot be decoded as {format}");
    let half = server.post("/similar", "image/png", &whole_png[..whole_png.len() / 2]).await;
    assert_eq!(half.problem(422, "undecodable_photo"), detail("PNG"));
    // A JPEG cut within its header cannot be read; cut later, what is there is used and the rest is grey.
    let head = server.post("/similar", "image/jpeg", &whole_jpeg[..100]).await;
    assert_eq!(head.problem(422, "undecodable_photo"), detail("JPEG"));
    for parts in [3, 2] {
        let cut = &whole_jpeg[..whole_jpeg.len() - whole_jpeg.len() / parts];
        let answer = server.post("/similar", "image/jpeg", cut).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for magic in [&b"\xFF\xD8\xFF"[..], b"\x89PNG\r\n\x1a\n", b"RIFF\x20\0\0\0WEBPVP8 ", b"GIF89a", b"BM"] {
        server.post("/similar", "image/png", magic).await.problem(422, "undecodable_photo");
    }
    let sound = server.post("/similar", "image/png", shop.photo("circle-red~0")).await;
    assert_eq!(sound.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn photos_that_would_cost_too_much() {
    let server = Running::start(tiny_shop(), &["--max-pixels", "1000000"]).await;
    let huge = server.post("/similar", "image/png", png_header(30_000, 30_000)).await;
    assert!(huge.problem(422, "too_many_pixels").contains("30000×30000"));
    let over = png(&image::RgbImage::new(1001, 1000));
    server.post("/similar", "image/png", over).await.problem(422, "too_many_pixels");
    // Scaled up to the model's size a thread of pixels would be gigabytes; the square alone is computed.
    let thread = png(&image::RgbImage::new(1, 900_000));
    assert_eq!(server.post("/similar", "image/png", thread).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn forms_hold_exactly_one_photo() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let photo = shop.photo("circle-red~0");
    server.form("/similar", &[]).await.problem(400, "bad_form");
    let other = server.form("/similar", &[("photo", &photo)]).await.problem(400, "bad_form");
    assert!(other.contains("'photo'"), "{other}");
    let two = server.form("/similar", &[("image", &photo), ("image", &photo)]).await.problem(400, "bad_form");
    assert!(two.contains("more than one"), "{two}");
    let unbounded = server.post("/similar", "multipart/form-data", photo.clone()).await;
    unbounded.problem(400, "bad_form");
    let torn = b"--B\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nabc".to_vec();
    server.post("/similar", "multipart/form-data; boundary=B", torn).await.problem(400, "bad_form");
    server.stop().await;
}

#[tokio::test]
async fn every_parameter_has_its_range() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let photo = shop.photo("circle-red~0");
    for (name, values) in [
        ("offset", &["-1", "500", "x", "1.0"][..]),
        ("min_score", &["-0.1", "1.01", "NaN", "x"]),
        ("category", &[""]),
        ("attribute", &["colour", ":red", "colour:"]),
        ("exclude", &["a%0Ab", ".."]),
        ("color_weight", &["-1", "1.5", "inf"]),
        ("box", &["0,0,1", "0,0,1,2", "a,b,c,d", ""]),
        ("collapse", &["item", ""]),
        ("dedup", &["1", "yes"]),
        ("diversity", &["-0.1", "2"]),
        ("exact", &["1", "maybe"]),
    ] {
        for value in values {
            for answer in [
                server.post(&format!("/similar?{name}={value}"), "image/png", photo.clone()).await,
                server.get(&format!("/items/circle-red~0/similar?{name}={value}")).await,
                server.form(&format!("/similar/batch?{name}={value}"), &[("image", &photo)]).await,
            ] {
                let detail = answer.problem(400, "bad_parameter");
                assert!(detail.starts_with(&format!("the query parameter '{name}' ")), "{detail}");
            }
        }
    }
    let together =
        server.get("/items/circle-red~0/similar?offset=495&k=6").await.problem(400, "bad_parameter");
    assert!(together.contains("'offset' and k together must not be more than 500"), "{together}");
    let many = format!("/items/circle-red~0/similar?{}", "exclude=a&".repeat(101));
    assert!(server.get(&many).await.problem(400, "bad_parameter").contains("more than 100 times"));
    server.stop().await;
}
