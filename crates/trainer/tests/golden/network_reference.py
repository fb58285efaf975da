"""Golden features and logits of torchvision's ResNet-50 and ResNeXt-50 for tests/library/network.rs.

    pip install torch==2.11.0 torchvision && python tests/golden/network_reference.py > tests/golden/network.json

The weights are a formula of name and index (100 MB need not be stored), so the Rust test makes the same ones.
"""

import json
import math

import numpy as np
import torch
import torchvision


def noise(name, n):
    """n numbers in [-0.5, 0.5): a hash of the name and the index."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) & 0xFFFFFFFF
    x = np.arange(n, dtype=np.uint64) * 2654435761 + seed
    x = (x ^ (x >> np.uint64(15))) & 0xFFFFFFFF
    x = (x * 2246822519) & 0xFFFFFFFF
    x = (x ^ (x >> np.uint64(13))) & 0xFFFFFFFF
    return (x.astype(np.float64) / 2**32 - 0.5).astype(np.float32)


def weights(model):
    made = {}
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        u = noise(name, tensor.numel()).reshape(tuple(tensor.shape))
        if tensor.dim() == 4:
            fan_in = tensor.shape[1] * tensor.shape[2] * tensor.shape[3]
            u = u * np.float32(math.sqrt(24.0 / fan_in))
        elif tensor.dim() == 2:
            u = u * np.float32(0.1)
        elif name.endswith("weight") or name.endswith("running_var"):
            u = u * np.float32(0.5) + np.float32(1.0)
        else:
            u = u * np.float32(0.2)
        made[name] = torch.from_numpy(u)
    return made


def main():
    golden = {}
    image = torch.from_numpy(noise("image", 2 * 3 * 128 * 128).reshape(2, 3, 128, 128) * np.float32(4))
    for name in ["resnet50", "resnext50_32x4d"]:
        model = getattr(torchvision.models, name)(weights=None)
        model.load_state_dict(weights(model), strict=False)
        fc, model.fc = model.fc, torch.nn.Identity()
        model.eval()
        with torch.no_grad():
            features = model(image)
            logits = fc(features)
        golden[name] = {
            "first": [round(float(x), 6) for x in features[:, :64].flatten()],
            "logits": [round(float(x), 6) for x in logits[:, :100].flatten()],
            "norms": [float(x) for x in features.norm(dim=1)],
        }
    print(json.dumps(golden))


main()
