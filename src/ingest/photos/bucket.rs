//! Photos in a place that several servers write to: a bucket of an object store, or a folder of a volume that all of them have.
//!
//! Nobody there knows what the others show. So a photo that a write shows is young when the write is made, or is put again; and it
//! is erased by a sweep, once it is old and no item shows it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    BackoffConfig, ClientOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::AmazonS3Builder,
    local::LocalFileSystem,
    path::{Path as ObjectPath, PathPart},
};

use super::{
    address::{AwsSettings, PhotosAddress},
    error::PhotosError,
    http::Connector,
    name::PhotoName,
    reason,
};

/// How long anything that is asked of it may take, attempts after the first one too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Attempts after the first one, …
const AGAIN: usize = 3;
/// … and how long the first of them waits; each other one waits about twice as long.
const PAUSE: Duration = Duration::from_millis(100);

/// A photo that was put no longer ago than this need not be put again. What is swept is older by so much that a write which looked
/// meanwhile is made.
const YOUNG: Duration = Duration::from_secs(30 * 60);

/// The largest photo that is read, in bytes: more than any that is kept.
const LARGEST: u64 = 512 << 20;

/// The place.
#[derive(Clone)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: ObjectPath,
    address: Arc<str>,
    patience: Duration,
}

impl Bucket {
    /// Opens it, and looks whether it can be listed.
    pub(super) async fn open(address: &PhotosAddress, aws: &AwsSettings) -> Result<Self, PhotosError> {
        Self::open_within(address, aws, PATIENCE).await
    }

    async fn open_within(
        address: &PhotosAddress,
        aws: &AwsSettings,
        patience: Duration,
    ) -> Result<Self, PhotosError> {
        let unusable = |why: String| PhotosError::Unusable { address: address.to_string(), why };
        let wrong = |e: object_store::Error| unusable(reason::at_start(&e, aws.has_key()));
        let (store, prefix): (Arc<dyn ObjectStore>, _) = match address {
            PhotosAddress::Folder(folder) => {
                let there = folder.is_dir();
                let none =
                    || unusable("it is no folder: create it, or mount the volume that it is on".into());
                let files = there.then(|| LocalFileSystem::new_with_prefix(folder)).ok_or_else(none)?;
                (Arc::new(files.map_err(wrong)?.with_fsync(true)), ObjectPath::default())
            }
            PhotosAddress::Bucket { bucket, prefix } => {
                (Arc::new(s3(bucket, aws).map_err(wrong)?), ObjectPath::parse(prefix).unwrap_or_default())
            }
        };
        let opened = Self { store, prefix, address: address.to_string().into(), patience };
        let first = tokio::time::timeout(patience, opened.list().next()).await;
        match first {
            Ok(None | Some(Ok(_))) => Ok(opened),
            Ok(Some(Err(e))) => Err(wrong(e)),
            Err(_) => Err(unusable(reason::silent(patience, aws.has_key()))),
        }
    }

    /// As it was named.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Puts a photo, unless it is there and young.
    pub(super) async fn keep(&self, name: &PhotoName, jpeg: Bytes) -> Result<(), PhotosError> {
        if self.is_young(name).await? {
            return Ok(());
        }
        self.asked("be put", name, self.store.put(&self.path(name), jpeg.into())).await.map(drop)
    }

    /// Whether it is there, and stays there longer than a write takes.
    pub(super) async fn is_young(&self, name: &PhotoName) -> Result<bool, PhotosError> {
        let path = self.path(name);
        let about = self.asked("be looked for", name, found(self.store.head(&path))).await?;
        Ok(about.is_some_and(|about| age(&about) < YOUNG))
    }

    /// Its bytes; none where it is not there.
    pub(super) async fn read(&self, name: &PhotoName) -> Result<Option<Bytes>, PhotosError> {
        let path = self.path(name);
        let bytes = found(async {
            let got = self.store.get(&path).await?;
            if got.meta.size > LARGEST {
                let source = "it is larger than any photo that is kept".into();
                return Err(object_store::Error::NotFound { path: path.to_string(), source });
            }
            got.bytes().await
        });
        self.asked("be read", name, bytes).await
    }

    /// Erases a photo, unless it has been put again and is younger than this by now. Whether it was erased.
    ///
    /// Who puts it again in the moment between the last look and the erasing loses it: stores have no erasing on a condition that
    /// all of them know. The moment is that of one request, and the photo one that was not shown for as long as it is old.
    pub(super) async fn erase(&self, name: &PhotoName, older_than: Duration) -> Result<bool, PhotosError> {
        let path = self.path(name);
        let about = self.asked("be looked for", name, found(self.store.head(&path))).await?;
        if about.is_none_or(|about| age(&about) < older_than) {
            return Ok(false);
        }
        self.asked("be erased", name, found(self.store.delete(&path))).await?;
        Ok(true)
    }

