#!/usr/bin/env python3
"""What the programs do where something fails under them: a table, and target/faults.json.

    scripts/test-faults.py [SECONDS]      300 where neither this nor HOURS in the environment says how long; OUT names another target/

For the programs that scripts/build.sh has built:

- `kill -9` at random moments of `export`, `index`, `merge` and `train` over forty photos, in turn until half of the time is up. What
  opens afterwards must be whole, old or new.
- Calls of the operating system that touch what `index`, `merge`, `train` and the server's writes leave behind fail (strace): the first,
  one in the middle and the last of each kind, with ENOSPC, EIO, EMFILE or ENOMEM. The program must end with one clear line, or go on
  without harm; what opens afterwards must be whole; and a write that was acknowledged must be there after a restart.
- A server whose log nobody reads any more goes on answering.

What stays in target/faults: the log of whatever went wrong. Where ptrace is not allowed, the second part is skipped, in words.
"""

import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = Path(os.environ.get("OUT", ROOT / "target"))
WORK = OUT / "faults"
TRAINER, SERVER = (str(ROOT / "target/release" / name) for name in ("lookalike-trainer", "lookalike-server"))
KEY = "a-key-for-faults-alone"
ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "passive", "NO_COLOR": "1"}

# The calls that fail, and how.
FAULTS = {
    "openat": ["EMFILE", "EIO"],
    "write": ["ENOSPC", "EIO"],
    "pwrite64": ["ENOSPC", "EIO"],
    "fsync": ["EIO"],
    "fdatasync": ["EIO"],
    "ftruncate": ["ENOSPC"],
    "mkdir": ["ENOSPC"],
    "rename": ["ENOSPC"],
    "mmap": ["ENOMEM"],
}


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=300, **more)


def must(command):
    done = run(command)
    if done.returncode:
        sys.exit(f"test-faults: {' '.join(command)} failed without any fault:\n{done.stderr[-2000:]}")


class Job:
    """A command of the trainer: what it needs, what it leaves, and whether that is whole."""

    def __init__(self, name, command, fresh, whole):
        self.name, self.command, self.fresh, self.whole = name, command, fresh, whole


def bundle_is_whole(bundle, may_be_missing=False):
    """Nothing, where a server opens it and runs a photo through it; else why not."""
    if may_be_missing and not (bundle / "manifest.json").exists():
        return None
    done = run([SERVER, "--bundle", str(bundle), "--check"])
    return None if done.returncode == 0 else f"it does not open: {done.stderr.strip()[-300:]}"


def run_is_whole(folder):
    """Weights that are there can be read to their end, and so can each line of the figures."""
    for weights in folder.glob("*.safetensors"):
        data = weights.read_bytes()
        head = int.from_bytes(data[:8], "little")
        try:
            tensors = json.loads(data[8 : 8 + head])
        except ValueError:
            return f"{weights.name} has no header"
        tensors.pop("__metadata__", None)
        end = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
        if 8 + head + end != len(data):
            return f"{weights.name} has {len(data)} bytes and says {8 + head + end}"
    figures = folder / "metrics.jsonl"
    if figures.exists():
        try:
            [json.loads(line) for line in figures.read_text().splitlines()]
        except ValueError:
            return "metrics.jsonl has a line that is cut off"
    return None


def prepare():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    shop, base, shards = WORK / "shop", WORK / "base", WORK / "shards"
    photos = ["--data", str(shop), "--layout", "deepfashion"]
    must([TRAINER, "sample-data", "--out", str(shop), "--products", "10", "--views", "4", "--seed", "3"])
    must([TRAINER, "export", "--run", str(ROOT / "weights/demo"), "--out", str(base)])
    must([TRAINER, "index", "--bundle", str(base), *photos])
    for part in ("1/2", "2/2"):
        must([TRAINER, "index", "--bundle", str(base), *photos, "--shard", part, "--shards", str(shards)])
    bundle, out, trained = WORK / "bundle", WORK / "out", WORK / "run"

    def fresh_bundle():
        shutil.rmtree(bundle, ignore_errors=True)
        shutil.copytree(base, bundle)

    network = ["--width", "8", "--size", "128", "--epochs", "2", "--batch", "12", "--sampling", "shuffled"]
    return [
        Job(
            "index",
            [TRAINER, "index", "--bundle", str(bundle), *photos],
            fresh_bundle,
            lambda: bundle_is_whole(bundle),
        ),
        Job(
            "merge",
            [TRAINER, "merge", "--bundle", str(bundle), "--shards", str(shards)],
            fresh_bundle,
            lambda: bundle_is_whole(bundle),
        ),
        Job(
            "export",
            [TRAINER, "export", "--run", str(ROOT / "weights/demo"), "--out", str(out)],
            lambda: shutil.rmtree(out, ignore_errors=True),
            lambda: exported_is_whole(out, photos),
        ),
        Job(
            "train",
            [TRAINER, "train", *photos, "--out", str(trained), *network, "--checkpoint-minutes", "0"],
            lambda: shutil.rmtree(trained, ignore_errors=True),
            lambda: run_is_whole(trained),
        ),
    ]


