"""The label metrics of `evaluate`, by other hands: NumPy, one query at a time, in f64.

    python -m venv /tmp/golden && /tmp/golden/bin/pip install numpy
    /tmp/golden/bin/python tests/golden/metrics_reference.py > tests/golden/metrics.json

Sixty photos of four categories; products of one to five photos, some unknown; some photos twice under labels that agree or
not, so that distances tie; ten more items in the catalogue that nobody asks with. Of ties the wrong answer comes first.
"""

import json
import sys

import numpy as np

HITS = (1, 5, 10, 20, 30)
WEIGHT = 0.1
CATEGORIES = ["coat", "dress", "shirt", "skirt"]


def shop(rng):
    photos = []
    for i in range(70):
        category = CATEGORIES[int(rng.integers(4))]
        product = None if i % 9 == 4 else f"{category}-{int(rng.integers(6))}"
        if i % 10 == 7:
            product = f"alone-{i}"
        centre = CATEGORIES.index(category)
        deep = np.round(rng.normal(size=6) + 1.2 * (np.arange(6) == centre), 3)
        colour = np.round(rng.uniform(size=3), 3)
        logits = np.round(rng.normal(size=4) + 1.0 * (np.arange(4) == centre), 1)
        photos.append(
            {
                "id": f"photo-{(i * 37) % 70:02}",
                "category": category,
                "product": product,
                "deep": deep.tolist(),
                "colour": colour.tolist(),
                "logits": logits.tolist(),
            }
        )
    for at, other in ((3, 20), (11, 12), (30, 61), (31, 62), (32, 63), (40, 41), (40, 42)):
        photos[other]["deep"], photos[other]["colour"] = photos[at]["deep"], photos[at]["colour"]
    return photos


def arrays(photos):
    deep = np.array([p["deep"] for p in photos])
    return deep / np.linalg.norm(deep, axis=1, keepdims=True), np.array([p["colour"] for p in photos])


def ranking(distances, right):
    """Right or wrong, nearest first; ties are told in nine digits, the wrong one first."""
    order = np.lexsort((right, np.round(distances, 9)))
    return right[order]


def judge(photos, gallery, key, asks_in_vain):
    """Per photo: the figures, or None where it is not asked."""
    deep, colour = arrays(gallery)
    ask_deep, ask_colour = arrays(photos)
    answers = []
    for i, photo in enumerate(photos):
        others = np.array([g["id"] != photo["id"] for g in gallery])
        right = np.array([photo[key] is not None and g[key] == photo[key] for g in gallery])[others]
        if photo[key] is None or (right.sum() == 0 and not asks_in_vain):
            answers.append(None)
            continue
        distances = np.linalg.norm(deep - ask_deep[i], axis=1) + WEIGHT * np.linalg.norm(colour - ask_colour[i], axis=1)
        ranked = ranking(distances[others], right)
        r = int(right.sum())
        figures = {f"hit_at_{k}": float(ranked[:k].any()) for k in HITS}
        figures["precision_at_10"] = float(ranked[:10].mean())
        precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
        figures["map_at_r"] = float((precision * ranked)[:r].sum() / r) if r else None
        answers.append(figures)
    return answers


def top(photo, k):
    logits, own = np.array(photo["logits"]), CATEGORIES.index(photo["category"])
    before = (logits >= logits[own]).sum() - 1
    return float(before < k)


def bootstrap(values, photos, rng, resamples=20000):
    names = [p["product"] or f"itself {i}" for i, p in enumerate(photos)]
    clusters = sorted(set(names))
    sums, counts = np.zeros(len(clusters)), np.zeros(len(clusters))
    for name, value in zip(names, values):
        if value is not None:
            sums[clusters.index(name)] += value
            counts[clusters.index(name)] += 1
    drawn = rng.integers(len(clusters), size=(resamples, len(clusters)))
    totals = counts[drawn].sum(axis=1)
    shares = sums[drawn].sum(axis=1)[totals > 0] / totals[totals > 0]
    return np.percentile(shares, [2.5, 97.5]).tolist()


def main():
    rng = np.random.default_rng(20190601)
    everything = shop(rng)
    photos = everything[:60]
    columns = {f"category_top{k}": [top(p, k) for p in photos] for k in (1, 3, 5)}
    for key, gallery, in_vain in (("category", photos, True), ("product", everything, False)):
        answers = judge(photos, gallery, key, in_vain)
        for name in [f"hit_at_{k}" for k in HITS] + ["precision_at_10", "map_at_r"]:
            columns[f"{key}_{name}"] = [a and a[name] for a in answers]
    figures = {}
    for name, values in columns.items():
        counted = [v for v in values if v is not None]
        low, high = bootstrap(values, photos, rng)
        figures[name] = {"value": float(np.mean(counted)), "low": low, "high": high, "counted": len(counted)}
    json.dump({"categories": CATEGORIES, "asked": 60, "photos": everything, "figures": figures}, sys.stdout, indent=0)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
