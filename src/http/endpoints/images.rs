//! The items' photos: a file under the images folder, made smaller where that is asked for, or a redirect to where the shop
//! keeps it.

use std::{
    io,
    path::{Component, Path, PathBuf},
    time::UNIX_EPOCH,
};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use lookalike_common::PoolError;

use crate::http::{
    app::App,
    error::ApiError,
    params::{PathId, WidthParam},
    thumbnails::Width,
};
use crate::ingest::{IngestError, Kept, PhotoName, PhotoStore, PhotosError};
use crate::pools::FILES;
use crate::recommender::{Item, ItemId, PhotoError, PhotoFormat};

/// Photos seldom change under an id; a browser asks again after an hour, with the ETag.
const CACHE: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// `GET /images/{id}`
pub(crate) async fn photo(
    State(app): State<App>,
    WidthParam(width): WidthParam,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let item = app.recommender().item(&id).await?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).map(str::to_owned);
    if item.image.starts_with("https://") {
        return Ok(([(header::CACHE_CONTROL, CACHE)], Redirect::temporary(&item.image)).into_response());
    }
    let file = match width {
        None => file_of(&app, &item, move |etag| !known.is_some_and(|known| names(&known, etag))).await?,
        Some(width) => thumbnail(&app, &item, width, known).await?,
    };
    Ok(file.into_response())
}

/// A thumbnail, unless the client has the one whose ETag it names.
async fn thumbnail(app: &App, item: &Item, width: Width, known: Option<String>) -> Result<File, ApiError> {
    // The photo's tag says which photo it is; the rest, what was made of it.
    let photo = file_of(app, item, |_| false).await?;
    let etag = format!("{}-w{}\"", photo.etag.trim_end_matches('"'), width.pixels());
    if known.is_some_and(|known| names(&known, &etag)) {
        return Ok(File { etag, fresh: None });
    }
    let bytes = async {
        let file = file_of(app, item, |_| true).await?;
        file.fresh.map(|(_, bytes)| bytes).ok_or(ApiError::NoPhoto(NOT_TO_BE_HAD))
    };
    let jpeg = app.thumbnails().of(&photo.etag, width, bytes).await?;
    Ok(File { etag, fresh: Some((PhotoFormat::Jpeg, jpeg)) })
}

/// The bytes of an item's photo, to be looked at again.
pub(crate) async fn bytes_of(app: &App, id: &ItemId) -> Result<Bytes, ApiError> {
    let item = app.recommender().item(id).await?;
    if item.image.starts_with("https://") {
        return Err(ApiError::NoPhoto(
            "the photo of this item is kept elsewhere: a part of it cannot be asked with",
        ));
    }
    let file = file_of(app, &item, |_| true).await?;
    file.fresh.map(|(_, bytes)| bytes).ok_or(ApiError::NoPhoto(NOT_TO_BE_HAD))
}

/// Whether a header of ETags names this one.
fn names(header: &str, etag: &str) -> bool {
    header.split(',').any(|one| one.trim().trim_start_matches("W/") == etag)
}

/// An item's photo; its bytes where its ETag makes them `wanted`.
async fn file_of(
    app: &App,
    item: &Item,
    wanted: impl FnOnce(&str) -> bool + Send + 'static,
) -> Result<File, ApiError> {
    if let Some((photos, name)) = app.recommender().photos().zip(PhotoName::from_image(&item.image)) {
        return kept(&photos, item, &name, wanted).await;
    }
    let Some(folder) = app.options().images.clone() else {
        return Err(ApiError::NoPhoto("this server was started without a folder of photos (--images)"));
    };
    let relative = item.image.clone();
    let read = FILES.run(1, move |_| read(&folder, &relative, wanted));
    match read.await {
        Ok(Ok(file)) => Ok(file),
        Ok(Err(e)) => {
            tracing::warn!(item = %item.id, error = %e, "an item's photo cannot be read");
            Err(ApiError::NoPhoto(NOT_TO_BE_HAD))
        }
        Err(PoolError::Busy) => Err(ApiError::TooManyThumbnails),
        Err(e) => Err(ApiError::Ask(e.into())),
    }
}

