"""Draws what `make bench-day` measured over time: searches, memory, files, recall; compactions are shaded.

usage: bench-day-plot.py target/bench/day.json OUT.png
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.ticker import FormatStrFormatter, LogFormatter

OURS, OTHERS = "#b3123f", ["#3b6fb5", "#6b9e3c", "#c98a1b", "#9aa0a6"]
FILES = {"items": "items.redb", "base": "compacted base", "segment": "segment", "photos": "photos"}


def main(source, target):
    with open(source) as file:
        day = json.load(file)
    samples = day["samples"]
    minutes = [sample["at"] / 60 for sample in samples]
    figure, panels = plt.subplots(4, 1, figsize=(9, 10), sharex=True)
    latency, memory, files, recall = panels

    def drawn(panel, values, label, colour, width=1.6):
        pairs = [(at, value) for at, value in zip(minutes, values) if value is not None]
        panel.plot([at for at, _ in pairs], [value for _, value in pairs], label=label, color=colour, linewidth=width)

    drawn(latency, [sample["searches"]["p99_ms"] for sample in samples], "p99", OURS)
    drawn(latency, [sample["searches"]["p50_ms"] for sample in samples], "p50", OTHERS[0])
    latency.set(ylabel="POST /similar, ms", yscale="log")
    drawn(memory, [sample["resident"] / 2**30 for sample in samples], "resident", OURS)
    memory.set(ylabel="memory, GiB")
    for (name, label), colour in zip(FILES.items(), [OURS, *OTHERS]):
        drawn(files, [sample["files"][name] / 2**20 for sample in samples], label, colour)
    files.set(ylabel="files, MiB")
    drawn(recall, [sample["recall"] for sample in samples], "recall@10", OURS)
    lowest = min(sample["recall"] for sample in samples)
    recall.set(ylabel="recall@10", xlabel="minutes", ylim=(min(0.9, lowest - 0.01), 1.003))
    for panel in panels:
        for began, ended in day["compactions"]:
            panel.axvspan(began / 60, ended / 60, color="#000000", alpha=0.07, linewidth=0)
        if panel in (memory, files):
            panel.set_ylim(bottom=0)
        panel.grid(True, color="#eeeeee")
        # Beside the panel: within it there is no place that no curve may come to.
        panel.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    latency.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    latency.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    latency.set_title(
        f"{day['items']:,} items, {day['searches_per_second']:g} searches/s; {day['puts']:,} puts, {day['deletes']:,} deletes,"
        f" {day['patches']:,} patches; compactions shaded",
        fontsize=10,
    )
    figure.tight_layout()
    figure.savefig(target, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:])
