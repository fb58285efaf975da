#!/usr/bin/env python3
"""Both engines over the same items, side by side in one run: loading, latencies, recall, memory.

    scripts/bench-engines.py BUNDLE OUT.json

Two servers of the same bundle answer in turn: one by the bundle's own catalogue, one by a Milvus that is started here and
loaded by `lookalike-trainer index --catalogue`. A question is GET /items/{id}/similar?k=10. What is right is what the first server
says with exact=true. Nothing but the standard library is needed.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

ASKED = int(os.environ.get("ASKED", "300"))
WEIGHTS = ["0", "0.1", "0.5", "1"]


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def wait_for(port, path, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            client.request("GET", path)
            if client.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit(f"nothing answered at port {port} within {seconds} s")


def memory(pid):
    """Resident memory of a process and of all that it started, in MB."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            with open(f"/proc/{one}/status") as status:
                rss = next((line for line in status if line.startswith("VmRSS")), "VmRSS: 0")
            total += int(rss.split()[1])
            with open(f"/proc/{one}/task/{one}/children") as children:
                waiting += [int(child) for child in children.read().split()]
        except OSError:
            pass
    return round(total / 1024)


class Server:
    def __init__(self, bundle, more):
        self.port = free_port()
        program = ["target/release/lookalike-server", "--bundle", bundle, "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen([*program, "--log", "warn", "--recall-check", "0", *more])
        wait_for(self.port, "/readyz", 300)
        self.client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path):
        begun = time.perf_counter()
        self.client.request("GET", path)
        answer = self.client.getresponse()
        body = answer.read()
        took = 1000 * (time.perf_counter() - begun)
        if answer.status != 200:
            sys.exit(f"{path}: {answer.status} {body[:300]}")
        return json.loads(body), took


def at(times, part):
    return round(sorted(times)[min(len(times) - 1, int(part * len(times)))], 2)


def distances(answer):
    return [result["distance"]["blend"] for result in answer["results"]]


def measured(local, remote):
    ids = [local.get("/random")[0]["id"] for _ in range(ASKED)]
    rows = []
    for weight in WEIGHTS:
        times, found, of = {"local": [], "milvus": []}, {"local": 0, "milvus": 0}, 0
        for place, name in enumerate(ids):
            path = f"/items/{urllib.parse.quote(name, safe='')}/similar?k=10&color_weight={weight}"
            right = distances(local.get(path + "&exact=true")[0])
            of += len(right)
            pair = [("local", local), ("milvus", remote)]
            for engine, server in pair if place % 2 else reversed(pair):
                answer, took = server.get(path)
                times[engine].append(took)
                found[engine] += sum(d <= right[-1] + 1e-5 for d in distances(answer))
        for engine, took in times.items():
            row = {"engine": engine, "weight": weight, "recall": round(found[engine] / of, 4)}
            rows.append(row | {"p50_ms": at(took, 0.5), "p99_ms": at(took, 0.99)})
            print(rows[-1], flush=True)
    return rows


def main(bundle, out):
    folder = tempfile.mkdtemp(prefix="bench-engines-", dir="target")
    port = free_port()
    told = {**os.environ, "HOME": os.path.abspath(folder)}
    milvus = ["target/milvus/venv/bin/milvus-server", "--data", os.path.abspath(folder), "--proxy-port", str(port)]
    log = open(os.path.join(folder, "log"), "w")
    started = [subprocess.Popen(milvus, env=told, stdout=log, stderr=log, start_new_session=True)]
    try:
        wait_for(9091, "/healthz", 120)
        address = f"milvus://127.0.0.1:{port}/bench"
        begun = time.monotonic()
        load = ["target/release/lookalike-trainer", "index", "--bundle", bundle, "--catalogue", address]
        subprocess.run(load, check=True)
        loading = time.monotonic() - begun
        local = Server(bundle, [])
        started.append(local.process)
        remote = Server(bundle, ["--catalogue", address])
        started.append(remote.process)
        items = local.get("/info")[0]["catalogue"]["items"]
        result = {
            "items": items,
            "load_seconds": round(loading, 1),
            "loaded_per_second": round(items / loading),
            "answers": measured(local, remote),
            "memory_mb": {
                "local server": memory(local.process.pid),
                "server over milvus": memory(remote.process.pid),
                "milvus": memory(started[0].pid),
            },
        }
    finally:
        for process in started[1:]:
            process.terminate()
        os.killpg(started[0].pid, signal.SIGINT)
        try:
            started[0].wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(started[0].pid, signal.SIGKILL)
    print(json.dumps({name: told for name, told in result.items() if name != "answers"}))
    with open(out, "w") as file:
        json.dump(result, file, indent=1)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