/// A photo that came in.
async fn kept(
    photos: &PhotoStore,
    item: &Item,
    name: &PhotoName,
    wanted: impl FnOnce(&str) -> bool + Send + 'static,
) -> Result<File, ApiError> {
    let refuse = |why: &dyn std::fmt::Display| {
        tracing::warn!(item = %item.id, error = %why, "an item's photo cannot be read");
        Err(ApiError::NoPhoto(NOT_TO_BE_HAD))
    };
    let Kept { etag, bytes } = match photos.read(name, wanted).await {
        Ok(Some(kept)) => kept,
        Ok(None) => return refuse(&"it is not there"),
        Err(PhotosError::Disk(e)) => return refuse(&e),
        Err(e) => return Err(IngestError::from(e).into()),
    };
    match bytes.map(|bytes| Ok((PhotoFormat::of(&bytes)?, bytes))).transpose() {
        Ok(fresh) => Ok(File { etag, fresh }),
        Err(e) => {
            let e: PhotoError = e;
            refuse(&e)
        }
    }
}

const NOT_TO_BE_HAD: &str = "the photo of this item is not to be had";

struct File {
    etag: String,
    /// The format and the bytes, where they are wanted.
    fresh: Option<(PhotoFormat, Bytes)>,
}

/// Reads a photo under `folder` and nothing else: no `..`, no absolute path, no link that leads out, no other file.
fn read(folder: &Path, relative: &str, wanted: impl FnOnce(&str) -> bool) -> io::Result<File> {
    let path = confined(folder, relative)?;
    let about = path.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let changed = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let etag = format!("\"{:x}-{:x}\"", about.len(), changed.as_nanos());
    if !wanted(&etag) {
        return Ok(File { etag, fresh: None });
    }
    let bytes = std::fs::read(&path)?;
    let format = PhotoFormat::of(&bytes).map_err(io::Error::other)?;
    Ok(File { etag, fresh: Some((format, bytes.into())) })
}

fn confined(folder: &Path, relative: &str) -> io::Result<PathBuf> {
    let refuse = || io::Error::other(format!("'{relative}' leads out of the images folder"));
    if !Path::new(relative).components().all(|c| matches!(c, Component::Normal(_))) {
        return Err(refuse());
    }
    let (folder, path) = (folder.canonicalize()?, folder.join(relative).canonicalize()?);
    if path.starts_with(&folder) { Ok(path) } else { Err(refuse()) }
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let mut response = match self.fresh {
            None => StatusCode::NOT_MODIFIED.into_response(),
            Some((format, bytes)) => {
                ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type(format)))], bytes)
                    .into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, CACHE);
        if let Ok(etag) = HeaderValue::from_str(&self.etag) {
            headers.insert(header::ETAG, etag);
        }
        response
    }
}

fn media_type(format: PhotoFormat) -> &'static str {
    match format {
        PhotoFormat::Jpeg => "image/jpeg",
        PhotoFormat::Png => "image/png",
        PhotoFormat::WebP => "image/webp",
        PhotoFormat::Gif => "image/gif",
        PhotoFormat::Bmp => "image/bmp",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("images");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(dir.path().join("secret.bmp"), b"BM secret").unwrap();
        std::fs::write(folder.join("a.bmp"), b"BM").unwrap();
        std::fs::write(folder.join("list.txt"), b"text").unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret.bmp"), folder.join("link.bmp")).unwrap();
        assert!(read(&folder, "a.bmp", |_| true).is_ok());
        let absolute = dir.path().join("secret.bmp");
        for bad in ["../secret.bmp", "link.bmp", "list.txt", "", ".", "none.bmp", absolute.to_str().unwrap()]
        {
            assert!(read(&folder, bad, |_| true).is_err(), "{bad}");
        }
    }
}
