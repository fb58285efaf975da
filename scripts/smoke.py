"""Posts one photo of the catalogue to a running server, prints the answer and checks it: smoke.py URL PHOTO ITEMS"""

import json
import math
import sys
import urllib.error
import urllib.request


def post(url, photo):
    kind = "image/png" if photo.endswith(".png") else "image/jpeg"
    with open(photo, "rb") as file:
        request = urllib.request.Request(url, data=file.read(), headers={"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def product_of(photo, items):
    with open(items, encoding="utf-8") as file:
        for item in map(json.loads, file):
            if photo.endswith("/" + item["image"]):
                return item["product"]
    sys.exit(f"{photo} is not in {items}")


def check(results, product, k):
    if len(results) != k:
        return f"{len(results)} results instead of {k}"
    if [result["rank"] for result in results] != list(range(1, k + 1)):
        return "ranks are not 1, 2, 3 …"
    if len({result["id"] for result in results}) != k:
        return "an item comes twice"
    distances = [result["distance"]["blend"] for result in results]
    if not all(math.isfinite(d) and d >= 0 for d in distances) or distances != sorted(distances):
        return f"distances are not in order: {distances}"
    if not all(0 < result["score"] <= 1 for result in results):
        return "a score is outside 0 … 1"
    # The photo is one of the catalogue's own.
    if results[0]["product"] != product or results[0]["score"] < 0.9:
        return f"the first result is not the photo's own product, {product}, with a score near 1"
    return None


def main():
    url, photo, items = sys.argv[1:]
    k = 10
    try:
        answer = post(f"{url}/similar?k={k}", photo)
    except urllib.error.HTTPError as error:
        sys.exit(f"{error.code} {error.read().decode(errors='replace')}")
    print(json.dumps(answer, indent=2, ensure_ascii=False))
    problem = check(answer["results"], product_of(photo, items), k)
    if problem:
        sys.exit(problem)


main()
