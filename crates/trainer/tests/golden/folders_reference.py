"""Folders as they come, and what is read of them, for tests/program/folders_as_they_come.rs.

    python tests/golden/folders_reference.py > tests/golden/folders.json

A case names files (with their text; photos are empty, nothing is decoded), what is read of them, or the words of the refusal. Ids are made
here by Python's hashlib. A path is `bytes:` and hexadecimal where it is not UTF-8.
"""

import hashlib
import json
import re
import sys
import unicodedata


def an_id(image):
    """docs/training.md, "Ids"."""
    path = image.removeprefix("img/")
    name = path.rpartition("/")[2]
    stem = path.rpartition(".")[0] if "." in name and path.rpartition(".")[0] else path
    tame = re.sub(r"[^A-Za-z0-9._~-]", "_", stem.replace("/", "~"))
    if path.isascii():
        return tame
    return tame[:111] + "-" + hashlib.sha256(path.encode()).hexdigest()[:16]


def case(name, files, images=(), **expected):
    """`images`: those that are read, or a dictionary of their paths on disk to those their ids are made of."""
    files = files if isinstance(files, dict) else {path: "" for path in files}
    ids = images if isinstance(images, dict) else {image: image for image in images}
    return {"name": name, "files": files, "ids": {there: an_id(listed) for there, listed in ids.items()}, **expected}


def odd(path):
    return "bytes:" + path.hex()


def items(*images, mark="\n"):
    line = lambda i, image: json.dumps({"id": f"item-{i}", "category": "x", "image": image}, ensure_ascii=False)
    return mark.join(line(i, image) for i, image in enumerate(images)) + mark


SHOP = ["img/coat/1.jpg", "img/coat/2.jpg", "img/dress/1.jpg", "img/dress/2.jpg"]
SEVERAL = "3\nimage_name x\n"
CLOTH = "2\ncategory_name  category_type\nTee  1\nHoodie  1\n"
LISTED = ["img/Red_Tee/img_1.jpg", "img/Red_Tee/img_2.jpg", "img/Zip_Hoodie/img_1.jpg"]
SPLITS = ["train", "val", "test"]


def coarse(folder, **more):
    rows = lambda columns: SEVERAL + "".join(f"{image}  {column}\n" for image, column in zip(LISTED, columns))
    return {
        f"{folder}/list_category_cloth.txt": CLOTH,
        f"{folder}/list_category_img.txt": rows([1, 1, 2]),
        f"{folder}/list_bbox.txt": rows(["1 1 5 5"] * 3),
        f"{folder}/list_attr_img.txt": "no matter",
        "Eval/list_eval_partition.txt": rows(SPLITS),
    }


def fine(folder):
    lists = {f"{folder}/list_category_cloth.txt": CLOTH}
    for image, label, split in zip(LISTED, [1, 1, 2], SPLITS):
        lists |= {f"{folder}/{split}.txt": image + "\n", f"{folder}/{split}_cate.txt": f"{label}\n"}
        lists |= {f"{folder}/{split}_bbox.txt": "1 1 5 5\n", f"{folder}/{split}_attr.txt": "0 1 0\n"}
    return lists


def photos(place, listed=LISTED):
    return {place + image: "" for image in listed}


