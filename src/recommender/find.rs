//! From a query to a page of results: what the catalogue holds nearest, less what is hidden, in the order asked for.

use std::collections::HashSet;

use crate::recommender::{
    Ask, AskError, Collapse, Page, Pair,
    diversify::diversify,
    sieve::{Shown, Sieve},
};
use lookalike_catalogue::{CatalogueError, Effort, Hit, Nearest, Query, search_work};
use lookalike_items::{ColourWeight, Filter, ItemId, Vectors};

/// How many vectors are fetched at once: fewer than block a thread for long.
const FETCHED: usize = 500;

/// What one of these costs to be compared with those that are shown, in rows of codes, or so.
const COMPARED: usize = 400;

/// How many are asked for: the first pages of most questions, a page of a hundred, the last page; each with one more, which tells whether
/// that is all.
const STEPS: [usize; 3] = [26, 101, Page::REACH + 1];

/// The same where results may be hidden. It is the last step that bounds what a question costs: what is farther is not looked at.
const HIDING_STEPS: [usize; 3] = [201, Page::REACH + 1, 2_000];

/// Where results may be hidden, so many times as many are compared exactly at once.
const AHEAD: usize = 4;

/// Where a search starts.
pub(crate) struct Start {
    /// What results should be like.
    pub vectors: Vectors,
    /// The colours are not those of anything: they do not count.
    pub colourless: bool,
    /// The items asked about, which are no results.
    pub items: Vec<ItemId>,
    /// Their products, which are none either where each product counts once.
    pub products: Vec<String>,
}

impl Start {
    /// From a photo, which is no item.
    pub fn photo(vectors: Vectors) -> Self {
        Self { vectors, colourless: false, items: Vec::new(), products: Vec::new() }
    }
}

/// The results of the page asked for; `exhausted` where nothing comes after them.
pub(crate) async fn find(pair: &Pair, start: Start, ask: &Ask) -> Result<Nearest, AskError> {
    let Start { vectors, colourless, items, products } = start;
    let query = Query { vectors, weight: weight(pair, ask, colourless)? };
    let mut filter = ask.filter.clone();
    filter.exclude.extend(items);
    let diverse = ask.diversity.get() > 0.0;
    // One more than is wanted tells whether that is all.
    let pool = match ask.order.is_another() {
        true => ask.order.pool.get(),
        false if diverse => Page::REACH,
        false => ask.page.end(),
    };
    let mut shown = gather(pair, (&query, &filter), ask, products, pool + 1).await?;
    let nearest_first = |shown: &mut [Shown]| {
        shown.sort_by(|a, b| a.hit.distance.blend.total_cmp(&b.hit.distance.blend));
    };
    if ask.order.is_another() {
        // Pages stay within the pool; where two are alike in this order, the more similar one stays first.
        shown.truncate(pool);
        nearest_first(&mut shown);
        shown.sort_by(|a, b| {
            let told = |shown: &Shown| shown.hit.distance.score();
            ask.order.compare((&a.hit.item, told(a)), (&b.hit.item, told(b)))
        });
    }
    let exhausted = shown.len() <= ask.page.end();
    if diverse {
        shown.truncate(pool);
        nearest_first(&mut shown);
        let (weight, diversity, count) = (query.weight, ask.diversity, ask.page.end());
        let cost = shown.len() * count;
        shown = search_work(cost, move |_| diversify(shown, weight, diversity, count)).await?;
    }
    let mut page: Vec<Shown> = shown.into_iter().skip(ask.page.offset()).take(ask.page.k().get()).collect();
    if !diverse && !ask.order.is_another() {
        nearest_first(&mut page);
    }
    let colour = |hit: Hit| if colourless { without_colour(hit) } else { hit };
    Ok(Nearest { hits: page.into_iter().map(|shown| colour(shown.hit)).collect(), exhausted })
}

/// The request's weight, else the model's.
pub(crate) fn weight(pair: &Pair, ask: &Ask, colourless: bool) -> Result<ColourWeight, AskError> {
    let none = colourless || pair.manifest.dims.colour == 0;
    match ask.color_weight {
        Some(weight) if none && weight.get() > 0.0 => Err(AskError::NoColour),
        Some(weight) => Ok(ColourWeight::new(weight.get()).map_err(CatalogueError::from)?),
        None if none => Ok(ColourWeight::new(0.0).map_err(CatalogueError::from)?),
        None => Ok(pair.weight()),
    }
}

fn without_colour(mut hit: Hit) -> Hit {
    hit.distance.colour = 0.0;
    hit
}

/// The first `wanted` of a question's list, less what is hidden; fewer only where there are no more. The list is the same whatever is
/// wanted of it: the catalogue is asked for [so many](STEPS), then for more, and what a larger search finds goes behind what smaller ones
/// found. So pages never overlap, and nothing between them is left out, although a deeper search of a walked index finds what a
/// shallower one missed.
async fn gather(
    pair: &Pair,
    (query, filter): (&Query, &Filter),
    ask: &Ask,
    products: Vec<String>,
    wanted: usize,
) -> Result<Vec<Shown>, AskError> {
    let effort = if ask.exact { Effort::Exact } else { Effort::Usual };
    let hides = ask.dedup || ask.collapse == Collapse::Product;
    let most = pair.catalogue.about().most;
    let mut sieve = Sieve::new(ask, &products, wanted);
    let mut seen = HashSet::new();
    for n in steps(hides, ask.exact, wanted) {
        let n = n.min(most);
        let nearest = pair.catalogue.nearest(query, n, filter, effort).await?;
        let new = nearest.hits.into_iter().filter(|hit| seen.insert(hit.item.id.clone()));
        let hits: Vec<Hit> = new.filter(|hit| sieve.admits(hit)).collect();
        sieve = if sieve.wants_vectors() { compared(pair, sieve, hits).await? } else { sieve.all(hits) };
        // What an engine gives at most is all there is to be had of it.
        if nearest.exhausted || sieve.is_done() || n == most {
            break;
        }
    }
    Ok(sieve.shown())
}

/// How many are asked for, one search after the other. An exact search finds what smaller ones find, in the same order: the first one
/// is as large as what is wanted.
fn steps(hides: bool, exact: bool, wanted: usize) -> Vec<usize> {
    let all: &[usize] = if hides { &HIDING_STEPS } else { &STEPS };
    let enough = if hides { wanted * AHEAD } else { wanted };
    let skipped = if exact { all.iter().filter(|step| **step < enough).count() } else { 0 };
    all[skipped.min(all.len() - 1)..].to_vec()
}

/// Lets hits through with their vectors, until there are enough.
async fn compared(pair: &Pair, mut sieve: Sieve, hits: Vec<Hit>) -> Result<Sieve, AskError> {
    for hits in hits.chunks(FETCHED) {
        let ids: Vec<ItemId> = hits.iter().map(|hit| hit.item.id.clone()).collect();
        let vectors = pair.catalogue.vectors(&ids).await?;
        // An item that has gone meanwhile has none, and is no result.
        let pairs: Vec<(Hit, Vectors)> =
            hits.iter().cloned().zip(vectors).filter_map(|(hit, vectors)| Some((hit, vectors?))).collect();
        sieve = search_work(pairs.len() * COMPARED, move |_| sieve.compared(pairs)).await?;
        if sieve.is_full() {
            break;
        }
    }
    Ok(sieve)
}
