"""The peer of the server's batcher: torchvision's ResNet-50 with a head of 512 numbers, over batches of photos that are resized
already. Bytes in, normalised on the device, numbers out on the host, as the batcher does. batches.py OPTIONS prints a JSON line
for each precision and size of batch. Usual code: channels last, inference mode, a batch under way at a time."""
import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps
from torchvision import transforms

KINDS = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class Embed(torch.nn.Module):
    """[N, 224, 224, 3] bytes to [N, 512] in f32, of norm 1."""

    def __init__(self, kind):
        super().__init__()
        torch.manual_seed(0)
        network = torchvision.models.resnet50(weights=None)
        network.fc = torch.nn.Linear(2048, 512)
        self.network = network.eval().to(dtype=kind, memory_format=torch.channels_last)
        self.kind = kind
        self.register_buffer("scale", 1 / (255 * torch.tensor(STD).view(1, 3, 1, 1)))
        self.register_buffer("shift", -(torch.tensor(MEAN) / torch.tensor(STD)).view(1, 3, 1, 1))

    def forward(self, photos):
        # A permuted view of [N, H, W, 3] is channels last as it is.
        images = (photos.permute(0, 3, 1, 2).float() * self.scale + self.shift).to(self.kind)
        return torch.nn.functional.normalize(self.network(images).float())


def photos(folder, most):
    resize = transforms.Compose([transforms.Resize(224), transforms.CenterCrop(224)])
    paths = sorted(Path(folder).rglob("*.jpg"))
    paths = [paths[i * len(paths) // min(most, len(paths))] for i in range(min(most, len(paths)))]
    return [np.asarray(resize(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))) for path in paths]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--precisions", default="f16,bf16")
    parser.add_argument("--batches", default="1,8,32,128")
    parser.add_argument("--photos", required=True)
    parser.add_argument("--most", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--compile", action="store_true", help="torch.compile, each size of batch by itself")
    parser.add_argument("--budget", type=float, default=1e9, help="seconds after which no further measurement begins")
    task = parser.parse_args()
    began, device = time.perf_counter(), torch.device(task.device)
    name = "compile" if task.compile else "eager"
    pool = photos(task.photos, task.most)

    @torch.inference_mode()
    def once(model, first, n):
        """A batch there and back; the way back waits for the device."""
        batch = np.stack([pool[(first + i) % len(pool)] for i in range(n)])
        return model(torch.from_numpy(batch).to(device)).cpu()

    for precision in task.precisions.split(","):
        model = Embed(KINDS[precision]).to(device)
        for n in map(int, task.batches.split(",")):
            line = {"peer": name, "precision": precision, "batch": n}
            if time.perf_counter() - began > task.budget:
                print(json.dumps({**line, "not_measured": "no time was left"}), flush=True)
                continue
            torch.compiler.reset()  # each size of batch is compiled by itself, however many came before
            run = torch.compile(model, dynamic=False) if task.compile else model
            started = time.perf_counter()
            once(run, 0, n)
            first = time.perf_counter() - started
            warm = time.perf_counter() + min(1.0, task.seconds)
            for _ in range(2):
                once(run, 0, n)
            while time.perf_counter() < warm:
                once(run, 0, n)
            times, done, started = [], 0, time.perf_counter()
            while time.perf_counter() - started < task.seconds or len(times) < 3:
                begun = time.perf_counter()
                once(run, done, n)
                times.append(time.perf_counter() - begun)
                done += n
            rate = done / (time.perf_counter() - started)
            line |= {"photos_per_second": rate, "pass_ms": statistics.median(times) * 1e3, "first_s": first}
            print(json.dumps(line), flush=True)


main()
