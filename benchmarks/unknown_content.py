"""Unknown content on real bulk: genes that the reference does not express, and the shares of unknown cells of methods.

    .venv/bin/python benchmarks/unknown_content.py

References of blood (Newman, Zheng) for blood, tumours, islets and mixtures of cell lines. Prints a table in Markdown:
the share of the 2,000 highest genes that the reference does not express (median and range over samples), markers of
other lineages among these, flagged samples, and the share of unknown cells (`Other`) of epic's published recipe. Needs
the development data (UNMIX_SHARED).
"""

from __future__ import annotations

import itertools

import blood
import numpy as np

from unmix import engine
from unmix.io import check
from unmix.uncertainty import unexpressed

#: File of the bulk, unit, and what it is.
SETS = {
    "pbmc_monaco_gse107011/bulk.tsv.gz": ("tpm", "PBMC, Monaco"),
    "pbmc_sdy67/bulk.tsv.gz": ("counts", "PBMC, SDY67"),
    "": ("tpm", "PBMC, daism"),
    "pbmc_sdy420/bulk.tsv.gz": ("log2microarray", "PBMC, SDY420 (microarray)"),
    "pbmc_newman_gse65133_allgenes/bulk.tsv.gz": ("microarray", "PBMC, GSE65133 (microarray)"),
    "blood_shenorr_gse20300/bulk.tsv.gz": ("microarray", "whole blood, GSE20300 (microarray)"),
    "tumourmix_becht_gse64385/bulk.tsv.gz": (
        "log2microarray",
        "immune cells in a colon-cancer line, GSE64385 (microarray)",
    ),
    "lung_tcga_purity/bulk.tsv.gz": ("counts", "lung tumours, TCGA"),
    "pancreas_fadista_gse50244/bulk.tsv.gz": ("counts", "pancreatic islets, GSE50244"),
    "cellline_mixology_gse118767/bulk.tsv.gz": ("counts", "lung cancer lines, GSE118767"),
}


def main() -> None:
    """Print a row for every set and reference."""
    print("| samples | reference | genes not expressed | markers | `unknown_cells` | unknown cells by epic |")
    print("|---|---|---|---|---|---|")
    for over, (file, (unit, title)) in itertools.product(("newman", "zheng"), SETS.items()):
        reference = blood.reference(over)
        if file:
            bulk = check.read_bulk(blood.DATA / file, unit, list(reference.var_names))
        else:
            bulk = blood.samples("daism", over)[0]
        model = engine.train("nnls", reference, bulk=bulk, device="cpu")
        found = engine.predict(model, bulk, device="cpu")
        shares = found.samples["unexpressed"].to_numpy()
        numbers = [len(own) for own in unexpressed.signs(model, bulk)[1]]
        flagged = found.flags.str.contains("unknown_cells").sum()
        with_others = engine.train("epic", reference, bulk=bulk, recipe="published", device="cpu")
        others = engine.predict(with_others, bulk, device="cpu").values["Other"]
        cells = (
            f"{np.median(shares):.3f} ({shares.min():.3f}-{shares.max():.3f})",
            f"{np.median(numbers):.0f} ({min(numbers)}-{max(numbers)})",
            f"{flagged} of {len(found.flags)}",
            f"{others.median():.2f} ({others.min():.2f}-{others.max():.2f})",
        )
        print(f"| {title} | {over} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
