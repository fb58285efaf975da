#!/usr/bin/env python3
"""Asks a Lookalike server which of a shop's items look like a photo, or like one of its items.

A module and a command, of the standard library alone:

    from lookalike import Lookalike
    shop = Lookalike("http://127.0.0.1:8080")
    for result in shop.similar("photo.jpg", k=5, category=["Parka", "Anorak"])["results"]:
        print(result["rank"], result["id"], result["score"])

    python lookalike.py similar photo.jpg --k 5 --category Parka
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import sys
from pathlib import Path
from typing import Any, Callable, Iterable, Mapping
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

DEFAULT_SERVER = "http://127.0.0.1:8080"


class LookalikeError(Exception):
    """What a server refused, or why it was not reached.

    `status` is 0 where no answer came, `code` is stable and meant for programs, `detail` for people; `request_id` finds
    the request in the server's log; `retry_after` is in seconds, None where the server names none.
    """

    def __init__(self, status: int, code: str, detail: str, request_id: str = "", retry_after: float | None = None):
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.request_id, self.retry_after = request_id, retry_after


class Lookalike:
    """A Lookalike server.

    The options of a search are the API's query parameters by their own names (openapi.yaml lists them): `k`, `offset`,
    `min_score`, `category`, `attribute` (`"colour:red"`), `range` (`"price:10..50"`), `not_category`, `not_attribute`,
    `exclude`, `color_weight`, `box`, `collapse`, `dedup`, `diversity`, `exact`, `sort`, `boost`, `pool`, `facet`. A list is sent
    as a parameter for each value, but for `box`, which takes its four numbers. What the server does not know, it refuses by name.
    """

    def __init__(self, server: str = DEFAULT_SERVER, api_key: str | None = None, timeout: float = 60.0):
        self.server, self.api_key, self.timeout = server.rstrip("/"), api_key, timeout

    def similar(self, photo: str | os.PathLike[str] | bytes, **options: Any) -> dict[str, Any]:
        """Items that look like a photo: a path, or the photo's bytes."""
        body = photo if isinstance(photo, bytes) else Path(photo).read_bytes()
        return self._send(f"/similar{_query(options)}", body)

    def item_similar(self, item: str, **options: Any) -> dict[str, Any]:
        """Items that look like this one, itself left out."""
        return self._send(f"/items/{quote(item, safe='')}/similar{_query(options)}")

    def item(self, item: str) -> dict[str, Any]:
        """One item."""
        return self._send(f"/items/{quote(item, safe='')}")

    def random(self) -> dict[str, Any]:
        """An item drawn at random."""
        return self._send("/random")

    def categories(self) -> dict[str, Any]:
        """The catalogue's categories."""
        return self._send("/categories")

    def facets(self, *keys: str, **filters: Any) -> dict[str, Any]:
        """How many items have what: an attribute's values, where a number lies, or `"category"`; over all that the filters admit,
        a key's own left out."""
        return self._send(f"/facets{_query({'facet': list(keys), **filters})}")

    def info(self) -> dict[str, Any]:
        """What the server runs: model, catalogue, device, versions."""
        return self._send("/info")

    def put(self, item: str, fields: Mapping[str, Any], photo: str | os.PathLike[str] | bytes | None = None,
            embedding: Iterable[float] | None = None, colour: Iterable[float] | None = None,
            if_match: str | None = None, only_new: bool = False, photo_url: str | None = None) -> dict[str, Any]:
        """The whole item, new or in place of what it was, with its photo, with the address that the server fetches it from, or with an
        embedding of the server's model. Takes an admin key."""
        body: dict[str, Any] = {"item": dict(fields)}
        if photo is not None:
            body["photo"] = _base64(photo)
        if photo_url is not None:
            body["image_url"] = photo_url
        if embedding is not None:
            body["embedding"] = list(embedding)
        if colour is not None:
            body["colour"] = list(colour)
        conditions = {"If-Match": if_match, "If-None-Match": "*" if only_new else None}
        return self._send(self._item(item), json.dumps(body).encode(), "application/json", "PUT", conditions)

    def patch(self, item: str, changes: Mapping[str, Any], if_match: str | None = None) -> dict[str, Any]:
        """Other metadata for an item; None takes a field away. Takes an admin key."""
        body = json.dumps(dict(changes)).encode()
        return self._send(self._item(item), body, "application/merge-patch+json", "PATCH", {"If-Match": if_match})

    def delete(self, item: str, if_match: str | None = None) -> None:
        """The item goes. Takes an admin key."""
        self._send(self._item(item), None, None, "DELETE", {"If-Match": if_match})

    def write(self, operations: Iterable[Mapping[str, Any]], most: int = 1000, bytes_at_once: int = 16_000_000) -> list[dict[str, Any]]:
        """Many writes, in as many requests as they need: `{"op": "put", "id": …, "item": {…}, "photo": path or bytes}`, or with
        `"photo": {"url": "https://…"}` or `embedding`; `{"op": "patch", "id": …, "item": {…}}`; `{"op": "delete", "id": …}`. What became of each, in their order: its
        `status`, and the `problem` where it was not made. It is safe to send again. Takes an admin key."""
        told: list[dict[str, Any]] = []
        lines: list[bytes] = []

        def send() -> None:
            if lines:
                answer = self._lines("/items", b"\n".join(lines))
                told.extend(answer[:-1])
                lines.clear()

        for operation in operations:
            line = dict(operation)
            if isinstance(line.get("photo"), (str, bytes, os.PathLike)):
                line["photo"] = _base64(line["photo"])
            encoded = json.dumps(line).encode()
            if len(lines) == most or sum(map(len, lines)) + len(encoded) > bytes_at_once:
                send()
            lines.append(encoded)
        send()
        return told

    @staticmethod
    def _item(item: str) -> str:
        return f"/items/{quote(item, safe='')}"

    def _lines(self, path: str, body: bytes) -> list[dict[str, Any]]:
        return self._send(path, body, "application/x-ndjson", read=lambda response: [json.loads(line) for line in response])

    def _send(self, path: str, body: bytes | None = None, kind: str | None = "image/jpeg", method: str | None = None,
              conditions: Mapping[str, str | None] = {}, read: Callable[[Any], Any] = json.load) -> Any:
        headers = {"Accept": "application/json", "User-Agent": "lookalike-python/0.1"}
        if body is not None and kind:
            headers["Content-Type"] = kind  # of photos any will do: the server looks at the bytes
        headers.update({name: value for name, value in conditions.items() if value is not None})
        if self.api_key:
            headers["X-API-Key"] = self.api_key
        try:
            request = Request(self.server + path, data=body, headers=headers, method=method)
            with urlopen(request, timeout=self.timeout) as response:
                return None if response.status == 204 else read(response)
        except HTTPError as error:
            raise _refusal(error) from None
        except json.JSONDecodeError as error:
            raise LookalikeError(0, "not_json", f"{self.server} does not answer as a Lookalike server does") from error
        except (URLError, OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise LookalikeError(0, "unreachable", f"{self.server} cannot be reached: {reason}") from error


def _base64(photo: str | os.PathLike[str] | bytes) -> dict[str, str]:
    """A photo, by its path or as its bytes, as a line of JSON holds it."""
    data = photo if isinstance(photo, bytes) else Path(photo).read_bytes()
    return {"base64": base64.b64encode(data).decode()}


def _query(options: Mapping[str, Any]) -> str:
    pairs: list[tuple[str, Any]] = []
    for name, value in options.items():
        if value is None:
            continue
        if name == "box" and not isinstance(value, str):
            pairs.append((name, ",".join(str(corner) for corner in value)))
        elif isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, (list, tuple, set)):
            pairs.extend((name, one) for one in value)
        else:
            pairs.append((name, value))
    return f"?{urlencode(pairs)}" if pairs else ""


