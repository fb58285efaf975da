//! The photos of a request: the raw body, or the fields `image` of a form. And the other kind of body: JSON.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, Multipart, Request,
        multipart::{MultipartError, MultipartRejection},
    },
    http::{StatusCode, header},
};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    http::{app::App, error::ApiError},
    ingest::{IngestError, Source},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use lookalike_items::BadItem;

/// The form field the photo is in.
const FIELD: &str = "image";

/// The bytes of a photo, of whatever format they turn out to be. The content type only says how the body is wrapped: the
/// photo's own first bytes say what it is.
pub(crate) struct Upload(pub(crate) Bytes);

/// Several of them, in the order of the form's fields.
pub(crate) struct Uploads(pub(crate) Vec<Bytes>);

/// A body of JSON, of no more fields than are known.
pub(crate) struct JsonBody<T>(pub(crate) T);

/// A whole item: a form of a field `image` and a field `item`, or JSON.
pub(crate) struct WholeItem {
    pub(crate) fields: Map<String, Value>,
    pub(crate) source: Source,
}

/// A JSON merge patch.
pub(crate) struct MergePatch(pub(crate) Value);

/// For fields that may be left out: what is given is not null.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A photo in JSON: the photo itself, or where it is.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PhotoText {
    /// Its bytes in base64.
    Base64(String),
    /// Its address.
    Url(String),
}

/// The most photos of one request.
pub(crate) const BATCH: usize = 32;

const PHOTO: &str = "send multipart/form-data with a field 'image', or the photo itself as image/jpeg, image/png, \
                     image/webp, image/gif or image/bmp";
const FORM: &str = "send multipart/form-data with a field 'image' for each photo";
const JSON: &str = "send application/json";
const ITEM: &str = "send multipart/form-data with the fields 'image' and 'item', or application/json with 'item' and 'photo' or 'embedding'";

impl FromRequest<App> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let read = async {
            match essence(&request).as_str() {
                "multipart/form-data" => {
                    let photos = form(request, 1, app.options().max_body).await?;
                    photos.into_iter().next().ok_or_else(nothing)
                }
                e if e.starts_with("image/") => whole(request, app).await,
                _ => Err(media_type(&request, PHOTO)),
            }
        };
        in_time(app, read).await.map(Self)
    }
}

impl FromRequest<App> for Uploads {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if essence(&request) != "multipart/form-data" {
            return Err(media_type(&request, FORM));
        }
        in_time(app, form(request, BATCH, app.options().max_body)).await.map(Self)
    }
}

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if essence(&request) != "application/json" {
            return Err(media_type(&request, JSON));
        }
        let bytes = in_time(app, whole(request, app)).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|e| ApiError::Json(e.to_string()))
    }
}

impl FromRequest<App> for WholeItem {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        /// The item in JSON.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Body {
            item: Map<String, Value>,
            #[serde(default, deserialize_with = "given")]
            photo: Option<PhotoText>,
            /// Another way to say `"photo": {"url": …}`.
            #[serde(default, deserialize_with = "given")]
            image_url: Option<String>,
            #[serde(default, deserialize_with = "given")]
            embedding: Option<Vec<f32>>,
            #[serde(default, deserialize_with = "given")]
            colour: Option<Vec<f32>>,
            #[serde(default, deserialize_with = "given")]
            model: Option<String>,
        }
        match essence(&request).as_str() {
            "multipart/form-data" => in_time(app, item_form(request, app.options().max_body)).await,
            "application/json" => {
                let bytes = in_time(app, whole(request, app)).await?;
                let body: Body = serde_json::from_slice(&bytes).map_err(|e| ApiError::Json(e.to_string()))?;
                let photo = match (body.photo, body.image_url.map(PhotoText::Url)) {
                    (Some(_), Some(_)) => return Err(bad("give either 'photo' or 'image_url'")),
                    (photo, by_address) => photo.or(by_address),
                };
                let source = source(photo, body.embedding, body.colour, body.model)?;
                Ok(Self { fields: body.item, source })
            }
            _ => Err(media_type(&request, ITEM)),
        }
    }
}

impl FromRequest<App> for MergePatch {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if essence(&request) != "application/merge-patch+json" {
            return Err(ApiError::PatchType(content_type(&request)));
        }
        let bytes = in_time(app, whole(request, app)).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|e| ApiError::Json(e.to_string()))
    }
}

/// A field `image`, the photo, and a field `item`, its JSON; each once, and nothing else.
async fn item_form(request: Request, max_body: usize) -> Result<WholeItem, ApiError> {
    let broken = |e: MultipartError| form_error(&e, max_body);
    let mut form = Multipart::from_request(request, &()).await.map_err(|e: MultipartRejection| {
        ApiError::Form(format!("the form cannot be read: {}", lower(&e.body_text())))
    })?;
    let (mut photo, mut item) = (None, None);
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let place = match field.name() {
            Some(FIELD) => &mut photo,
            Some("item") => &mut item,
            _ => {
                return Err(ApiError::Form(
                    "the form's fields are 'image', the photo, and 'item', its JSON".into(),
                ));
            }
        };
        if place.replace(field.bytes().await.map_err(broken)?).is_some() {
            return Err(ApiError::Form("the form has a field twice".into()));
        }
    }
    let (Some(photo), Some(item)) = (photo, item) else {
        return Err(ApiError::Form(
            "the form needs both fields: 'image', the photo, and 'item', its JSON".into(),
        ));
    };
    let fields =
        serde_json::from_slice(&item).map_err(|e| ApiError::Json(format!("the field 'item': {e}")))?;
    Ok(WholeItem { fields, source: Source::Photo(photo) })
}

