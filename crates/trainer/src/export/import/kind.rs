//! What a file is that is no TorchScript, told by its bytes.

const TRACE: &str = "trace the network in Python: torch.jit.trace(model.eval(), photos).save(FILE)";

/// What else than TorchScript the file is, and what to do; none where it may be one.
pub(super) fn other_than_torchscript(bytes: &[u8]) -> Option<String> {
    let kind = other(bytes)?;
    Some(match kind {
        Other::Says(what) => what.to_owned(),
        Other::Traced(what) => format!("{what}; {TRACE}"),
    })
}

enum Other {
    /// All there is to say.
    Says(&'static str),
    /// A network that a trace can be made of.
    Traced(&'static str),
}

fn other(bytes: &[u8]) -> Option<Other> {
    use Other::{Says, Traced};
    let starts = |with: &[u8]| bytes.starts_with(with);
    let head = bytes.trim_ascii_start();
    let page = head.get(..5).is_some_and(|head| head.eq_ignore_ascii_case(b"<html"))
        || head.get(..9).is_some_and(|head| head.eq_ignore_ascii_case(b"<!doctype"));
    if bytes.is_empty() {
        return Some(Says("the file is empty"));
    }
    if page {
        return Some(Says("this is a web page and no model: the download brought something else"));
    }
    if starts(b"version https://git-lfs") {
        return Some(Says(
            "this is a pointer of Git LFS and not the file it stands for: `git lfs pull` fetches that",
        ));
    }
    if starts(b"\x89HDF\r\n") {
        return Some(Says("this is HDF5, as Keras writes it, and no TorchScript"));
    }
    if starts(b"GGUF") {
        return Some(Says("this is GGUF and no TorchScript"));
    }
    if starts(b"PK\x03\x04") {
        return archive(bytes);
    }
    // A pickle of protocol 2 or later: how torch.save wrote before 1.6.
    if starts(b"\x80\x02") || starts(b"\x80\x03") || starts(b"\x80\x04") || starts(b"\x80\x05") {
        return Some(Traced(
            "these are weights or a pickled module, as torch.save writes them, and no network that runs",
        ));
    }
    // The length of the header, then the header, JSON.
    if bytes.get(8) == Some(&b'{') && bytes.get(6..8) == Some(&[0, 0]) {
        return Some(Traced("these are weights in safetensors without a network"));
    }
    // Protocol buffers: the version of ONNX' format, then who made it.
    if bytes.len() > 3 && bytes[0] == 0x08 && bytes[1] < 0x20 && matches!(bytes[2], 0x12 | 0x3A) {
        return Some(Traced("this is ONNX and no TorchScript"));
    }
    None
}

/// Of an archive: what its files are named.
fn archive(bytes: &[u8]) -> Option<Other> {
    use Other::{Says, Traced};
    // The directory is at the end, before a comment of 64 KiB at most.
    let tail = &bytes[bytes.len().saturating_sub((64 << 10) + 22)..];
    if !contains(tail, b"PK\x05\x06") {
        return Some(Says("the file is cut off: its end is missing"));
    }
    if contains(bytes, b"/constants.pkl") {
        return None;
    }
    if contains(bytes, b"archive_format") || contains(bytes, b"serialized_exported_program.json") {
        return Some(Traced("this is a program of torch.export and no TorchScript"));
    }
    if contains(bytes, b"/data.pkl") {
        return Some(Traced(
            "these are weights or a pickled module, as torch.save writes them, and no network that runs",
        ));
    }
    None
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    // The first byte is looked for first: files are large.
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == what[0]);
    starts.into_iter().any(|(at, _)| bytes[at..].starts_with(what))
}
