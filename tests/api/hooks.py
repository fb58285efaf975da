"""For schemathesis: real photos for image bodies, and what openapi.yaml says in words because a schema cannot.

Nothing that a schema refuses is touched: what must be refused stays what it is.
"""

import base64
import io
import itertools
import json
import math
import os
import re
import urllib.request
from pathlib import Path

import schemathesis
from hypothesis import strategies as st
from PIL import Image

HERE = Path(__file__).parent
SERVER, KEY = os.environ["LOOKALIKE_TEST_SERVER"], os.environ["LOOKALIKE_TEST_KEY"]


def ask(path):
    request = urllib.request.Request(SERVER + path, headers={"Authorization": f"Bearer {KEY}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def photos(suffix, form):
    """The repository's photos of this kind, or others of them written as it."""
    folder = HERE.parents[1] / "crates/photo/tests/golden/photos"
    found = [path.read_bytes() for path in sorted(folder.glob(f"*{suffix}")) if ".expected" not in path.name]
    for name in ("photo.jpg", "alpha.png"):
        picture = io.BytesIO()
        Image.open(folder / name).convert("RGB").save(picture, form)
        found.append(picture.getvalue())
    return found


KINDS = {
    "image/jpeg": photos(".jpg", "JPEG"),
    "image/png": photos(".png", "PNG"),
    "image/webp": photos(".webp", "WEBP"),
    "image/gif": photos(".gif", "GIF"),
    "image/bmp": photos(".bmp", "BMP"),
}
for media_type, bodies in KINDS.items():
    schemathesis.openapi.media_type(media_type, st.sampled_from(bodies))

ITEMS = [item["id"] for item in ask("/items?limit=100")["items"]]
MODEL, DIMS = (ask("/info")["model"][part] for part in ("id", "dims"))
PHOTO = base64.b64encode(KINDS["image/jpeg"][0]).decode()
ID = re.compile(r"(?!\.{1,2}$)[^\x00-\x1f\x7f-\x9f]{1,128}")
RANGE = re.compile(r"(?P<key>[\s\S]+):(?P<least>[-+.0-9eE]*?)\.\.(?P<most>[-+.0-9eE]*)")
BOX = re.compile(r"(0(\.[0-9]+)?|1(\.0+)?)(,(0(\.[0-9]+)?|1(\.0+)?)){3}")


def real(name):
    """Of two names that could be an item's one becomes an item's."""
    fit = isinstance(name, str) and ID.fullmatch(name)
    return ITEMS[len(name) % len(ITEMS)] if fit and len(name) % 2 else name


def numbers(value):
    return isinstance(value, list) and all(type(n) in (int, float) and math.isfinite(n) for n in value)


def of_length(values, length):
    return [max(-1e3, min(1e3, values[i % len(values)])) if values else 0.5 for i in range(length)]


def whole(value):
    """A whole number, which some cases hold as text already."""
    return int(value) if type(value) is int or isinstance(value, str) and value.isascii() and value.isdigit() else None


@schemathesis.serializer("application/x-ndjson")
def lines(ctx, value):
    """A line; what is no object of a line's fields is sent as it is."""
    return value if isinstance(value, bytes) else (json.dumps(value) + "\n").encode()


@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    if path_parameters and "id" in path_parameters:
        path_parameters["id"] = real(path_parameters["id"])
    return path_parameters


@schemathesis.hook
def filter_case(ctx, case):
    """A form's field of JSON is not written as JSON here: the tests and the generated client send such forms."""
    return not (case.operation.method.upper() == "PUT" and case.media_type == "multipart/form-data")


@schemathesis.hook
def before_call(ctx, case, kwargs):
    if case.query:
        fit_query(case.query)
    # Whether a condition holds is not for a schema to say.
    if case.headers and case.operation.method.upper() in ("PUT", "PATCH", "DELETE"):
        case.headers.pop("If-Match", None)
        if case.headers.get("If-None-Match") == "*":
            case.headers.pop("If-None-Match")
    if isinstance(case.body, dict) and isinstance(case.body.get("item"), dict):
        fit_item(case.body)
    elif isinstance(case.body, dict):
        fit_body(case.body, coloured="color_weight" in (case.query or {}))


def fit_item(body):
    """An item's id is the address's; a photo is one; an embedding is as long as the model's, and of it."""
    if "id" in body["item"] and isinstance(body["item"]["id"], str) and ID.fullmatch(body["item"]["id"]):
        del body["item"]["id"]
    if isinstance(body.get("photo"), dict) and isinstance(body["photo"].get("base64"), str):
        body["photo"]["base64"] = PHOTO
    # This server fetches nothing. What is sent instead is as good a photo: no case is refused that the schema allows.
    if isinstance(body.get("photo"), dict) and isinstance(body["photo"].get("url"), str) and len(body["photo"]) == 1:
        body["photo"] = {"base64": PHOTO}
    if isinstance(body.get("image_url"), str) and "photo" not in body:
        body.pop("image_url")
        body["photo"] = {"base64": PHOTO}
    if isinstance(body.get("model"), str):
        body["model"] = MODEL
    vector, colour = body.get("embedding"), body.get("colour")
    if numbers(vector) and (colour is None or numbers(colour)):
        body["embedding"] = of_length(vector if any(abs(n) > 1e-9 for n in vector) else [1.0], DIMS["deep"])
        body["colour"] = of_length(colour or [], DIMS["colour"])


def fit_query(query):
    """offset + k is 500 at most; one order at a time; a box has a lower right corner that is lower and further right."""
    k, offset, box = whole(query.get("k", 10)), whole(query.get("offset", 0)), query.get("box")
    if k is not None and offset is not None and 1 <= k <= 100 and 500 - k < offset < 500:
        query["offset"] = 500 - k
    if "diversity" in query:
        query.pop("sort", None)
        query.pop("boost", None)
    if isinstance(query.get("range"), list):
        query["range"] = fit_ranges(query["range"])
    if isinstance(box, str) and BOX.fullmatch(box):
        x1, y1, x2, y2 = (float(corner) for corner in box.split(","))
        if x2 - x1 < 0.05 or y2 - y1 < 0.05:
            query["box"] = "0.1,0.2,0.8,0.9"


def fit_ranges(ranges):
    """A range's ends are in order, and a key is given once."""
    fit, keys = [], set()
    for text in ranges:
        found = RANGE.fullmatch(text) if isinstance(text, str) and len(text) <= 200 else None
        if not found:
            fit.append(text)
        elif found["key"] not in keys:
            keys.add(found["key"])
            ends = found["least"], found["most"]
            if all(ends) and float(ends[0]) > float(ends[1]):
                ends = ends[::-1]
            fit.append(f"{found['key']}:{ends[0]}..{ends[1]}")
    return fit


def fit_body(body, coloured):
    """A vector is as long as the model's, not zero, and has a colour to weigh; an item is one of the catalogue's."""
    for side in ("positive", "negative"):
        if isinstance(body.get(side), list):
            body[side] = [real(name) for name in body[side]]
    vector, colour = body.get("vector"), body.get("colour")
    if numbers(vector) and vector and (colour is None or numbers(colour)):
        body["vector"] = of_length(vector if any(abs(n) > 1e-9 for n in vector) else [1.0], DIMS["deep"])
        if coloured or colour is not None:
            body["colour"] = of_length(colour or [], DIMS["colour"])


CALLS = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Each call comes from another address, as a proxy would say: after many wrong keys from one, keys are not looked at any more."""
    number = next(CALLS)
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
