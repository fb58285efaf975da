"""Photos that say in every place and type how they are to be turned, and what Pillow's `exif_transpose` takes of them.

    pip install pillow==13.0.0 && python tests/golden/orientation_reference.py tests/golden/orientations.txt

Lines of a name, the orientation that Pillow takes (1 to 8), and the file in hexadecimal. The first of each format says nothing.
"""

import io
import struct
import sys
import warnings
import zlib

from PIL import Image, ImageOps

warnings.simplefilter("ignore")
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
FORMS = {3: "H", 4: "I", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 1: "B", 2: "B", 6: "b", 7: "B"}


def entry(order, kind, values, tag=0x0112, count=None):
    if kind in (5, 10):
        data = b"".join(struct.pack(order + "II", v, 1) for v in values)
    else:
        data = struct.pack(order + f"{len(values)}{FORMS.get(kind, 'I')}", *values)
    return tag, kind, len(values) if count is None else count, data


def tiff(order, entries, magic=None, cut=None):
    head = magic or {"<": b"II*\0", ">": b"MM\0*"}[order]
    block = head + struct.pack(order + "IH", 8, len(entries))
    behind = 8 + 2 + 12 * len(entries) + 4
    data = b""
    for tag, kind, count, value in entries:
        block += struct.pack(order + "HHI", tag, kind, count)
        if SIZES.get(kind, 4) * count > 4:
            block += struct.pack(order + "I", behind + len(data))
            data += value
        else:
            block += value[:4].ljust(4, b"\0")
    block += struct.pack(order + "I", 0) + data
    return block[:cut]


def plain(kind):
    image = Image.new("L", (16, 8), 250)
    image.paste(10, (0, 0, 8, 4))
    image.paste(90, (8, 0, 16, 4))
    file = io.BytesIO()
    image = image.convert("RGB") if kind == "WEBP" else image
    image.save(file, kind, **{"JPEG": {"quality": 95, "optimize": True}, "PNG": {}, "WEBP": {"lossless": True}}[kind])
    return file.getvalue()


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


JPEG, PNG, WEBP = plain("JPEG"), plain("PNG"), plain("WEBP")
# Behind the start and JFIF's segment; behind the header.
JFIF_END = 2 + 2 + struct.unpack(">H", JPEG[4:6])[0]
PNG_HEAD = 8 + 25


def jpeg(*segments, jfif=True, before_scan=False):
    if before_scan:
        at = JPEG.index(b"\xff\xda")
        return JPEG[:at] + b"".join(segments) + JPEG[at:]
    return JPEG[: JFIF_END if jfif else 2] + b"".join(segments) + JPEG[JFIF_END if jfif else JFIF_END :]


def png(before=b"", after=b""):
    end = PNG.index(b"IEND") - 4
    return PNG[:PNG_HEAD] + before + PNG[PNG_HEAD:end] + after + PNG[end:]


def webp(chunks, flags):
    frame = WEBP[12:]
    body = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0, 15, 0, 0, 7, 0, 0]) + frame
    for name, data in chunks:
        body += name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def exif(block):
    return segment(0xE1, b"Exif\0\0" + block)


def short(value, order="<", **how):
    return tiff(order, [entry(order, 3, [value])], **how)


def xmp(value, form='<x:xmpmeta tiff:Orientation="{}"/>'):
    return form.format(value).encode()


XMP = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(8))
APP13 = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0")
ELEMENT = "<tiff:Orientation>{}</tiff:Orientation>"


def raw(block):
    return f"\nexif\n{len(block):8}\n".encode() + block.hex().encode() + b"\n"


files = {"jpeg, nothing": JPEG, "png, nothing": PNG, "webp, nothing": WEBP}
for order, endian in (("<", "little"), (">", "big")):
    for kind in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 99):
        files[f"jpeg, {endian}, type {kind}"] = jpeg(exif(tiff(order, [entry(order, kind, [6])])))
    files[f"jpeg, {endian}, two numbers"] = jpeg(exif(tiff(order, [entry(order, 3, [6, 3])])))
    files[f"jpeg, {endian}, four numbers"] = jpeg(exif(tiff(order, [entry(order, 3, [6, 3, 3, 3])])))
    files[f"jpeg, {endian}, no number"] = jpeg(exif(tiff(order, [entry(order, 3, [6], count=0)])))
for value in (0, 1, 2, 3, 4, 5, 7, 8, 9, 300):
    files[f"jpeg, value {value}"] = jpeg(exif(short(value)))
