#!/usr/bin/env python3
"""Batches of photos that take much memory, and single photos beside them.

    scripts/hostile-batch.py http://127.0.0.1:8080 PHOTO.jpg [SECONDS]

Each batch holds 32 PNGs of 8000×8000 pixels with transparency: a quarter of a megabyte each, 260 MB decoded. Two clients send them.
Every request must be answered: 200, or a refusal that says when to try again (429, 503) or why not (413, 422; 504: its time was up). It prints how long single
photos took without and with them, and exits with 1 where a request was not answered.
"""

import http.client
import os
import struct
import sys
import threading
import time
import zlib
from urllib.parse import urlsplit

SIDE, PHOTOS, CLIENTS = 8000, 32, 2
ANSWERS = {200, 413, 422, 429, 503, 504}


def hostile():
    chunk = lambda name, data: struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    pack = zlib.compressobj(9)
    row = bytes(1 + 4 * SIDE)
    pixels = b"".join(pack.compress(row) for _ in range(SIDE)) + pack.flush()
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def another(photo):
    """Another photo, as far as a server can know that remembers photos: something is behind its end."""
    return photo + os.urandom(8)


def batch(photo):
    head = b'--B\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    return b"".join(head + another(photo) + b"\r\n" for _ in range(PHOTOS)) + b"--B--\r\n"


def ask(host, port, path, body, kind):
    connection = http.client.HTTPConnection(host, port, timeout=120)
    try:
        connection.request("POST", path, body, {"Content-Type": kind})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def main():
    url, path = urlsplit(sys.argv[1]), sys.argv[2]
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 20.0
    host, port = url.hostname, url.port or 80
    photo = open(path, "rb").read()

    def singles(until):
        took, statuses = [], {}
        while time.time() < until:
            begun = time.time()
            status = ask(host, port, "/similar?k=10", another(photo), "image/jpeg")
            statuses[status] = statuses.get(status, 0) + 1
            if status == 200:
                took.append((time.time() - begun) * 1e3)
        took.sort()
        return took, statuses

    singles(time.time() + 2)
    alone, _ = singles(time.time() + seconds / 2)
    large = hostile()
    begun, until = time.time(), time.time() + seconds
    answers, faults = {}, []

    def send():
        while time.time() < until:
            try:
                status = ask(host, port, "/similar/batch", batch(large), "multipart/form-data; boundary=B")
                answers[status] = answers.get(status, 0) + 1
                if status in (429, 503):
                    time.sleep(1)
            except OSError as fault:
                faults.append(fault)

    clients = [threading.Thread(target=send) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    beside, statuses = singles(until)
    for client in clients:
        client.join()
    last = ask(host, port, "/similar?k=10", photo, "image/jpeg")

    def told(took):
        at = lambda share: took[min(len(took) - 1, int(share * len(took)))]
        return f"p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms ({len(took)} answers)" if took else "no answers"

    print(f"batches of {PHOTOS} photos of {SIDE}×{SIDE}, {len(batch(large)) / 1e6:.1f} MB: {answers} in {time.time() - begun:.0f} s")
    print(f"single photos alone: {told(alone)}")
    print(f"single photos beside them: {told(beside)}; {statuses}")
    if alone and beside:
        print(f"p99 is {beside[int(0.99 * len(beside))] / alone[int(0.99 * len(alone))]:.2f} times what it was")
    wrong = (set(answers) | set(statuses)) - ANSWERS
    if faults or wrong or last != 200 or not answers:
        sys.exit(f"not answered: {faults[:3]} {wrong}; afterwards a photo is {last}")


if __name__ == "__main__":
    main()
