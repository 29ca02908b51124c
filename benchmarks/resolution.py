"""Cell types against the leading level of the reference, on five bulks of PBMC with counted cells.

    .venv/bin/python benchmarks/resolution.py [--seed 0] NAME [NAME ...]

NAME is a method, or `panel`: the consensus of the default methods. References Newman and Zheng, default table of mRNA
per cell, models of `benchmarks/blood.py predict`. Truth and estimates are divided by their sum over five types. Prints
a line per method, level and bulk, and the means (docs/resolution.md). Needs the development data (UNMIX_SHARED) and,
for the bulk `daism`, `make demo`.
"""

from __future__ import annotations

import argparse
import os
from functools import cache
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import blood
import numpy as np
import pandas as pd

from unmix import methods as registry
from unmix.contract.model import Model
from unmix.engine import answer
from unmix.engine.consensus import consensus
from unmix.evaluation import metrics
from unmix.io import levels

if TYPE_CHECKING:
    from unmix.io.fractions import Fractions

BULKS, REFERENCES = ("monaco", "sdy67", "sdy420", "gse65133", "daism"), ("newman", "zheng")
T_CELLS = ("CD4T", "CD8T", "T cell")


def figures(found: Fractions, groups: dict[str, str], truth: pd.DataFrame) -> dict[str, float]:
    """Return the accuracy over the groups of the truth's types, and of the T cells among them."""
    known = levels.summed(truth, {name: groups[name] for name in truth})
    whole = found.values[list(known)].sum(axis=1)
    tables = (found.values, found.lower, found.upper)
    values, lower, upper = (table.loc[known.index, list(known)].div(whole, axis=0) for table in tables)
    r = pd.Series({name: np.corrcoef(known[name], values[name])[0, 1] for name in known})
    inside, width = (lower <= known) & (known <= upper), upper - lower
    of_t = [name for name in known if name in T_CELLS]
    pooled = metrics.agreement(*(table.to_numpy().reshape(-1, 1) for table in (known, values)))
    return {
        "rmse": float(np.sqrt(((values - known) ** 2).to_numpy().mean())),
        "ccc": float(np.squeeze(pooled["ccc"])),
        "r": r.mean(),
        "r T": r[of_t].mean(),
        "covered": inside.to_numpy().mean(),
        "width": width.to_numpy().mean(),
        "width T": width[of_t].to_numpy().mean(),
    }


@cache
def estimated(bulk: str, over: str, name: str, seed: int) -> Fractions:
    """Return what a method of `benchmarks/blood.py predict` or the panel estimates."""
    if name == "panel":
        return consensus([estimated(bulk, over, method, seed) for method in registry.PANEL])
    model = Model.load(blood.stored(bulk, over, name, seed).with_suffix(".safetensors"))
    return answer.predict(model, blood.samples(bulk, over)[0], device="cpu")


def main() -> None:
    """Print the figures, means over references, then over bulks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = []
    for name, over, bulk in ((m, r, b) for m in given.names for r in REFERENCES for b in BULKS):
        truth = blood.samples(bulk, over)[1]
        known = truth.set_axis(truth.index.astype(str))
        found = estimated(bulk, over, name, given.seed)
        alone = {kind: kind for kind in found.values}
        groups = found.levels.groups[found.levels.leads - 1] if found.levels.leads else alone
        for level, own, held in (("types", found, alone), ("leading", found.leading, groups)):
            rows.append({"method": name, "level": level, "bulk": bulk, **figures(own, held, known)})
    by_bulk = pd.DataFrame(rows).groupby(["method", "level", "bulk"], sort=False).mean()
    print(by_bulk.round(3).to_string())
    print(by_bulk.groupby(["method", "level"], sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main()
