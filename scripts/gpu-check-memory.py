"""For gpu-check.sh: takes a GPU's memory from whoever else uses it, and judges what the server made of that.

gpu-check-memory.py DEVICE: reads numbers, one a line; for each takes memory until no more MiB than that are left, says so, and
holds it until it is ended. gpu-check-memory.py --judge FILE: exits with 1 where the figures of that stage are not as they should be."""
import json
import sys

MIB = 1 << 20


def hold(device):
    import torch

    device, held = torch.device(device), []
    torch.zeros(1, device=device)
    for line in sys.stdin:
        left = int(line) * MIB
        for size in (1024 * MIB, 64 * MIB, 2 * MIB):
            try:
                while torch.cuda.mem_get_info(device)[0] - size >= left:
                    held.append(torch.empty(size, dtype=torch.uint8, device=device))
            except torch.OutOfMemoryError:
                pass  # whoever else uses it was faster; a smaller piece may still fit
        free, whole = torch.cuda.mem_get_info(device)
        took = sum(piece.numel() for piece in held)
        print(f"took {took // MIB} MiB, {free // MIB} of {whole // MIB} are left", flush=True)


def judge(path):
    wrong, answered = [], 0
    for line in map(json.loads, open(path, encoding="utf-8")):
        outcome = line.get("outcome")
        if outcome is None:
            continue
        bad = outcome["failed_by_status"]
        # 503 is what a photo hears that there is no memory for at all.
        for status, photos in bad.items():
            if status != "503":
                wrong.append(f"{photos} photos " + ("got no answer at all" if status == "0" else f"were answered {status}"))
        if line.get("afterwards") and (bad or outcome["refused_429"] or not outcome["answered"]):
            wrong.append(f"once memory was free again, not all were answered: {outcome}")
        answered += outcome["answered"]
    if not answered:
        wrong.append("no photo was answered")
    sys.exit("; ".join(wrong) or 0)


if sys.argv[1] == "--judge":
    judge(sys.argv[2])
else:
    hold(sys.argv[1])
