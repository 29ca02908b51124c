"""Published signatures and designed mixtures: what the classical methods give on real data beside the project.

Where the original's numbers could not be had (no R here), the figures of scores are those of our own first version.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from unmix import engine, methods
from unmix.contract.method import Task
from unmix.engine import inputs
from unmix.evaluation import metrics
from unmix.io import check, download
from unmix.io.fractions import normalised
from unmix.io.truth import read_truth
from unmix.reference import Reference
from unmix.reference.prepare import read_reference

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def cells(shared, tmp_path_factory):
    """Reference of a few genes of a prepared reference: published signatures bring their own."""
    import anndata as ad

    data = ad.read_h5ad(shared / "data" / "sc_newman_nsclc_pbmc" / "counts.h5ad")
    data.obs["donor"] = "all"
    data.uns["unmix"] = {"kind": "reference", "counts": "raw", "messages": []}
    path = tmp_path_factory.mktemp("reference") / "reference.h5ad"
    data.write_h5ad(path)
    return Reference.from_anndata(read_reference(path))


def fitted(name, recipe, cells, weights=(), bulk=None, **changes):
    """Fit without calibrating intervals."""
    method = methods.get(name)
    chosen = method.recipes[recipe].changed(**changes)
    none = cells.select(np.zeros(0, int))
    rng = np.random.default_rng(0)
    task = Task(cells, none, chosen, rng, "cpu", engine.silent, engine.silent, bulk=bulk, published=tuple(weights))
    return engine.put_together(method, task, method.fit(task), 0)


def estimated(model, bulk):
    values = inputs.aligned(bulk, np.array(model.genes))
    present = ~np.isnan(values).any(0)
    found = methods.get(model.method).estimate(model, np.where(present, values, 0), present, "cpu")
    return pd.DataFrame(found, bulk.obs_names, model.cell_types)


def test_abis_on_the_blood_of_its_paper(shared, cells):
    folder = shared / "data" / "pbmc_monaco_gse107011"
    truth = read_truth(folder / "truth_17.tsv")
    for recipe in ("default", "published"):
        model = fitted("abis", recipe, cells, [shared / "signatures" / "ABIS" / "ABIS_seq.tsv"])
        bulk = check.read_bulk(folder / "bulk.tsv.gz", "tpm", model.genes)
        found = estimated(model, bulk).loc[truth.index, truth.columns]
        found = found.div(found.sum(axis=1), axis=0)
        assert metrics.agreement(truth.to_numpy(), found.to_numpy())["pearson"].mean() > 0.75


def files(shared, name):
    folder = shared / "signatures"
    return {
        "mcpcounter": [folder / "MCPcounter" / "genes.tsv"],
        "estimate": [folder / "ESTIMATE" / "gene_sets.tsv", folder / "ESTIMATE" / "common_genes.tsv"],
        "xcell": [
            folder / "xCell" / file
            for file in (
                "signatures_489.tsv.gz",
                "genes_10808.tsv",
                "calibration_fv_rnaseq.tsv",
                "spillover_K_rnaseq.tsv",
            )
        ],
        "quantiseq": [folder / "TIL10" / f"TIL10_{part}.tsv" for part in ("signature", "mRNA_scaling", "rmgenes")],
    }[name]


#: Of the sample CYFZ: our own first version (November 2026), with genes that the bulk has under previous symbols.
FIRST = {
    "mcpcounter": {"T cells": 5.6608, "B lineage": 5.9286, "NK cells": 4.4574, "Monocytic lineage": 5.2314},
    "estimate": {"StromalScore": 366.48, "ImmuneScore": 4296.38, "ESTIMATEScore": 4662.86, "TumorPurity": 0.27766},
    "xcell": {"B-cells": 0.0089994, "Basophils": 0.0458975, "HSC": 0.0118012},
    "quantiseq": {"B.cells": 0.17497, "Monocytes": 0.08533, "T.cells.CD8": 0.28494, "NK.cells": 0.17814},
}


@pytest.mark.parametrize("name", FIRST)
def test_published_sets_score_blood_as_they_did(shared, cells, name):
    recipe = "published" if name == "quantiseq" else "default"
    model = fitted(name, recipe, cells, files(shared, name))
    bulk = check.read_bulk(shared / "data" / "pbmc_monaco_gse107011" / "bulk.tsv.gz", "tpm", model.genes)
    found = estimated(model, bulk).loc["CYFZ"]
    if name == "quantiseq":
        found /= found.sum()
    for column, expected in FIRST[name].items():
        assert found[column] == pytest.approx(expected, rel=2e-3), column


@pytest.mark.parametrize("name", ["nnls", "scdc", "dwls", "bayesprism", "rnasieve"])
def test_designed_mixtures_of_cell_lines(shared, name):
    import anndata as ad

    folder = shared / "data" / "cellline_mixology_gse118767"
    data = ad.read_h5ad(folder / "sc_counts.h5ad")
    data.obs["donor"] = data.obs["batch"].astype(str)
    cells = Reference.from_anndata(data)
    bulk = check.read_bulk(folder / "bulk.tsv.gz", "counts", list(cells.genes))
    truth = read_truth(folder / "truth.tsv", samples=list(bulk.obs_names))
    found = estimated(fitted(name, "default", cells, fractions="mrna"), bulk).loc[truth.index, truth.columns]
    found = normalised(found.to_numpy()).reshape(-1, 1)
    assert metrics.agreement(truth.to_numpy().reshape(-1, 1), found)["ccc"].item() > 0.95


def test_cibersortx_correlation_and_error(shared):
    from unmix.methods.nusvr import Recipe, goodness

    folder = shared / "golden" / "omnideconv_small"
    signature, expected = (
        pd.read_csv(folder / f"cibersortx_{name}_small.tsv", sep="\t", index_col=0) for name in ("model", "result")
    )
    samples = pd.read_csv(folder / "bulk_small.csv", index_col=0).loc[signature.index]
    for name in samples:
        found = goodness(signature.to_numpy(), samples[name].to_numpy(), Recipe(solver="libsvm"))
        assert found["r"] == pytest.approx(expected.loc[name, "Correlation"], abs=1e-6)
        assert found["rmse"] == pytest.approx(expected.loc[name, "RMSE"], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "number", "file"),
    [
        ("abis", 0, "ABIS/ABIS_seq.tsv"),
        ("abis-microarray", 0, "ABIS/ABIS_micro.tsv"),
        ("til10", 0, "TIL10/TIL10_signature.tsv"),
        ("til10", 1, "TIL10/TIL10_mRNA_scaling.tsv"),
        ("til10", 2, "TIL10/TIL10_rmgenes.tsv"),
    ],
)
def test_checksums_are_of_copies_that_were_read(shared, tmp_path, name, number, file):
    source = download.SIGNATURES[name].sources[number]
    download.convert(shared / "signatures" / file, source.holds, tmp_path / source.name)
    assert download.fingerprint(tmp_path / source.name) == source.sha256
