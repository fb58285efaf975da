"""What the peers share: the photo's way to the tensor, the network, the index. Usual code, as a shop's team would write it."""
import io
import os
from pathlib import Path

import hnswlib
import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision import transforms

ITEMS, DEEP, K, EF = 139_709, 512, 10, 64
FOLDER = Path(os.environ.get("BENCH_FOLDER", "target/bench/peers-data"))
CORES = len(os.sched_getaffinity(0))

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
PREPARE = transforms.Compose([
    transforms.Resize(224),
    transforms.CenterCrop(224),
    transforms.ToTensor(),
    transforms.Normalize(MEAN.tolist(), STD.tolist()),
])


def tensor(photo: bytes) -> torch.Tensor:
    """[3, 224, 224], as torchvision's own example does it."""
    return PREPARE(ImageOps.exif_transpose(Image.open(io.BytesIO(photo))).convert("RGB"))


def array(photo: bytes) -> np.ndarray:
    """The same without torch, [1, 3, 224, 224]: beside OpenVINO's threads torch's can come to wait for each other for ever."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(photo))).convert("RGB")
    image = transforms.functional.center_crop(transforms.functional.resize(image, 224), 224)
    pixels = (np.asarray(image, dtype=np.float32) * (1 / 255) - MEAN) / STD
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]


def network() -> torch.nn.Module:
    """ResNet-50 with a head of 512 numbers; its weights do not matter for speed."""
    torch.manual_seed(0)
    model = torchvision.models.resnet50(weights=None)
    model.fc = torch.nn.Linear(2048, DEEP)
    return model.eval()


def index() -> hnswlib.Index:
    """139,709 clustered vectors; built once, then read."""
    found = hnswlib.Index(space="l2", dim=DEEP)
    path = FOLDER / "items.hnsw"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        centres = rng.standard_normal((1400, DEEP)).astype(np.float32)
        data = centres[rng.integers(0, 1400, ITEMS)] + 0.5 * rng.standard_normal((ITEMS, DEEP)).astype(np.float32)
        data /= np.linalg.norm(data, axis=1, keepdims=True)
        found.init_index(max_elements=ITEMS, M=16, ef_construction=200)
        found.add_items(data, num_threads=CORES)
        found.save_index(str(path) + ".part")
        os.replace(str(path) + ".part", path)
    else:
        found.load_index(str(path))
    found.set_ef(EF)
    found.set_num_threads(1)
    return found


def answer(found: hnswlib.Index, vector: np.ndarray) -> dict:
    """The nearest ten, as the API would write them."""
    vector = vector / max(float(np.linalg.norm(vector)), 1e-12)
    labels, distances = found.knn_query(vector[None], k=K)
    pairs = zip(labels[0].tolist(), np.sqrt(np.maximum(distances[0], 0)).tolist())
    return {"results": [{"rank": i + 1, "id": f"item{n}", "score": 1 / (1 + d)} for i, (n, d) in enumerate(pairs)]}


def openvino_models():
    """Paths of the f32 model (run in bf16) and of the one quantised by nncf; made once."""
    import nncf
    import openvino as ov

    plain, quantised = FOLDER / "resnet50.xml", FOLDER / "resnet50.int8.xml"
    if not quantised.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        ov.save_model(ov.convert_model(network(), example_input=torch.rand(1, 3, 224, 224)), plain)
        model = ov.Core().read_model(plain)
        model.reshape([-1, 3, 224, 224])
        photos = sorted(Path(os.environ["BENCH_PHOTOS"]).rglob("*.jpg"))
        photos = photos[:: max(1, len(photos) // 256)][:256]
        data = nncf.Dataset(photos, lambda path: tensor(path.read_bytes())[None].numpy())
        ov.save_model(nncf.quantize(model, data, subset_size=len(photos)), quantised)
    return plain, quantised
