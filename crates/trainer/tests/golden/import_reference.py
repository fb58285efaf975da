"""A TorchScript file traced in Python and Python's own embeddings, for tests/program/import.rs.

    pip install torch==2.11.0 torchvision pillow && python tests/golden/import_reference.py tests/golden

Reads the photos of crates/photo/tests/golden; writes import.ts (a small network, bare [N, D] output) and import.json.
"""

import json
import sys
from pathlib import Path

import torch
from PIL import Image, ImageOps
from torchvision import transforms

root = Path(sys.argv[1])
torch.manual_seed(11)
model = torch.nn.Sequential(
    torch.nn.Conv2d(3, 12, 7, stride=4, padding=3),
    torch.nn.ReLU(),
    torch.nn.Conv2d(12, 24, 3, stride=2, padding=1),
    torch.nn.ReLU(),
    torch.nn.AdaptiveAvgPool2d(3),
    torch.nn.Flatten(),
    torch.nn.Linear(216, 32),
).eval()
rule = transforms.Compose(
    [
        transforms.Resize(144),
        transforms.CenterCrop(128),
        transforms.ToTensor(),
        transforms.Normalize([0.5, 0.4, 0.3], [0.25, 0.3, 0.35]),
    ]
)
with torch.no_grad():
    torch.jit.trace(model, torch.zeros(1, 3, 128, 128)).save(str(root / "import.ts"))
    expected = {}
    for name in ["wide.png", "tall.png", "small.png", "grey.png", "photo.jpg", "subsampled.jpg", "turned6.jpg"]:
        image = ImageOps.exif_transpose(Image.open(root.resolve().parents[2] / "photo/tests/golden/photos" / name)).convert("RGB")
        out = model(rule(image).unsqueeze(0))[0]
        expected[name] = [round(float(x), 7) for x in out / out.norm()]
(root / "import.json").write_text(json.dumps(expected))
