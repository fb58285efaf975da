"""For gpu-check.sh: a few epochs by lookalike-trainer and by PyTorch with a DataLoader (benches/peers/train.py), the same photos,
network, batch, precision and recipe. All photos are trained on, none is evaluated with: what is measured is speed. Prints a JSON
line each."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--trainer", required=True)
parser.add_argument("--photos", required=True, help="a folder a class")
parser.add_argument("--work", required=True)
parser.add_argument("--device", required=True)
parser.add_argument("--copies", type=int, default=1, help="how often each photo is in the set, so that an epoch takes a while")
for name in ("width", "size", "batch", "epochs"):
    parser.add_argument("--" + name, type=int, required=True)
asked = parser.parse_args()

work, root = Path(asked.work), Path(asked.work) / "set"
shutil.rmtree(work, ignore_errors=True)
classes, photos = sorted(p.name for p in Path(asked.photos).iterdir() if p.is_dir()), []
for label, name in enumerate(classes):
    (root / "img" / name).mkdir(parents=True)
    for photo in sorted((Path(asked.photos) / name).glob("*.jpg")):
        for copy in range(asked.copies):
            to = root / "img" / name / f"{copy}-{photo.name}"
            try:
                os.link(photo, to)
            except OSError:
                shutil.copyfile(photo, to)
            photos.append((str(to.relative_to(root)), label))

recipe = {"seed": 0, "epochs": asked.epochs, "width": asked.width, "size": asked.size, "batch": asked.batch,
          "resize": (asked.size * 256 + 112) // 224, "embedding": 512, "lr": 0.05, "weight_decay": 5e-4, "warmup": 0.05,
          "label_smoothing": 0.1, "crop": 0.4, "jitter": 0.1, "workers": len(os.sched_getaffinity(0))}
flags = open("/proc/cpuinfo", encoding="utf-8").read()
bf16 = asked.device != "cpu" or "avx512_bf16" in flags
shape = {key: recipe[key] for key in ("width", "size", "batch", "epochs", "workers")} | {"photos": len(photos), "bf16": bf16}


def figures(name, rates, seconds, before):
    """What an epoch goes at, once the first is over."""
    steady = rates[1:] or rates
    line = {"who": name, "photos_per_second": sum(steady) / len(steady), "first_epoch": rates[0], "seconds": seconds}
    print(json.dumps(line | ({} if before is None else {"before_first_epoch_s": before}) | {"shape": shape}), flush=True)


began, clock = time.perf_counter(), time.time()
command = [asked.trainer, "train", "--data", root, "--out", work / "run", "--device", asked.device, "--layout", "folders",
           "--sampling", "shuffled", "--metric-loss", "none", "--train-on", "all", "--best-by", "last", f"--bf16={str(bf16).lower()}"]
command += [f"--{key.replace('_', '-')}={value}" for key, value in recipe.items()]
done = subprocess.run(command, stdout=sys.stderr, stderr=subprocess.PIPE, text=True)
if done.returncode != 0:
    sys.exit(f"lookalike-trainer: {done.stderr[-2000:]}")
epochs = [json.loads(line) for line in (work / "run/metrics.jsonl").read_text().splitlines()]
before = epochs[0]["finished"] - epochs[0]["seconds"] - clock
figures("ours", [epoch["images_per_second"] for epoch in epochs], time.perf_counter() - began, before)

task = recipe | {"root": str(root), "train": photos, "test": [], "classes": len(classes), "bf16": bf16, "device": asked.device}
(work / "task.json").write_text(json.dumps(task))
began = time.perf_counter()
peer = Path(__file__).parent.parent / "benches/peers/train.py"
done = subprocess.run([sys.executable, peer, work / "task.json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
if done.returncode != 0:
    sys.exit(f"{peer}: {done.stderr[-2000:]}")
lines = [json.loads(line) for line in done.stdout.splitlines()]
figures("PyTorch", [line["images_per_second"] for line in lines if "epoch" in line], time.perf_counter() - began, None)