/// What an item's vectors come from, as JSON says it.
pub(crate) fn source(
    photo: Option<PhotoText>,
    embedding: Option<Vec<f32>>,
    colour: Option<Vec<f32>>,
    model: Option<String>,
) -> Result<Source, ApiError> {
    match (photo, embedding) {
        (Some(photo), None) if colour.is_none() && model.is_none() => match photo {
            PhotoText::Base64(text) => {
                let bytes = STANDARD.decode(text).map_err(|_| bad("'photo' is not base64"))?;
                Ok(Source::Photo(bytes.into()))
            }
            PhotoText::Url(address) => Ok(Source::Address(address)),
        },
        (None, Some(deep)) => Ok(Source::Vectors { deep, colour: colour.unwrap_or_default(), model }),
        _ => Err(bad("give either 'photo' or 'embedding', perhaps with 'colour' and 'model'")),
    }
}

fn bad(why: &str) -> ApiError {
    IngestError::from(BadItem(why.to_owned())).into()
}

pub(crate) async fn in_time<T>(
    app: &App,
    read: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    tokio::time::timeout(app.options().upload_timeout, read).await.map_err(|_| ApiError::SlowUpload)?
}

async fn whole(request: Request, app: &App) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, app).await.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge(app.options().max_body),
        _ => ApiError::Incomplete,
    })
}

fn content_type(request: &Request) -> Option<String> {
    let given = request.headers().get(header::CONTENT_TYPE);
    given.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The content type without its parameters.
pub(crate) fn essence(request: &Request) -> String {
    let text = content_type(request).unwrap_or_default();
    text.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

pub(crate) fn media_type(request: &Request, wanted: &'static str) -> ApiError {
    ApiError::MediaType { given: content_type(request), wanted }
}

fn nothing() -> ApiError {
    ApiError::Form("the form has no field 'image'".into())
}

/// Fields `image`, one at least and `most` at most, and nothing else.
async fn form(request: Request, most: usize, max_body: usize) -> Result<Vec<Bytes>, ApiError> {
    let broken = |e: MultipartError| form_error(&e, max_body);
    let mut form = Multipart::from_request(request, &()).await.map_err(|e: MultipartRejection| {
        ApiError::Form(format!("the form cannot be read: {}", lower(&e.body_text())))
    })?;
    let mut photos = Vec::new();
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some(FIELD) if photos.len() < most => photos.push(field.bytes().await.map_err(broken)?),
            Some(FIELD) => {
                let most = if most == 1 { "one field".to_owned() } else { format!("{most} fields") };
                return Err(ApiError::Form(format!("the form has more than {most} 'image'")));
            }
            other => {
                let name: String = other.unwrap_or("").chars().filter(|c| !c.is_control()).take(80).collect();
                return Err(ApiError::Form(format!(
                    "unknown form field '{name}'; photos are in fields 'image'"
                )));
            }
        }
    }
    if photos.is_empty() { Err(nothing()) } else { Ok(photos) }
}

fn form_error(e: &MultipartError, max_body: usize) -> ApiError {
    match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge(max_body),
        StatusCode::BAD_REQUEST => ApiError::Form("the form is not well-formed multipart/form-data".into()),
        _ => ApiError::Incomplete,
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use proptest::prelude::*;

    use super::*;

    fn read(boundary: &str, body: Vec<u8>) -> Result<Bytes, ApiError> {
        read_all(boundary, body, 1).map(|photos| photos[0].clone())
    }

    fn read_all(boundary: &str, body: Vec<u8>, most: usize) -> Result<Vec<Bytes>, ApiError> {
        let request = Request::builder()
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .body(Body::from(body))
            .unwrap();
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(form(request, most, 1 << 20))
    }

    fn part(disposition: &str, bytes: &[u8]) -> Vec<u8> {
        let head = format!("--B\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        [head.as_bytes(), bytes, b"\r\n"].concat()
    }

    #[test]
    fn one_field_image_is_taken() {
        let whole =
            [part("name=\"image\"; filename=\"../../etc/passwd\"", b"abc"), b"--B--\r\n".into()].concat();
        assert_eq!(read("B", whole).unwrap(), "abc");
    }

    #[test]
    fn none_two_or_another_are_refused() {
        let image = part("name=\"image\"", b"abc");
        let end = b"--B--\r\n".to_vec();
        for parts in [vec![], vec![image.clone(), image.clone()], vec![image, part("name=\"k\"", b"3")]] {
            let body = [parts.concat(), end.clone()].concat();
            assert!(matches!(read("B", body), Err(ApiError::Form(_))));
        }
    }

    #[test]
    fn several_come_in_their_order_up_to_the_most() {
        let part = |n: u8| part("name=\"image\"", &[n]);
        let body = |n: u8| [(0..n).flat_map(part).collect(), b"--B--\r\n".to_vec()].concat();
        let photos = read_all("B", body(5), 5).unwrap();
        assert_eq!(photos.iter().map(|p| p[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert!(matches!(read_all("B", body(6), 5), Err(ApiError::Form(_))));
    }

    proptest! {
        /// Of characters that a header may hold: no control characters.
        #[test]
        fn file_names_do_not_matter(name in "[^\"\\\\\\p{Cc}]{0,40}", bytes in any::<Vec<u8>>()) {
            let head = part(&format!("name=\"image\"; filename=\"{name}\""), &bytes);
            prop_assume!(!bytes.windows(3).any(|three| three == b"--B")); // it would end the part
            let read = read("B", [head, b"--B--\r\n".into()].concat());
            prop_assert_eq!(read.map_err(|e| format!("{e:?}")).map(|b| b.to_vec()), Ok(bytes));
        }

        #[test]
        fn no_body_panics(body in any::<Vec<u8>>()) {
            let _ = read("B", body);
        }
    }
}
