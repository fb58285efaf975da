"""Posts a photo in two halves with a pause between them, so that a request is under way for that long: slow-upload.py URL PHOTO SECONDS

Says `half` when the first half is sent, then the answer's status. Exits 0 where that is 200.
"""

import http.client
import sys
import time
import urllib.parse


def main():
    address, photo, pause = urllib.parse.urlsplit(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    with open(photo, "rb") as file:
        body = file.read()
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    connection.putrequest("POST", "/similar?k=3")
    connection.putheader("Content-Type", "image/jpeg")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[: len(body) // 2])
    print("half", flush=True)
    time.sleep(pause)
    connection.send(body[len(body) // 2 :])
    answer = connection.getresponse()
    answer.read()
    print(answer.status, flush=True)
    sys.exit(0 if answer.status == 200 else 1)


main()
