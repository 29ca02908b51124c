"""Cell types against the leading level of the reference, on five bulks of PBMC with counted cells.

    .venv/bin/python benchmarks/resolution.py METHOD [METHOD ...]

References Newman and Zheng, seed 0, default table of mRNA per cell. Truth and estimates are divided by their sum over
five types. Prints a line per method, level and bulk, and the means (docs/resolution.md). Needs the development data
(UNMIX_SHARED) and, for the bulk `daism`, `make demo`.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import blood
import numpy as np
import pandas as pd

from unmix import engine
from unmix.engine import answer
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


def main(methods: list[str]) -> None:
    """Print the figures, means over references, then over bulks."""
    rows = []
    for method, over, bulk in ((m, r, b) for m in methods for r in REFERENCES for b in BULKS):
        mixed, truth = blood.samples(bulk, over)
        known = truth.set_axis(truth.index.astype(str))
        model = engine.train(method, blood.reference(over), bulk=mixed, seed=0, device="cpu")
        found = answer.predict(model, mixed, device="cpu")
        alone = {name: name for name in found.values}
        groups = found.levels.groups[found.levels.leads - 1] if found.levels.leads else alone
        for level, own, held in (("types", found, alone), ("leading", found.leading, groups)):
            rows.append({"method": method, "level": level, "bulk": bulk, **figures(own, held, known)})
    by_bulk = pd.DataFrame(rows).groupby(["method", "level", "bulk"], sort=False).mean()
    print(by_bulk.round(3).to_string())
    print(by_bulk.groupby(["method", "level"], sort=False).mean().round(3).to_string())


if __name__ == "__main__":
    main(sys.argv[1:])
