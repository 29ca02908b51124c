"""Data in memory give what the same data give as files, or the same error."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import unmix
from unmix.errors import DataError, UsageError
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
