"""Genes that a bulk expresses and its reference does not."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from unmix.contract.model import Model
from unmix.uncertainty import unexpressed

GENES = [f"G{number}" for number in range(unexpressed.GENES)]


@pytest.fixture
def model():
    """Every tenth of the first 2,000 genes is expressed by no type."""
    profiles = np.full((2, len(GENES)), 20.0)
    profiles[:, :2000:10] = unexpressed.EXPRESSED / 2
    facts = {"reference_genes": GENES}
    return Model("nnls", {}, [], ["a", "b"], "mrna", {"reference.profiles": profiles}, facts)


def bulk(genes):
    values = np.ones((2, len(genes)))
    values[:, :2000] = 100
    values[1] = values[1, ::-1]
    found = ad.AnnData(values)
    found.var_names = genes
    return found


def test_share_of_the_highest_genes_of_each_sample(model):
    assert unexpressed.shares(model, bulk(GENES)).round(3).tolist() == [0.1, 0.0]


def test_genes_that_the_reference_lacks_are_not_expressed(model):
    renamed = [f"X{name}" if number < 500 else name for number, name in enumerate(GENES)]
    assert unexpressed.shares(model, bulk(renamed))[0] == pytest.approx((500 + 150) / 2000)


def test_a_gene_panel_tells_nothing(model):
    found = unexpressed.shares(model, bulk(GENES[:5000]))
    assert np.isnan(found).all()
    assert unexpressed.sentence(found, "tpm") == ""


def test_a_warning_above_the_level_of_blood_and_none_for_arrays():
    few, many = np.array([0.05, 0.09]), np.array([0.15, 0.2])
    assert "probably contain cells that the reference lacks" in unexpressed.sentence(many, "counts")
    assert "probably" not in unexpressed.sentence(few, "counts")
    assert "not judged" in unexpressed.sentence(many, "microarray")
