"""Does an imported model embed photos as Python does? Traces torchvision's resnet50, imports it, compares.

    pip install torch==2.11.0 torchvision pillow numpy
    python scripts/verify-import.py target/release/lookalike-trainer PHOTO…      (ten or so, JPEG or PNG)

Every photo is compared as it is and as a PNG of the same pixels. Exits 1 where the centred cosine falls below 0.9999 (PNG) or
0.999 (JPEG).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision import transforms

trainer, *photos = sys.argv[1:]
work = Path(tempfile.mkdtemp())
torch.manual_seed(0)
model = torchvision.models.resnet50(weights=None)
model.fc = torch.nn.Identity()
model.eval()
with torch.no_grad():
    torch.jit.trace(model, torch.zeros(1, 3, 224, 224)).save(str(work / "model.ts"))
subprocess.run([trainer, "import", "--torchscript", work / "model.ts", "--out", work / "bundle"], check=True)
rule = transforms.Compose(
    [
        transforms.Resize(224),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)


def upright(path):
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def theirs(path):
    with torch.no_grad():
        out = model(rule(upright(path)).unsqueeze(0))[0]
    return (out / out.norm()).numpy()


def compare(paths, bound):
    lines = subprocess.run([trainer, "embed", "--bundle", work / "bundle", *paths], check=True, capture_output=True)
    ours = np.array([json.loads(line)["embedding"] for line in lines.stdout.splitlines()])
    python = np.array([theirs(path) for path in paths])
    ours, python = ours - ours.mean(0), python - python.mean(0)
    cosines = (ours * python).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(python, axis=1)
    print(f"centred cosine over {len(paths)} photos: min {cosines.min():.6f}, mean {cosines.mean():.6f}, bound {bound}")
    return cosines.min() >= bound


pngs = []
for i, path in enumerate(photos):
    pngs.append(work / f"{i}.png")
    upright(path).save(pngs[-1])
fine = [compare(pngs, 0.9999)]
jpegs = [p for p in photos if p.lower().endswith((".jpg", ".jpeg"))]
if jpegs:
    fine.append(compare(jpegs, 0.999))
sys.exit(0 if all(fine) else 1)
