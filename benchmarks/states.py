"""Cell states against cell types on real PBMC: ten sorted populations estimated and summed, or five types at once.

    .venv/bin/python benchmarks/states.py METHOD [METHOD ...]

Reference: ten sorted populations of PBMC (Zheng et al. 2017), without CD34+ cells. Bulk: SDY67, GSE107011 and SDY420.
Fractions of cells by quanTIseq's mRNA per cell; truth and estimates are divided by their sum over five types. Needs the
development data (UNMIX_SHARED).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import unmix
from unmix.evaluation import metrics
from unmix.io.truth import read_truth

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared")) / "data"
NAMES = {
    "B": "B cells",
    "CD4T": "CD4 T cells",
    "CD8T": "CD8 T cells",
    "NK": "NK cells",
    "Monocyte": "Monocytes",
}
SETS = ("pbmc_sdy67", "pbmc_monaco_gse107011", "pbmc_sdy420")


def main(methods: list[str]) -> None:
    """Print a line for each set, method, and kind of reference."""
    source = [DATA / "sc_pbmc_facs_zheng" / "counts.h5ad"]
    references = {
        kind: unmix.prepare_reference(
            source, cell_type_key="cell_type", donor_key="none", label_map=NAMES | {"CD34+": ""}, cell_state_key=key
        )
        for kind, key in (("types", None), ("states", "sorted_population"))
    }
    print("set\tmethod\tlabels\tCCC\tr per type\tRMSE\tbias CD4, points\tbias CD8, points")
    for name in SETS:
        bulk = unmix.read_bulk(DATA / name / "bulk.tsv.gz")
        truth = read_truth(DATA / name / "truth.tsv").rename(columns=NAMES)
        for method in methods:
            for kind, reference in references.items():
                model = unmix.train(method, reference, seed=1, device="cpu")
                found = unmix.predict(model, bulk, mrna_per_cell="quantiseq").values
                print(name, method, kind, *(f"{value:.3f}" for value in scores(truth, found)), sep="\t", flush=True)


def scores(truth: pd.DataFrame, found: pd.DataFrame) -> list[float]:
    """Return CCC and r (means over types), RMSE, and the bias of CD4 and CD8 T cells in points."""
    types = [name for name in NAMES.values() if name in truth]
    samples = [name for name in found.index if name in truth.index]
    pair = [table.loc[samples, types] for table in (truth, found)]
    known = pair[0].notna().all(axis=1)
    true, estimate = (table[known].div(table[known].sum(axis=1), axis=0) for table in pair)
    by_type = metrics.agreement(true.to_numpy(), estimate.to_numpy())
    pooled = metrics.agreement(true.to_numpy().ravel()[:, None], estimate.to_numpy().ravel()[:, None])
    difference = estimate - true
    biases = [100 * float(difference[name].mean()) for name in ("CD4 T cells", "CD8 T cells")]
    return [
        float(np.mean(pooled["ccc"])),
        float(np.nanmean(by_type["pearson"])),
        float(np.sqrt((difference**2).to_numpy().mean())),
        *biases,
    ]


if __name__ == "__main__":
    main(sys.argv[1:] or ["nnls"])
