"""The catalogue's distances and order, by other hands: NumPy's exact blend, and hnswlib where the blend is plain L2.

    python -m venv /tmp/golden && /tmp/golden/bin/pip install numpy hnswlib
    /tmp/golden/bin/python tests/golden/hnsw_reference.py > tests/golden/hnsw_reference.json

Writes 200 vectors of 8 + 3 numbers, 5 queries, and for w = 0, 0.1 and 1 the 10 nearest with their distances.
"""

import json
import sys

import hnswlib
import numpy as np

N, DEEP, COLOUR, K = 200, 8, 3, 10


def photos(rng, count):
    deep = rng.normal(size=(count, DEEP))
    deep /= np.linalg.norm(deep, axis=1, keepdims=True)
    colour = rng.uniform(size=(count, COLOUR))
    # Rounded, then read back: the numbers in the file are the numbers compared.
    return np.round(deep, 5), np.round(colour, 5)


def unit(deep):
    return deep / np.linalg.norm(deep, axis=1, keepdims=True)


def nearest(items, query, w):
    deep = np.linalg.norm(unit(items[0]) - unit(query[0][None]), axis=1)
    colour = np.linalg.norm(items[1] - query[1], axis=1)
    blend = deep + w * colour
    order = np.argsort(blend, kind="stable")[:K]
    gap = np.diff(np.sort(blend)[: K + 1])
    assert gap.min() > 1e-6, "a tie would make the order a matter of taste"
    return order.tolist(), np.round(blend[order], 7).tolist()


def check_with_hnswlib(items, queries):
    """At w = 0 the blend is the L2 of the deep parts: a third hand agrees on who is nearest."""
    index = hnswlib.Index(space="l2", dim=DEEP)
    index.init_index(max_elements=N, M=16, ef_construction=200, random_seed=1)
    index.add_items(unit(items[0]).astype(np.float32), num_threads=1)
    index.set_ef(N)
    labels, squared = index.knn_query(unit(queries[0]).astype(np.float32), k=K, num_threads=1)
    for at, query in enumerate(zip(*queries)):
        ids, distances = nearest(items, query, 0.0)
        assert labels[at].tolist() == ids, (labels[at], ids)
        assert np.allclose(np.sqrt(squared[at]), distances, atol=1e-5)


def main():
    rng = np.random.default_rng(20190601)
    items, queries = photos(rng, N), photos(rng, 5)
    check_with_hnswlib(items, queries)
    answers = []
    for at, query in enumerate(zip(*queries)):
        for w in (0.0, 0.1, 1.0):
            ids, distances = nearest(items, query, w)
            answers.append({"query": at, "w": w, "ids": ids, "distances": distances})
    rows = lambda part: [row.tolist() for row in part]
    json.dump(
        {
            "items": {"deep": rows(items[0]), "colour": rows(items[1])},
            "queries": {"deep": rows(queries[0]), "colour": rows(queries[1])},
            "answers": answers,
        },
        sys.stdout,
        separators=(",", ":"),
    )
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