def _refusal(error: HTTPError) -> LookalikeError:
    try:
        problem = json.load(error)
    except (ValueError, OSError):
        problem = {}
    wait = error.headers.get("Retry-After", "")
    return LookalikeError(
        error.code,
        problem.get("code", "unknown"),
        problem.get("detail", f"the server answered {error.code} and did not say why"),
        problem.get("request_id", error.headers.get("X-Request-Id", "")),
        float(wait) if wait.isdigit() else None,
    )


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lookalike.py", description="Asks a Lookalike server what looks like it.")
    parser.add_argument("--server", default=os.environ.get("LOOKALIKE_SERVER", DEFAULT_SERVER), help="default: $LOOKALIKE_SERVER, else %(default)s")
    parser.add_argument("--api-key", default=os.environ.get("LOOKALIKE_API_KEY"), help="default: $LOOKALIKE_API_KEY")
    parser.add_argument("--json", action="store_true", help="the whole answer, as it came")
    commands = parser.add_subparsers(dest="command", required=True)
    similar = commands.add_parser("similar", help="items that look like a photo")
    similar.add_argument("photo", type=Path)
    like = commands.add_parser("item-similar", help="items that look like an item")
    like.add_argument("id")
    facets = commands.add_parser("facets", help="how many items have what")
    facets.add_argument("keys", nargs="+", metavar="KEY", help="an attribute's, a number's, or category")
    for command in (similar, like, facets):
        command.add_argument("--category", action="append", help="of this category; may be repeated")
        command.add_argument("--attribute", action="append", metavar="KEY:VALUE", help="with this attribute; may be repeated")
        command.add_argument("--range", action="append", metavar="KEY:FROM..TO", help="with such a number; may be repeated")
        command.add_argument("--not-category", action="append", help="not of this category; may be repeated")
        command.add_argument("--not-attribute", action="append", metavar="KEY:VALUE", help="without this value; may be repeated")
    for command in (similar, like):
        command.add_argument("--k", type=int, help="how many results, 1 to 100")
        command.add_argument("--offset", type=int, help="how many to leave out before them")
        command.add_argument("--min-score", type=float, help="the least score, 0 to 1")
        command.add_argument("--sort", metavar="KEY", help="the most similar by this number; --sort=-price: the largest first")
        command.add_argument("--boost", action="append", metavar="KEY:FROM..TO*FACTOR", help="such items count for more; may be repeated")
        command.add_argument("--exclude", action="append", metavar="ID", help="without this item; may be repeated")
        command.add_argument("--color-weight", type=float, help="0 the same shape in any colour, 1 this very colour")
        command.add_argument("--box", metavar="X1,Y1,X2,Y2", help="the part to search with, as shares of width and height")
        command.add_argument("--collapse", choices=["product", "none"], help="product: one item a product")
        command.add_argument("--dedup", action="store_true", default=None, help="of nearly the same photos, one")
        command.add_argument("--diversity", type=float, help="0 the closest, 1 the most varied")
        command.add_argument("--exact", action="store_true", default=None, help="compare with every item")
    commands.add_parser("item", help="one item").add_argument("id")
    commands.add_parser("random", help="an item drawn at random")
    commands.add_parser("categories", help="the catalogue's categories")
    commands.add_parser("info", help="what the server runs")
    return parser


