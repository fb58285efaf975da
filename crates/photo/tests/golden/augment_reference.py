"""What torchvision's training transform makes of tests/golden/photos, for tests/photos/main.rs, where nothing is drawn by chance.

    pip install torch==2.11.0 torchvision pillow numpy && python tests/golden/augment_reference.py

Each photo gets a NAME.train.png: `Resize(146)`, the crop that CROPS names, resized to 128, mirrored where it says so.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from torchvision import transforms
from torchvision.transforms import functional

PHOTOS = Path(__file__).parent / "photos"
SHORT, SIZE = 146, 128
# Left, top, width and height in the resized photo; mirrored.
CROPS = {
    "wide.png": (31, 12, 140, 121, True),
    "tall.png": (0, 97, 146, 110, False),
    "small.png": (60, 0, 97, 129, True),
    "grey.png": (20, 7, 133, 133, False),
    "palette.png": (0, 0, 202, 146, True),
    "alpha.png": (46, 39, 100, 145, False),
    "sixteen.png": (5, 20, 141, 99, True),
    "lossless.webp": (11, 11, 120, 120, False),
    "photo.jpg": (3, 50, 143, 107, True),
    "cmyk.jpg": (40, 1, 128, 128, False),
    "turned6.jpg": (6, 80, 110, 90, True),
}


def upright_rgb(image):
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":
        wide = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((wide + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.mode in ("LA", "RGBA"):
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, (255, 255, 255, 255)), rgba).convert("RGB")
    return image.convert("RGB")


for name, (left, top, width, height, mirrored) in CROPS.items():
    image = transforms.Resize(SHORT)(upright_rgb(Image.open(PHOTOS / name)))
    image = functional.resized_crop(image, top, left, height, width, [SIZE, SIZE])
    image = functional.hflip(image) if mirrored else image
    image.save(PHOTOS / (name.rsplit(".", 1)[0] + ".train.png"))
