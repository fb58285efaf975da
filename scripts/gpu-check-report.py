"""For gpu-check.sh: what its stages found, as tables to paste into docs/benchmarks.md and as JSON. gpu-check-report.py RESULTS OUT
SECONDS; exits with 1 where a stage failed. OUT gets gpu-check.md, gpu-check.json and gpu-check.log, all stages' words."""
import json
import sys
from pathlib import Path

results, out, seconds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])


def lines(stage):
    """A stage's figures; a stage that was ended may have left half a line."""
    path, found = results / f"{stage}.jsonl", []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            pass
    return found


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows), ""]


def batches(found):
    """A row for each way and precision, a column for each size of batch."""
    ours = [{**line, "peer": "Lookalike"} for line in found["batcher"]]
    names = {"Lookalike": "Lookalike, through its batcher", "eager": "PyTorch eager", "compile": "PyTorch `torch.compile`"}
    measured = {(l["peer"], l["precision"], l["batch"]): l for l in ours + found["eager"] + found["compile"]}
    sizes = sorted({batch for _, _, batch in measured})
    if not sizes:
        return []

    def cell(peer, precision, batch):
        line, own = measured.get((peer, precision, batch)), measured.get(("Lookalike", precision, batch))
        if line is None or "photos_per_second" not in line:
            return "not measured"
        text = f"{line['photos_per_second']:,.1f} ({line['pass_ms']:.2f})"
        if peer != "Lookalike" and own:
            text += f": **{own['photos_per_second'] / line['photos_per_second']:.2f} ×**"
        return text

    rows = []
    for precision in dict.fromkeys(precision for _, precision, _ in measured):
        for peer in names:
            if any((peer, precision, n) in measured for n in sizes):
                rows.append([f"{names[peer]}, {precision}", *(cell(peer, precision, n) for n in sizes)])
    text = table(["photos a second (ms a batch); × is ours ÷ the peer", *map(str, sizes)], rows)
    parts = [[f"{l['precision']}, {l['batch']}", f"{l['normalising_ms']:.2f}", f"{l['answer_ms']:.2f}", f"{l['slowest_ms']:.1f}",
              f"{l['slowest_at_first_ms']:.0f}", f"{l['loading_s']:.1f}"] for l in found["batcher"]]
    text += table(["of the batcher", "normalising a batch, ms", "an answer, median, ms", "slowest", "slowest while warming up",
                   "loading, s"], parts) if parts else []
    for line in found["batcher"]:
        if "centred_cosine" in line:
            c = line["centred_cosine"]
            text.append(f"{line['precision']} on {line['device']} beside f32 on the CPU: centred cosine {c['mean']:.4f} on average, "
                        f"{c['least']:.4f} at least, {c['photos']} photos.")
    return text + [""]


def server(found):
    rows, text = [], []
    for line in found["server"]:
        if "outcome" in line:
            o = line["outcome"]
            rows.append([str(line["clients"]), f"{o['requests_per_second']:.1f}", f"{o['p50_ms']:.1f}", f"{o['p99_ms']:.1f}",
                         f"{o['refused_429']} × 429, {o['failed']} failed"])
        else:
            m = line["metrics"]
            count = m.get("lookalike_model_batch_photos_count")
            text += [f"Photos in a pass on average: {m['lookalike_model_batch_photos_sum'] / count:.1f}."] if count else []
            stages = {k.split('"')[1]: v for k, v in m.items() if k.startswith("lookalike_stage_seconds_sum") and 'asked="known"' not in k and 'outcome="failed"' not in k}
            text += ["Seconds by stage, over all of it: " + ", ".join(f"{k} {v:.1f}" for k, v in stages.items()) + "."]
    return table(["the whole server, clients", "req/s", "p50, ms", "p99, ms", "others"], rows) + text + [""] if rows else []


def memory(found):
    text = []
    for line in found["memory"]:
        if "outcome" in line:
            o, when = line["outcome"], "afterwards" if line.get("afterwards") else f"{line['left_mib']} MiB left"
            others = f", {o['refused_429']} × 429, others by status {o['failed_by_status']}" if o["refused_429"] or o["failed"] else ""
            text.append(f"- {when}: {o['answered']} answered with 200{others}; p99 {o['p99_ms']:.0f} ms")
        else:
            text.append(f"- batches that were halved: {line['halved']}")
    return ["Memory that runs out, 256 clients, batches of 128:", "", *text, ""] if text else []


def training(found):
    rows = [[l["who"], f"{l['photos_per_second']:.1f}", f"{l['first_epoch']:.1f}", f"{l['seconds']:.1f}"] for l in found["training"]]
    if not rows:
        return []
    text = table(["training, photos a second", "after the first epoch", "first epoch", "the whole process, s"], rows)
    s = found["training"][0]["shape"]
    return text + [f"{s['photos']} photos, width {s['width']}, {s['size']} px, batches of {s['batch']}, {s['epochs']} epochs, "
                   f"{'bf16' if s['bf16'] else 'f32'}, {s['workers']} workers.", ""]


about = json.loads((results / "about.json").read_text())
stages = [line.split("\t") for line in (results / "stages.tsv").read_text().splitlines()]
found = {name: lines(name) for name in ("check", "batcher", "eager", "compile", "server", "memory", "training")}
place = f"{about['gpu']}, driver {about.get('driver', 'unknown')}" if "gpu" in about else "no GPU: a CPU in its place"
text = [f"{place}; {about['cores']} cores of {about['cpu']}; PyTorch {about['torch']}; {about['commit']}.", ""]
for part in (batches, server, memory, training):
    text += part(found)
text += [f"`--check`: {line['said']}." for line in found["check"]] + [""]
said = {"skipped": "**NOT CHECKED**", "failed": "**FAILED**", "out of time": "**OUT OF TIME**"}
text += table(["stage", "", "seconds"], [[name, said.get(how, how), took] for name, how, took in stages] + [["all", "", str(seconds)]])
failed = [name for name, how, _ in stages if how not in ("passed", "skipped")]

(out / "gpu-check.md").write_text("\n".join(text))
(out / "gpu-check.json").write_text(json.dumps({"about": about, "seconds": seconds, "stages": stages, **found}, indent=1) + "\n")
with open(out / "gpu-check.log", "w", encoding="utf-8") as log:
    for path in sorted(results.glob("*.log")):
        log.write(f"── {path.stem}\n{path.read_text(errors='replace')}\n")
print("\n".join(text))
print(f"written to {out}/gpu-check.md, .json, .log")
if failed:
    sys.exit("failed: " + ", ".join(failed))
