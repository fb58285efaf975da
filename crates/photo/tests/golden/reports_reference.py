"""Photos after public bug reports of decoders, and what Pillow makes of them, for tests/photos/reports.rs.

    pip install pillow==13.0.0 && python tests/golden/reports_reference.py tests/golden/reports.txt

Lines of a name, width × height, the mean of red, green and blue, and the file in hexadecimal. Where Pillow refuses what browsers show,
or shows a white page, the picture that was put in is what is expected.
"""

import io
import struct
import sys
import zlib

from PIL import Image, ImageFile, ImageStat

ImageFile.LOAD_TRUNCATED_IMAGES = True
files, put_in = {}, {}


def picture(w=32, h=16):
    image = Image.new("RGB", (w, h), (230, 40, 90))
    image.paste((20, 160, 60), (0, 0, w // 2, h // 2))
    image.paste((40, 60, 200), (w // 2, h // 2, w, h))
    return image


def saved(kind, image=None, **how):
    file = io.BytesIO()
    (image or picture()).save(file, kind, **how)
    return file.getvalue()


def chunk(name, data, crc=None):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) if crc is None else crc)


PNG = saved("PNG")
JPEG = saved("JPEG", quality=95, optimize=True)


def png(*chunks, of=PNG):
    return of[:33] + b"".join(chunks) + of[33:]


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def behind_jfif(*segments):
    return JPEG[:20] + b"".join(segments) + JPEG[20:]


def adobe(transform, of=JPEG, cut=None):
    data = b"Adobe" + struct.pack(">HHHB", 100, 0, 0, transform)
    return of[:2] + segment(0xEE, data[:cut]) + of[20:]  # in place of JFIF's


files["png, two profiles (image-rs/image 1825)"] = png(chunk(b"iCCP", b"a\0\0" + zlib.compress(b"x" * 200)) * 2)
files["png, a profile's checksum (golang/go 43382)"] = png(chunk(b"iCCP", b"a\0\0" + zlib.compress(b"x" * 200), 7))
files["png, an invalid name (w3c/png 320)"] = png(chunk(b"s\1IT", b"\1\1\1"))
files["png, transparency of colours with alpha (libspng 118)"] = png(chunk(b"tRNS", b"\0\1\0\1\0\1"), of=saved("PNG", picture().convert("RGBA")))
files["png, two gammas"] = png(chunk(b"gAMA", struct.pack(">I", 45455)) * 2)
files["png, short chromaticities"] = png(chunk(b"cHRM", b"\0\0\0\1"))
files["png, cICP of another model"] = png(chunk(b"cICP", bytes([9, 16, 9, 0])))
files["png, cICP too long"] = png(chunk(b"cICP", bytes([1, 13, 0, 1, 0])))
files["png, cICP of a flag of 2"] = png(chunk(b"cICP", bytes([1, 13, 0, 2])))
files["png, no end (image-png)"] = PNG[:-12]
files["png, behind its end (SixLabors/ImageSharp 127)"] = PNG + b"more" * 9
files["png, a brightness that is none"] = png(chunk(b"mDCV", bytes(24)), chunk(b"cLLI", bytes(3)))
files["jpeg, adobe of 0"] = adobe(1)
for transform in (2, 3, 99, 255):
    files[f"jpeg, an adobe transform of {transform}"] = adobe(transform)
cmyk = saved("JPEG", picture().convert("CMYK"), quality=95)
at = cmyk.index(b"Adobe") + 11
files["jpeg, four inks"] = cmyk
files["jpeg, adobe cut short"] = adobe(1, cut=7)
files["jpeg, adobe and JFIF"] = behind_jfif(segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 0)))
grey = saved("JPEG", picture().convert("L"), quality=95)
files["jpeg, grey of an unknown transform"] = adobe(7, of=grey)
files["jpeg, restarts, progressive (zune-image 359)"] = saved("JPEG", picture(48, 32), quality=90, progressive=True, restart_marker_blocks=1)
files["jpeg, restarts, progressive, 4:2:0 (zune-image 358)"] = saved("JPEG", picture(48, 32), quality=90, progressive=True, restart_marker_rows=1, subsampling=2)
files["jpeg, restarts that end with the scan (zune-image 451)"] = saved("JPEG", picture(16, 8), quality=90, progressive=True, restart_marker_blocks=2, subsampling=0)
files["jpeg, bytes between segments (zune-image 261)"] = JPEG[:20] + bytes(7) + JPEG[20:]
files["jpeg, fill bytes before a marker"] = JPEG[:20] + b"\xff" * 5 + JPEG[20:]
files["jpeg, bytes behind its end"] = JPEG + b"\0" * 40
files["jpeg, another behind it (MPO, gain maps)"] = JPEG + saved("JPEG", Image.new("RGB", (8, 8)))
files["jpeg, no end (Pillow 7879)"] = JPEG[:-2]
files["jpeg, XMP before anything (Pillow 7879)"] = JPEG[:2] + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>") + JPEG[2:]
files["jpeg, EXIF of nothing"] = behind_jfif(segment(0xE1, b"Exif\0\0"))
files["jpeg, a profile of nothing"] = behind_jfif(segment(0xE2, b"ICC_PROFILE\0\1\1"))
files["jpeg, a profile without an end"] = behind_jfif(segment(0xE2, b"ICC_PROFILE\0\1\2" + b"x" * 300))
files["jpeg, 1 pixel"] = saved("JPEG", Image.new("RGB", (1, 1), (200, 30, 60)), quality=95)
files["jpeg, one component sampled 2×2"] = grey.replace(b"\x01\x01\x11\x00", b"\x01\x01\x22\x00", 1)
lossy = saved("WEBP", picture(), quality=95)
lossless = saved("WEBP", picture(), lossless=True)


