"""Models as people bring them, for tests/program/brought.rs: what is right, what cannot be, what is no TorchScript at all.

    pip install torch==2.11.0 numpy && python tests/golden/brought_models.py tests/golden/brought

Writes some fifty files of at most 14 kB. `Small` takes photos of 128 × 128 pixels and gives 8 numbers.
"""

import io
import json
import re
import struct
import sys
import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn

out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(5)
warnings.filterwarnings("ignore")
SIDE = 128


class Small(nn.Module):
    """Photos → 8 numbers, with whatever comes `between` and `after`."""

    def __init__(self, between=None, after=None, grid=2):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 7, stride=8, padding=3)
        self.between = between or nn.Identity()
        self.pool = nn.AdaptiveAvgPool2d(grid)
        self.last = nn.Linear(4 * grid * grid, 8)
        self.after = after or nn.Identity()

    def forward(self, x):
        x = torch.relu(self.between(self.first(x)))
        return self.after(self.last(self.pool(x).flatten(1)))


class Of(nn.Module):
    """A function of what `Small` gives, and of the photos."""

    def __init__(self, function, **kept):
        super().__init__()
        self.small = Small()
        self.function = function
        for name, value in kept.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.function(self.small(x), x)


def entries(data):
    """What is in the archive, without what only a debugger reads."""
    with zipfile.ZipFile(io.BytesIO(data)) as old:
        return [(name, old.read(name)) for name in old.namelist() if not name.endswith(".debug_pkl")]


def save(name, module, edit=None):
    """A TorchScript file; `edit` changes its source."""
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    with zipfile.ZipFile(out / f"{name}.pt", "w", zipfile.ZIP_STORED) as new:
        for path, data in entries(buffer.getvalue()):
            if edit and path.endswith(".py"):
                data = edit(data.decode()).encode()
            # A fixed time: the same bytes every time.
            new.writestr(zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0)), data)


def trace(name, module, photos=None, edit=None, **options):
    photos = torch.zeros(2, 3, SIDE, SIDE) if photos is None else photos
    with torch.no_grad():
        save(name, torch.jit.trace(module, photos, check_trace=False, **options), edit)


def right():
    trace("right", Small().eval())
    scripted = torch.jit.script(Small(between=nn.BatchNorm2d(4), after=nn.Dropout(0.5)))
    save("script-left-in-train", scripted.train())  # eval() reaches into a script
    trace("norm-then-tuple", Of(lambda y, x: (nn.functional.normalize(y), x.mean((2, 3)), y[:, :3])).eval())


def one_photo():
    one = torch.zeros(1, 3, SIDE, SIDE)
    trace("one-photo-view", Of(lambda y, x: (y.view(1, 8) * 2)).eval(), one)
    trace("one-photo-flat", Of(lambda y, x: x.mean((2, 3)).reshape(1, -1)).eval(), one)
    trace("one-photo-squeezed", Of(lambda y, x: y.squeeze(0)).eval(), one)


def kinds():
    photos = torch.zeros(2, 3, SIDE, SIDE)
    trace("half", Small().half().eval(), photos.half())
    trace("bf16", Small().bfloat16().eval(), photos.bfloat16())
    trace("double", Small().double().eval(), photos.double())
    # What a trace on a GPU says.
    cuda = lambda text: text.replace('torch.device("cpu")', 'torch.device("cuda:0")')
    trace("device", Of(lambda y, x: y + torch.arange(8, device=x.device)).eval(), edit=cuda)


def operators():
    vision = torch.library.Library("torchvision", "DEF")
    vision.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    vision.impl("nms", lambda dets, scores, t: scores.argsort(), "CPU")
    trace("nms", Of(lambda y, x: y[torch.ops.torchvision.nms(y[:, :4], y[:, 0], 0.5)]).eval())
    shop = torch.library.Library("shop", "DEF")
    shop.define("sharpen(Tensor x) -> Tensor")
    shop.impl("sharpen", lambda x: x * 2, "CPU")
    trace("operator", Of(lambda y, x: torch.ops.shop.sharpen(y)).eval())
    trace("operator-of-tomorrow", Of(lambda y, x: nn.functional.softplus(y)).eval(),
          edit=lambda text: text.replace("torch.softplus(", "torch.softplus_of_tomorrow("))
    trace("argument-of-tomorrow", Of(lambda y, x: torch.relu(y)).eval(),
          edit=lambda text: re.sub(r"torch\.relu\((\w+)\)", r"torch.relu(\1, 3)", text))


