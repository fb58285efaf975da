//! What changes items: `PUT`, `PATCH` and `DELETE /items/{id}`, and many at once by `POST /items`.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    extract::{Extension, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lookalike_catalogue::{Condition, Etag, Outcome};
use lookalike_items::{BadItem, ItemId, ItemPatch};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    http::{
        app::App,
        error::ApiError,
        listener::layers::RequestIdText,
        params::{NoParams, WriteId},
        reply::{ItemReply, LineReply},
        spool::Lines,
        upload::{MergePatch, PhotoText, WholeItem, given, source},
    },
    ingest::{Change, ChangeKind, Changes, IngestError, quoted},
};

/// The header that says in which revision a write is.
pub(crate) const REVISION: &str = "x-revision";

/// `PUT /items/{id}`
pub(crate) async fn put(
    State(app): State<App>,
    WriteId(id): WriteId,
    _: NoParams,
    headers: HeaderMap,
    WholeItem { fields, source }: WholeItem,
) -> Result<Response, ApiError> {
    let condition = condition(&headers)?;
    one(&app, Change { id, kind: ChangeKind::Put(fields, source), condition }).await
}

/// `PATCH /items/{id}`
pub(crate) async fn patch(
    State(app): State<App>,
    WriteId(id): WriteId,
    _: NoParams,
    headers: HeaderMap,
    MergePatch(patch): MergePatch,
) -> Result<Response, ApiError> {
    let condition = condition(&headers)?;
    let patch = ItemPatch::parse(patch).map_err(IngestError::from)?;
    one(&app, Change { id, kind: ChangeKind::Patch(patch), condition }).await
}

/// `DELETE /items/{id}`
pub(crate) async fn delete(
    State(app): State<App>,
    WriteId(id): WriteId,
    _: NoParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let condition = condition(&headers)?;
    one(&app, Change { id, kind: ChangeKind::Delete, condition }).await
}

/// Makes a change and tells what became of it. It is made even where the client leaves meanwhile.
async fn one(app: &App, change: Change) -> Result<Response, ApiError> {
    let id = change.id.clone();
    let made = tokio::spawn({
        let app = app.clone();
        async move { app.recommender().change(change).await }
    });
    // There is a way in wherever these routes are.
    let (outcome, revision) = made.await.map_err(IngestError::from)?.ok_or(ApiError::NoRoute)??;
    let mut response = match outcome {
        Outcome::Created(item, etag) => {
            let location = format!("{}/items/{}", app.base(), item.id.in_address());
            let headers = [(header::LOCATION, location), (header::ETAG, quoted(&etag))];
            (StatusCode::CREATED, headers, axum::Json(ItemReply::of(&item, app.base()))).into_response()
        }
        Outcome::Changed(item, etag) => {
            ([(header::ETAG, quoted(&etag))], axum::Json(ItemReply::of(&item, app.base()))).into_response()
        }
        Outcome::Deleted => StatusCode::NO_CONTENT.into_response(),
        other => return Err(refused(&id, other)),
    };
    if let Some(revision) = revision {
        response.headers_mut().insert(REVISION, HeaderValue::from(revision));
    }
    Ok(response)
}

/// What a client is told of a change that was not made.
fn refused(id: &ItemId, outcome: Outcome) -> ApiError {
    match outcome {
        Outcome::Missing => ApiError::NotAnItem(id.as_str().to_owned()),
        Outcome::ConditionFailed => ApiError::PreconditionFailed,
        Outcome::Refused(bad) => IngestError::from(bad).into(),
        Outcome::Created(..) | Outcome::Changed(..) | Outcome::Deleted => ApiError::NoRoute,
    }
}

