#!/usr/bin/env python
"""Make the inputs of the wrappers' tests: ``python galaxy_tools/test-data/make_test_data.py [FOLDER]``.

Made up, tiny and the same on every run: single cells of four types from four donors, prepared and as a user has them,
bulk samples mixed from other cells of the same compositions, their true fractions, and what nnls makes of them; a
model of BayesPrism, which tells expression.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy import sparse

from unmix.reference import tree

HERE = Path(__file__).parent
TYPES = ["B cells", "Monocytes", "NK cells", "T cells"]
MARKERS = {
    "B cells": "CD19 MS4A1 CD79A CD79B CD22 BANK1 BLK FCRL1 FCRLA PAX5 VPREB3 TCL1A",
    "Monocytes": "CD14 LYZ S100A8 S100A9 FCN1 VCAN CSF1R CD163 MS4A6A CLEC7A CSTA CFP",
    "NK cells": "GNLY KLRD1 KLRF1 NCAM1 NCR1 FGFBP2 SPON2 PRF1 KLRC1 SH2D1B XCL1 XCL2",
    "T cells": "CD3D CD3E CD3G CD2 CD5 CD6 CD28 TRAT1 LEF1 TCF7 IL7R CCR7",
}
SHARED = """ACTB ACTG1 B2M EEF1A1 EEF2 FTH1 FTL GAPDH GUSB HPRT1 HSP90AB1 MALAT1 PGK1 PPIA PTMA RPL13A RPL3 RPLP0
    RPS18 RPS27A SDHA TBP TMSB4X TPT1 TUBB UBB UBC VIM YWHAZ PTPRC CD44 CD52 CORO1A ARPC1B ARPC2 CFL1 PFN1 MYL6 LAPTM5
    SRGN HLA-A HLA-B HLA-C HLA-E IL2RG ITGB2 CD53 LCP1 RAC2 ARHGDIB"""
DONORS, CELLS_PER_DONOR, SAMPLES, CELLS_PER_SAMPLE = 4, 15, 6, 400


def profiles(rng: np.random.Generator, genes: list[str]) -> np.ndarray:
    """Return types x genes shares of the mRNA of a cell."""
    level = rng.lognormal(0, 1, len(genes))
    level[: len(SHARED.split())] *= 5
    shares = np.array([[8.0 if gene in MARKERS[kind].split() else 1.0 for gene in genes] for kind in TYPES])
    other = np.array(
        [any(gene in MARKERS[name].split() for name in TYPES if name != kind) for kind in TYPES for gene in genes]
    )
    shares[other.reshape(shares.shape)] = 0.1
    shares = shares * level
    return shares / shares.sum(axis=1, keepdims=True)


def main(folder: Path) -> None:
    """Write every file into `folder`."""
    rng = np.random.default_rng(20251122)
    genes = " ".join([SHARED, *MARKERS.values()]).split()
    shares = profiles(rng, genes)
    kinds, donors = np.repeat(TYPES, DONORS * CELLS_PER_DONOR), np.tile(range(DONORS), len(TYPES) * CELLS_PER_DONOR)
    noise = rng.lognormal(0, 0.2, (DONORS, len(genes)))
    expected = shares[np.repeat(range(len(TYPES)), DONORS * CELLS_PER_DONOR)] * noise[donors] * 2000
    cells = anndata.AnnData(
        sparse.csr_matrix(rng.poisson(expected).astype(np.float32)),
        obs=pd.DataFrame(
            {"cell_type": kinds, "donor": [f"donor{number + 1}" for number in donors]},
            index=[f"cell{number}" for number in range(len(kinds))],
        ),
        var=pd.DataFrame(index=genes),
    )
    cells = cells[:, sorted(genes)].copy()
    cells.obs = cells.obs.astype("category")
    cells.uns["unmix"] = {"kind": "reference", "counts": "raw", "messages": []}
    tree.mark(cells, "ontology", [])
    cells.write_h5ad(folder / "reference.h5ad", compression="gzip")
    write_raw(cells, folder)

    samples = [f"sample{number + 1}" for number in range(SAMPLES)]
    truth = pd.DataFrame(rng.dirichlet(np.ones(len(TYPES)), SAMPLES), index=samples, columns=TYPES)
    mixed = rng.poisson(truth.to_numpy() @ shares * 2000 * CELLS_PER_SAMPLE)
    bulk = pd.DataFrame(mixed, index=samples, columns=genes)
    truth.round(4).to_csv(folder / "truth.tsv", sep="\t", index_label="sample")
    bulk.T.to_csv(folder / "bulk.tsv", sep="\t", index_label="gene")
    bulk.T.to_csv(folder / "bulk.csv", index_label="gene")
    anndata.AnnData(bulk.astype(np.float32)).write_h5ad(folder / "bulk.h5ad", compression="gzip")

    pure = anndata.AnnData(bulk.astype(np.float32), obs=pd.DataFrame(index=samples))
    pure.obs["tissue"] = ["blood", "spleen"] * (SAMPLES // 2)
    pure.write_h5ad(folder / "profiles.h5ad", compression="gzip")
    negative = bulk.T.astype(object)
    negative.iloc[3, 1] = -3.5
    negative.to_csv(folder / "negative.tsv", sep="\t", index_label="gene")
    joined = pd.DataFrame({"from": TYPES, "to": ["B cells", "Monocytes", "Lymphocytes", "Lymphocytes"]})
    joined.to_csv(folder / "joined.tsv", sep="\t", index=False)

    sizes = pd.DataFrame({"cell_type": TYPES, "mrna": [0.4, 1.4, 0.4, 0.4]})
    sizes.to_csv(folder / "mrna.tsv", sep="\t", index=False)

    groups = pd.DataFrame({"sample": samples, "condition": ["control", "case"] * (SAMPLES // 2), "age": range(40, 46)})
    groups.assign(time=range(1, SAMPLES + 1), event=[1, 1, 0, 1, 1, 1]).to_csv(
        folder / "samples.tsv", sep="\t", index=False
    )
    question = {"id": "case_control", "variable": "condition", "reference": "control", "target": "case"}
    pd.DataFrame([question | {"blocking": "age"}]).to_csv(folder / "contrasts.csv", index=False)

    sets = [
        f"{kind.split()[0].upper()}_LINEAGE\tmade up\t" + genes.replace(" ", "\t") for kind, genes in MARKERS.items()
    ]
    (folder / "sets.gmt").write_text("\n".join(sets) + "\n")

    (folder / "recipe.json").write_text(json.dumps({"genes": {"per_type": 20}}) + "\n")

    model, table = folder / "nnls.safetensors", folder / "fractions.tsv"
    run("train", folder / "reference.h5ad", "--method", "nnls", "--out", model)
    run("train", folder / "reference.h5ad", "--method", "bayesprism", "--out", folder / "bayesprism.safetensors")
    for name in ("nnls", "bayesprism"):
        keep_member(folder / f"{name}.safetensors", folder)
    comparison = ("--long", folder / "fractions_long.tsv", "--pairs", folder / "pairs.tsv")
    run("evaluate", table, folder / "truth.tsv", *comparison, "--out", folder / "metrics.tsv")
    for record in folder.glob("*.run.json"):
        record.unlink()


def keep_member(model: Path, folder: Path) -> None:
    """Keep what a consensus needs of the prediction of a model; that of nnls is also the table of other tests."""
    out, name = folder / "predicted", f"member_{model.stem}"
    run("predict", model, folder / "bulk.tsv", "--out-dir", out)
    record = json.loads((out / "run.json").read_text("utf-8"))
    kept = {key: record[key] for key in ("level", "method", "mrna_per_cell", "levels")}
    kept["model"] = {key: record["model"][key] for key in ("seed", "intervals", "mrna_per_cell", "quick", "reference")}
    (folder / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    shutil.copy(out / "held_out.tsv", folder / f"{name}_held_out.tsv")
    shutil.copy(out / "fractions_long.tsv", folder / f"{name}.tsv")
    if model.stem == "nnls":
        for table in ("fractions.tsv", "fractions_long.tsv"):
            shutil.copy(out / table, folder / table)
    shutil.rmtree(out)


def write_raw(cells: anndata.AnnData, folder: Path) -> None:
    """Write the cells as a user has them: other names of columns and types, as h5ad and as two tables."""
    raw = anndata.AnnData(cells.X, obs=pd.DataFrame(index=cells.obs_names), var=cells.var)
    raw.obs["label"] = cells.obs["cell_type"].astype(str).replace("T cells", "T_lymphocytes").to_numpy()
    raw.obs["patient"] = cells.obs["donor"].to_numpy()
    raw.obs["batch"] = ["run1" if name in ("donor1", "donor2") else "run2" for name in cells.obs["donor"]]
    raw.obs["lineage"] = np.where(cells.obs["cell_type"] == "Monocytes", "myeloid", "lymphoid")
    raw.write_h5ad(folder / "cells.h5ad", compression="gzip")
    labels = pd.DataFrame({"from": ["T_lymphocytes"], "to": ["T cells"]})
    labels.to_csv(folder / "labels.tsv", sep="\t", index=False)
    few = raw[::5]
    few.to_df().T.astype(int).to_csv(folder / "cells.tsv", sep="\t", index_label="gene")
    few.obs.to_csv(folder / "annotation.tsv", sep="\t", index_label="cell")


def run(step: str, *arguments: str | Path) -> None:
    """Run a step of unmix."""
    subprocess.run([sys.executable, HERE.parents[1] / "bin" / f"unmix_{step}.py", *arguments], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