def webp(frame, flags, *chunks, behind=()):
    part = lambda name, data: name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    body = b"WEBP" + part(b"VP8X", bytes([flags, 0, 0, 0, 31, 0, 0, 15, 0, 0])) + b"".join(part(*c) for c in chunks) + frame
    body += b"".join(part(*c) for c in behind)
    return b"RIFF" + struct.pack("<I", len(body)) + body


files["webp, a profile that is announced and not there (image-webp 99)"] = webp(lossless[12:], 32)
files["webp, EXIF that is announced and not there"] = webp(lossless[12:], 8)
files["webp, unknown chunks before the frame"] = webp(lossless[12:], 0, (b"JUNK", b"1234567"))
files["webp, unknown chunks behind it"] = webp(lossy[12:], 0, behind=[(b"JUNK", b"1234567")])
files["webp, alpha that is announced and not there"] = webp(lossy[12:], 16)
files["webp, a profile of nothing"] = webp(lossless[12:], 32, (b"ICCP", b""))
files["webp, RIFF of a wrong length"] = lossless[:4] + struct.pack("<I", len(lossless) - 8 + 2) + lossless[8:]
files["webp, bytes behind it"] = lossless + bytes(10)


def bmp(alpha, masks=None):
    w, h = picture().size
    rgb = picture().transpose(Image.Transpose.FLIP_TOP_BOTTOM).tobytes("raw", "BGR")
    pixels = b"".join(rgb[i : i + 3] + bytes([alpha]) for i in range(0, len(rgb), 3))
    size, how = (40, 0) if masks is None else (124, 3)
    head = struct.pack("<IiiHHIIiiII", size, w, h, 1, 32, how, len(pixels), 2835, 2835, 0, 0)
    head += b"" if masks is None else struct.pack("<4I", *masks) + b"BGRs"
    head = head.ljust(size, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + size + len(pixels), 0, 0, 14 + size) + head + pixels


MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
files["bmp, 32 bits"] = bmp(0)
files["bmp, 32 bits, opaque"] = bmp(255, MASKS)
files["bmp, 32 bits, alpha of 0 throughout (bmpsuite 25)"] = bmp(0, MASKS)
put_in["bmp, 32 bits, alpha of 0 throughout (bmpsuite 25)"] = picture()
files["gif, a transparent ground"] = saved("GIF", picture().quantize(8), transparency=0)
files["gif, bytes behind it"] = saved("GIF") + b"\0" * 5


def taken(name, file):
    image = put_in.get(name)
    if image is None:
        try:
            image = Image.open(io.BytesIO(file))
            image.load()
        except (SyntaxError, OSError) as e:
            print(f"{name}: Pillow says {e}", file=sys.stderr)
            image = picture()
    if image.mode in ("RGBA", "P"):
        rgba = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, (255,) * 4), rgba)
    return image.convert("RGB")


with open(sys.argv[1], "w") as out:
    for name, file in files.items():
        image = taken(name, file)
        mean = " ".join(f"{m:.1f}" for m in ImageStat.Stat(image).mean)
        print(name, f"{image.width}×{image.height}", mean, file.hex(), sep="\t", file=out)