def not_torchscript():
    module, write = Small().eval(), lambda name, data: (out / f"{name}.pt").write_bytes(data)
    torch.save(module.state_dict(), out / "state-dict.pt")
    torch.save({"epoch": 3, "state_dict": {"x": torch.zeros(3)}}, out / "checkpoint.pt")
    torch.save({"x": torch.zeros(3)}, out / "state-dict-old.pt", _use_new_zipfile_serialization=False)
    head = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    write("safetensors", struct.pack("<Q", len(head)) + head + bytes(4))
    write("onnx", b"\x08\x08\x12\x07pytorch\x1a\x062.11.0:\x10\n\x01x\x12\x01y\x22\x04Relu")
    write("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 102400\n")
    write("page", b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head></html>")
    write("empty", b"")
    write("cut", (out / "right.pt").read_bytes()[:3000])
    program = torch.export.export(Small().eval(), (torch.zeros(2, 3, SIDE, SIDE),))
    torch.export.save(program, out / "export.pt")
    with zipfile.ZipFile(out / "export.pt") as whole:
        names = [n for n in whole.namelist() if n.endswith(("archive_format", "archive_version", "byteorder"))]
        kept = [(n, whole.read(n)) for n in names] + [("model/models/model.json", b"{}")]
    with zipfile.ZipFile(out / "export.pt", "w") as new:
        for name, data in kept:
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)


def shapes():
    flat = nn.Sequential(nn.Conv2d(3, 2, 7, stride=16, padding=3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 8))
    trace("side-128", flat.eval())
    trace("map", Of(lambda y, x: x[:, :, ::32, ::32] * 1.0).eval())
    trace("five", Of(lambda y, x: (y, y, y, y, y)).eval())
    trace("dict", Of(lambda y, x: {"embedding": y}).eval(), strict=False)
    trace("nested", Of(lambda y, x: (y, (y, y))).eval())
    trace("two-inputs", TwoInputs().eval(), (torch.zeros(2, 3, SIDE, SIDE), torch.zeros(2, 4)))
    trace("grey-photos", nn.Sequential(nn.Conv2d(1, 2, 7, stride=16), nn.Flatten(), nn.Linear(128, 8)).eval(),
          torch.zeros(2, 1, SIDE, SIDE))
    trace("channels-last", ChannelsLast().eval(), torch.zeros(2, SIDE, SIDE, 3))
    save("list-of-photos", torch.jit.script(ListOfPhotos().eval()))
    save("no-forward", torch.jit.script(NoForward().eval()))
    trace("numbers-of-a-class", Of(lambda y, x: y.argmax(1)).eval())


class TwoInputs(Small):
    def forward(self, x, box):
        return self.last(self.pool(torch.relu(self.first(x))).flatten(1)) + box.sum()


class ChannelsLast(Small):
    def forward(self, x):
        return self.last(self.pool(torch.relu(self.first(x.permute(0, 3, 1, 2)))).flatten(1))


class ListOfPhotos(nn.Module):
    def forward(self, photos: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack([photo.mean((1, 2)) for photo in photos])


class NoForward(nn.Module):
    @torch.jit.export
    def encode_image(self, x):
        return x.mean((2, 3))


def wrong_answers():
    broken = Small().eval()
    broken.last.weight.data[0, 0] = float("nan")
    trace("nan", broken)
    # Right for a grey photo, and for no other.
    trace("nan-for-photos", Of(lambda y, x: y + (0.01 - x.std((1, 2, 3)) + x.amin((1, 2, 3)) * 0).sqrt().unsqueeze(1)).eval())
    trace("zeros-for-photos", Of(lambda y, x: y * (x.std((1, 2, 3)) < 1e-3).unsqueeze(1)).eval())
    trace("nan-logits", Of(lambda y, x: (y, x.mean((2, 3)), (y - 100).log())).eval())
    trace("same-for-all", Of(lambda y, x: torch.ones_like(y) + 0 * y).eval())
    train = Small(between=nn.BatchNorm2d(4)).train()
    trace("train-mode", train, torch.rand(4, 3, SIDE, SIDE))
    trace("train-mode-last", Small(after=nn.BatchNorm1d(8)).train(), torch.rand(4, 3, SIDE, SIDE))
    trace("dropout", Small(after=nn.Dropout(0.2)).train())
    trace("softmax-over-photos", Of(lambda y, x: y.softmax(0)).eval())
    trace("noise", Of(lambda y, x: y + 0.1 * torch.randn_like(y)).eval())


right(), one_photo(), kinds(), operators(), not_torchscript(), shapes(), wrong_answers()