/// From `If-Match` or `If-None-Match`.
fn condition(headers: &HeaderMap) -> Result<Condition, ApiError> {
    let text = |name| headers.get(name).map(|value| value.to_str().map(str::trim).unwrap_or_default());
    match (text(&header::IF_MATCH), text(&header::IF_NONE_MATCH)) {
        (None, None) => Ok(Condition::Always),
        (Some("*"), None) => Ok(Condition::Exists),
        (Some(etags), None) => {
            // A weak tag matches nothing here: it does not say that two items are the same.
            let strong =
                etags.split(',').map(str::trim).filter_map(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
            Ok(Condition::Is(strong.map(Etag::told).collect()))
        }
        (None, Some("*")) => Ok(Condition::IsNew),
        _ => Err(ApiError::BadCondition),
    }
}

/// A line of `POST /items`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    op: Op,
    id: String,
    #[serde(default, deserialize_with = "given")]
    item: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    photo: Option<PhotoText>,
    #[serde(default, deserialize_with = "given")]
    embedding: Option<Vec<f32>>,
    #[serde(default, deserialize_with = "given")]
    colour: Option<Vec<f32>>,
    #[serde(default, deserialize_with = "given")]
    model: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Op {
    Put,
    Patch,
    Delete,
}

impl Line {
    fn change(self) -> Result<Change, ApiError> {
        let bad = |why: &str| ApiError::from(IngestError::from(BadItem(why.to_owned())));
        let id = ItemId::parse(&self.id).map_err(|e| bad(&e.to_string()))?;
        let kind = match (self.op, self.item, self.photo, self.embedding) {
            (Op::Put, Some(Value::Object(fields)), photo, embedding) => {
                ChangeKind::Put(fields, source(photo, embedding, self.colour, self.model)?)
            }
            (Op::Patch, Some(patch), None, None) => {
                ChangeKind::Patch(ItemPatch::parse(patch).map_err(IngestError::from)?)
            }
            (Op::Delete, None, None, None) => ChangeKind::Delete,
            (Op::Put, ..) => return Err(bad("'put' takes 'item', an object, and 'photo' or 'embedding'")),
            (Op::Patch, ..) => {
                return Err(bad("'patch' takes 'item', the fields to change, and nothing else"));
            }
            (Op::Delete, ..) => return Err(bad("'delete' takes nothing but 'id'")),
        };
        Ok(Change { id, kind, condition: Condition::Always })
    }
}

/// The lines of one request as changes, and what was read of each: its id, and why it is no change.
struct Operations {
    lines: Lines,
    read: Vec<Mutex<(String, Option<ApiError>)>>,
}

impl Operations {
    fn new(lines: Lines) -> Self {
        let read = (0..lines.count()).map(|_| Mutex::default()).collect();
        Self { lines, read }
    }
}

impl Changes for Operations {
    fn count(&self) -> usize {
        self.lines.count()
    }

    fn read(&self, place: usize) -> Option<Change> {
        let line = self.lines.read(place).map_err(|e| ApiError::from(IngestError::Spool(e)));
        let (id, change) = line.map_or_else(|e| (String::new(), Err(e)), |line| parse(&line));
        let (change, refusal) = change.map_or_else(|e| (None, Some(e)), |change| (Some(change), None));
        *self.read.get(place)?.lock().unwrap_or_else(PoisonError::into_inner) = (id, refusal);
        change
    }
}

/// `POST /items`
pub(crate) async fn bulk(
    State(app): State<App>,
    Extension(request): Extension<RequestIdText>,
    _: NoParams,
    lines: Lines,
) -> Result<Response, ApiError> {
    let operations = Arc::new(Operations::new(lines));
    // Made even where the client leaves meanwhile: what was sent in whole is done in whole.
    let made = tokio::spawn({
        let (app, operations) = (app.clone(), Arc::clone(&operations));
        async move { app.recommender().changes(&operations).await }
    });
    let (outcomes, revision) = made.await.map_err(IngestError::from)?.ok_or(ApiError::NoRoute)??;
    let (mut text, mut ok, all) = (String::new(), 0, outcomes.len());
    for ((number, read), outcome) in (1..).zip(&operations.read).zip(outcomes) {
        let (id, refusal) = std::mem::take(&mut *read.lock().unwrap_or_else(PoisonError::into_inner));
        let outcome = match (refusal, outcome) {
            (None, Some(Ok(outcome))) => settled(&id, outcome),
            (None, Some(Err(e))) => Err(e.into()),
            (Some(e), _) => Err(e),
            (None, None) => Err(ApiError::NoRoute),
        };
        ok += usize::from(outcome.is_ok());
        let problem = outcome.as_ref().err().map(ApiError::logged);
        let (status, etag) = outcome.unwrap_or((0, None));
        let document = problem.as_ref().map(|problem| problem.document(&request.0));
        let status = document.as_ref().map_or(status, |document| document.status());
        text.push_str(
            &serde_json::to_string(&LineReply { line: number, id: &id, status, etag, problem: document })
                .unwrap_or_default(),
        );
        text.push('\n');
    }
    let done = serde_json::json!({"done": true, "ok": ok, "failed": all - ok, "revision": revision});
    text.push_str(&format!("{done}\n"));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}

/// The id that a line names, as far as it can be read, and the change it asks for.
fn parse(line: &[u8]) -> (String, Result<Change, ApiError>) {
    match serde_json::from_slice::<Line>(line) {
        Ok(line) => {
            let id = line.id.chars().filter(|c| !c.is_control()).take(128).collect();
            (id, line.change())
        }
        Err(e) => {
            let id = serde_json::from_slice::<Map<String, Value>>(line).ok();
            let id = id.and_then(|map| map.get("id")?.as_str().map(str::to_owned)).unwrap_or_default();
            (id.chars().filter(|c| !c.is_control()).take(128).collect(), Err(ApiError::Json(e.to_string())))
        }
    }
}

fn settled(id: &str, outcome: Outcome) -> Result<(u16, Option<String>), ApiError> {
    match outcome {
        Outcome::Created(_, etag) => Ok((201, Some(quoted(&etag)))),
        Outcome::Changed(_, etag) => Ok((200, Some(quoted(&etag)))),
        Outcome::Deleted => Ok((204, None)),
        Outcome::Missing => Err(ApiError::NotAnItem(id.to_owned())),
        Outcome::ConditionFailed => Err(ApiError::PreconditionFailed),
        Outcome::Refused(bad) => Err(IngestError::from(bad).into()),
    }
}
