//! What a store's error is told as. Never in its own words: they may repeat keys, signatures and addresses.

use std::{error::Error, io, time::Duration};

use object_store::client::HttpError;

/// Where credentials come from.
const CREDENTIALS: &str = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role of the machine";

/// What went wrong.
enum Wrong {
    NoBucket,
    Refused(Option<String>),
    Elsewhere,
    Unreached(String),
    Files(String),
    Else(Option<String>),
}

impl Wrong {
    fn of(e: &object_store::Error) -> Self {
        use object_store::Error as E;
        let code = code(e);
        match code.as_deref() {
            Some("NoSuchBucket") => return Self::NoBucket,
            Some("PermanentRedirect" | "AuthorizationHeaderMalformed") => return Self::Elsewhere,
            Some(
                "AccessDenied"
                | "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "ExpiredToken"
                | "InvalidToken",
            ) => {
                return Self::Refused(code);
            }
            _ => {}
        }
        match e {
            E::NotFound { .. } => Self::NoBucket,
            E::PermissionDenied { .. } | E::Unauthenticated { .. } => Self::Refused(code),
            _ if e.to_string().contains("redirect without LOCATION") => Self::Elsewhere,
            _ => innermost(e).unwrap_or(Self::Else(code)),
        }
    }

    fn told(&self) -> String {
        match self {
            Self::NoBucket => "there is no such bucket".into(),
            Self::Refused(code) => format!("the credentials are refused{}", in_brackets(code.as_deref())),
            Self::Elsewhere => "the bucket is in another region".into(),
            Self::Unreached(why) => format!("it cannot be reached ({why})"),
            Self::Files(why) => why.clone(),
            Self::Else(code) => format!("it answered with an error{}", in_brackets(code.as_deref())),
        }
    }
}

/// Of a request while the server runs.
pub(super) fn now(e: &object_store::Error) -> String {
    Wrong::of(e).told()
}

/// Of the first one, with what to do.
pub(super) fn at_start(e: &object_store::Error, has_key: bool) -> String {
    let wrong = Wrong::of(e);
    let todo = match &wrong {
        Wrong::NoBucket => "create it, or name another one".into(),
        Wrong::Refused(_) => format!(
            "{CREDENTIALS} must be allowed to list the bucket, and to read, write and delete below the prefix"
        ),
        Wrong::Elsewhere => "AWS_REGION names it".into(),
        Wrong::Unreached(_) => reach(has_key),
        Wrong::Files(_) => "the server's user must be allowed to list, read and write there".into(),
        Wrong::Else(_) => "AWS_REGION and AWS_ENDPOINT_URL say where the store is".into(),
    };
    format!("{}; {todo}", wrong.told())
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

fn in_brackets(code: Option<&str>) -> String {
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
fn innermost(e: &object_store::Error) -> Option<Wrong> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(e);
    let (mut over_http, mut of_files, mut last) = (false, false, None);
    while let Some(e) = cause {
        over_http |= e.is::<HttpError>();
        of_files |= e.is::<io::Error>();
        last = Some(e);
        // What an error of the system wraps is not its source.
        let wrapped = e.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = wrapped.map(|e| e as &(dyn Error + 'static)).or_else(|| e.source());
    }
    let why = last?.to_string();
    match (over_http, of_files) {
        (true, _) => Some(Wrong::Unreached(why)),
        (false, true) => Some(Wrong::Files(why)),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_without_the_words_of_the_store() {
        let of = |text: &str| object_store::Error::Generic { store: "S3", source: text.into() };
        let body = "status 403: <Error><Code>InvalidAccessKeyId</Code><AWSAccessKeyId>the-key</AWSAccessKeyId></Error>";
        let told = at_start(&of(body), true);
        assert!(told.contains("(InvalidAccessKeyId)") && told.contains("AWS_ACCESS_KEY_ID"), "{told}");
        assert!(!told.contains("the-key"), "{told}");
        assert_eq!(now(&of("<Code>the key</Code>")), "it answered with an error");
        assert_eq!(now(&of("<Code>SlowDown</Code>")), "it answered with an error (SlowDown)");
        assert!(at_start(&of("<Code>PermanentRedirect</Code>"), true).contains("AWS_REGION"));
        assert!(lacks_the_bucket(&of("<Code>NoSuchBucket</Code>")));
        let refused = io::Error::other("the network is gone");
        let http = HttpError::new(object_store::client::HttpErrorKind::Connect, refused);
        let unreached = object_store::Error::Generic { store: "S3", source: Box::new(http) };
        assert!(at_start(&unreached, false).contains("no key is given"));
        assert_eq!(now(&unreached), "it cannot be reached (the network is gone)");
    }
}
