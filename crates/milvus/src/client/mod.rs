//! Every request that is made of Milvus, each through the retries and the breaker.
//!
//! What is asked and written is here; what is done to collections is in `collections`.
//!
//! Milvus 2.3 knows no filter templates and no reads by ids: everything is asked with an expression as text.

mod collections;

use std::{collections::HashMap, result::Result, sync::Arc, time::Duration};

use lookalike_catalogue::CatalogueError;
use milvus::v2::prelude::*;
use tokio::time::{Instant, timeout_at};

use crate::{Credentials, MilvusAddress, Options, fault::Fault, resilience::Calls, rows::Columns, schema};

pub(crate) use milvus::v2::prelude::ConsistencyLevel as Level;

/// A connection to a Milvus server. Clones share it.
#[derive(Clone)]
pub(crate) struct Milvus {
    client: ClientV2,
    calls: Arc<Calls>,
    pub options: Options,
}

/// What rows are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub collection: &'a str,
    pub expression: &'a str,
    pub fields: &'a [&'static str],
    /// The first so many by rising id; none where the expression names ids.
    pub first: Option<usize>,
    pub level: Level,
}

/// A search.
#[derive(Clone, Debug)]
pub(crate) struct Look<'a> {
    pub collection: &'a str,
    pub expression: &'a str,
    pub walk: &'a [f32],
    pub k: usize,
    pub ef: usize,
    /// With the vectors of what is found.
    pub vectors: bool,
}

/// A collection, as Milvus describes it.
#[derive(Clone, Debug)]
pub(crate) struct Described {
    /// Its own name, also where it was asked for by an alias.
    pub name: String,
    pub aliases: Vec<String>,
    pub about: Option<schema::About>,
    pub dimension: Option<usize>,
}

impl Milvus {
    /// Connects, once: what fails later connects again by itself.
    pub async fn connect(
        address: &MilvusAddress,
        credentials: &Credentials,
        options: Options,
    ) -> Result<Self, CatalogueError> {
        // The client's own retries have no end: ours have. It tells nobody how it is used.
        let config = ConnectConfig::new()
            .uri(address.endpoint())
            .connect_timeout(options.connect)
            // Ours ends before.
            .rpc_timeout(options.write.max(options.read).max(options.load) + Duration::from_secs(5))
            .keepalive_time(Duration::from_secs(10))
            .keepalive_timeout(Duration::from_secs(5))
            .retry(RetryConfig::new().max_attempts(1).retry_on_rate_limit(false))
            .telemetry(TelemetryConfig::new().enabled(false));
        let config = match credentials {
            Credentials::None => config,
            Credentials::Password { user, password } => config.username_password(user, password),
            Credentials::Token(token) => config.token(token),
        };
        let until = Instant::now() + options.connect + Duration::from_secs(1);
        let client = match timeout_at(until, ClientV2::new(&config)).await {
            Ok(Ok(client)) => client,
            Ok(Err(Error::Timeout(_))) | Err(_) => {
                let why = format!("nothing answers at {}", address.endpoint());
                return Err(Fault::Away(why).into());
            }
            Ok(Err(error)) => return Err(Fault::from(error).into()),
        };
        Ok(Self { client, calls: Arc::new(Calls::new(options.attempts)), options })
    }

    /// The end of a read that begins now.
    pub fn read_by(&self) -> Instant {
        Instant::now() + self.options.read
    }

    /// The end of a write that begins now.
    pub fn write_by(&self) -> Instant {
        Instant::now() + self.options.write
    }

