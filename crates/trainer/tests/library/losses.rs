//! Losses and their gradients are those of their papers, as `tests/golden/losses_reference.py` writes them out in PyTorch.

use lookalike_trainer::{
    network::Output,
    training::{Losses, MetricLoss, Mining, Proxies, Target, TrainOptions, Triplets, losses},
};
use serde_json::Value;
use tch::{Device, Kind, Tensor, nn};

const PHOTOS: i64 = 9;

struct Golden {
    file: Value,
    embeddings: Tensor,
    vs: nn::VarStore,
    proxies: Proxies,
}

impl Golden {
    fn read() -> Self {
        let file: Value = serde_json::from_str(include_str!("../golden/losses.json")).unwrap();
        let vs = nn::VarStore::new(Device::Cpu);
        let proxies = Proxies::new(&vs, 4, 6);
        tch::no_grad(|| {
            vs.variables().get_mut("proxies").unwrap().copy_(&floats(&file["proxies"]).view([4, 6]));
        });
        let embeddings = floats(&file["embeddings"]).view([PHOTOS, 6]).set_requires_grad(true);
        Self { file, embeddings, vs, proxies }
    }

    fn integers(&self, name: &str) -> Tensor {
        Tensor::from_slice(&serde_json::from_value::<Vec<i64>>(self.file[name].clone()).unwrap())
    }

    /// The losses under these options, with triplets `drawn`.
    fn losses(&self, options: &TrainOptions, drawn: [&[i64]; 3], mixed: Option<(Tensor, f64)>) -> Losses {
        let output = Output {
            embedding: self.embeddings.shallow_clone(),
            logits: floats(&self.file["logits"]).view([PHOTOS, 5]),
            map: Tensor::zeros([PHOTOS, 1, 1, 1], (Kind::Float, Device::Cpu)),
        };
        let [anchors, positives, negatives] = drawn.map(Tensor::from_slice);
        let drawn = Triplets { anchors, positives, negatives };
        let target =
            Target { labels: self.integers("labels"), groups: self.integers("groups"), drawn, mixed };
        losses(&output, &target, Some(&self.proxies), options)
    }
}

fn floats(list: &Value) -> Tensor {
    Tensor::from_slice(&serde_json::from_value::<Vec<f32>>(list.clone()).unwrap())
}

fn near(what: &str, ours: &Tensor, theirs: &Tensor) {
    let most = f64::try_from(theirs.abs().max()).unwrap().max(1.0);
    let off = f64::try_from((ours.flatten(0, -1) - theirs.flatten(0, -1)).abs().max()).unwrap();
    assert!(off < 2e-5 * most, "{what}: off by {off}");
}

fn number(t: &Tensor) -> f64 {
    f64::try_from(t).unwrap()
}

#[test]
fn metric_losses_and_gradients_are_the_papers() {
    let triplet =
        |mining| TrainOptions { metric_loss: MetricLoss::Triplet, mining, ..TrainOptions::default() };
    let proxied = |metric_loss| TrainOptions { metric_loss, ..TrainOptions::default() };
    for (name, options) in [
        ("batch_hard", triplet(Mining::BatchHard)),
        ("semi_hard", triplet(Mining::SemiHard)),
        ("normalised_softmax", proxied(MetricLoss::NormalisedSoftmax)),
        ("proxy_anchor", proxied(MetricLoss::ProxyAnchor)),
    ] {
        let golden = Golden::read();
        let Losses { metric, total, cross_entropy, .. } = golden.losses(&options, [&[], &[], &[]], None);
        let (metric, expected) = (metric.unwrap(), &golden.file[name]);
        near(name, &metric, &Tensor::from_slice(&[expected["loss"].as_f64().unwrap() as f32]));
        near(name, &total, &(cross_entropy + &metric * options.metric_weight));
        metric.backward();
        near(name, &golden.embeddings.grad(), &floats(&expected["embeddings_grad"]));
        let theirs = floats(&expected["proxies_grad"]);
        if theirs.numel() > 0 {
            near(name, &golden.vs.variables()["proxies"].grad(), &theirs);
        }
    }
}

#[test]
fn cross_entropy_is_smoothed_and_stands_alone_where_there_is_no_metric_loss() {
    let golden = Golden::read();
    let options = TrainOptions { metric_loss: MetricLoss::None, ..TrainOptions::default() };
    let Losses { total, cross_entropy, metric, active } = golden.losses(&options, [&[], &[], &[]], None);
    let expected = golden.file["cross_entropy"].as_f64().unwrap();
    assert!((number(&cross_entropy) - expected).abs() < 1e-5, "{cross_entropy:?} {expected}");
    assert_eq!(number(&total), number(&cross_entropy));
    assert!(metric.is_none() && active.is_none());
}

#[test]
fn drawn_triplets_have_the_loss_of_their_distances() {
    let golden = Golden::read();
    let drawn: [&[i64]; 3] = [&[0, 3, 5], &[1, 4, 6], &[3, 0, 2]];
    let Losses { metric, active, .. } = golden.losses(&TrainOptions::default(), drawn, None);
    let rows: Vec<f64> =
        Vec::try_from(golden.embeddings.detach().to_kind(Kind::Double).flatten(0, -1)).unwrap();
    let unit = |i: i64| -> Vec<f64> {
        let row = &rows[i as usize * 6..][..6];
        let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        row.iter().map(|x| x / norm).collect()
    };
    let distance = |a: i64, b: i64| -> f64 {
        unit(a).iter().zip(unit(b)).map(|(x, y)| (x - y).powi(2)).sum::<f64>().sqrt()
    };
    let each: Vec<f64> = (0..3)
        .map(|t| (distance(drawn[0][t], drawn[1][t]) - distance(drawn[0][t], drawn[2][t]) + 0.3).max(0.0))
        .collect();
    assert!((number(&metric.unwrap()) - each.iter().sum::<f64>() / 3.0).abs() < 1e-5, "{each:?}");
    let share = each.iter().filter(|x| **x > 0.0).count() as f64 / 3.0;
    assert!((number(&active.unwrap()) - share).abs() < 1e-6);
}

#[test]
fn mixed_photos_are_classified_as_both_by_their_shares() {
    let golden = Golden::read();
    let others: Vec<i64> = (0..PHOTOS).rev().collect();
    let mixed = |share| {
        let pairs = Some((Tensor::from_slice(&others), share));
        golden.losses(&TrainOptions::default(), [&[0], &[1], &[3]], pairs)
    };
    let (all, none, part) = (mixed(1.0), mixed(0.0), mixed(0.3));
    let expected = golden.file["cross_entropy"].as_f64().unwrap();
    assert!((number(&all.total) - expected).abs() < 1e-5);
    assert!((number(&part.total) - 0.3 * number(&all.total) - 0.7 * number(&none.total)).abs() < 1e-5);
    assert!(part.metric.is_none(), "embeddings of mixed photos are of no group");
}
