"""Golden losses and gradients for tests/library/losses.rs, written out in PyTorch.

    pip install torch==2.11.0 numpy && python tests/golden/losses_reference.py > tests/golden/losses.json
"""

import json

import numpy as np
import torch
import torch.nn.functional as F

ALPHA, DELTA, TEMPERATURE, MARGIN, SMOOTHING = 32.0, 0.1, 0.05, 0.3, 0.1
rng = np.random.default_rng(5)


def leaf(*shape):
    return torch.tensor(rng.standard_normal(shape).astype(np.float32), requires_grad=True)


def numbers(t):
    return [round(float(x), 6) for x in t.detach().flatten()]


def proxy_anchor(x, proxies, groups):
    """Kim et al., Proxy Anchor Loss for Deep Metric Learning (2020), equation 4, term by term."""
    s = F.normalize(x) @ F.normalize(proxies).T
    pull, push, with_positives = 0.0, 0.0, 0
    for p in range(len(proxies)):
        own = groups == p
        if own.any():
            with_positives += 1
            pull = pull + torch.log(1 + torch.exp(-ALPHA * (s[own, p] - DELTA)).sum())
        push = push + torch.log(1 + torch.exp(ALPHA * (s[~own, p] + DELTA)).sum())
    return pull / with_positives + push / len(proxies)


def normalised_softmax(x, proxies, groups):
    """Zhai and Wu, Classification is a Strong Baseline for Deep Metric Learning (2018)."""
    return F.cross_entropy(F.normalize(x) @ F.normalize(proxies).T / TEMPERATURE, groups)


def batch_hard(x, groups):
    """Hermans et al., In Defense of the Triplet Loss (2017), over Euclidean distances of unit vectors."""
    x = F.normalize(x)
    losses = []
    for a in range(len(x)):
        d = (x[a] - x + 1e-6).norm(dim=1)
        positives = [i for i in range(len(x)) if groups[i] == groups[a] and i != a]
        negatives = [i for i in range(len(x)) if groups[i] != groups[a]]
        if positives and negatives:
            losses.append(F.relu(max(d[i] for i in positives) - min(d[i] for i in negatives) + MARGIN))
    return torch.stack(losses).mean()


def semi_hard(x, groups):
    """Schroff et al., FaceNet (2015): the nearest negative behind the positive, the farthest one where none is."""
    x = F.normalize(x)
    losses = []
    for a in range(len(x)):
        d = (x[a] - x + 1e-6).norm(dim=1)
        negatives = [i for i in range(len(x)) if groups[i] != groups[a]]
        for p in range(len(x)):
            if p == a or groups[p] != groups[a] or not negatives:
                continue
            behind = [d[i] for i in negatives if d[i] > d[p]]
            losses.append(F.relu(d[p] - (min(behind) if behind else max(d[i] for i in negatives)) + MARGIN))
    return torch.stack(losses).mean()


def main():
    x, proxies, logits = leaf(9, 6), leaf(4, 6), leaf(9, 5)
    groups = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 1])  # the fourth proxy has no photo
    labels = torch.tensor([0, 1, 4, 2, 2, 3, 0, 1, 4])
    golden = {
        "embeddings": numbers(x),
        "proxies": numbers(proxies),
        "logits": numbers(logits),
        "groups": groups.tolist(),
        "labels": labels.tolist(),
        "cross_entropy": float(F.cross_entropy(logits, labels, label_smoothing=SMOOTHING)),
    }
    for name, loss in [
        ("proxy_anchor", proxy_anchor(x, proxies, groups)),
        ("normalised_softmax", normalised_softmax(x, proxies, groups)),
        ("batch_hard", batch_hard(x, groups)),
        ("semi_hard", semi_hard(x, groups)),
    ]:
        x.grad = proxies.grad = None
        loss.backward()
        golden[name] = {
            "loss": float(loss),
            "embeddings_grad": numbers(x.grad),
            "proxies_grad": numbers(proxies.grad) if proxies.grad is not None else [],
        }
    print(json.dumps(golden))


main()
