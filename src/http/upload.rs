//! The one photo of a request: the raw body, or the field `image` of a form.

use axum::{
    body::Bytes,
    extract::{
        FromRequest, Multipart, Request,
        multipart::{MultipartError, MultipartRejection},
    },
    http::{StatusCode, header},
};

use super::{app::App, error::ApiError};

/// The form field the photo is in.
const FIELD: &str = "image";

/// The bytes of a photo, of whatever format they turn out to be. The content type only says how the body is wrapped: the
/// photo's own first bytes say what it is.
pub(super) struct Upload(pub(super) Bytes);

impl FromRequest<App> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let options = app.options();
        let read = async {
            match wrapping(&request)? {
                Wrapping::Raw => Bytes::from_request(request, app).await.map_err(|e| {
                    if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
                        ApiError::TooLarge(options.max_body)
                    } else {
                        ApiError::Incomplete
                    }
                }),
                Wrapping::Form => form(request, options.max_body).await,
            }
        };
        let bytes = tokio::time::timeout(options.upload_timeout, read).await;
        bytes.map_err(|_| ApiError::SlowUpload)?.map(Self)
    }
}

enum Wrapping {
    Raw,
    Form,
}

fn wrapping(request: &Request) -> Result<Wrapping, ApiError> {
    let given = request.headers().get(header::CONTENT_TYPE);
    let text = given.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let essence = text.as_deref().and_then(|t| t.split(';').next()).unwrap_or("").trim().to_ascii_lowercase();
    match essence.as_str() {
        "multipart/form-data" => Ok(Wrapping::Form),
        e if e.starts_with("image/") => Ok(Wrapping::Raw),
        _ => Err(ApiError::MediaType(text)),
    }
}

/// Exactly one field `image` and nothing else.
async fn form(request: Request, max_body: usize) -> Result<Bytes, ApiError> {
    let broken = |e: MultipartError| form_error(&e, max_body);
    let mut form = Multipart::from_request(request, &()).await.map_err(|e: MultipartRejection| {
        ApiError::Form(format!("the form cannot be read: {}", lower(&e.body_text())))
    })?;
    let mut photo = None;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some(FIELD) if photo.is_none() => photo = Some(field.bytes().await.map_err(broken)?),
            Some(FIELD) => {
                return Err(ApiError::Form("the form has more than one field 'image'; send one".into()));
            }
            other => {
                let name: String = other.unwrap_or("").chars().filter(|c| !c.is_control()).take(80).collect();
                return Err(ApiError::Form(format!("unknown form field '{name}'; send one field 'image'")));
            }
        }
    }
    photo.ok_or_else(|| ApiError::Form("the form has no field 'image'".into()))
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
        let request = Request::builder()
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .body(Body::from(body))
            .unwrap();
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(form(request, 1 << 20))
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

    proptest! {
        #[test]
        fn file_names_do_not_matter(name in "[^\"\r\n\\\\]{0,40}", bytes in any::<Vec<u8>>()) {
            let head = part(&format!("name=\"image\"; filename=\"{name}\""), &bytes);
            if let Ok(read) = read("B", [head, b"--B--\r\n".into()].concat()) {
                prop_assert_eq!(read.to_vec(), bytes);
            }
        }

        #[test]
        fn no_body_panics(body in any::<Vec<u8>>()) {
            let _ = read("B", body);
        }
    }
}
