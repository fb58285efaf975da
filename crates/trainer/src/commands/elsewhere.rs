//! Items into an engine elsewhere, in the place of a bundle's catalogue.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use lookalike_catalogue::LocalCatalogue;
use lookalike_items::{Item, Vectors};
use lookalike_model::Bundle;

/// Where the items go, if not into the bundle.
#[derive(Args)]
pub struct Elsewhere {
    /// Puts the items into a new generation of a Milvus alias, milvus://HOST:PORT/NAME, and lets the alias name it once it is whole. Killed
    /// and run again, it goes on. Without --data it takes the items of the bundle's own catalogue.
    #[arg(long, env = "LOOKALIKE_CATALOGUE", value_name = "ADDRESS")]
    catalogue: Option<engine::Address>,
    /// The user that asks it; the password is in LOOKALIKE_CATALOGUE_PASSWORD, or in a file.
    #[arg(long, env = "LOOKALIKE_CATALOGUE_USER", value_name = "NAME")]
    catalogue_user: Option<String>,
    /// The file of that user's password.
    #[arg(long, env = "LOOKALIKE_CATALOGUE_PASSWORD_FILE", value_name = "FILE")]
    catalogue_password_file: Option<PathBuf>,
    /// The file of a token in the place of user and password; the token may be in LOOKALIKE_CATALOGUE_TOKEN.
    #[arg(long, env = "LOOKALIKE_CATALOGUE_TOKEN_FILE", value_name = "FILE")]
    catalogue_token_file: Option<PathBuf>,
}

impl Elsewhere {
    /// Whether they go elsewhere.
    pub fn is_named(&self) -> bool {
        self.catalogue.is_some()
    }

    /// Loads these items.
    pub fn load(&self, bundle: &Bundle, items: Vec<(Item, Vectors)>) -> Result<()> {
        self.loaded(bundle, engine::Items::Embedded(items))
    }

    /// Loads the items of the bundle's own catalogue.
    pub fn copy(&self, bundle: &Bundle) -> Result<()> {
        let catalogue = LocalCatalogue::open(bundle.dir(), &bundle.manifest().model_id)?;
        self.loaded(bundle, engine::Items::Catalogue(catalogue))
    }

    fn loaded(&self, bundle: &Bundle, items: engine::Items) -> Result<()> {
        let address =
            self.catalogue.as_ref().context("no catalogue is named: --catalogue ADDRESS names it")?;
        let files = (self.catalogue_password_file.as_deref(), self.catalogue_token_file.as_deref());
        engine::load(address, (self.catalogue_user.as_deref(), files), bundle, items)
    }
}

#[cfg(feature = "milvus")]
mod engine {
    use std::path::Path;

    use anyhow::{Context, Result};
    use lookalike_catalogue::{Catalogue, LocalCatalogue};
    use lookalike_common::hex;
    use lookalike_items::{Filter, Item, ItemId, Vectors};
    use lookalike_milvus::{Credentials, Load, LoadStep, Options, Source, Told};
    use lookalike_model::Bundle;
    use lookalike_trainer::progress::Bar;
    use sha2::{Digest, Sha256};

    pub use lookalike_milvus::MilvusAddress as Address;

    /// Items that are handed over at once.
    const PART: usize = 1_000;

    /// Where the items come from, by rising id.
    pub enum Items {
        Embedded(Vec<(Item, Vectors)>),
        Catalogue(LocalCatalogue),
    }

    impl Items {
        /// In order, and known by a digest of everything that is loaded.
        fn source(&mut self) -> Result<Source> {
            let mut digest = Sha256::new();
            let items = match self {
                Self::Catalogue(catalogue) => {
                    // Its manifest holds the digests of its files.
                    digest.update(serde_json::to_vec(catalogue.manifest())?);
                    catalogue.len()
                }
                Self::Embedded(items) => {
                    items.sort_by(|a, b| a.0.id.cmp(&b.0.id));
                    for (item, vectors) in items.iter() {
                        digest.update(serde_json::to_vec(item)?);
                        let numbers = vectors.deep().iter().chain(vectors.colour());
                        numbers.for_each(|number| digest.update(number.to_le_bytes()));
                    }
                    items.len()
                }
            };
            Ok(Source { fingerprint: hex(&digest.finalize()), items })
        }

