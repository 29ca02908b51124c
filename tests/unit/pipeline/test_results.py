"""Results in Python: tables, figures, AnnData, folder."""

from __future__ import annotations

import anndata as ad
import matplotlib
import numpy as np
import pandas as pd
import pytest

import unmix
from unmix.errors import UsageError
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def data():
    reference, bulk = toy(samples=6, cells_per_type=8)
    return reference, bulk


@pytest.fixture(scope="module")
def results(data):
    reference, bulk = data
    given = {"methods": ["nnls", "dtangle"], "controls": "uniform", "mrna_per_cell": "reference"}
    return unmix.deconvolve(bulk, reference, **given, truth=bulk)


@pytest.fixture
def agg():
    matplotlib.use("agg")
    yield
    matplotlib.pyplot.close("all")


def test_tables_are_samples_by_cell_types(data, results):
    _, bulk = data
    assert list(results.fractions.index) == list(bulk.obs_names)
    assert np.allclose(results.fractions.sum(axis=1), 1)
    assert (results.lower <= results.fractions).all(axis=None)
    assert (results.fractions <= results.upper).all(axis=None)
    assert np.allclose(results.mrna.sum(axis=1), 1)
    assert results.states is None
    assert list(results.methods) == ["nnls", "dtangle", "uniform"]
    assert results.methods["uniform"].fractions.nunique().max() == 1
    assert "6 samples, 600 genes." in results.messages
    assert repr(results).startswith("Results of Non-negative least squares: 6 samples x 6 cell types (cell fraction)\n")


def test_the_bulk_comes_back_with_fractions_and_flags(data, results, tmp_path):
    _, bulk = data
    for found in (results.to_anndata(), results.to_anndata(bulk)):
        assert found.obsm["fractions"].equals(results.fractions)
        assert list(found.obs["fractions_flag"]) == list(results.flags)
        assert found.shape == bulk.shape
    assert "fractions" not in bulk.obsm
    results.to_anndata(bulk).write_h5ad(tmp_path / "bulk.h5ad")
    assert ad.read_h5ad(tmp_path / "bulk.h5ad").obsm["fractions"].shape == (6, 6)
    more = ad.concat([bulk, toy(seed=1, samples=1)[1]], index_unique="-")
    assert results.to_anndata(more).obsm["fractions"].isna().all(axis=None)


def test_a_written_folder_is_read_again_as_the_same_results(results, tmp_path):
    again = unmix.read_results(results.write(tmp_path / "results", title="Mine"))
    assert again.fractions.equals(results.fractions)
    assert repr(again) == repr(results)
    page = (tmp_path / "results" / "report.html").read_text()
    assert "Mine" in page
    assert "Accuracy against known fractions" in page


@pytest.mark.usefixtures("agg")
def test_figures_show_every_sample_type_and_method(results):
    bars = results.plot.bars()
    assert [text.get_text() for text in bars.get_yticklabels()] == list(results.fractions.index)
    assert {text.get_text() for text in bars.get_legend().get_texts()} == set(results.fractions.columns)
    heatmap = results.plot.heatmap()
    assert {text.get_text() for text in heatmap.get_xticklabels()} == set(results.fractions.columns)
    shown = [text.get_text() for text in heatmap.get_yticklabels()]
    values = heatmap.images[0].get_array()
    types = [text.get_text() for text in heatmap.get_xticklabels()]
    assert np.allclose(values, results.fractions.loc[shown, types])
    agreement = results.plot.agreement()
    assert [text.get_text() for text in agreement.get_xticklabels()] == ["nnls", "dtangle"]
    own = matplotlib.pyplot.figure().subplots()
    assert results.plot.bars(own) is own


@pytest.mark.usefixtures("agg")
def test_scores_are_no_parts_of_a_whole(data):
    reference, bulk = data
    scores = unmix.deconvolve(bulk, reference, methods="mcpcounter", controls="none")
    with pytest.raises(UsageError, match="scores, not fractions"):
        scores.plot.bars()
    assert scores.plot.heatmap().get_title() == scores.title


def test_the_tables_of_a_method_outlive_the_results(data):
    reference, bulk = data
    assert unmix.deconvolve(bulk, reference, "nnls", controls="none").methods["nnls"].mrna is not None


def test_groups_and_labels_in_memory(data):
    reference, bulk = data
    groups = pd.DataFrame({"condition": ["control", "case"] * 3}, index=bulk.obs_names)
    results = unmix.deconvolve(
        bulk,
        reference,
        "nnls",
        cell_type_key="cell_type",
        donor_key="donor",
        label_map={"NK": "other", "γδ T": "other"},
        mrna_per_cell=dict.fromkeys(["B cell", "CD4+ T", "CD8+ T", "Monocyte/Macrophage", "other"], 1.0),
        controls="none",
        samples=groups,
    )
    assert set(results.fractions) == {"B cell", "CD4+ T", "CD8+ T", "Monocyte/Macrophage", "other"}
    np.testing.assert_allclose(results.fractions, results.mrna)  # equal mRNA per cell
    effects = pd.read_csv(results._place / "effects.tsv", sep="\t")
    again = results.compare(groups).effects
    np.testing.assert_allclose(effects["log2_ratio"], again["log2_ratio"], atol=1e-5)


def test_metrics_in_memory_are_those_of_the_run(data, results):
    _, bulk = data
    found = unmix.evaluate(results.fractions, bulk)
    assert any("scaled to sum 1" in note for note in found.attrs["notes"])
    of_run = results.metrics.query("metric == 'rmse'").set_index("cell_type")["value"]
    assert np.allclose(found.query("metric == 'rmse'").set_index("cell_type")["value"], of_run)


def test_a_consensus_of_files_is_that_of_memory(data, results):
    reference, bulk = data
    models = [unmix.train(name, reference) for name in ("dtangle", "nnls")]
    members = [unmix.predict(model, bulk, mrna_per_cell="reference", device="cpu") for model in models]
    places = [results._place / name for name in ("dtangle", "nnls")]
    one, other = unmix.consensus(members), unmix.consensus(places)
    assert one.values.equals(other.values)
    assert np.allclose(one.lower, other.lower)
