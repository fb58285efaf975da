"""hnswlib through the churn of benches/churn: half of its items replaced, searches in between, one thread.

usage: bench-churn-peer.py FOLDER WIDTH ROUNDS SEARCHES      prints one line of JSON

M 16, ef_construction 200, L2, k 10. A deleted item is marked, and a new one takes over the place of one that is marked
(`replace_deleted`). Built before the churn with all cores, which is not counted.
"""

import json
import os
import sys
import time

import faiss
import hnswlib
import numpy as np

K, M, EF_CONSTRUCTION, BEST_OF = 10, 16, 200, 3
LISTS = [10, 14, 20, 28, 40, 56, 72, 96, 128, 176, 256, 384, 512, 768]
# What ours takes for its searches in between.
USUAL = 96


def main(folder, width, rounds, searches):
    def read(name):
        return np.fromfile(os.path.join(folder, name + ".f32"), dtype="<f4").reshape(-1, width)

    rows, new, queries = read("rows"), read("new"), read("queries")
    gone = np.fromfile(os.path.join(folder, "gone.u32"), dtype="<u4")
    index = hnswlib.Index(space="l2", dim=width)
    index.init_index(
        max_elements=len(rows) + len(new) // rounds + 1,
        M=M,
        ef_construction=EF_CONSTRUCTION,
        random_seed=1,
        allow_replace_deleted=True,
    )
    index.add_items(rows, np.arange(len(rows)), num_threads=os.cpu_count())
    index.set_ef(USUAL)
    searching, started = 0.0, time.perf_counter()
    for number in range(rounds):
        first, last = number * len(gone) // rounds, (number + 1) * len(gone) // rounds
        for label in gone[first:last]:
            index.mark_deleted(int(label))
        index.add_items(new[first:last], np.arange(first, last) + len(rows), num_threads=1, replace_deleted=True)
        asked = time.perf_counter()
        for n in range(searches):
            index.knn_query(queries[(number * searches + n) % len(queries)], k=K, num_threads=1)
        searching += time.perf_counter() - asked
    churn_seconds = time.perf_counter() - started

    everything = np.concatenate([rows, new])
    there = np.ones(len(everything), dtype=bool)
    there[gone] = False
    faiss.omp_set_num_threads(os.cpu_count())
    flat = faiss.IndexFlatL2(width)
    flat.add(everything[there])
    limits = flat.search(queries, K)[0][:, -1]
    curve = []
    for ef in LISTS:
        index.set_ef(ef)
        rate = 0.0
        for _ in range(BEST_OF):
            asked = time.perf_counter()
            found = index.knn_query(queries, k=K, num_threads=1)[0].astype(np.int64)
            rate = max(rate, len(queries) / (time.perf_counter() - asked))
        assert there[found].all(), "a deleted item was found"
        hits = 0
        for query, limit, points in zip(queries, limits, found):
            apart = ((everything[points] - query) ** 2).sum(axis=1)
            hits += int((apart <= limit * (1 + 2e-6) + 1e-9).sum())
        curve.append({"ef": ef, "recall": hits / (len(queries) * K), "rate": rate})
        if curve[-1]["recall"] > 0.999:
            break
    report = {"name": "hnswlib", "churn_seconds": churn_seconds, "search_seconds": searching, "curve": curve}
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], *(int(text) for text in sys.argv[2:]))
