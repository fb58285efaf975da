//! What systems and programs leave beside photos.

/// Files, in lower case, that are nobody's photo.
const FILES: [&str; 5] = ["thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"];

/// Folders, in lower case, that are nobody's class: of unpacked macOS archives, network drives, picture viewers, file
/// systems and bins. Hidden ones are told by their dot.
const FOLDERS: [&str; 8] = [
    "__macosx",
    "@eadir",
    "#recycle",
    "#snapshot",
    "lost+found",
    "$recycle.bin",
    "system volume information",
    "__pycache__",
];

/// Whether a folder of this name holds nothing of the shop's.
pub(crate) fn is_folder(name: &str) -> bool {
    name.starts_with('.') || FOLDERS.contains(&name.to_ascii_lowercase().as_str())
}

/// Whether a file of this name is nothing of the shop's: `._x.jpg`, in which macOS keeps what another file system cannot, ends as
/// the photo does.
pub(crate) fn is_file(name: &str, is_photo: bool) -> bool {
    name.starts_with("._")
        || (name.starts_with('.') && !is_photo)
        || FILES.contains(&name.to_ascii_lowercase().as_str())
}
