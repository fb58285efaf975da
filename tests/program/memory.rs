//! What a few bytes can make the program take.

use std::fs;

use crate::{
    program,
    started::Started,
    support::{
        pictures::{gif_with_frame, png_header, png_with_profile},
        tiny_shop,
    },
};

/// The most memory the process ever held, in kB.
fn peak(started: &Started) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", started.child.id())).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_few_bytes_cost_no_memory() {
    let started = Started::new(&mut program(&tiny_shop().bundle));
    let picture = image::RgbImage::new(40, 30);
    for (what, bytes, code) in [
        ("a header of 900 megapixels", png_header(30_000, 30_000), "too_many_pixels"),
        ("a frame of 4,300 megapixels", gif_with_frame((1, 1), (65_535, 65_535)), "too_much_memory"),
        ("a profile of 400 MB", png_with_profile(&picture, 400_000_000), "too_much_memory"),
    ] {
        let before = peak(&started);
        let answer = started.ask("POST /similar", &bytes);
        assert!(answer.starts_with("HTTP/1.1 422 ") && answer.contains(code), "{what}: {answer}");
        let more = peak(&started) - before;
        assert!(more < 50_000, "{what}: {more} kB more");
    }
}