def _ask(server: Lookalike, command: str, options: dict[str, Any]) -> dict[str, Any]:
    if command == "similar":
        return server.similar(options.pop("photo"), **options)
    if command == "item-similar":
        return server.item_similar(options.pop("id"), **options)
    if command == "facets":
        return server.facets(*options.pop("keys"), **options)
    return getattr(server, command)(*options.values())


def _table(results: Iterable[Mapping[str, Any]]) -> str:
    rows = [("rank", "score", "shape", "colour", "category", "id")]
    for r in results:
        distance = r["distance"]
        rows.append((str(r["rank"]), f"{r['score']:.3f}", f"{distance['deep']:.3f}", f"{distance['colour']:.3f}", r["category"], r["id"]))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status: 0 an answer, 1 none, 2 a mistake in the command line."""
    options = vars(_arguments().parse_args(arguments))
    server = Lookalike(options.pop("server"), options.pop("api_key"))
    whole, command = options.pop("json"), options.pop("command")
    try:
        answer = _ask(server, command, options)
    except LookalikeError as error:
        asked = f" (request {error.request_id})" if error.request_id else ""
        print(f"lookalike: {error.detail}{asked}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"lookalike: the photo cannot be read: {error}", file=sys.stderr)
        return 1
    if whole or "results" not in answer:
        print(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        print(_table(answer["results"]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever read the output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
