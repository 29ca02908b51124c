"""Data in memory give what the same data give as files, or the same error."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import unmix
from unmix.errors import DataError, UsageError
from unmix.io import gene_tables
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder with a bulk in several forms, the bulk as AnnData of counts, and a prepared reference."""
    folder = tmp_path_factory.mktemp("memory")
    cells, bulk = toy(samples=6)
    bulk = ad.AnnData(np.asarray(bulk.X), pd.DataFrame(index=bulk.obs_names), pd.DataFrame(index=bulk.var_names))
    counts = ad.AnnData(cells.X.copy(), cells.obs.copy(), pd.DataFrame(index=cells.var_names))
    counts.write_h5ad(folder / "cells.h5ad")
    reference = unmix.prepare_reference([folder / "cells.h5ad"], "cell_type", donor_key="donor")
    reference.write_h5ad(folder / "reference.h5ad")
    return folder, bulk, counts, reference


def logged(counts):
    """Return counts as scanpy normalises them: ln(CP10k + 1), as uns says."""
    data = counts.copy()
    values = data.X.toarray() if hasattr(data.X, "toarray") else data.X
    data.X = np.log1p(values / values.sum(axis=1, keepdims=True) * 1e4)
    data.uns["log1p"] = {"base": None}
    return data


def estimated(model, bulk, **options):
    found = unmix.predict(model, bulk, device="cpu", **options)
    return found.values.to_numpy().tobytes() + found.upper.to_numpy().tobytes()


def test_memory_and_file_give_the_same_fractions_to_the_byte(data):
    folder, bulk, _, reference = data
    model = unmix.train("nnls", reference, seed=1)
    model.save(folder / "nnls.safetensors")
    forms = {"counts": bulk, "logged": logged(bulk), "genes": bulk.to_df().T, "samples": bulk.to_df()}
    for name, form in forms.items():
        path = folder / f"{name}.{'h5ad' if isinstance(form, ad.AnnData) else 'tsv'}"
        form.write_h5ad(path) if isinstance(form, ad.AnnData) else form.to_csv(path, sep="\t")
        of_file = estimated(folder / "nnls.safetensors", path)
        assert estimated(model, form) == of_file, name
        assert estimated(model, unmix.read_bulk(form, genes=model.genes)) == of_file, name
    assert estimated(model, bulk) == estimated(model, bulk.to_df())


def test_logarithms_in_memory_are_not_counts(data):
    """They were: the values went into the model unchanged."""
    _, bulk, counts, reference = data
    model = unmix.train("nnls", reference, seed=1)
    said = []
    got = unmix.predict(model, logged(bulk), device="cpu", say=said.append).values
    np.testing.assert_allclose(got, unmix.predict(model, bulk, device="cpu").values, atol=0.005)
    assert any("log" in sentence for sentence in said)
    prepared = unmix.prepare_reference(logged(counts), "cell_type", donor_key="donor")
    assert prepared.uns["unmix"]["counts"] != "raw"
    with pytest.raises(DataError, match="not a prepared reference"):
        unmix.train("nnls", logged(counts))
    with pytest.raises(DataError, match="not a prepared reference"):
        unmix.train("nnls", logged(reference))


def test_a_reference_in_memory_is_prepared_as_its_file_is(data):
    folder, _, counts, reference = data
    for given in (counts, [counts], str(folder / "cells.h5ad")):
        found = unmix.prepare_reference(given, "cell_type", donor_key="donor")
        assert (found.X != reference.X).nnz == 0
        assert found.obs.reset_index(drop=True).equals(reference.obs.reset_index(drop=True))
    with pytest.raises(DataError, match="no column 'celltype'"):
        unmix.prepare_reference(counts, "celltype", donor_key="donor")
    models = [unmix.train("nnls", one, seed=1) for one in (reference, str(folder / "reference.h5ad"))]
    assert models[0].genes == models[1].genes


def test_bulk_given_at_training_is_checked(data):
    folder, bulk, _, reference = data
    bulk.to_df().T.to_csv(folder / "training.tsv", sep="\t")
    models = [unmix.train("bisque", reference, bulk=one) for one in (folder / "training.tsv", bulk, bulk.to_df().T)]
    assert len({estimated(model, bulk) for model in models}) == 1


def test_what_cannot_be_used_is_refused_in_a_sentence(data):
    _, bulk, _, reference = data
    model = unmix.train("nnls", reference, seed=1)
    scaled = bulk.copy()
    scaled.X = scaled.X - scaled.X.mean(axis=0)
    with pytest.raises(DataError, match="standardised"):
        unmix.predict(model, scaled)
    with pytest.raises(UsageError, match="ndarray"):
        unmix.predict(model, np.asarray(bulk.X))
    with pytest.raises(DataError, match=r"none\.tsv"):
        unmix.predict(model, "none.tsv")
    with pytest.raises(DataError, match="genes in common"):
        unmix.predict(model, bulk.to_df().rename(columns=lambda name: f"X{name}y"))
    with pytest.raises(UsageError, match="malignant"):
        unmix.train("gbmpurity", reference, malignant="no such type")


