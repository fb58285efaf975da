"""Photos of many kinds, and what Pillow and torchvision make of them, for tests/photos/main.rs.

    pip install torch==2.11.0 torchvision pillow numpy && python tests/golden/preprocess_reference.py tests/golden/photos

Each NAME.EXT gets a NAME.expected.png: Pillow's `exif_transpose`, RGB over white, `Resize(128)`, `CenterCrop(128)`.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torchvision import transforms

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)


def scene(w, h):
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    r = 127 + 120 * np.sin(x / 9) * np.cos(y / 17)
    g = 255 * x / max(w - 1, 1)
    b = 255 * ((x // 12 + y // 12) % 2)
    return np.stack([r, g, b], -1).clip(0, 255).astype(np.uint8)


def upright_rgb(image):
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":
        wide = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode == "P" and "transparency" in image.info or image.mode in ("LA", "RGBA"):
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def expect(name):
    rule = transforms.Compose([transforms.Resize(128), transforms.CenterCrop(128)])
    rule(upright_rgb(Image.open(out / name))).save(out / (name.rsplit(".", 1)[0] + ".expected.png"))


def keep(name, image, **how):
    image.save(out / name, **how)
    expect(name)


keep("wide.png", Image.fromarray(scene(333, 211)))
keep("tall.png", Image.fromarray(scene(201, 403)))
keep("small.png", Image.fromarray(scene(97, 61)))
keep("grey.png", Image.fromarray(scene(250, 180)).convert("L"))
keep("palette.png", Image.fromarray(scene(250, 180)).quantize(32))
alpha = np.dstack([scene(190, 240), np.tile(np.linspace(0, 255, 190).astype(np.uint8), (240, 1))])
keep("alpha.png", Image.fromarray(alpha, "RGBA"))
wide = (scene(180, 220)[..., 0].astype(np.uint32) * 257 + 3).clip(0, 65535).astype(np.uint16)
keep("sixteen.png", Image.fromarray(wide))
keep("photo.jpg", Image.fromarray(scene(300, 400)), quality=90)
keep("subsampled.jpg", Image.fromarray(scene(301, 233)), quality=85, subsampling=2)
# A lossy frame for the tests of hostile files; what it decodes to is not compared.
Image.fromarray(scene(31, 21)).save(out / "lossy.webp", quality=80)
keep("cmyk.jpg", Image.fromarray(scene(260, 200)).convert("CMYK"), quality=92)
keep("lossless.webp", Image.fromarray(scene(211, 171)), lossless=True)
for orientation in (3, 6, 8):
    exif = Image.Exif()
    exif[0x0112] = orientation
    keep(f"turned{orientation}.jpg", Image.fromarray(scene(310, 190)), quality=92, exif=exif)
