"""Do settings tuned on one tissue help on another? Error by the default recipe and by one tuned on blood.

    .venv/bin/python benchmarks/tuning.py METHOD [--trials 24] [--seed 1 ...] [--range NAME=LOW:HIGH ...]

The search: one laboratory's sorted blood cells (zheng) to learn from, pseudobulk of another's (newman). The test: other
pseudobulk of the same two, the two the other way round, donors of the human pancreas (baron) and cells of the human
brain (darmanis, which names no donors) that are left out; three seeds each, or those of --seed. At most 200 cells of a
type. Needs the development data (UNMIX_SHARED).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import numpy as np
from laboratories import DATA, REFERENCES, load

from unmix.benchmark import spaces, tuning
from unmix.reference.prepare import prepare_reference

CELLS, SAMPLES, SEEDS = 200, 60, (1, 2, 3)


def main(method: str, trials: int, seeds: list[int], ranges: list[str]) -> None:
    """Search on blood, then print a row of the table for every test."""
    cells = {name: few(load(*REFERENCES[name][1:])) for name in ("zheng", "newman", "baron human")}
    cells["darmanis"] = few(brain())
    searched = spaces.space(method, "default", ranges)
    case = tuning.task(cells["zheng"], cells["newman"], SAMPLES, 0, print)
    with tempfile.TemporaryDirectory() as folder:
        study = tuning.search(
            case, method, "default", searched, Path(folder) / "journal", trials=trials, seed=0, say=print
        )
        best = tuning.settings(study, study.best_trial.number)
    print(f"{method}, {trials} trials: {', '.join(best) or 'the default recipe'}", flush=True)
    print("| test | default | tuned on blood | change |\n|---|---|---|---|", flush=True)
    tests = {
        "blood, searched: zheng to newman": ("zheng", "newman"),
        "blood, the other way round: newman to zheng": ("newman", "zheng"),
        "pancreas, donors left out": ("baron human", None),
        "brain, cells left out": ("darmanis", None),
    }
    for title, (one, other) in tests.items():
        errors = []
        for seed in seeds or SEEDS:
            case = tuning.task(cells[one], cells[other] if other else None, SAMPLES, seed, lambda _: None)
            errors.append([tuning.error(case, method, "default", settings, seed) for settings in ([], best)])
        before, after = 100 * np.mean(errors, axis=0)
        apart = 100 * np.diff(errors, axis=1)
        print(f"| {title} | {before:.2f} | {after:.2f} | {apart.min():+.2f} to {apart.max():+.2f} |", flush=True)


def few(cells):  # noqa: ANN001, ANN201 - anndata is imported late
    """Return at most CELLS cells of each type."""
    rng, types = np.random.default_rng(0), cells.obs["cell_type"].astype(str)
    kept = [rng.permutation(np.flatnonzero(types == name))[:CELLS] for name in sorted(types.unique())]
    return cells[np.sort(np.concatenate(kept))].copy()


def brain():  # noqa: ANN201 - as above
    """Return the cells of the brain."""
    return prepare_reference([BRAIN / "counts.tsv.gz"], "cell_type", "none", preset="none", cells=BRAIN / "cells.tsv")


BRAIN = DATA / "sc_brain_darmanis_gse67835"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--seed", type=int, action="append", default=[])
    parser.add_argument("--range", dest="ranges", action="append", default=[], metavar="NAME=LOW:HIGH")
    given = parser.parse_args()
    main(given.method, given.trials, given.seed, given.ranges)
