"""One peer of benches/index on one set: built with two threads, searched with one.

usage: bench-index-peers.py NAME WIDTH ROWS.f32 QUERIES.f32      prints one line of JSON
       bench-index-peers.py --resident NAME WIDTH INDEX          prints the bytes that loading the index takes

M 16, ef_construction 200, L2, k 10. All queries go in one call, so that Python itself takes no time in it.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import numpy as np

K, M, EF_CONSTRUCTION, ROUNDS = 10, 16, 200, 3
LISTS = [10, 14, 20, 28, 40, 56, 72, 96, 128, 176, 256, 384, 512]
ENOUGH = 0.9985


class Hnswlib:
    def __init__(self, width):
        import hnswlib

        self.version = hnswlib.__version__ if hasattr(hnswlib, "__version__") else "0.8.0"
        self.index = hnswlib.Index(space="l2", dim=width)

    def build(self, rows, threads):
        self.index.init_index(max_elements=len(rows), M=M, ef_construction=EF_CONSTRUCTION, random_seed=1)
        self.index.add_items(rows, num_threads=threads)

    def search(self, queries, ef):
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k=K, num_threads=1)[0]

    def save(self, path):
        self.index.save_index(path)

    def load(self, path):
        self.index.load_index(path)


class Faiss:
    def __init__(self, width, coded):
        import faiss

        self.faiss, self.version = faiss, faiss.__version__
        if coded:
            self.index = faiss.IndexHNSWSQ(width, faiss.ScalarQuantizer.QT_8bit, M)
        else:
            self.index = faiss.IndexHNSWFlat(width, M)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION

    def build(self, rows, threads):
        self.faiss.omp_set_num_threads(threads)
        self.index.train(rows)
        self.index.add(rows)
        self.faiss.omp_set_num_threads(1)

    def search(self, queries, ef):
        self.index.hnsw.efSearch = ef
        return self.index.search(queries, K)[1]

    def save(self, path):
        self.faiss.write_index(self.index, path)

    def load(self, path):
        self.index = self.faiss.read_index(path)


class Usearch:
    def __init__(self, width):
        import usearch
        from usearch.index import Index

        self.version = usearch.__version__
        self.index = Index(ndim=width, metric="l2sq", dtype="f32", connectivity=M, expansion_add=EF_CONSTRUCTION)

    def build(self, rows, threads):
        self.index.add(np.arange(len(rows)), rows, threads=threads)

    def search(self, queries, ef):
        self.index.expansion_search = ef
        return self.index.search(queries, K, threads=1).keys

    def save(self, path):
        self.index.save(path)

    def load(self, path):
        self.index.load(path)


def peer(name, width):
    if name == "hnswlib":
        return Hnswlib(width)
    if name == "usearch":
        return Usearch(width)
    return Faiss(width, coded=name == "faiss-sq8")


def exact(rows, queries):
    """The K nearest rows of each query, and how many queries a second that takes one thread."""
    import faiss

    faiss.omp_set_num_threads(2)
    flat = faiss.IndexFlatL2(rows.shape[1])
    flat.add(rows)
    distances, nearest = flat.search(queries, K)
    faiss.omp_set_num_threads(1)
    started = time.perf_counter()
    flat.search(queries[:50], K)
    return distances, nearest, 50 / (time.perf_counter() - started)


def recall(rows, queries, distances, found):
    """Overlap with the exact answer; who is as near as the K-th nearest counts too."""
    hits = 0
    for query, limit, points in zip(queries, distances[:, -1], found):
        apart = ((rows[points.astype(np.int64)] - query) ** 2).sum(axis=1)
        hits += int((apart <= limit * (1 + 2e-6) + 1e-9).sum())
    return hits / (len(queries) * K)


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


def main(name, width, rows_file, queries_file):
    width = int(width)
    rows = np.fromfile(rows_file, dtype="<f4").reshape(-1, width)
    queries = np.fromfile(queries_file, dtype="<f4").reshape(-1, width)
    distances, _, exact_rate = exact(rows, queries)
    it = peer(name, width)
    started = time.perf_counter()
    it.build(rows, threads=2)
    build_seconds = time.perf_counter() - started
    curve = []
    for ef in LISTS:
        best = 0.0
        for _ in range(ROUNDS):
            started = time.perf_counter()
            found = it.search(queries, ef)
            best = max(best, len(queries) / (time.perf_counter() - started))
        curve.append({"ef": ef, "recall": recall(rows, queries, distances, found), "rate": best})
        if curve[-1]["recall"] > ENOUGH:
            break
    with tempfile.TemporaryDirectory(dir=os.path.dirname(rows_file)) as folder:
        path = os.path.join(folder, "index")
        it.save(path)
        me = [sys.executable, os.path.abspath(__file__), "--resident", name, str(width), path]
        taken = int(subprocess.run(me, check=True, capture_output=True, text=True).stdout)
    report = {
        "name": name,
        "version": it.version,
        "build_seconds": build_seconds,
        "resident_bytes": taken,
        "curve": curve,
        "exact_rate": exact_rate,
    }
    print(json.dumps(report))


def tell_resident(name, width, path):
    it = peer(name, int(width))
    before = resident()
    it.load(path)
    print(resident() - before)


if __name__ == "__main__":
    if sys.argv[1] == "--resident":
        tell_resident(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
