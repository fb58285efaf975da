//! `POST /similar/batch`: several photos in one request, each answered or refused for itself.

use std::{num::NonZeroU32, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{Extension, State},
    response::{IntoResponse, Response},
};
use tokio::{sync::Semaphore, task::JoinSet};
use tracing::Instrument;

use crate::http::{
    app::App,
    error::ApiError,
    listener::{guard::Caller, layers::RequestIdText},
    params::BatchParams,
    problem::Problem,
    reply::{BatchEntry, BatchReply, SimilarReply},
    upload::Uploads,
};
use crate::recommender::{Answer, Ask, AskError};

/// So many of a request's photos are worked on at once: a batch leaves room in the queue for others.
const AT_ONCE: usize = 8;

/// `POST /similar/batch`
pub(crate) async fn similar_to_photos(
    State(app): State<App>,
    Extension(id): Extension<RequestIdText>,
    Extension(caller): Extension<Caller>,
    BatchParams(ask): BatchParams,
    photos: Result<Uploads, ApiError>,
) -> Result<Response, ApiError> {
    let photos = counted(&app, &caller, photos)?;
    let mut entries = Vec::with_capacity(photos.len());
    let answers = answers(&app, photos, ask).await;
    let items = app.recommender().pair().catalogue.count().await.map_err(AskError::from)?;
    for (index, answer) in answers.iter().enumerate() {
        entries.push(match answer {
            Ok(answer) => BatchEntry::answered(index, SimilarReply::new(&id.0, answer, items, app.base())),
            Err(problem) => BatchEntry::failed(index, problem.document(&id.0)),
        });
    }
    Ok(Json(BatchReply::new(&id.0, entries)).into_response())
}

/// The photos, each counted as a request, all in one step; what is no batch of photos is one.
fn counted(app: &App, caller: &Caller, photos: Result<Uploads, ApiError>) -> Result<Vec<Bytes>, ApiError> {
    let fits = photos.and_then(|Uploads(photos)| {
        let requests = NonZeroU32::new(photos.len() as u32).unwrap_or(NonZeroU32::MIN);
        match app.gate().burst() {
            Some(burst) if requests > burst => Err(ApiError::BatchExceedsBurst(burst)),
            _ => Ok((photos, requests)),
        }
    });
    let requests = fits.as_ref().map_or(NonZeroU32::MIN, |(_, requests)| *requests);
    app.gate().count(caller, requests)?;
    fits.map(|(photos, _)| photos)
}

/// In the photos' order. Dropping the future stops those that are under way.
async fn answers(app: &App, photos: Vec<Bytes>, ask: Ask) -> Vec<Result<Answer, Problem>> {
    let (room, ask, mut under_way) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(ask), JoinSet::new());
    let mut answers: Vec<_> = photos.iter().map(|_| Err(AskError::ShuttingDown)).collect();
    for (index, photo) in photos.into_iter().enumerate() {
        let (app, ask, room) = (app.clone(), Arc::clone(&ask), Arc::clone(&room));
        let answer = async move {
            let Ok(_permit) = room.acquire().await else { return (index, Err(AskError::ShuttingDown)) };
            (index, app.recommender().similar_to_photo(photo, &ask).await)
        };
        under_way.spawn(answer.in_current_span());
    }
    while let Some(ended) = under_way.join_next().await {
        match ended {
            Ok((index, answer)) => answers[index] = answer,
            Err(e) => tracing::error!(error = %e, "a photo of a batch was not answered"),
        }
    }
    answers.into_iter().map(|answer| answer.map_err(|e| ApiError::from(e).logged())).collect()
}
