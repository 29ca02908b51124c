"""DAISM on the 20 + 20 real PBMC samples of the daism package: the original's own task, against both controls."""

from __future__ import annotations

import numpy as np
import pytest

from unmix import engine
from unmix.errors import UsageError
from unmix.io import check
from unmix.io.truth import read_truth
from unmix.reference.prepare import prepare_reference
from unmix.simulate.toy import toy

#: Nine types of the reference to the five of the samples; the rest is dropped.
TYPES = {
    "T_CD4": "CD4.T.cells",
    "T_CD8": "CD8.T.cells",
    "B": "B.cells",
    "NK": "NK.cells",
    "Mono_CD14": "monocytic.lineage",
    "Mono_CD16": "monocytic.lineage",
    **dict.fromkeys(("DC", "MK", "HSC"), ""),
}


@pytest.mark.shared
def test_real_samples_better_than_both_controls(root, shared):
    demo = root / ".cache" / "demo"
    if not (demo / "calibration.tsv").exists():
        pytest.skip("the samples of daism are not there (make demo fetches them)")
    reference = prepare_reference(
        [shared / "data" / "sc_pbmc_symphony_3donor" / "lognorm.h5ad"],
        "cell_type",
        "donor",
        label_map=TYPES,
        preset="none",
    )
    genes = list(reference.var_names)

    def pair(samples: str, fractions: str):
        bulk = check.read_bulk(demo / samples, genes=genes)
        return bulk, read_truth(demo / fractions, samples=list(bulk.obs_names))

    calibration = pair("calibration.tsv", "calibration_truth.tsv")
    bulk, truth = pair("bulk.tsv", "truth.tsv")
    error, inside = {}, {}
    for name in ("daism", "constant_of_calibration", "ridge_on_calibration"):
        model = engine.train(name, reference, calibration=calibration, device="cpu")
        assert (
            model.facts["intervals"] | {"held_out": "calibration samples", "pseudobulk": 20} == model.facts["intervals"]
        )
        found = engine.predict(model, bulk, device="cpu")
        known = truth.loc[found.values.index, found.values.columns]
        known = known.div(known.sum(axis=1), axis=0)  # fractions of the five types sum to 0.7-1.1 as measured
        error[name] = float(np.sqrt(((found.values - known) ** 2).to_numpy().mean()))
        inside[name] = ((found.lower <= known) & (known <= found.upper)).to_numpy().mean()
    assert error["daism"] <= 0.068
    assert error["daism"] < min(error["constant_of_calibration"], error["ridge_on_calibration"])
    assert inside["daism"] > 0.8


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [("sorted", []), ("default", ["blend=[0,0]", "untouched=0", "head=softmax"])],
    ids=["sorted", "generic"],
)
def test_sorted_profiles_and_generic_mode_train_too(recipe, settings):
    reference, bulk = toy()
    samples = toy(samples=8)[1]
    known = samples.obsm["cell_fractions"]
    settings = [*settings, "train.steps=2"]
    model = engine.train(
        "daism", reference, calibration=(samples, known), recipe=recipe, settings=settings, device="cpu"
    )
    assert np.isfinite(engine.predict(model, bulk, device="cpu").values.to_numpy()).all()


def test_one_network_cannot_leave_samples_out():
    samples = toy(samples=8)[1]
    calibration = samples, samples.obsm["cell_fractions"]
    with pytest.raises(UsageError, match="one network"):
        engine.train("daism", toy()[0], calibration=calibration, settings=['nets=[{"hidden":[8]}]'], device="cpu")