        /// At most [`PART`] of those from this place on, the last of which before was `after`.
        async fn part(&self, place: usize, after: Option<&ItemId>) -> Result<Vec<(Item, Vectors)>> {
            match self {
                Self::Embedded(items) => Ok(items.iter().skip(place).take(PART).cloned().collect()),
                Self::Catalogue(catalogue) => {
                    let items = catalogue.list(&Filter::default(), after, PART).await?.items;
                    let ids: Vec<ItemId> = items.iter().map(|item| item.id.clone()).collect();
                    let vectors = catalogue.vectors(&ids).await?.into_iter();
                    let both = items.iter().zip(vectors);
                    both.map(|(item, vectors)| Some(((**item).clone(), vectors?)))
                        .collect::<Option<_>>()
                        .context("an item of the catalogue has no vectors")
                }
            }
        }
    }

    /// Loads these items there, as this user, or by the token in the last of the files.
    pub fn load(
        address: &Address,
        (user, (password_file, token_file)): (Option<&str>, (Option<&Path>, Option<&Path>)),
        bundle: &Bundle,
        mut items: Items,
    ) -> Result<()> {
        let told = Told { user, password_file, token_file };
        let variable = |name: &str| std::env::var(name).ok();
        let credentials = Credentials::told(told, &variable).map_err(anyhow::Error::msg)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(async {
            let (manifest, source) = (bundle.manifest(), items.source()?);
            let of = (manifest.model_id.as_str(), manifest.dims);
            let bar = Bar::new("loading", source.items as u64);
            let told = move |step: LoadStep| match step {
                LoadStep::Writing { items, of } => bar.set(items as u64, of as u64),
                LoadStep::Flushing => bar.message("writing it to the disk".into()),
                LoadStep::Indexing { items, of } => {
                    bar.message("building the graph".into());
                    bar.set(items as u64, of as u64);
                }
                LoadStep::Loading => bar.message("loading it into memory".into()),
                LoadStep::Served => bar.finish(),
            };
            let mut load = Load::begin(address, &credentials, Options::default(), of, source, told).await?;
            let (there, mut place, mut after) = (load.there(), 0, None);
            if there > 0 {
                tracing::info!(items = there, "an earlier run loaded some of them: it goes on behind these");
            }
            loop {
                let part = items.part(place, after.as_ref()).await?;
                let Some((last, _)) = part.last() else { break };
                after = Some(last.id.clone());
                let known = there.saturating_sub(place).min(part.len());
                place += part.len();
                load.put(part.into_iter().skip(known).collect()).await?;
            }
            let loaded = load.finish().await?;
            lookalike_common::say!(
                "generation {}: {} items in the collection {}",
                loaded.generation,
                loaded.items,
                loaded.collection
            );
            Ok(())
        })
    }
}

#[cfg(not(feature = "milvus"))]
mod engine {
    use std::str::FromStr;

    use anyhow::Result;
    use lookalike_catalogue::LocalCatalogue;
    use lookalike_items::{Item, Vectors};
    use lookalike_model::Bundle;

    /// No address: this program knows no engine but its own.
    #[derive(Clone, Debug)]
    pub enum Address {}

    impl FromStr for Address {
        type Err = &'static str;

        fn from_str(_: &str) -> Result<Self, Self::Err> {
            Err("this program was built without Milvus: build it with the cargo feature 'milvus'")
        }
    }

    pub enum Items {
        Embedded(Vec<(Item, Vectors)>),
        Catalogue(LocalCatalogue),
    }

    pub fn load<W>(address: &Address, _: W, _: &Bundle, _: Items) -> Result<()> {
        match *address {}
    }
}
