"""Load on several servers for scripts/test-cluster.sh, and what became of it. Of the standard library alone.

  cluster-load.py load URL SECONDS LOG NAME PHOTO…     searches and writes; a line of JSON in LOG for each request; until then, or
                                                       until there is a file LOG.stop
  cluster-load.py report LOG NAME [AT SETTLED]         a row of the table; fails where requests failed that may not have
  cluster-load.py verify LOG URL…                      every write of LOG that was acknowledged is at each of these servers
  cluster-load.py down SECONDS URL…                    waits until these servers say that they have no catalogue, as they should
  cluster-load.py ready SECONDS URL…                   waits until they are ready
  cluster-load.py head                                 the table's head

The key of writes is in LOOKALIKE_ADMIN_KEYS. Four threads search by photos, two write: by turns an embedding and a photo. A request
that fails is not sent again, so that failures are counted as a client without any patience meets them.
"""

import http.client
import json
import os
import sys
import threading
import time
import urllib.parse

SEARCHERS, WRITERS = 4, 2
# Between two requests of a thread: what is tested are failures, not how much a server can do.
PAUSE = 0.05
PATIENCE = 15
KEY = os.environ.get("LOOKALIKE_ADMIN_KEYS", "")


class Client:
    """One connection, made again after a failure."""

    def __init__(self, url):
        self.at = urllib.parse.urlsplit(url)
        self.connection = None

    def ask(self, method, path, body=None, kind=None):
        """Status (0 where no answer came), headers, body."""
        headers = {"Authorization": f"Bearer {KEY}"}
        if kind:
            headers["Content-Type"] = kind
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.at.hostname, self.at.port, timeout=PATIENCE)
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, {}, repr(error).encode()

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def read(path):
    with open(path, "rb") as file:
        return file.read()


def form(item, photo):
    """The body of PUT /items/{id} with a photo, and its type."""
    parts = [
        b'--part\r\nContent-Disposition: form-data; name="item"\r\nContent-Type: application/json\r\n\r\n' + item.encode(),
        b'--part\r\nContent-Disposition: form-data; name="image"; filename="p.jpg"\r\nContent-Type: image/jpeg\r\n\r\n' + photo,
        b"--part--\r\n",
    ]
    return b"\r\n".join(parts), "multipart/form-data; boundary=part"


