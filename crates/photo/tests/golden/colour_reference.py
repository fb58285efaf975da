"""Photos in other colours than sRGB, and what Pillow's ImageCms makes of them, for tests/photos/colours.rs.

    pip install pillow==13.0.0 numpy && python tests/golden/colour_reference.py tests/golden/colours

Each NAME.EXT gets a NAME.EXT.expected.png: sRGB, alpha over white. The profiles are written here, byte by byte; no library makes them.
"""

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
SRGB = ImageCms.createProfile("sRGB")
D50 = np.array([0.9642, 1.0, 0.8249])


def fixed(values):
    return b"".join(struct.pack(">i", round(float(v) * 65536)) for v in values)


def profile(space, tags, pcs=b"XYZ ", kind=b"mntr", version=0x02400000):
    """An ICC profile of these tags."""
    table, data = struct.pack(">I", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", begin + len(data), len(value))
        data += value + b"\0" * (-len(value) % 4)
    head = struct.pack(">I", begin + len(data)) + b"\0" * 4 + struct.pack(">I", version)
    head += kind + space + pcs + b"\0" * 12 + b"acsp" + b"\0" * 24 + struct.pack(">I", 0) + fixed(D50)
    return head.ljust(128, b"\0") + table + data


def text(name):
    return b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" + b"\0" * 78


def xyz(values):
    return b"XYZ \0\0\0\0" + fixed(values)


def curve(*values):
    return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)


def parametric(*values):
    kind = {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(values)]
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + fixed(values)


def gamma(g):
    return curve(round(g * 256))


SRGB_CURVE = parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def primaries(white, *rgb):
    """The columns of RGB → XYZ, brought to D50."""
    full = lambda x, y: np.array([x / y, 1, (1 - x - y) / y])
    m = np.stack([full(*c) for c in rgb], 1)
    m = m * np.linalg.solve(m, full(*white))
    scale = np.diag((BRADFORD @ D50) / (BRADFORD @ full(*white)))
    return (np.linalg.inv(BRADFORD) @ scale @ BRADFORD @ m).T


def rgb(columns, *curves, **more):
    curves = curves if len(curves) == 3 else curves * 3
    tags = {b"desc": text(b"made for a test"), b"wtpt": xyz(D50)}
    tags |= {name: xyz(c) for name, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns)}
    tags |= dict(zip((b"rTRC", b"gTRC", b"bTRC"), curves))
    return profile(b"RGB ", tags | more.pop("tags", {}), **more)


D65 = (0.3127, 0.3290)
PRIMARIES = {
    "srgb": primaries(D65, (0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "p3": primaries(D65, (0.68, 0.32), (0.265, 0.69), (0.15, 0.06)),
    "adobe": primaries(D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
    "prophoto": primaries((0.3457, 0.3585), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)),
    "bt2020": primaries(D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
}
P3 = rgb(PRIMARIES["p3"], SRGB_CURVE, version=0x04000000)
ADOBE = rgb(PRIMARIES["adobe"], gamma(563 / 256))
PROPHOTO = rgb(PRIMARIES["prophoto"], gamma(1.8))
# As sRGB, of three curves that differ: a table, a power and the usual one.
UNLIKE = rgb(PRIMARIES["srgb"], curve(*np.linspace(0, 65535, 64).astype(int)), gamma(1.5), SRGB_CURVE)
GREY = profile(b"GRAY", {b"desc": text(b"grey"), b"wtpt": xyz(D50), b"kTRC": gamma(1.4)})
LAB = lambda x: np.where(x > 216 / 24389, np.cbrt(x), (24389 / 27 * x + 16) / 116)


def table16(inputs, grid, colour):
    """`mft2`: a grid of so many steps an input, and what XYZ (Y of white is 1) each is, as Lab of version 2."""
    steps = np.linspace(0, 1, grid)
    nodes = np.stack(np.meshgrid(*[steps] * inputs, indexing="ij"), -1).reshape(-1, inputs)
    x, y, z = LAB(colour(nodes) / D50).T
    lab = np.stack([(116 * y - 16) * 652.8, (500 * (x - y) + 128) * 256, (200 * (y - z) + 128) * 256], -1)
    data = b"mft2\0\0\0\0" + bytes([inputs, 3, grid, 0]) + fixed(np.eye(3).ravel()) + struct.pack(">HH", 2, 2)
    data += struct.pack(">HH", 0, 65535) * inputs + lab.round().clip(0, 65535).astype(">u2").tobytes()
    return data + struct.pack(">HH", 0, 65535) * 3


def ink(nodes):
    """Four inks on paper, as Neugebauer has it: light is let through by each by so much."""
    through = np.array([[0.09, 0.22, 0.55], [0.33, 0.13, 0.16], [0.75, 0.72, 0.08], [0.02, 0.02, 0.02]])
    light = np.prod(1 - nodes[:, :, None] * (1 - through), 1)
    return light @ PRIMARIES["srgb"]


CMYK = profile(b"CMYK", {b"desc": text(b"inks"), b"wtpt": xyz(D50), b"A2B0": table16(4, 7, ink)}, b"Lab ", b"prtr")
# A table beside a matrix that says something else: the table counts.
TABLE = rgb(PRIMARIES["srgb"], gamma(1.0), tags={b"A2B0": table16(3, 17, lambda n: n**2.2 @ PRIMARIES["adobe"])}, pcs=b"Lab ")


def scene(w=48, h=36):
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    r = 255 * x / (w - 1)
    g = 255 * y / (h - 1)
    b = 127 + 127 * np.sin(x / 11 + y / 7)
    return np.stack([r, g, b], -1).round().clip(0, 255).astype(np.uint8)


def converted(image, icc, mode="RGB"):
    return ImageCms.profileToProfile(image, io.BytesIO(icc), SRGB, outputMode=mode)


def expect(name, image):
    image.save(out / f"{name}.expected.png", optimize=True)


def keep(name, image, icc, **how):
    file = io.BytesIO()
    kind = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}[name.rsplit(".", 1)[1]]
    image.save(file, kind, icc_profile=icc, **how)
    (out / name).write_bytes(file.getvalue())
    decoded = Image.open(file)
    decoded.load()
    if decoded.mode in ("RGBA", "LA"):
        bare = decoded.convert(decoded.mode)
        colours = bare.convert(decoded.mode[:-1])
        colours = converted(colours, icc)
        colours.putalpha(bare.getchannel("A"))
        white = Image.new("RGBA", colours.size, (255, 255, 255, 255))
        return expect(name, Image.alpha_composite(white, colours).convert("RGB"))
    expect(name, converted(decoded, icc))


image = Image.fromarray(scene())
grey = image.convert("L")
keep("p3.jpg", image, P3, quality=95, subsampling=0)
keep("p3.png", image, P3)
keep("p3.webp", image, P3, lossless=True)
keep("adobe.jpg", image, ADOBE, quality=95, subsampling=0)
keep("prophoto.png", image, PROPHOTO)
keep("prophoto.webp", image, PROPHOTO, lossless=True)
# In three parts: a profile may be larger than a segment.
keep("prophoto.jpg", image, rgb(PRIMARIES["prophoto"], gamma(1.8), tags={b"zzzz": bytes(140_000)}), quality=95, subsampling=0)
keep("unlike.png", image, UNLIKE)
keep("table.png", image, TABLE)
keep("grey.png", grey, GREY)
keep("grey.jpg", grey, GREY, quality=95)
keep("inks.jpg", image.convert("CMYK"), CMYK, quality=95)
alpha = image.copy()
alpha.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 48).round().astype(np.uint8), (36, 1))))
keep("alpha.png", alpha, P3)
light = grey.copy().convert("LA")
light.putalpha(alpha.getchannel("A"))
keep("grey_alpha.png", light, GREY)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(name, image, meant, *chunks):
    """A PNG with these chunks before its pixels; `meant` is the profile that says the same, None is sRGB."""
    file = io.BytesIO()
    image.save(file, "PNG")
    whole = file.getvalue()
    (out / name).write_bytes(whole[:33] + b"".join(chunks) + whole[33:])
    image = image.convert("RGB") if image.mode == "P" else image
    expect(name, converted(image, meant) if meant else image.convert("RGB"))


