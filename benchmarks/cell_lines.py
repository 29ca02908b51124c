"""Classical methods on designed mixtures of three cell lines (GSE118767), against single cells of the lines.

The truth is of mRNA (RNA mixtures), so that methods are asked for fractions of mRNA where they convert. Nothing was
tuned on these samples. Prints RMSE, CCC over all entries and mean r per type of each method and recipe. Needs the
development data (`UNMIX_SHARED`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from unmix.io.fractions import normalised

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("UNMIX_SHARED", ROOT.parent / "shared"))
DATA = SHARED / "data" / "cellline_mixology_gse118767"


def main() -> None:
    """Fit every method on the cells and estimate the mixtures."""
    from unmix import engine, methods
    from unmix.contract.method import Task
    from unmix.engine import inputs
    from unmix.errors import NotApplicable
    from unmix.evaluation import metrics
    from unmix.io import check
    from unmix.io.truth import read_truth
    from unmix.reference import Reference
    from unmix.reference.prepare import read_reference

    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "reference.h5ad"
        subprocess.run(
            [sys.executable, ROOT / "bin/unmix_reference.py", DATA / "sc_counts.h5ad", "--cell-type-key", "cell_type",
             "--donor-key", "batch", "--out", out, "--quiet"], check=True
        )  # fmt: skip
        reference = read_reference(out)
    cells = Reference.from_anndata(reference)
    bulk = check.read_bulk(DATA / "bulk.tsv.gz", "counts", list(cells.genes))
    truth = read_truth(DATA / "truth.tsv", samples=list(bulk.obs_names)).loc[list(bulk.obs_names), cells.cell_types]
    values, known = inputs.aligned(bulk, cells.genes), truth.to_numpy()
    print(f"{len(values)} samples\n{'method':<12}{'recipe':<12}{'kind':<7}{'RMSE':>8}{'CCC':>8}{'type r':>8}")
    for name, method in methods.all_methods().items():
        if method.info.family != "classical" or method.needs.gene_sets or method.quantity == "score":
            continue
        for recipe in method.recipes:
            converts = hasattr(method.recipes[recipe], "fractions") and name != "quantiseq"
            own = engine.resolve(method(), recipe, ["fractions=mrna"] * converts)
            none = cells.select(np.array([], int))
            task = Task(cells, none, own, np.random.default_rng(0), "cpu", engine.silent, engine.silent, bulk=values)
            try:
                model = engine.put_together(method(), task, method().fit(task), 0)
                place = {gene: i for i, gene in enumerate(cells.genes)}
                seen = values[:, [place[gene] for gene in model.genes]]
                present = ~np.isnan(seen).any(0)
                found = method().estimate(model, np.where(present, seen, 0), present, "cpu")
            except NotApplicable as error:
                print(f"{name:<12}{recipe:<12}not applicable: {error.found}")
                continue
            found = normalised(found)[:, : len(cells.cell_types)]
            found = found / found.sum(1, keepdims=True)
            pooled = metrics.agreement(known.reshape(-1, 1), found.reshape(-1, 1))
            shown = [pooled["rmse"].item(), pooled["ccc"].item(), metrics.agreement(known, found)["pearson"].mean()]
            print(
                f"{name:<12}{recipe:<12}{model.quantity:<7}" + "".join(f"{value:>8.3f}" for value in shown), flush=True
            )


if __name__ == "__main__":
    main()
