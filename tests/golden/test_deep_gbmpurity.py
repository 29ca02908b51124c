"""GBMPurity with the authors' weights against what the original gave, through train and predict."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.engine import explanation
from unmix.errors import DataError, NotApplicable
from unmix.simulate.toy import toy

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def folder(shared):
    return shared / "fixtures" / "gbmpurity"


@pytest.fixture(scope="module")
def reference(folder):
    """A reference whose genes are some of the model's: it gives the intervals only."""
    reference = toy(cell_types=("tumour", "T cell", "microglia"))[0]
    reference.var_names = pd.read_csv(folder / "input-genes-lengths.csv")["feature_name"].iloc[::9][: reference.n_vars]
    return reference


def train_on(reference, malignant, *weights):
    return engine.train("gbmpurity", reference, malignant=[malignant], pretrained=weights, device="cpu", quick=True)


def train(reference, *weights):
    return train_on(reference, "tumour", *weights)


@pytest.fixture(scope="module")
def model(reference, folder):
    return train(reference, folder / "GBMPurity.pt", folder / "input-genes-lengths.csv")


def bulk(path, unit="counts"):
    table = pd.read_csv(path, index_col=0)
    table = table.groupby(level=0, sort=False).sum()  # as unmix_check.py does with a gene that stands twice
    values = ad.AnnData(
        table.T.to_numpy(np.float64), pd.DataFrame(index=table.columns), pd.DataFrame(index=table.index)
    )
    values.uns["unmix"] = {"kind": "bulk", "unit": unit, "log": "none", "messages": []}
    return values


@pytest.mark.parametrize("name", ["example_counts.csv", "example_counts_90pct_dup.csv"])
def test_purity_is_that_of_the_original(model, folder, name):
    expected = pd.read_csv(folder / "expected_outputs.csv").query("file == @name").set_index("sample")
    found = engine.predict(model, bulk(folder / name), device="cpu")
    assert found.quantity == "purity"
    assert np.abs(found.values.loc[expected.index, "malignant"] - expected["purity_clipped"]).max() < 1e-5


def test_tpm_are_not_divided_by_length_again(model, folder):
    counts = bulk(folder / "example_counts.csv")
    lengths = pd.read_csv(folder / "input-genes-lengths.csv", index_col=0)["feature_length"]
    tpm = bulk(folder / "example_counts.csv", "tpm")
    tpm.X = tpm.X / lengths[tpm.var_names].to_numpy()
    found = [engine.predict(model, values, device="cpu").values["malignant"] for values in (counts, tpm)]
    assert np.abs(found[0] - found[1]).max() < 1e-5


def test_pt_and_npz_give_the_same_model(model, reference, folder, tmp_path):
    with np.load(folder / "GBMPurity_state.npz") as state:
        table = pd.read_csv(folder / "input-genes-lengths.csv")
        genes, lengths = table["feature_name"].to_numpy(str), table["feature_length"].to_numpy()
        np.savez(tmp_path / "one_file.npz", **state, genes=genes, lengths=lengths)
    again = train(reference, tmp_path / "one_file.npz")
    assert again.genes == model.genes
    assert all(np.array_equal(again.arrays[name], array) for name, array in model.arrays.items())


def test_attributions_of_genes_sum_to_the_output_of_the_original(model, folder):
    found = explanation.explain(model, bulk(folder / "example_counts.csv"), device="cpu")
    expected = pd.read_csv(folder / "expected_outputs.csv").query("file == 'example_counts.csv'")["raw_output"]
    assert np.abs(found.estimate[:, 0] - expected.to_numpy()).max() < 1e-5
    assert found.error() < 1e-5


def test_weights_without_their_genes_are_refused(reference, folder):
    with pytest.raises(DataError, match=r"no genes|5829 genes, and a table of 0"):
        train(reference, folder / "GBMPurity.pt")


def test_the_authors_model_can_be_explained(model, folder):
    few = bulk(folder / "example_counts.csv")[:2].copy()
    found = explanation.explain(model, few, device="cpu")
    assert found.error() < 0.01
    assert len(explanation.table(found, model, few, 5)) == 3 * 2 * 5


def test_a_table_of_lengths_alone_trains_on_expression_per_base(tmp_path):
    reference, counts = toy()
    lengths = pd.Series(np.random.default_rng(0).integers(500, 5000, 500), reference.var_names[:500], name="length")
    lengths.to_csv(tmp_path / "lengths.csv", index_label="gene")
    model = train_on(reference, "NK", tmp_path / "lengths.csv")
    assert set(model.genes) <= set(lengths.index)
    truth = counts.obsm["cell_fractions"]["NK"]
    assert np.abs(engine.predict(model, counts, device="cpu").values["malignant"] - truth).mean() < 0.08


def test_donors_without_malignant_cells_are_survived():
    reference = toy(donors=6)[0]
    healthy = reference.obs["donor"].isin(["donor1", "donor2", "donor3", "donor4"])
    train_on(reference[~(healthy & (reference.obs["cell_type"] == "NK"))].copy(), "NK")
    with pytest.raises(NotApplicable, match="donor"):
        train_on(reference[healthy ^ (reference.obs["cell_type"] == "NK")].copy(), "NK")