def wrapped(form, names):
    """Return names of genes as tools write them."""
    return [{"genome": f"GRCh38_{name}", "two parts": f"{name} ({row})"}[form] for row, name in enumerate(names)]


@pytest.mark.parametrize("form", ["genome", "two parts"])
def test_names_that_tools_wrap_are_read_alike_in_memory_and_in_files(data, tmp_path, form):
    """Of the cells, of the bulk, and of the calibration samples."""
    _, bulk, counts, reference = data
    cells, samples = counts.copy(), bulk.copy()
    cells.var_names, samples.var_names = wrapped(form, cells.var_names), wrapped(form, samples.var_names)
    known = toy(samples=6)[1].obsm["cell_fractions"]
    for name, part in {"cells": cells, "bulk": samples}.items():
        part.write_h5ad(tmp_path / f"{name}.h5ad")
    known.to_csv(tmp_path / "known.tsv", sep="\t")
    prepared = [
        unmix.prepare_reference(one, "cell_type", donor_key="donor") for one in (cells, tmp_path / "cells.h5ad")
    ]
    want = estimated(unmix.train("nnls", reference, seed=1), bulk)
    for one in prepared:
        assert list(one.var_names) == list(reference.var_names)
        assert estimated(unmix.train("nnls", one, seed=1), samples) == want
    given = [(samples, known), (tmp_path / "bulk.h5ad", tmp_path / "known.tsv"), (bulk, known)]
    found = [unmix.train("constant_of_calibration", reference, seed=1, calibration=pair) for pair in given]
    assert len({estimated(model, bulk) for model in found}) == 1


def test_distances_and_flags_do_not_depend_on_the_names_of_genes():
    """Only the genes of the method were matched, so that a bulk of Ensembl identifiers was unlike every reference."""
    cells, bulk = toy(samples=6)
    named = {symbol: name for name, symbol in gene_tables.symbols("human").items() if not symbol.startswith("MT-")}
    genes = list(named)[: bulk.n_vars]
    cells.var_names = bulk.var_names = genes
    model = unmix.train("nnls", cells, seed=1)
    assert len(model.genes) < bulk.n_vars
    table = bulk.to_df().T
    want, found = (unmix.predict(model, one, device="cpu") for one in (table, table.rename(named)))
    pd.testing.assert_frame_equal(found.samples, want.samples)
    pd.testing.assert_frame_equal(found.upper, want.upper)
    assert found.flags.tolist() == want.flags.tolist()


def test_a_table_of_mrna_per_cell_is_read_and_a_wrong_name_is_refused(data, tmp_path):
    """A path gave a traceback, and a word that is no source gave fractions of mRNA."""
    _, bulk, _, reference = data
    model = unmix.train("nnls", reference, seed=1)
    sizes = pd.Series(range(1, 7), sorted(reference.obs["cell_type"].unique()), name="mrna", dtype=float)
    sizes.rename_axis("cell_type").to_csv(tmp_path / "sizes.tsv", sep="\t")
    want = unmix.predict(model, bulk, device="cpu", mrna_per_cell=sizes).values
    for given in (tmp_path / "sizes.tsv", str(tmp_path / "sizes.tsv")):
        pd.testing.assert_frame_equal(unmix.predict(model, bulk, device="cpu", mrna_per_cell=given).values, want)
    with pytest.raises(UsageError, match="no such source"):
        unmix.predict(model, bulk, device="cpu", mrna_per_cell="publishd")


def test_known_fractions_in_memory_are_checked_as_those_of_a_file(data):
    _, bulk, _, reference = data
    known = toy(samples=6)[1].obsm["cell_fractions"].map(lambda share: f"{share:.1%}")
    said = []
    given = {"calibration": (bulk, known), "say": said.append}
    assert unmix.train("constant_of_calibration", reference, **given).cell_types
    assert any("percent" in sentence for sentence in said)
    with pytest.raises(DataError, match="holds text"):
        unmix.train("constant_of_calibration", reference, calibration=(bulk, known.replace(known.iloc[0, 0], "many")))


def test_a_table_of_gene_names_serves_bulk_and_calibration(data):
    """The calibration samples may have names that it lacks."""
    _, bulk, _, reference = data
    probes = bulk.copy()
    probes.var_names = [f"{row}_at" for row in range(probes.n_vars)]
    gene_map = dict(zip(probes.var_names, bulk.var_names, strict=True))
    known = toy(samples=6)[1].obsm["cell_fractions"]
    found = []
    for samples in (bulk, probes):
        model = unmix.train("ridge_on_calibration", reference, calibration=(samples, known), gene_map=gene_map)
        found.append(estimated(model, probes, gene_map=gene_map))
    assert found[0] == found[1]