def iccp(icc):
    return chunk(b"iCCP", b"named\0\0" + zlib.compress(icc))


def gama(g):
    return chunk(b"gAMA", struct.pack(">I", round(g * 100_000)))


def chrm(*pairs):
    return chunk(b"cHRM", b"".join(struct.pack(">I", round(v * 100_000)) for pair in pairs for v in pair))


def cicp(p, c, matrix=0, whole=1):
    return chunk(b"cICP", bytes([p, c, matrix, whole]))


REC709 = parametric(1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
png("palette.png", image.quantize(64), P3, iccp(P3))
png("cicp_p3.png", image, P3, cicp(12, 13))
png("cicp_2020.png", image, rgb(PRIMARIES["bt2020"], REC709, version=0x04000000), cicp(9, 14))
png("cicp_linear.png", image, rgb(PRIMARIES["srgb"], gamma(1.0)), cicp(1, 8))
png("cicp_srgb.png", image, None, cicp(1, 13), iccp(P3))
png("cicp_before_iccp.png", image, P3, iccp(ADOBE), cicp(12, 13))
png("cicp_of_a_video.png", image, ADOBE, cicp(12, 13, 1, 0), iccp(ADOBE))
png("cicp_unknown.png", image, ADOBE, cicp(2, 2), iccp(ADOBE))
png("iccp_before_srgb.png", image, ADOBE, chunk(b"sRGB", b"\0"), iccp(ADOBE))
png("srgb_before_gama.png", image, None, gama(0.8), chunk(b"sRGB", b"\0"))
png("gama_linear.png", image, rgb(PRIMARIES["srgb"], gamma(1.0)), gama(1.0))
png("gama_apple.png", image, rgb(PRIMARIES["srgb"], gamma(1.8)), gama(1 / 1.8))
png("gama_usual.png", image, None, gama(0.45455))
png("gama_grey.png", grey, profile(b"GRAY", {b"wtpt": xyz(D50), b"kTRC": gamma(1.8)}), gama(1 / 1.8))
png("chrm.png", image, rgb(PRIMARIES["adobe"], SRGB_CURVE), chrm(D65, (0.64, 0.33), (0.21, 0.71), (0.15, 0.06)))
png("gama_chrm.png", image, PROPHOTO, gama(1 / 1.8), chrm((0.3457, 0.3585), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)))
png("chrm_of_nothing.png", image, None, gama(1.0), chrm((0.3127, 0), (0, 0), (0, 0), (0, 0)))
keep("srgb.jpg", image, ImageCms.ImageCmsProfile(SRGB).tobytes(), quality=95, subsampling=0)