    /// The photos that are there, each with its age.
    pub(super) fn ages(&self) -> BoxStream<'_, Result<(PhotoName, Duration), PhotosError>> {
        let parts: usize = self.prefix.parts().count();
        let named = move |about: ObjectMeta| {
            let relative: Vec<_> =
                about.location.parts().skip(parts).map(|p| p.as_ref().to_owned()).collect();
            Some((PhotoName::from_relative(&relative.join("/"))?, age(&about)))
        };
        let listed = futures_util::stream::unfold(self.list(), move |mut list| async move {
            let next = tokio::time::timeout(self.patience, list.try_next()).await;
            let next = match next {
                Ok(next) => next.map_err(|e| self.refused("be listed", reason::now(&e))).transpose()?,
                Err(_) => Err(self.refused("be listed", reason::late(self.patience))),
            };
            Some((next, list))
        });
        listed.try_filter_map(move |about| std::future::ready(Ok(named(about)))).boxed()
    }

    fn list(&self) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.store.list((!self.prefix.is_root()).then_some(&self.prefix))
    }

    fn path(&self, name: &PhotoName) -> ObjectPath {
        let below = [PathPart::from(name.folder()), PathPart::from(name.file())];
        self.prefix.parts().chain(below).collect()
    }

    /// What the store says, where it says it in time.
    async fn asked<T>(
        &self,
        doing: &'static str,
        name: &PhotoName,
        ask: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, PhotosError> {
        let why = match tokio::time::timeout(self.patience, ask).await {
            Ok(Ok(said)) => return Ok(said),
            Ok(Err(e)) => reason::now(&e),
            Err(_) => reason::late(self.patience),
        };
        Err(self.refused(&format!("{doing} ({})", name.hex()), why))
    }

    fn refused(&self, doing: &str, why: String) -> PhotosError {
        tracing::warn!(photos = &*self.address, why, "a photo cannot {doing}");
        PhotosError::Unavailable(why)
    }
}

/// What is not there is no error.
async fn found<T>(ask: impl Future<Output = object_store::Result<T>>) -> object_store::Result<Option<T>> {
    match ask.await {
        Err(e @ object_store::Error::NotFound { .. }) if !reason::lacks_the_bucket(&e) => Ok(None),
        said => said.map(Some),
    }
}

/// By the clock of whoever keeps it; a clock that is before ours makes it no older than it is.
fn age(about: &ObjectMeta) -> Duration {
    SystemTime::now().duration_since(about.last_modified.into()).unwrap_or_default()
}

fn s3(bucket: &str, aws: &AwsSettings) -> object_store::Result<impl ObjectStore> {
    let named = AmazonS3Builder::new()
        .with_client_options(ClientOptions::new().with_content_type_for_suffix("jpg", "image/jpeg"));
    let backoff = BackoffConfig { init_backoff: PAUSE, max_backoff: 8 * PAUSE, base: 2.0 };
    aws.iter()
        .fold(named, |builder, (key, value)| builder.with_config(key, value))
        .with_bucket_name(bucket)
        .with_allow_http(aws.plain_http())
        .with_retry(RetryConfig { backoff, max_retries: AGAIN, retry_timeout: PATIENCE / 2 })
        .with_disable_bulk_delete(true)
        .with_http_connector(Connector)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_of_a_volume_is_a_place_too() {
        let volume = tempfile::tempdir().unwrap();
        let address: PhotosAddress = volume.path().to_str().unwrap().parse().unwrap();
        let bucket = Bucket::open(&address, &AwsSettings::default()).await.unwrap();
        let name = PhotoName::of(b"as it came");
        assert!(bucket.read(&name).await.unwrap().is_none() && !bucket.is_young(&name).await.unwrap());
        bucket.keep(&name, Bytes::from_static(b"a photo")).await.unwrap();
        assert_eq!(std::fs::read(volume.path().join(name.relative())).unwrap(), b"a photo");
        std::fs::write(volume.path().join("README"), "another file").unwrap();
        assert_eq!(bucket.read(&name).await.unwrap().unwrap(), "a photo");
        let listed: Vec<_> = bucket.ages().try_collect().await.unwrap();
        assert!(matches!(&listed[..], [(listed, age)] if *listed == name && *age < YOUNG));
        assert!(!bucket.erase(&name, YOUNG).await.unwrap());
        // As a write an hour ago would have left it.
        let file = std::fs::File::options().write(true).open(volume.path().join(name.relative())).unwrap();
        file.set_modified(SystemTime::now() - 2 * YOUNG).unwrap();
        assert!(!bucket.is_young(&name).await.unwrap());
        bucket.keep(&name, Bytes::from_static(b"a photo")).await.unwrap();
        assert!(bucket.is_young(&name).await.unwrap(), "it is put again, and young again");
        assert!(bucket.erase(&name, Duration::ZERO).await.unwrap());
        assert!(!bucket.erase(&name, Duration::ZERO).await.unwrap());
        let none: PhotosAddress = volume.path().join("none").to_str().unwrap().parse().unwrap();
        let refused = Bucket::open(&none, &AwsSettings::default()).await.err().unwrap().to_string();
        assert!(refused.contains("--photos") && refused.contains("mount"), "{refused}");
    }

    #[tokio::test]
    async fn a_store_that_says_nothing_is_not_waited_for_long() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        let aws = AwsSettings::of([
            ("AWS_ACCESS_KEY_ID", "a-key"),
            ("AWS_SECRET_ACCESS_KEY", "a-secret"),
            ("AWS_ENDPOINT_URL", &endpoint),
        ]);
        let address = "s3://shop/photos".parse().unwrap();
        let opened = Bucket::open_within(&address, &aws, Duration::from_millis(200)).await;
        let refused = opened.err().unwrap().to_string();
        assert!(refused.contains("s3://shop/photos") && refused.contains("AWS_ENDPOINT_URL"), "{refused}");
        assert!(!refused.contains("a-secret") && !refused.contains("a-key"), "{refused}");
    }
}