class Load:
    def __init__(self, url, seconds, log, name, photos):
        self.url, self.name = url, name
        self.photos = [read(photo) for photo in photos]
        self.until, self.stop = time.time() + seconds, f"{log}.stop"
        self.log, self.lock = open(log, "a", encoding="utf-8"), threading.Lock()
        status, _, answer = Client(url).ask("POST", "/embed", self.photos[0], "image/jpeg")
        if status != 200:
            sys.exit(f"POST /embed: {status} {answer.decode(errors='replace')}")
        self.embedded = json.loads(answer)

    def note(self, kind, begun, status, answer, written=None):
        line = {"at": begun, "kind": kind, "status": status, "ms": (time.time() - begun) * 1000}
        if written:
            line["id"], line["photo"] = written
        if status not in (200, 201):
            line["said"] = answer[:300].decode(errors="replace")
        with self.lock:
            self.log.write(json.dumps(line) + "\n")

    def goes_on(self):
        return time.time() < self.until and not os.path.exists(self.stop)

    def search(self, thread):
        client, n = Client(self.url), thread
        while self.goes_on():
            n += SEARCHERS
            begun = time.time()
            status, _, answer = client.ask("POST", "/similar?k=5", self.photos[n % len(self.photos)], "image/jpeg")
            self.note("search", begun, status, answer)
            time.sleep(PAUSE)

    def write(self, thread):
        client, n = Client(self.url), thread
        while self.goes_on():
            n += WRITERS
            name = f"cluster-{self.name}-{n}"
            item = json.dumps({"category": "Written", "title": name})
            photo = n // WRITERS % 2 == 0
            if photo:
                body, kind = form(item, self.photos[n % len(self.photos)])
            else:
                # Another one each time, near the photo's.
                embedding = list(self.embedded["embedding"])
                embedding[n % len(embedding)] += 0.05
                whole = {"item": json.loads(item), "embedding": embedding, "model": self.embedded["model"]["id"]}
                whole["colour"] = self.embedded["colour"]
                body, kind = json.dumps(whole).encode(), "application/json"
            begun = time.time()
            status, _, answer = client.ask("PUT", f"/items/{name}", body, kind)
            self.note("write", begun, status, answer, (name, photo))
            time.sleep(PAUSE)

    def run(self):
        threads = [threading.Thread(target=self.search, args=(n,)) for n in range(SEARCHERS)]
        threads += [threading.Thread(target=self.write, args=(n,)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.log.close()


def lines(log):
    with open(log, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def well(line):
    return line["status"] in (200, 201)


HEAD = ("case", "searches", "failed", "writes", "failed", "longest silence", "p50", "p99", "last failure")


def row(cells):
    return "{:<22}{:>9}{:>8}{:>8}{:>8}{:>17}{:>9}{:>9}  {}".format(*cells)


def report(log, name, at=None, settled=None):
    """`at` is when something was broken, `settled` when all should be well again, both in seconds since 1970."""
    found = sorted(lines(log), key=lambda line: line["at"])
    answered = [line for line in found if well(line)]
    counts = []
    for kind in ("search", "write"):
        of_kind = [line for line in found if line["kind"] == kind]
        counts += [sum(map(well, of_kind)), len(of_kind) - sum(map(well, of_kind))]
    ends = sorted(line["at"] + line["ms"] / 1000 for line in answered)
    silence = max((b - a for a, b in zip(ends, ends[1:])), default=0)
    took = sorted(line["ms"] for line in answered) or [0]
    failed = [line for line in found if not well(line)]
    last = max((line["at"] + line["ms"] / 1000 for line in failed), default=None)
    when = "none" if last is None else f"{last - at:.1f} s after" if at else "within"
    p50, p99 = took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]
    print(row((name, counts[0], counts[1], counts[2], counts[3], f"{silence:.2f} s", f"{p50:.0f} ms", f"{p99:.0f} ms", when)))
    kinds = {}
    for line in failed:
        said = line["said"] if line["status"] == 0 else str(line["status"])
        kinds[said] = kinds.get(said, 0) + 1
    for said, count in sorted(kinds.items()):
        print(f"    {count} × {said}")
    if not counts[0] or not counts[2]:
        sys.exit(f"{name}: nothing was answered")
    # Nothing fails before anything is broken, and nothing once all should be well.
    late = [line for line in failed if settled and line["at"] > settled]
    early = [line for line in failed if not at or line["at"] + line["ms"] / 1000 < at]
    for line in (early + late)[:3]:
        print(json.dumps(line), file=sys.stderr)
    if early or late:
        sys.exit(f"{name}: {len(early)} requests failed while nothing was broken, {len(late)} when all should have been well")


def verify(log, urls):
    written = [line for line in lines(log) if line["kind"] == "write" and well(line)]
    missing = []
    for url in urls:
        client = Client(url)
        for line in written:
            name = line["id"]
            status, _, answer = client.ask("GET", f"/items/{name}")
            if status != 200 or json.loads(answer).get("title") != name:
                missing.append(f"{url}/items/{name}: {status}")
            elif line["photo"]:
                status, _, _ = client.ask("GET", f"/images/{name}")
                if status != 200:
                    missing.append(f"{url}/images/{name}: {status}")
        missing += [f"{url} does not list {name}" for name in sorted({line["id"] for line in written} - listed(client))]
    for line in missing[:10]:
        print(line, file=sys.stderr)
    if missing or not written:
        sys.exit(f"of {len(written)} acknowledged writes {len(missing)} were not found again")
    print(f"all {len(written)} acknowledged writes are at each of {len(urls)} servers, by their ids and in the list")


def listed(client):
    """The ids of all items of the load's category, and their number by the same."""
    found, after = set(), ""
    while True:
        query = urllib.parse.urlencode({"category": "Written", "limit": 1000, "fields": "title", **after_of(after)})
        status, _, answer = client.ask("GET", f"/items?{query}")
        if status != 200:
            sys.exit(f"GET /items: {status} {answer.decode(errors='replace')}")
        page = json.loads(answer)
        found.update(item["id"] for item in page["items"])
        after = page.get("next")
        if not after:
            return found


def after_of(after):
    return {"after": after} if after else {}


def wait(seconds, urls, what, done):
    """Until `done` says nothing is amiss at any of them; says how long each took."""
    begun = time.time()
    for url in urls:
        client = Client(url)
        while amiss := done(client):
            if time.time() - begun > seconds:
                sys.exit(f"{url} is not {what} after {seconds:g} s: {amiss}")
            time.sleep(0.2)
        print(f"{url} {what} after {time.time() - begun:.1f} s")


def not_ready(client):
    status, _, answer = client.ask("GET", "/readyz")
    return None if status == 200 else f"/readyz {status} {answer[:200].decode(errors='replace')}"


def not_down(client):
    """What a server without its catalogue should say and does not."""
    status, _, _ = client.ask("GET", "/readyz")
    if status != 503:
        return f"/readyz {status}"
    status, _, _ = client.ask("GET", "/livez")
    if status != 200:
        return f"/livez {status}"
    for method, path in (("GET", "/items?limit=1"), ("DELETE", "/items/cluster-nothing")):
        status, headers, answer = client.ask(method, path)
        if status != 503 or not headers.get("Retry-After"):
            return f"{method} {path} {status}, Retry-After {headers.get('Retry-After')}: {answer[:200].decode(errors='replace')}"
    return None


def main():
    command, rest = sys.argv[1], sys.argv[2:]
    if command == "load":
        Load(rest[0], float(rest[1]), rest[2], rest[3], rest[4:]).run()
    elif command == "report":
        report(rest[0], rest[1], *map(float, rest[2:]))
    elif command == "verify":
        verify(rest[0], rest[1:])
    elif command == "down":
        wait(float(rest[0]), rest[1:], "without its catalogue, and says so,", not_down)
    elif command == "ready":
        wait(float(rest[0]), rest[1:], "ready", not_ready)
    elif command == "head":
        print(row(HEAD))
    else:
        sys.exit(__doc__)


main()
