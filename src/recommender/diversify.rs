//! Maximal marginal relevance: near to what is asked, and not too near to each other.

use crate::recommender::{Unit, sieve::Shown};
use lookalike_catalogue::distance;
use lookalike_items::ColourWeight;

/// Reorders the pool, nearest first as it comes, and returns its first `count`.
///
/// Each next one has the highest `(1 − diversity)·s(query) − diversity·max s(chosen)`, where similarity `s` is −d, with the
/// blended distance d. What is chosen for a rank does not depend on `count`, so that pages fit together.
pub(crate) fn diversify(
    mut pool: Vec<Shown>,
    weight: ColourWeight,
    diversity: Unit,
    count: usize,
) -> Vec<Shown> {
    let diversity = diversity.get();
    // How near each of the pool is to the nearest one chosen.
    let mut apart = vec![0.0; pool.len()];
    let mut chosen: Vec<Shown> = Vec::with_capacity(count);
    while chosen.len() < count && !pool.is_empty() {
        let gain = |i: usize| diversity * apart[i] - (1.0 - diversity) * pool[i].hit.distance.blend;
        // Of equals the nearest: the first.
        let best = (1..pool.len()).fold(0, |best, i| if gain(i) > gain(best) { i } else { best });
        let next = pool.remove(best);
        apart.remove(best);
        for (apart, other) in apart.iter_mut().zip(&pool) {
            let d = between(&next, other, weight);
            *apart = if chosen.is_empty() { d } else { f32::min(*apart, d) };
        }
        chosen.push(next);
    }
    chosen
}

fn between(a: &Shown, b: &Shown, weight: ColourWeight) -> f32 {
    match (&a.vectors, &b.vectors) {
        (Some(a), Some(b)) => distance((a.deep(), a.colour()), (b.deep(), b.colour()), weight).blend,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::{collection::vec, prelude::*};

    use lookalike_items::Distance;

    use super::*;
    use lookalike_catalogue::Hit;
    use lookalike_items::{Item, ItemId, Vectors};

    /// A pool of points on a circle around the query, by rising distance.
    fn pool(points: &[(f32, f32)]) -> Vec<Shown> {
        let mut sorted = points.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let shown = |(n, (d, angle)): (usize, (f32, f32))| {
            let item = Item::new(ItemId::parse(&format!("i{n}")).unwrap(), "");
            let distance = Distance { deep: d, colour: 0.0, blend: d };
            let vectors = Vectors::new(vec![angle.cos(), angle.sin()], vec![]).unwrap();
            Shown { hit: Hit { item: Arc::new(item), distance }, vectors: Some(vectors) }
        };
        sorted.into_iter().enumerate().map(shown).collect()
    }

    fn ids(shown: &[Shown]) -> Vec<String> {
        shown.iter().map(|shown| shown.hit.item.id.to_string()).collect()
    }

    fn spread(shown: &[Shown]) -> f32 {
        let pairs = (0..shown.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        pairs.map(|(i, j)| between(&shown[i], &shown[j], ColourWeight::DEFAULT)).sum()
    }

    #[test]
    fn an_opposite_goes_before_a_second_of_the_same() {
        let points = [(0.1, 0.0), (0.11, 0.01), (0.3, 3.0)];
        let order = |d| ids(&diversify(pool(&points), ColourWeight::DEFAULT, Unit::new(d).unwrap(), 3));
        assert_eq!(order(0.01), ["i0", "i1", "i2"]);
        assert_eq!(order(0.5), ["i0", "i2", "i1"]);
    }

    proptest! {
        #[test]
        fn pages_fit_together_and_nothing_is_lost(
            points in vec((0.0f32..1.0, 0.0f32..6.0), 1..30), d in 0.0f32..=1.0, count in 0usize..30,
        ) {
            let run = |count| ids(&diversify(pool(&points), ColourWeight::DEFAULT, Unit::new(d).unwrap(), count));
            let whole = run(points.len());
            let part = run(count);
            prop_assert_eq!(&whole[..part.len()], &part[..]);
            prop_assert_eq!(part.len(), count.min(points.len()));
            let mut all = whole;
            let mut expected = ids(&pool(&points));
            all.sort();
            expected.sort();
            prop_assert_eq!(all, expected);
        }

        #[test]
        fn without_diversity_the_order_stays(points in vec((0.0f32..1.0, 0.0f32..6.0), 1..30)) {
            let same = diversify(pool(&points), ColourWeight::DEFAULT, Unit::default(), points.len());
            prop_assert_eq!(ids(&same), ids(&pool(&points)));
        }

        #[test]
        fn the_second_of_full_diversity_is_the_farthest_from_the_first(
            points in vec((0.0f32..1.0, 0.0f32..6.0), 2..30),
        ) {
            let two = diversify(pool(&points), ColourWeight::DEFAULT, Unit::new(1.0).unwrap(), 2);
            let plain = pool(&points);
            prop_assert!(plain[1..].iter().all(|other| spread(&two) >= between(&plain[0], other, ColourWeight::DEFAULT)));
        }
    }
}
