//! Where photos are kept that are not kept below the state, and what opens that.

use std::{fmt, path::PathBuf, str::FromStr};

use object_store::{aws::AmazonS3ConfigKey, path::Path as ObjectPath};
use url::Url;

/// A place that several servers reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PhotosAddress {
    /// A bucket of a store that speaks S3, and the beginning of its objects' names, which may be empty.
    Bucket {
        /// Its name.
        bucket: String,
        /// Without slashes around it.
        prefix: String,
    },
    /// A folder, of a volume that all of them have.
    Folder(PathBuf),
}

impl FromStr for PhotosAddress {
    type Err = String;

    /// The error does not repeat the text: somebody may have written a password into it.
    fn from_str(text: &str) -> Result<Self, String> {
        const WANTED: &str = "must be s3://BUCKET or s3://BUCKET/PREFIX, file:///FOLDER, or a folder";
        if let Some(rest) = text.strip_prefix("s3://") {
            return bucket(rest);
        }
        if text.starts_with("file:") {
            let folder =
                Url::parse(text).ok().filter(|url| url.query().is_none() && url.fragment().is_none());
            let folder =
                folder.filter(|_| text.starts_with("file:///")).and_then(|url| url.to_file_path().ok());
            return folder.map(Self::Folder).ok_or_else(|| WANTED.into());
        }
        if text.trim().is_empty() || text.contains("://") {
            return Err(WANTED.into());
        }
        Ok(Self::Folder(text.into()))
    }
}

fn bucket(rest: &str) -> Result<PhotosAddress, String> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.contains(['@', ':']) {
        return Err(
            "holds more than a bucket and a prefix: credentials and the endpoint come from the environment \
                    (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)"
                .into(),
        );
    }
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    if !(3..=255).contains(&bucket.len()) || !bucket.bytes().all(known) || bucket.contains("..") {
        return Err("names no bucket: letters, digits, '-', '.' and '_', three of them at least".into());
    }
    let prefix = prefix.trim_end_matches('/');
    let known = |c: char| c.is_ascii_alphanumeric() || "-._/=+,@!() ".contains(c);
    let sound = prefix.chars().all(known) && prefix.len() <= 512 && ObjectPath::parse(prefix).is_ok();
    if !sound || prefix.starts_with('/') {
        return Err("has a prefix that object stores do not all take: letters, digits and -._/ do".into());
    }
    Ok(PhotosAddress::Bucket { bucket: bucket.into(), prefix: prefix.into() })
}

impl fmt::Display for PhotosAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bucket { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::Bucket { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// What the environment says of stores that speak S3: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` and so on. It is not shown.
#[derive(Clone, Default)]
pub struct AwsSettings(Vec<(AmazonS3ConfigKey, String)>);

impl AwsSettings {
    /// From variables; what is none of these is left out, as is what is empty.
    pub fn of<N: AsRef<str>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let known = variables.into_iter().filter_map(|(name, value)| {
            let name = name.as_ref().to_ascii_lowercase();
            let key = name.starts_with("aws_").then(|| name.parse().ok())??;
            Some((key, value.into())).filter(|(_, value): &(_, String)| !value.is_empty())
        });
        Self(known.collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (AmazonS3ConfigKey, &str)> {
        self.0.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Whether the endpoint that is named is asked without TLS.
    pub(super) fn plain_http(&self) -> bool {
        let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
        let named = endpoint.iter().find_map(|key| self.iter().find(|(one, _)| one == key));
        named.is_some_and(|(_, value)| value.to_ascii_lowercase().starts_with("http://"))
    }

    /// Whether a key is given, rather than to be had from the machine.
    pub(super) fn has_key(&self) -> bool {
        self.iter().any(|(key, _)| key == AmazonS3ConfigKey::AccessKeyId)
    }
}

impl fmt::Debug for AwsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsSettings of {} variables", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_buckets_or_folders() {
        let bucket = |bucket: &str, prefix: &str| {
            Ok(PhotosAddress::Bucket { bucket: bucket.into(), prefix: prefix.into() })
        };
        for (text, read) in [
            ("s3://shop", bucket("shop", "")),
            ("s3://shop/", bucket("shop", "")),
            ("s3://shop.photos-1/a/b", bucket("shop.photos-1", "a/b")),
            ("s3://shop/a/", bucket("shop", "a")),
            ("file:///mnt/a%20b", Ok(PhotosAddress::Folder("/mnt/a b".into()))),
            ("/mnt/photos", Ok(PhotosAddress::Folder("/mnt/photos".into()))),
            ("photos", Ok(PhotosAddress::Folder("photos".into()))),
        ] {
            assert_eq!(text.parse(), read, "{text}");
        }
        assert_eq!("s3://shop/a/b/".parse::<PhotosAddress>().unwrap().to_string(), "s3://shop/a/b");
        for bad in [
            "",
            " ",
            "s3://",
            "s3:///a",
            "s3://ab",
            "s3://shop//a",
            "s3://shop/a//b",
            "s3://shop/../a",
            "s3://shop/a?x=y",
            "s3://shop/a#b",
            "s3://key:secret@shop/a",
            "s3://shop:9000/a",
            "file://host/mnt",
            "file:mnt",
            "gs://shop/a",
            "https://shop.s3.amazonaws.com/a",
        ] {
            let refused = bad.parse::<PhotosAddress>().unwrap_err();
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn settings_are_read_and_not_shown() {
        let settings = AwsSettings::of([
            ("AWS_ACCESS_KEY_ID", "the-key"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
            ("AWS_REGION", ""),
            ("AWS_PAGER", "less"),
            ("HOME", "/root"),
        ]);
        assert!(settings.plain_http() && settings.has_key());
        assert_eq!(format!("{settings:?}"), "AwsSettings of 2 variables");
        let both = [("AWS_ENDPOINT_URL", "http://a"), ("AWS_ENDPOINT_URL_S3", "https://b")];
        assert!(!AwsSettings::of(both).plain_http(), "the more special one holds");
    }
}