def exported_is_whole(out, photos):
    """A bundle that is there takes a catalogue and opens; one that is not there is no harm."""
    if not (out / "manifest.json").exists():
        return None
    done = run([TRAINER, "index", "--bundle", str(out), *photos])
    return f"no catalogue can be made for it: {done.stderr[-300:]}" if done.returncode else bundle_is_whole(out)


class Table:
    """What was done, how often, and what was lost."""

    def __init__(self):
        self.rows = defaultdict(Counter)
        self.lost = []

    def add(self, what, came, wrong=None, log=""):
        self.rows[what]["times"] += 1
        self.rows[what][came] += 1
        if wrong:
            self.rows[what]["lost"] += 1
            self.lost.append({"what": what, "came": came, "wrong": wrong})
            (WORK / f"wrong-{len(self.lost)}.log").write_text(f"{what}\n{wrong}\n{log}")
            print(f"LOST: {what}: {wrong}", file=sys.stderr)

    def show(self):
        print(f"{'what was done':42} {'times':>6} {'lost':>5}  what came of it")
        for what, row in self.rows.items():
            came = ", ".join(f"{n} {name}" for name, n in row.items() if name not in ("times", "lost"))
            print(f"{what:42} {row['times']:6} {row['lost']:5}  {came}")
        rows = [{"what": what, **row} for what, row in self.rows.items()]
        (OUT / "faults.json").write_text(json.dumps({"rows": rows, "lost": self.lost}, indent=1) + "\n")


