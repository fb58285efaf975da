//! What is done to collections and aliases: made, dropped, pointed at, flushed, loaded.

use std::{result::Result, time::Duration};

use milvus::v2::prelude::*;
use tokio::time::Instant;

use super::Milvus;
use crate::{fault::Fault, schema};

/// How far an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Indexed {
    pub rows: usize,
    pub of: usize,
    pub done: bool,
}

impl Milvus {
    /// Makes a collection with its index.
    pub async fn create(&self, name: &str, about: &schema::About, until: Instant) -> Result<(), Fault> {
        let made = self.calls.make("creating a collection", until, || async {
            Ok(self.client.create_collection(schema::collection(name, about)?).await?)
        });
        made.await?;
        let made = self.calls.make("creating an index", until, || async {
            Ok(self.client.create_index(schema::index(name)?).await?)
        });
        made.await
    }

    /// Drops a collection, if it is there.
    pub async fn drop(&self, name: &str, until: Instant) -> Result<(), Fault> {
        let made = self.calls.make("dropping a collection", until, || async {
            let request = DropCollectionRequest::builder().collection_name(name).build()?;
            Ok(self.client.drop_collection(request).await?)
        });
        match made.await {
            Err(Fault::Missing(_)) => Ok(()),
            other => other,
        }
    }

    /// Lets an alias name this collection, whether or not there was one.
    pub async fn point(&self, alias: &str, collection: &str, until: Instant) -> Result<(), Fault> {
        let there = self.describe(alias, until).await?;
        let made = self.calls.make("moving an alias", until, || async {
            let (alias, collection) = (alias.to_owned(), collection.to_owned());
            if there.is_some() {
                let request =
                    AlterAliasRequest::builder().alias(alias).collection_name(collection).build()?;
                Ok(self.client.alter_alias(request).await?)
            } else {
                let request =
                    CreateAliasRequest::builder().alias(alias).collection_name(collection).build()?;
                Ok(self.client.create_alias(request).await?)
            }
        });
        made.await
    }

    /// Takes an alias away.
    pub async fn unpoint(&self, alias: &str, until: Instant) -> Result<(), Fault> {
        let made = self.calls.make("dropping an alias", until, || async {
            let request = DropAliasRequest::builder().alias(alias).build()?;
            Ok(self.client.drop_alias(request).await?)
        });
        match made.await {
            Err(Fault::Missing(_)) => Ok(()),
            other => other,
        }
    }

    /// Makes what was written last and is on the disk.
    pub async fn flush(&self, name: &str, wait: Duration, until: Instant) -> Result<(), Fault> {
        let made = self.calls.make("flushing", until, || async {
            let request = FlushRequest::builder()
                .collection_names([name])
                .wait_flushed_ms(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
            Ok(self.client.flush(request.build()?).await?)
        });
        made.await.map(drop)
    }

    /// How far the index is.
    pub async fn indexed(&self, name: &str, until: Instant) -> Result<Indexed, Fault> {
        let told = self.calls.make("asking for the index", until, || async {
            let request = DescribeIndexRequest::builder().collection_name(name).field_name(schema::WALK);
            Ok(self.client.describe_index(request.build()?).await?)
        });
        let told = told.await?;
        let index = told.indexes().first().ok_or_else(|| Fault::Wrong(format!("'{name}' has no index")))?;
        if index.get_state() == IndexStateCode::Failed {
            return Err(Fault::Wrong(format!(
                "the index of '{name}' was not built: {}",
                index.get_failure_reason()
            )));
        }
        let number = |n: i64| usize::try_from(n).unwrap_or(0);
        let done = index.get_state() == IndexStateCode::Finished && index.get_pending_rows() <= 0;
        Ok(Indexed { rows: number(index.get_indexed_rows()), of: number(index.get_total_rows()), done })
    }

    /// Has the collection loaded into memory, and waits until it is.
    pub async fn load(&self, name: &str) -> Result<(), Fault> {
        let until = Instant::now() + self.options.load;
        let made = self.calls.make("loading a collection", until, || async {
            let request = LoadCollectionRequest::builder().collection_name(name).sync(false).build()?;
            Ok(self.client.load_collection(request).await?)
        });
        made.await?;
        loop {
            if self.is_loaded(name, until).await? {
                return Ok(());
            }
            let again = Instant::now() + Duration::from_millis(100);
            if again >= until {
                return Err(Fault::Slow(format!("'{name}' was not loaded into memory in time")));
            }
            tokio::time::sleep_until(again).await;
        }
    }

    /// Whether a collection is in memory.
    pub async fn is_loaded(&self, name: &str, until: Instant) -> Result<bool, Fault> {
        let state = self.calls.make("asking for a collection's state", until, || async {
            let request = GetLoadStateRequest::builder().collection_name(name).build()?;
            Ok(self.client.get_load_state(request).await?)
        });
        Ok(state.await?.state() == LoadState::Loaded)
    }
}
