//! Any bytes: read, decoded and made small, or refused. A panic, a signal, memory beyond what was promised or a second of time is a
//! finding.

#![no_main]

use libfuzzer_sys::fuzz_target;
use lookalike_photo::{Limits, Preprocessing, Undecoded, Wanted, thumbnail};

fuzz_target!(|bytes: &[u8]| {
    // Small, so that a fuzzer's many photos a second stay many.
    let limits = Limits { max_pixels: 4_000_000, max_memory: 100_000_000 };
    let Ok(photo) = Undecoded::read(bytes, &limits, Wanted::WHOLE.at_side(128)) else { return };
    assert!(photo.memory() <= limits.max_memory);
    if let Ok(decoded) = photo.decode() {
        assert_eq!((decoded.width(), decoded.height()), (photo.width(), photo.height()));
        let rule = Preprocessing::imagenet(128).expect("the rule of the models");
        assert_eq!(rule.apply(&decoded).bytes().len(), 3 * 128 * 128);
    }
    let _ = thumbnail(&photo, 64);
});