def kills(jobs, table, until):
    took = {}
    for job in jobs:
        job.fresh()
        begun = time.time()
        must(job.command)
        took[job.name] = time.time() - begun
    while time.time() < until:
        for job in jobs:
            if time.time() >= until:
                break
            job.fresh()
            child = subprocess.Popen(job.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
            try:
                child.wait(random.uniform(0, 1.1 * took[job.name]))
                came = "had ended"
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.wait()
                came = "killed"
            table.add(f"kill -9 of {job.name}", came, job.whole())


def touched(log):
    """For each call: which ones of its thread touch what is below the work folder, by number (1 is the thread's first)."""
    counts, numbers = Counter(), defaultdict(set)
    for line in log.read_text(errors="replace").splitlines():
        match = re.match(r"(\d+) +(\w+)\((.*)", line)
        if not match:
            continue
        thread, call, rest = match.groups()
        counts[thread, call] += 1
        if str(WORK) in rest and not (call == "openat" and "O_RDONLY" in rest):
            numbers[call].add(counts[thread, call])
    return numbers


def some(numbers):
    ordered = sorted(numbers)
    return sorted({ordered[0], ordered[len(ordered) // 2], ordered[-1]}) if ordered else []


def strace(*arguments):
    return ["strace", "-f", "-y", "-qq", *arguments]


def faults(jobs, table, until):
    cases = []
    for job in jobs:
        job.fresh()
        log = WORK / f"{job.name}.strace"
        must([*strace("-o", str(log), "-e", "trace=" + ",".join(FAULTS)), *job.command])
        cases += [
            (job, call, number, error)
            for call, numbers in touched(log).items()
            for number in some(numbers)
            for error in FAULTS[call]
        ]
    random.shuffle(cases)
    for job, call, number, error in cases:
        if time.time() >= until:
            break
        job.fresh()
        inject = f"inject={call}:error={error}:when={number}"
        log = WORK / "injected.strace"
        done = run([*strace("-o", str(log), "-e", f"trace={call}", "-e", inject), *job.command])
        words = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        # A call is counted for each thread, so the line itself may be what fails: then it was said as far as it could be.
        words += re.findall(r'write\(2<[^>]*>, "error:.*\(INJECTED\)', log.read_text(errors="replace"))
        wrong = job.whole()
        if done.returncode < 0 or done.returncode > 128:
            wrong = wrong or f"it ended by a signal or in an unknown way: {done.returncode}"
        elif "panicked" in done.stderr:
            wrong = wrong or "it panicked"
        elif done.returncode and len(words) != 1:
            wrong = wrong or f"{len(words)} lines say what went wrong"
        came = "went on" if done.returncode == 0 else "ended with a line"
        table.add(f"{call} fails in {job.name}", came, wrong, f"{inject}\n{done.stderr[-4000:]}")


class Running:
    """A server with a state, perhaps under strace."""

    def __init__(self, bundle, state, before=(), stderr=subprocess.DEVNULL):
        environment = {**ENVIRONMENT, "LOOKALIKE_ADMIN_KEYS": KEY}
        command = [*before, SERVER, "--bundle", str(bundle), "--state", str(state), "--precision", "f32"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command += ["--listen", f"127.0.0.1:{self.port}"]
        self.child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, env=environment, start_new_session=True)

    def ready(self, seconds=60):
        """Whether it is ready in time."""
        until = time.time() + seconds
        while time.time() < until and self.child.poll() is None:
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return True
            except OSError:
                pass
            time.sleep(0.1)
        return False

    def ask(self, method, path, body=None, kind="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": kind, "X-API-Key": KEY})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def stop(self):
        for number in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(self.child.pid, number)
                self.child.wait(15)
                return
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def writes(bundle, table, until):
    """Puts of items while the state's files fail: what was acknowledged is there after a restart."""
    cases = [(call, error) for call in ("pwrite64", "fdatasync", "fsync", "write", "ftruncate", "rename") for error in FAULTS[call]]
    server = Running(bundle, WORK / "measure")
    if not server.ready():
        sys.exit("test-faults: the server is not ready without any fault")
    status, body = server.ask("GET", "/info")
    dims = json.loads(body)["model"]["dims"]
    server.stop()
    vector = {"embedding": [1.0] + [0.0] * (dims["deep"] - 1), "colour": [0.1] * dims["colour"]}
    for call, error in cases:
        for first in (3, 12):
            if time.time() >= until:
                return
            state = WORK / "state"
            shutil.rmtree(state, ignore_errors=True)
            # From the third on: the state's first transaction is at its start.
            server = Running(bundle, state, strace("-o", "/dev/null", "-e", f"inject={call}:error={error}:when={first}+{first}"))
            acknowledged, refused, wrong = [], 0, None
            try:
                if server.ready():
                    for number in range(12):
                        item = {"item": {"category": "Dress"}, **vector}
                        status, _ = server.ask("PUT", f"/items/new-{number}", json.dumps(item))
                        acknowledged += [f"new-{number}"] if status in (200, 201) else []
                        refused += status not in (200, 201)
            except OSError as fault:
                wrong = None if server.child.poll() is None else f"it ended: {fault}"
            finally:
                server.stop()
            after = Running(bundle, state)
            try:
                if not after.ready():
                    wrong = wrong or "it does not start afterwards"
                else:
                    missing = [one for one in acknowledged if after.ask("GET", f"/items/{one}")[0] != 200]
                    wrong = wrong or (f"acknowledged, and gone: {missing}" if missing else None)
            finally:
                after.stop()
            came = "some refused" if refused else "all taken" if acknowledged else "did not start"
            table.add(f"{call} fails under writes", came, wrong, error)


def stalled_log(bundle, table):
    """The pipe that takes the log is full, and nobody reads it."""
    reading, writing = os.pipe()
    server = Running(bundle, WORK / "stalled", stderr=writing)
    os.close(writing)
    wrong = None if server.ready() else "it is not ready"
    answered = 0
    try:
        # A line a request; a pipe holds 64 KiB.
        for _ in range(1500):
            answered += server.ask("GET", "/livez")[0] == 200
    except OSError as fault:
        wrong = f"after {answered} answers: {fault}"
    server.stop()
    os.close(reading)
    table.add("a log that nobody reads", f"{answered} answers", wrong)


def main():
    hours = os.environ.get("HOURS")
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else float(hours) * 3600 if hours else 300.0
    seed = int(os.environ.get("SEED", time.time_ns() % 100_000))
    random.seed(seed)
    print(f"seed {seed}, {seconds:.0f} s")
    begun = time.time()
    jobs = prepare()
    table = Table()
    kills(jobs, table, begun + seconds / 2)
    traced = shutil.which("strace") and run(["strace", "-o", "/dev/null", "true"]).returncode == 0
    stalled_log(WORK / "base", table)
    if traced:
        writes(WORK / "base", table, begun + seconds * 0.7)
        faults([job for job in jobs if job.name != "export"], table, begun + seconds)
    else:
        print("SKIPPED: strace is missing, or ptrace is not allowed: no call was made to fail")
    table.show()
    if table.lost:
        sys.exit(f"test-faults: FAILED, {len(table.lost)} lost; logs in {WORK}")


if __name__ == "__main__":
    main()
