#!/usr/bin/env python
"""The error of methods on cells held out of one's own reference, beside their error on real bulk.

    .venv/bin/python benchmarks/own_or_real.py [-n 2] [--case CASE ...] [--store STORE]

Takes the fits of `results.py` on real samples (seed 0), makes the scenarios `donors` and `noise` of the same
references, fits the same methods, and prints the rank correlation of the two errors over methods
(docs/own_benchmark.md).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import results
from scipy.stats import spearmanr

from unmix.benchmark import figures, panel

if TYPE_CHECKING:
    import pandas as pd

SCENARIOS = ("donors", "noise")


def errors(store: Path) -> pd.DataFrame:
    """Return the RMSE of every test (columns) by every method (rows) of a store.

    Without controls and scores, and without the consensus, which is the mean of methods that are there.
    """
    found = figures.overview(figures.table([store])).query("seed == 0 and recipe == 'default'")
    wide = found.pivot(index="method", columns=["case", "test"], values="rmse").dropna(how="all")
    return wide[[name != panel.NAME and not panel.is_control(name) for name in wide.index]]


def held_out(reference: Path, folder: Path, names: list[str], number: int) -> pd.DataFrame:
    """Return the errors of methods on pseudobulk of cells held out of a reference."""
    script = [sys.executable, results.ROOT / "bin" / "unmix_benchmark.py"]
    cases, store = folder / "cases", folder / "fits"
    if not cases.exists():
        given = ["--scenarios", ",".join(SCENARIOS), "--out", cases]
        subprocess.run([*script, "cases", *given, reference], check=True)
    words = [word for name in names for word in ("--method", name)]
    subprocess.run([*script, "fit", *cases.iterdir(), *words, "--jobs", str(number), "--out", store], check=True)
    return errors(store)


def main() -> None:
    """Fit, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=2, help="fits at a time")
    parser.add_argument("--case", action="append")
    parser.add_argument("--store", type=Path, default=results.ROOT / ".cache" / "benchmark" / "store")
    given = parser.parse_args()
    real = errors(given.store)
    print("| reference | real samples | methods | " + " | ".join(f"rho, {name}" for name in SCENARIOS) + " |")
    print("|---" * (3 + len(SCENARIOS)) + "|")
    for case in given.case or ["pbmc-newman", "pbmc-zheng"]:
        known = real[case].dropna()
        own = held_out(
            given.store.parent / "cases" / case / "reference.h5ad",
            given.store.parent / "own" / case,
            list(known.index),
            given.n,
        )["all"].loc[known.index]
        means = {name: own[[test for test in own if test.startswith(name)]].mean(axis=1) for name in SCENARIOS}
        for test, column in [*known.items(), ("mean", known.mean(axis=1))]:
            rho = [spearmanr(column, means[name]).statistic for name in SCENARIOS]
            print(f"| {case} | {test} | {len(column)} | " + " | ".join(f"{one:.2f}" for one in rho) + " |")


if __name__ == "__main__":
    main()
