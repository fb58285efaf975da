#!/usr/bin/env python3
"""Connections that ask for nothing, for half of something, or do not read, beside clients that are well.

    scripts/hostile-connections.py PORT PHOTO.jpg [SECONDS]     against a server on this machine; 120 s where it is not given

5,000 half-open ones (half a header), 5,000 idle ones (nothing), and 1,000 slow readers (many requests for a large answer, none of it
read). Each that is closed is opened again by the next second, so that as many are there all the time. Four good clients search by
photo, one after the other each. It prints their p50 and p99 without and with the others, and how long the others lived. The server must
take more connections than that: --max-connections 12000.
"""

import http.client
import os
import resource
import selectors
import socket
import sys
import threading
import time

HALF_OPEN, IDLE, READERS, GOOD = 5_000, 5_000, 1_000, 4
HEAD = b"GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Hostile:
    """One kind of connection: what it sends, and how many of them there are."""

    def __init__(self, name, number, sent):
        self.name, self.number, self.sent = name, number, sent
        self.open, self.lived = {}, []

    def fill(self, port, selector):
        """Opens what is missing, a few hundred a call."""
        for _ in range(min(300, self.number - len(self.open))):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                one.connect(("127.0.0.1", port))
                one.setblocking(False)
                if self.sent:
                    one.send(self.sent)
            except OSError:
                one.close()
                continue
            self.open[one] = time.time()
            # A slow reader is not to read: that it is closed shows where it can be written to no more.
            selector.register(one, selectors.EVENT_READ, self)

    def ended(self, one):
        self.lived.append(time.time() - self.open.pop(one))
        one.close()


def gone(one):
    """Whether the server has closed it, without taking what it sent off the socket."""
    try:
        return one.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def hold(port, kinds, until):
    selector, readers = selectors.DefaultSelector(), kinds[2]
    while time.time() < until:
        for kind in kinds:
            kind.fill(port, selector)
        for key, _ in selector.select(0.2):
            if key.data is readers:
                # Readable for good: it is looked at below.
                selector.unregister(key.fileobj)
            elif gone(key.fileobj):
                selector.unregister(key.fileobj)
                key.data.ended(key.fileobj)
        for one in list(readers.open):
            try:
                one.send(b"\r\n")
            except BlockingIOError:
                pass
            except OSError:
                try:
                    selector.unregister(one)
                except KeyError:
                    pass
                readers.ended(one)
        time.sleep(0.5)
    for kind in kinds:
        for one in kind.open:
            one.close()


def searches(port, photo, until, took, failed):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    while time.time() < until:
        begun = time.time()
        try:
            # Another photo each time, as far as anybody can know: something behind its end.
            connection.request("POST", "/similar?k=10", photo + os.urandom(8), {"Content-Type": "image/jpeg"})
            response = connection.getresponse()
            response.read()
            (took if response.status == 200 else failed).append((time.time() - begun) * 1e3)
        except OSError as fault:
            failed.append(fault)
            connection.close()


def good(port, photo, seconds):
    took, failed = [], []
    until = time.time() + seconds
    clients = [threading.Thread(target=searches, args=(port, photo, until, took, failed)) for _ in range(GOOD)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    took.sort()
    at = lambda share: took[min(len(took) - 1, int(share * len(took)))]
    print(f"  {len(took)} answers, {len(failed)} others; p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms", flush=True)
    return at(0.99)


def main():
    port, photo = int(sys.argv[1]), open(sys.argv[2], "rb").read()
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 120.0
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    good(port, photo, 5)
    print("good clients alone:")
    alone = good(port, photo, min(30, seconds))
    kinds = [
        Hostile("half-open", HALF_OPEN, b"GET /livez HTTP/1.1\r\nHost: lo"),
        Hostile("idle", IDLE, b""),
        Hostile("slow readers", READERS, HEAD * 100),
    ]
    holding = threading.Thread(target=hold, args=(port, kinds, time.time() + seconds + 15))
    holding.start()
    time.sleep(15)
    print("beside " + ", ".join(f"{len(kind.open)} {kind.name}" for kind in kinds) + ":")
    beside = good(port, photo, seconds)
    holding.join()
    print(f"p99 is {beside / alone:.2f} times what it was")
    for kind in kinds:
        lived = sorted(kind.lived)
        if lived:
            print(f"{kind.name}: {len(lived)} were ended; they lived {lived[len(lived) // 2]:.1f} s (median), {lived[-1]:.1f} s at most")
        else:
            print(f"{kind.name}: none was ended")


if __name__ == "__main__":
    main()
