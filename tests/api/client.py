"""Calls every operation of openapi.yaml through a client that was generated from it: client.py URL KEY PHOTO"""

import importlib
import io
import pkgutil
import sys
import tarfile
import time

import lookalike_client.api
from lookalike_client import AuthenticatedClient, models
from lookalike_client.types import File

url, key, path = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=key, timeout=60)


def photo():
    with open(path, "rb") as file:
        return File(payload=io.BytesIO(file.read()), file_name="photo.jpg", mime_type="image/jpeg")


def modules():
    """Every operation's module, by its name."""
    for package in pkgutil.iter_modules(lookalike_client.api.__path__, "lookalike_client.api."):
        folder = importlib.import_module(package.name)
        for module in pkgutil.iter_modules(folder.__path__, package.name + "."):
            yield module.name.rsplit(".", 1)[1], importlib.import_module(module.name)


operations = dict(modules())
called = set()


def call(operation, *arguments, status=200, **named):
    called.add(operation)
    response = operations[operation].sync_detailed(*arguments, client=client, **named)
    assert response.status_code == status, f"{operation}: {response.status_code} {response.content[:500]}"
    return response.parsed


page = call("items", limit=5)
first = page.items[0]
assert len(page.items) == 5 and page.total > 5 and page.next_ == page.items[-1].id
assert call("item", first.id) == first
some = call("items", limit=1000, fields="source_hash,title").items
assert [item.id for item in some[:5]] == [item.id for item in page.items] and not some[0].category
assert call("random_item").id
assert first.category in [category.name for category in call("categories").categories]
facets = call("facets", facet=["colour", "category"], not_category=[first.category])
assert [facet.key for facet in facets.facets] == ["colour", "category"] and facets.items < page.total == facets.facets[1].items
info = call("info")
assert info.limits.k == 100 and info.catalogue.items == page.total

similar = call(
    "similar_to_photo",
    body=models.SimilarToPhotoFilesBody(image=photo()),
    k=4,
    box="0,0,1,0.9",
    color_weight=0.5,
    diversity=0.3,
    dedup=True,
    collapse=models.SimilarToPhotoCollapse.PRODUCT,
)
assert [result.rank for result in similar.results] == [1, 2, 3, 4] and similar.query.width > 0
others = call("similar_to_item", first.id, category=[first.category], exclude=[similar.results[0].id], exact=True)
assert others.results and all(result.category == first.category for result in others.results)
batch = call("similar_to_photos", body=models.SimilarToPhotosBody(image=[photo(), photo()]), k=1)
assert [entry.status for entry in batch.answers] == [200, 200]
embedding = call("embed", body=models.EmbedFilesBody(image=photo()))
assert len(embedding.embedding) == info.model.dims.deep
found = call("search", body=models.Vector(vector=embedding.embedding, colour=embedding.colour), k=3)
assert len(found.results) == 3
liked = call("search", body=models.Examples(positive=[first.id], negative=[others.results[0].id]))
assert first.id not in [result.id for result in liked.results]

fields = models.ShownItemFields(category="from-a-client", attributes=models.AttributeFields())
fields.attributes["colour"] = ["violet"]
put = call("put_item", "from-a-client", body=models.PutItemFilesBody(image=photo(), item=fields), status=201)
assert put.category == "from-a-client" and call("item", "from-a-client").id == put.id
patched = call("patch_item", "from-a-client", body=models.ItemPatch(category="patched"))
assert patched.category == "patched"
begun = call("compact", status=202)
while call("operation", begun.id).state == models.OperationState.RUNNING:
    time.sleep(0.1)
assert call("operation", begun.id).state == models.OperationState.DONE
bases = call("generations")
assert bases.served == "compacted-1" and [base.name for base in bases.generations] == ["bundle-1", "compacted-1"]


def ended(operation):
    while (told := call("operation", operation.id)).state == models.OperationState.RUNNING:
        time.sleep(0.1)
    return told.state == models.OperationState.DONE


assert ended(call("rollback", status=202)) and call("generations").pinned == "bundle-1"
reload = call("reload", status=202)
assert reload.kind == models.OperationKind.RELOAD and ended(reload)
call("snapshot")
# The generator knows no tar: its bytes are looked at instead.
snapshot = operations["snapshot"].sync_detailed(client=client).content
with tarfile.open(fileobj=io.BytesIO(snapshot)) as tar:
    entries = tar.getnames()
assert entries[0] == "snapshot.json" and entries[-1] == "checksums"

# The generator knows no lines of JSON: `writeItems` is not among its operations.
call("delete_item", "from-a-client", status=204)

for operation in ("live", "ready", "metrics", "description", "docs", "page"):
    call(operation)
call("photo", first.id)
call("docs_file", models.DocsFileFile.START_JS)
call("asset", models.AssetFile.PAGE_JS)

refused = operations["similar_to_item"].sync_detailed("no-such-item", client=client)
assert refused.status_code == 404 and refused.parsed.code == "unknown_item"

assert called == set(operations), f"not called: {set(operations) - called}"
print(f"{len(called)} operations called through the generated client")
