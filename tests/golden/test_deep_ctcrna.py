"""ctcRNA on designed pseudobulk of rat tissues: trained on one pure profile of each tissue, tested on 21 pseudobulk."""

from __future__ import annotations

import numpy as np
import pytest

from unmix import engine
from unmix.io import check
from unmix.io.truth import read_truth
from unmix.reference.prepare import prepare_reference

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def rat(shared):
    folder = shared / "data" / "rat_shenorr_gse19830"
    reference = prepare_reference([folder / "signature_pure.tsv.gz"], kind="profiles")
    said = []
    # a quarter of the default's steps, for the time of the test; at all of them CCC is 0.97
    model = engine.train("ctcrna", reference, settings=["train.steps=200"], device="cpu", say=said.append)
    return model, check.read_bulk(folder / "bulk.tsv.gz"), read_truth(folder / "truth.tsv"), said


def ccc(found, truth) -> float:
    found, truth = found[truth.columns].to_numpy().ravel(), truth.loc[found.index].to_numpy().ravel()
    covariance = np.cov(found, truth, bias=True)[0, 1]
    return 2 * covariance / (found.var() + truth.var() + (found.mean() - truth.mean()) ** 2)


def test_one_profile_a_tissue_is_enough_for_designed_mixes(rat):
    model, bulk, truth, said = rat
    found = engine.predict(model, bulk, device="cpu")
    assert ccc(found.values, truth) > 0.93
    assert found.quantity == "mrna"
    assert any("no intervals of any type" in sentence for sentence in said)
    assert found.lower.isna().all(axis=None)
    assert model.facts["intervals"]["pseudobulk"] == 0


def test_missing_genes_cost_little(rat):
    model, bulk, truth, _ = rat
    kept = np.random.default_rng(0).random(bulk.n_vars) > 0.4
    found, without = (
        ccc(engine.predict(model, samples.copy(), device="cpu").values, truth) for samples in (bulk, bulk[:, kept])
    )
    assert without > found - 0.15
    assert without > 0.8