def cases():
    yield case("a plain shop", SHOP, SHOP, categories=["coat", "dress"])
    litter = {
        "img/.DS_Store": "", "img/coat/._1.jpg": "", "img/coat/._2.jpg": "", "img/coat/.DS_Store": "", "img/coat/Thumbs.db": "",
        "img/dress/desktop.ini": "", "img/dress/.picasa.ini": "", "img/__MACOSX/coat/._1.jpg": "", "img/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg": "",
        "img/dress/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg": "", "img/.thumbnails/1.jpg": "", "img/lost+found/1.jpg": "",
        "img/.ipynb_checkpoints/1-checkpoint.jpg": "", "img/coat/.ipynb_checkpoints/1-checkpoint.jpg": "", "img/.git/logo.png": "",
        "img/$RECYCLE.BIN/1.jpg": "", "img/System Volume Information/1.jpg": "",
    }
    yield case("what systems leave", litter | dict.fromkeys(SHOP, ""), SHOP, categories=["coat", "dress"], left_out=17,
               said=["files and folders left out that are not the shop's: 17 (", "img/$RECYCLE.BIN", "and 12 more"])
    yield case("empty folders", SHOP + ["img/skirt/", "img/coat/old/", "img/trousers/.DS_Store"], SHOP, categories=["coat", "dress"],
               left_out=4, said=["img/skirt/ (empty)", "img/coat/old/ (empty)", "img/trousers/ (empty)"])
    deep = ["img/coat/red/1.jpg", "img/coat/red/back/1.jpg", "img/coat/0.jpg", "img/dress/1.JPG", "img/dress/2.jfif"]
    yield case("photos in deeper folders", deep, deep, categories=["coat", "dress"])
    yield case("a class that holds no photo", SHOP + ["img/notes/read me.txt"], SHOP, categories=["coat", "dress"], skipped=1)
    yield case("photos in no class", SHOP + ["img/loose.jpg"], SHOP, skipped=1, said=["img/loose.jpg: it lies in no class's folder"])
    without = [path.removeprefix("img/") for path in SHOP]
    yield case("no folder img", without + ["README.txt", "__MACOSX/coat/._1.jpg"], without, left_out=1, skipped=0)
    parts = [f"{part}/{path}" for part in ("train", "val", "test") for path in without]
    yield case("parts of a set", parts, refused=["test, train, val are parts of a set"])
    yield case("a link that leads around", {path: "" for path in SHOP} | {"img/coat/again": "link:..", "img/coat/self": "link:."}, SHOP,
               left_out=2)
    yield case("a link to photos", {path: "" for path in SHOP} | {"kept/3.jpg": "", "img/coat/more": "link:../../kept"},
               SHOP + ["img/coat/more/3.jpg"])

    cyrillic = ["юбка/красная.jpg", "юбка/зеленая.jpg", "юбка/зеленая.png", "платье/красная.jpg"]
    cyrillic = ["img/" + path for path in cyrillic]
    yield case("Cyrillic names of equal length", cyrillic, cyrillic, categories=["платье", "юбка"])
    both = [f"img/été/{unicodedata.normalize(form, 'été')}.jpg" for form in ("NFC", "NFD")]
    yield case("one name composed and decomposed", both, both)
    mixed = ["img/dress/连衣裙 1.jpg", "img/dress/ワンピース.jpg", "img/dress/👗.jpg", "img/dress/👚.jpg", "img/dress/é" + "a" * 200 + ".jpg"]
    yield case("other scripts", mixed, mixed)
    yield case("ASCII names that come to one id", ["img/coat/a b.jpg", "img/coat/a_b.jpg"], refused=["a b.jpg", "a_b.jpg", "same item id"])
    latin = ["img/dress/".encode() + b"\xe9t\xe9.jpg", "img/".encode() + b"r\xf4be/1.jpg"]
    yield case("names that are not UTF-8", SHOP + [odd(path) for path in latin], SHOP, skipped=2, categories=["coat", "dress"],
               said=["its name is not UTF-8"])

    at = lambda before: {before + image: image for image in LISTED}
    df = {"layout": "deepfashion", "splits": SPLITS}
    yield case("DeepFashion of 2016", coarse("Anno") | photos(""), at(""), categories=["Tee", "Hoodie"], **df)
    today = coarse("Anno_coarse") | fine("Anno_fine")
    yield case("DeepFashion of today", today | photos("Img/"), at("Img/"), categories=["Tee", "Hoodie"], splits=SPLITS)
    yield case("its coarse lists alone", coarse("Anno_coarse") | photos(""), at(""), **df)
    yield case("its fine lists alone", fine("Anno_fine") | photos("Img/"), at("Img/"), categories=["Tee", "Hoodie"], **df)
    yield case("its fine lists as mmfashion wants them", fine("Anno") | photos("Img/"), at("Img/"), **df)
    high = {"Img/img_highres/" + image.removeprefix("img/"): image for image in LISTED}
    yield case("its large photos", today | dict.fromkeys(high, ""), high, **df)
    yield case("its lists from Windows", {k: "\ufeff" + v.replace("\n", "\r\n") for k, v in coarse("Anno_coarse").items()} | photos("Img/"),
               at("Img/"), **df)
    yield case("photos still packed", today | {"Img/img.zip": ""}, refused=["img/Red_Tee/img_1.jpg", "Img/img/Red_Tee", "unpack Img/img.zip"])
    yield case("a folder above", {f"Category and Attribute/{path}": text for path, text in (today | photos("Img/")).items()},
               refused=["a folder deeper", "Category and Attribute"])
    yield case("the same, its layout said", {f"unpacked/{path}": text for path, text in today.items()},
               layout="deepfashion", refused=["list_category_img.txt", "Anno/, Anno_coarse/, Anno_fine/", "unpacked looks like it"])
    some = {k: v for k, v in today.items() if k.startswith("Anno_coarse") and "bbox" not in k}
    yield case("lists that are missing", some | photos("Img/"),
               refused=["no Anno_coarse/list_bbox.txt", "no Eval/list_eval_partition.txt"])
    short = fine("Anno_fine") | photos("Img/") | {"Anno_fine/val_cate.txt": "1\n2\n"}
    yield case("lists that do not go together", short, refused=["val_cate.txt", "it has 2 rows", "has 1"])

    shop = dict.fromkeys(SHOP, "")
    named = lambda *images: {"items.jsonl": items(*images)}
    ids = {image: f"item-{i}" for i, image in enumerate(SHOP)}
    yield case("items.jsonl", shop | named(*SHOP), categories=["coat", "dress"], items=ids)
    yield case("paths from a folder", shop | named(*["./" + image for image in SHOP]), items=ids)
    yield case("paths from Windows", shop | named(*[image.replace("/", "\\") for image in SHOP]), items=ids)
    yield case("a typo and what is not there", shop | named(SHOP[0], SHOP[1], SHOP[2], "img/dres/2.jpg", "img/hat/1.jpg"),
               items=dict(list(ids.items())[:3]) | {SHOP[3]: an_id(SHOP[3])}, lines=2, unlined=1,
               said=["lines of items.jsonl without a photo: 2 (img/dres/2.jpg (line 4), img/hat/1.jpg (line 5))",
                     "photos without a line in items.jsonl: 1 (img/dress/2.jpg)"])
    yield case("no path fits", shop | named(*["/home/me/" + image for image in SHOP]), SHOP, lines=4, unlined=4)
    yield case("one photo in two ways", shop | named(SHOP[0], "./" + SHOP[0]), refused=["items.jsonl, line 2", "a second time"])
    marked = "\ufeff" + items(*SHOP, mark="\r\n")
    yield case("items.jsonl with a mark", shop | {"items.jsonl": marked}, items=ids)
    wide = "bytes:" + marked.encode("utf-16-le").hex()
    yield case("items.jsonl of PowerShell", shop | {"items.jsonl": wide}, items=ids)
    latin = "bytes:" + items(SHOP[0]).encode().hex() + items("img/coat/é.jpg").encode("latin-1").hex()
    yield case("items.jsonl of another coding", shop | {"items.jsonl": latin}, refused=["items.jsonl, line 2", "not UTF-8"])
    decomposed = [unicodedata.normalize("NFD", image) for image in ["img/été/1.jpg", "img/été/й.jpg"]]
    composed = [unicodedata.normalize("NFC", image) for image in decomposed]
    yield case("names from a Mac", dict.fromkeys(decomposed, "") | named(*composed), items={d: f"item-{i}" for i, d in enumerate(decomposed)})
    yield case("items.jsonl beside DeepFashion", today | photos("Img/") | named(*LISTED), splits=SPLITS,
               items={"Img/" + image: f"item-{i}" for i, image in enumerate(LISTED)})


json.dump(list(cases()), sys.stdout, ensure_ascii=False, indent=0)
sys.stdout.write("\n")