    /// What a collection or an alias is; none where it is not there.
    pub async fn describe(&self, name: &str, until: Instant) -> Result<Option<Described>, Fault> {
        let described = self.calls.make("describing a collection", until, || async {
            let request = DescribeCollectionRequest::builder().collection_name(name).build()?;
            Ok(self.client.describe_collection(request).await?)
        });
        let described = match described.await {
            Ok(described) => described,
            Err(Fault::Missing(_)) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let told = described.description();
        let mut real = told.get_collection_name().to_owned();
        if told.get_aliases().contains(&real) {
            // Milvus 2.3 describes a collection under the name that was asked for.
            let all = self.collections(until).await?;
            let found = all.into_iter().find(|(_, id)| *id == told.get_collection_id());
            let Some((found, _)) = found else { return Ok(None) };
            real = found;
        }
        Ok(Some(Described {
            name: real,
            aliases: told.get_aliases().to_vec(),
            about: schema::About::read(told.get_description()),
            dimension: schema::dimension(told.get_schema()),
        }))
    }

    /// Rows, those of each id once.
    pub async fn rows(&self, ask: &Ask<'_>, until: Instant) -> Result<Columns, Fault> {
        let response = self.calls.make("reading", until, || async {
            let request = QueryRequest::builder()
                .collection_name(ask.collection)
                .filter(ask.expression)
                .output_fields(ask.fields.iter().copied())
                .consistency_level(ask.level);
            let request = match ask.first {
                // Without these Milvus takes rows from wherever it finds them first.
                Some(first) => request.limit(first as i64).extra_params(HashMap::from([
                    ("iterator".to_owned(), "True".to_owned()),
                    ("reduce_stop_for_best".to_owned(), "True".to_owned()),
                ])),
                None => request,
            };
            Ok(self.client.query(request.build()?).await?)
        });
        Columns::of(response.await?.results().get_output_fields())
    }

    /// How many rows an expression keeps; all where it is empty.
    pub async fn count(
        &self,
        collection: &str,
        expression: &str,
        level: Level,
        until: Instant,
    ) -> Result<usize, Fault> {
        let response = self.calls.make("counting", until, || async {
            let request = QueryRequest::builder()
                .collection_name(collection)
                .filter(expression)
                .output_fields(["count(*)"])
                .consistency_level(level);
            Ok(self.client.query(request.build()?).await?)
        });
        let response = response.await?;
        let counted =
            response.results().get_output_field("count(*)").and_then(|field| field.as_int64()?.first());
        let counted = counted.and_then(|counted| usize::try_from(*counted).ok());
        counted.ok_or_else(|| Fault::Wrong("Milvus did not say how many items there are".into()))
    }

    /// The ids that a walk finds, nearest first, with their vectors where they are asked for.
    pub async fn search(&self, look: &Look<'_>, until: Instant) -> Result<Columns, Fault> {
        let response = self.calls.make("a search", until, || async {
            let fields = if look.vectors { vec![schema::WALK] } else { vec![] };
            let request = SearchRequest::builder()
                .collection_name(look.collection)
                .filter(look.expression)
                .vector_field(schema::WALK)
                .vectors(SearchVectors::Float(vec![look.walk.to_vec()]))
                .metric_type(MetricType::L2)
                .limit(look.k as i64)
                .extra_params(HashMap::from([("ef".to_owned(), look.ef.to_string())]))
                .output_fields(fields)
                .consistency_level(Level::Bounded);
            Ok(self.client.search(request.build()?).await?)
        });
        let response = response.await?;
        let Some(found) = response.results().get_results().first() else { return Ok(Columns::default()) };
        let Ids::VarChar(ids) = found.get_ids() else {
            return if found.get_ids().is_empty() {
                Ok(Columns::default())
            } else {
                Err(Fault::Wrong("Milvus told ids that are numbers".into()))
            };
        };
        let mut columns = Columns::of(found.get_output_fields())?;
        columns.ids.clone_from(ids);
        if look.vectors && columns.walks.len() != columns.ids.len() {
            return Err(Fault::Wrong("Milvus found items without their vectors".into()));
        }
        Ok(columns)
    }

    /// Puts whole rows over those of the same ids.
    pub async fn upsert(&self, collection: &str, columns: &[FieldData], until: Instant) -> Result<(), Fault> {
        let made = self.calls.make("a write", until, || async {
            let rows =
                InsertRequest::builder().collection_name(collection).columns(columns.to_vec()).build()?;
            Ok(self.client.upsert(UpsertRequest::builder().insert(rows).build()?).await?)
        });
        made.await.map(drop)
    }

    /// Takes away the rows that an expression names by id.
    pub async fn delete(&self, collection: &str, expression: &str, until: Instant) -> Result<(), Fault> {
        let made = self.calls.make("a write", until, || async {
            let request = DeleteRequest::builder().collection_name(collection).filter(expression).build()?;
            Ok(self.client.delete(request).await?)
        });
        made.await.map(drop)
    }

    /// The names of all collections, each with Milvus' own number of it.
    pub async fn collections(&self, until: Instant) -> Result<Vec<(String, i64)>, Fault> {
        let listed = self.calls.make("listing collections", until, || async {
            Ok(self.client.list_collections(ListCollectionsRequest::builder().build()?).await?)
        });
        let listed = listed.await?;
        Ok(listed.collections().iter().map(|one| (one.get_name().to_owned(), one.get_id())).collect())
    }

    /// Whether Milvus says that it is well.
    pub async fn health(&self, until: Instant) -> Result<(), Fault> {
        let told = self.calls.make("asking Milvus how it is", until, || async {
            Ok(self.client.check_health(CheckHealthRequest::builder().build()?).await?)
        });
        let told = told.await?;
        if told.is_healthy() {
            Ok(())
        } else {
            Err(Fault::Away(format!("Milvus is not well: {}", told.reasons().join("; "))))
        }
    }
}
