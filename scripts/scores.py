#!/usr/bin/env python
"""Print how good each method of a result folder is, as a Markdown table: scores.py results/demo."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

FIGURES = {
    "r per type": ("mean_type", "pearson"),
    "CCC": ("all", "ccc"),
    "RMSE": ("all", "rmse"),
    "truth in 90 % interval": ("mean_type", "coverage"),
}


def main(folder: Path) -> None:
    """Print one line per method, best r first."""
    rows = {}
    for path in folder.glob("*/metrics.tsv"):
        table = pd.read_csv(path, sep="\t")
        values = dict(zip(zip(table["level"], table["metric"], strict=True), table["value"], strict=True))
        rows[path.parent.name] = {name: values.get(key, float("nan")) for name, key in FIGURES.items()}
    print("| method | " + " | ".join(FIGURES) + " |\n|---" + "|---" * len(FIGURES) + "|")
    for name, values in sorted(rows.items(), key=lambda item: -item[1]["r per type"]):
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in values.values()) + " |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
