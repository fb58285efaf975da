"""Large photos of few bytes, in the kinds that are not written in Rust, for tests/memory.rs.

    pip install pillow && python tests/golden/large_reference.py tests/golden/large

Each is 3000×2000 pixels; those of CMYK 1500×1000.
"""

import sys
from pathlib import Path

from PIL import Image

SIZE = (3000, 2000)
out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)

plain = Image.new("RGB", SIZE, (180, 90, 40))
glass = Image.new("RGBA", SIZE, (180, 90, 40, 128))
plain.save(out / "lossy.webp", quality=10, method=6)
glass.save(out / "transparent.webp", quality=10, method=6)
other = Image.new("RGBA", SIZE, (20, 90, 140, 200))
glass.save(out / "animated.webp", save_all=True, append_images=[other], quality=10)
glass.save(out / "animated_lossless.webp", save_all=True, append_images=[other], lossless=True)
Image.new("CMYK", (1500, 1000), (10, 90, 40, 20)).save(out / "cmyk_progressive.jpg", progressive=True, quality=30)
Image.new("CMYK", (1500, 1000), (10, 90, 40, 20)).save(out / "cmyk.jpg", quality=30)
