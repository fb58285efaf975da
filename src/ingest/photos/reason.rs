//! What a store's error is told as. Never in its own words: they may repeat keys, signatures and addresses.

use std::{error::Error, io, time::Duration};

use object_store::client::HttpError;

/// Where credentials come from.
const CREDENTIALS: &str = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role of the machine";

/// Of a request while the server runs.
pub(super) fn now(e: &object_store::Error) -> String {
    use object_store::Error as E;
    let code = code(e);
    match e {
        E::NotFound { .. } => "there is no such bucket".into(),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            format!("the credentials are refused{}", in_brackets(code))
        }
        _ if is_elsewhere(e) => "the bucket is in another region".into(),
        _ => match transport(e) {
            Some(why) => format!("it cannot be reached ({why})"),
            None => format!("it answered with an error{}", in_brackets(code)),
        },
    }
}

/// Of the first one, with what to do.
pub(super) fn at_start(e: &object_store::Error, has_key: bool) -> String {
    use object_store::Error as E;
    let todo = match e {
        E::NotFound { .. } => "create it, or name another one".into(),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => {
            format!(
                "{CREDENTIALS} must be allowed to list the bucket, and to read, write and delete below the prefix"
            )
        }
        _ if is_elsewhere(e) => "AWS_REGION names it".into(),
        _ if transport(e).is_some() => reach(has_key),
        _ => "AWS_REGION and AWS_ENDPOINT_URL say where the store is".into(),
    };
    format!("{}; {todo}", now(e))
}

/// Of a request that was not answered.
pub(super) fn late(patience: Duration) -> String {
    format!("no answer within {patience:?}")
}

/// Of the first one, with what to do.
pub(super) fn silent(patience: Duration, has_key: bool) -> String {
    format!("{}; {}", late(patience), reach(has_key))
}

/// Whether what is not there is the bucket itself.
pub(super) fn lacks_the_bucket(e: &object_store::Error) -> bool {
    code(e).as_deref() == Some("NoSuchBucket")
}

fn reach(has_key: bool) -> String {
    let endpoint = "AWS_ENDPOINT_URL names a store that is not Amazon's, AWS_REGION the region";
    match has_key {
        true => endpoint.into(),
        false => format!(
            "no key is given ({CREDENTIALS}: one of them is needed), or the store is elsewhere: {endpoint}"
        ),
    }
}

fn is_elsewhere(e: &object_store::Error) -> bool {
    let redirected = || e.to_string().contains("redirect without LOCATION");
    code(e).is_some_and(|code| code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed")
        || redirected()
}

fn in_brackets(code: Option<String>) -> String {
    code.map_or(String::new(), |code| format!(" ({code})"))
}

/// The one word that S3 has for an error, out of an answer in XML.
fn code(e: &object_store::Error) -> Option<String> {
    let text = e.to_string();
    let (code, _) = text.split_once("<Code>")?.1.split_once("</Code>")?;
    let word = (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric());
    word.then(|| code.to_owned())
}

/// Why there was no answer: the innermost cause, which is the system's word, or that of TLS.
fn transport(e: &object_store::Error) -> Option<String> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(e);
    let mut heard = true;
    let mut last = None;
    while let Some(e) = cause {
        heard &= !e.is::<HttpError>();
        last = Some(e);
        // What an error of the system wraps is not its source.
        let wrapped = e.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|e| e as &(dyn Error + 'static)).or_else(|| e.source());
    }
    last.filter(|_| !heard).map(ToString::to_string)
}
