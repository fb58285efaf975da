"""Draws what `make bench-index` measured: queries a second over recall, one panel a set.

usage: bench-index-plot.py target/bench/index.json OUT.png
"""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

OURS, COLOURS = "#b3123f", {"hnswlib": "#3b6fb5", "faiss-sq8": "#6b9e3c", "faiss-flat": "#9aa0a6", "usearch": "#c98a1b"}
TITLES = {"clustered": "clustered, 512 numbers, w 0", "sample": "sample catalogue, 512 + 30 numbers, w 0.1"}


def main(source, target):
    with open(source) as file:
        sets = json.load(file)["sets"]
    figure, panels = plt.subplots(1, len(sets), figsize=(5.6 * len(sets), 4.4), squeeze=False)
    for panel, (name, one) in zip(panels[0], sets.items()):
        curves = [("Lookalike", OURS, one["ours"]["curves"][0])]
        curves += [(peer["name"], COLOURS.get(peer["name"], "black"), peer["curve"]) for peer in one["peers"]]
        lowest = 1.0
        for label, colour, points in curves:
            recall, rate = [p["recall"] for p in points], [p["rate"] for p in points]
            panel.plot(recall, rate, "o-", label=label, color=colour, markersize=3.5, linewidth=2 if colour == OURS else 1.2)
            lowest = min(lowest, min(recall))
        for recall in (0.95, 0.99):
            panel.axvline(recall, color="#cccccc", linewidth=0.8, zorder=0)
        panel.set(xlabel="ann_recall@10", yscale="log", xlim=(max(0.85, lowest - 0.01), 1.003))
        panel.set_title(f"{TITLES.get(name, name)}, {one['items']:,} items", fontsize=10)
        panel.grid(True, which="both", axis="y", color="#eeeeee")
        panel.legend(frameon=False, fontsize=9)
    panels[0][0].set_ylabel("queries a second, one thread")
    figure.tight_layout()
    figure.savefig(target, dpi=130)


if __name__ == "__main__":
    main(*sys.argv[1:])
