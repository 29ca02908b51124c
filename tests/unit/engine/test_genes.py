"""A training on the genes that a bulk has, where these are few."""

from __future__ import annotations

import numpy as np
import pytest

from unmix import engine
from unmix.errors import DataError
from unmix.reference import Reference
from unmix.simulate.toy import toy


@pytest.mark.parametrize("method", ["nnls", "nusvr"])
def test_a_method_trained_on_the_genes_of_a_panel_estimates_its_samples(method):
    """Trained on all genes, it finds less than half of its own in the panel and refuses."""
    cells, bulk = toy(samples=6)
    panel = bulk[:, ::4].copy()
    said = []
    with pytest.raises(DataError, match="genes of the model"):
        engine.predict(engine.train(method, cells, device="cpu"), panel, device="cpu")
    model = engine.train(method, cells, genes=list(panel.var_names), device="cpu", say=said.append)
    assert set(model.genes) <= set(panel.var_names)
    assert any("Learned from 150 of the 600 genes" in sentence for sentence in said)
    found = engine.predict(model, panel, device="cpu").values
    truth = bulk.obsm["mrna_fractions"][found.columns]
    assert np.sqrt(((found.to_numpy() - truth.to_numpy()) ** 2).mean()) < 0.1
    with pytest.raises(DataError, match="none of the 1 genes"):
        engine.train(method, cells, genes=["X1"], device="cpu")


def test_profiles_of_some_genes_stay_shares_of_the_whole_transcriptome():
    cells = Reference.from_anndata(toy(samples=1)[0])
    some = cells.select(genes=np.arange(0, 600, 4))
    assert (some.total_counts == cells.total_counts).all()