files["jpeg, a long of 65542"] = jpeg(exif(tiff("<", [entry("<", 4, [65542])])))
files["jpeg, swapped magic II"] = jpeg(exif(short(6, magic=b"II\0*")))
files["jpeg, swapped magic MM"] = jpeg(exif(short(6, ">", magic=b"MM*\0")))
files["jpeg, no TIFF"] = jpeg(exif(short(6, magic=b"XX*\0")))
files["jpeg, cut in the tag"] = jpeg(exif(short(6, cut=17)))
files["jpeg, cut behind the tag"] = jpeg(exif(short(6, cut=22)))
files["jpeg, numbers outside"] = jpeg(exif(tiff("<", [entry("<", 3, [6], count=40)])))
two = [entry("<", 3, [6]), entry("<", 3, [3])]
files["jpeg, two tags"] = jpeg(exif(tiff("<", two)))
files["jpeg, two tags, the first broken"] = jpeg(exif(tiff("<", [entry("<", 3, [3], count=4000), entry("<", 3, [6])])))
files["jpeg, two blocks"] = jpeg(exif(short(6)), exif(short(3)))
files["jpeg, two blocks, the first without"] = jpeg(exif(tiff("<", [])), exif(short(3)))
files["jpeg, twice Exif"] = jpeg(segment(0xE1, b"Exif\0\0Exif\0\0" + short(6)))
files["jpeg, no JFIF"] = jpeg(exif(short(6)), jfif=False)
files["jpeg, before JFIF"] = JPEG[:2] + exif(short(6)) + JPEG[2:]
files["jpeg, before XMP"] = jpeg(exif(short(6)), XMP)
files["jpeg, behind XMP"] = jpeg(XMP, exif(short(6)))
files["jpeg, before APP13"] = jpeg(exif(short(6)), APP13)
files["jpeg, behind APP13"] = jpeg(APP13, exif(short(6)))
files["jpeg, before the scan"] = jpeg(exif(short(6)), before_scan=True)
files["jpeg, XMP alone"] = jpeg(XMP)
files["jpeg, XMP behind EXIF without"] = jpeg(exif(tiff("<", [entry("<", 3, [6], tag=0x0113)])), XMP)
files["jpeg, XMP behind EXIF of 1"] = jpeg(exif(short(1)), XMP)
files["jpeg, XMP as an element"] = jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(3, ELEMENT)))
files["png, before IDAT"] = png(chunk(b"eXIf", short(6)))
files["png, behind IDAT"] = png(after=chunk(b"eXIf", short(6)))
files["png, both"] = png(chunk(b"eXIf", short(6)), chunk(b"eXIf", short(3)))
files["png, Exif 0 0"] = png(chunk(b"eXIf", b"Exif\0\0" + short(6)))
files["png, a long, big"] = png(chunk(b"eXIf", tiff(">", [entry(">", 4, [6])])))
files["png, raw profile"] = png(chunk(b"tEXt", b"Raw profile type exif\0" + raw(b"Exif\0\0" + short(6))))
packed = zlib.compress(raw(b"Exif\0\0" + short(8, ">")))
files["png, raw profile, packed"] = png(chunk(b"zTXt", b"Raw profile type exif\0\0" + packed))
files["png, raw profile and eXIf"] = png(chunk(b"zTXt", b"Raw profile type exif\0\0" + packed) + chunk(b"eXIf", short(3)))
files["png, XMP"] = png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(7)))
files["png, XMP, packed"] = png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(xmp(5))))
files["png, XMP and eXIf"] = png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(7)) + chunk(b"eXIf", short(3)))
files["webp, bare"] = webp([(b"EXIF", short(6))], 8)
files["webp, Exif 0 0"] = webp([(b"EXIF", b"Exif\0\0" + short(6))], 8)
files["webp, Exif 0 0, a long, big"] = webp([(b"EXIF", b"Exif\0\0" + tiff(">", [entry(">", 4, [6])]))], 8)
files["webp, twice Exif 0 0"] = webp([(b"EXIF", b"Exif\0\0" * 2 + short(6))], 8)
files["webp, not announced"] = webp([(b"EXIF", short(6))], 0)
files["webp, two chunks"] = webp([(b"EXIF", short(6)), (b"EXIF", short(3))], 8)
files["webp, XMP"] = webp([(b"XMP ", xmp(8))], 4)
files["webp, XMP and EXIF"] = webp([(b"EXIF", short(6)), (b"XMP ", xmp(8))], 12)


def taken(file):
    image = Image.open(io.BytesIO(file))
    try:
        turned = ImageOps.exif_transpose(image)
    except SyntaxError:  # Pillow's way to say that a block is no TIFF
        turned = image
    methods = [None, 0, 3, 1, 5, 4, 6, 2]
    for value, method in enumerate(methods, 1):
        other = image if method is None else image.transpose(Image.Transpose(method))
        if (other.size, other.tobytes()) == (turned.size, turned.tobytes()):
            return value
    raise ValueError(file)


with open(sys.argv[1], "w") as out:
    for name, file in files.items():
        print(name, taken(file), file.hex(), sep="\t", file=out)
