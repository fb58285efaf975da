//! What several servers that share a collection need of it.

use std::sync::Arc;

use async_trait::async_trait;
use lookalike_catalogue::{CatalogueError, OpenShared, SharedCatalogue, SharedGeneration};
use lookalike_items::Dims;

use crate::{Credentials, MilvusAddress, MilvusCatalogue, Options, generations::number};

/// Where a collection is and who asks for it: opened once it is known which model asks.
#[derive(Clone, Debug)]
pub struct MilvusEngine {
    /// Where it is.
    pub address: MilvusAddress,
    /// Who asks.
    pub credentials: Credentials,
    /// How long and how often.
    pub options: Options,
}

#[async_trait]
impl OpenShared for MilvusEngine {
    async fn open(&self, model_id: &str, dims: Dims) -> Result<Arc<dyn SharedCatalogue>, CatalogueError> {
        let Self { address, credentials, options } = self;
        let opened = MilvusCatalogue::open(address, credentials, *options, model_id, dims).await?;
        Ok(Arc::new(opened))
    }
}

#[async_trait]
impl SharedCatalogue for MilvusCatalogue {
    /// 0 of a collection that the address names by its own name, and not by an alias.
    fn generation(&self) -> u64 {
        number(self.inner.address.collection(), &self.serves()).unwrap_or_default()
    }

    async fn refresh(&self) -> Result<bool, CatalogueError> {
        Self::refresh(self).await
    }

    /// Those that are being loaded are left out.
    async fn generations(&self) -> Result<Vec<SharedGeneration>, CatalogueError> {
        let all = Self::generations(self).await?.into_iter().filter(|generation| !generation.unfinished);
        let told = all.map(|generation| SharedGeneration {
            number: generation.number,
            model_id: generation.model,
            items: generation.items,
            built_at: None,
            current: generation.served,
        });
        Ok(told.collect())
    }

    async fn roll_back(&self, to: u64) -> Result<(), CatalogueError> {
        Self::roll_back(self, Some(to)).await.map(drop)
    }
}
