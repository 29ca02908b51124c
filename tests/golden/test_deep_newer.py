"""DeSide and Sweetwater: what their sources say, and that every recipe learns.

DeSide's weights need pathways of KEGG, whose licence is not free; Sweetwater publishes none. So there are no numbers.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unmix import engine, methods
from unmix.errors import NotApplicable, UsageError
from unmix.simulate.toy import toy

SHORT = {
    ("deside", "default"): [],
    ("deside", "published"): ["train.steps=400", "train.lr=1e-3", 'nets=[{"hidden": [200, 100, 100, 50]}]'],
    ("sweetwater", "default"): ["train.steps=400"],
    ("sweetwater", "published"): ["train.steps=300", "simulation.samples=1000", 'nets=[{"hidden": [200, 100]}]'],
}


@pytest.fixture(scope="module")
def data():
    return toy()


def root_mean_square(values):
    return float(np.sqrt((np.asarray(values) ** 2).mean()))


@pytest.mark.parametrize(("name", "recipe"), SHORT)
def test_every_recipe_is_far_better_than_equal_fractions(data, name, recipe):
    reference, bulk = data
    given = {"settings": SHORT[name, recipe], "quick": True, "device": "cpu"}
    model = engine.train(name, reference, bulk=bulk, recipe=recipe, **given)
    truth = bulk.obsm["cell_fractions"]
    found = engine.predict(model, bulk, device="cpu").values[truth.columns]
    assert root_mean_square(found - truth) < 0.6 * root_mean_square(1 / truth.shape[1] - truth)


def without(reference, name):
    return reference[(reference.obs["cell_type"] != name).to_numpy()].copy()


def test_cells_that_the_reference_lacks_are_the_column_other(data):
    reference, bulk = data
    truth = bulk.obsm["cell_fractions"]
    missing = truth["B cell"]
    model = engine.train(
        "deside", without(reference, "B cell"), recipe="other", settings=["train.steps=300"], device="cpu"
    )
    found = engine.predict(model, bulk, device="cpu").values
    assert list(found)[-1] == "Other"
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    assert np.corrcoef(found["Other"], missing)[0, 1] > 0.8
    kept = list(truth.columns.drop("B cell"))
    closed = truth[kept].div(1 - missing, axis=0)  # the best that a method without the column can say
    assert root_mean_square(found[kept] - truth[kept]) < root_mean_square(closed - truth[kept])
    with pytest.raises(UsageError, match="markers"):
        engine.train("deside", reference, settings=["other=true"], device="cpu")


def test_the_networks_share_one_preprocessing_by_default():
    """Their order shall come from the networks; DeSide alone read variable genes, and found no CD4 T cells."""
    shared = {"genes": "markers", "per_type": 60, "pseudocount": 500.0}
    for name in methods.all_methods():
        prep = getattr(methods.get(name).recipes["default"], "prep", None)
        if prep is not None and name != "gbmpurity":  # learns the share of one type, with a pseudocount of its own
            assert {word: getattr(prep, word) for word in shared} == shared, name


def test_the_malignant_type_is_what_the_others_leave(data):
    reference, bulk = data
    model = engine.train("deside", reference, malignant=["NK"], device="cpu", quick=True)
    assert model.arrays["net.weights.2"].shape[-1] == 5  # no output for it
    found, truth = engine.predict(model, bulk, device="cpu").values, bulk.obsm["cell_fractions"]
    assert list(found)[-1] == "NK"
    assert np.allclose(found["NK"], 1 - found.drop(columns="NK").sum(axis=1), atol=1e-5)
    assert root_mean_square(found[truth.columns] - truth) < 0.6 * root_mean_square(1 / 6 - truth)
    with pytest.raises(NotApplicable, match="2 malignant"):
        engine.train("deside", reference, malignant=["NK", "B cell"], device="cpu")


def test_the_phases_of_sweetwater_train_what_they_should(data, monkeypatch):
    reference, bulk = data
    method, seen = type(methods.get("sweetwater")), []
    step = method._step

    def spied(self, net, optimiser, session):
        before = {name: value.clone() for name, value in net.state_dict().items()}
        step(self, net, optimiser, session)
        moved = {name.split(".")[0] for name, value in net.state_dict().items() if not torch.equal(before[name], value)}
        seen.append((len(self.batch(session)), moved))

    monkeypatch.setattr(method, "_step", spied)
    settings = ["train.steps=10", "weight=0"]
    engine.train("sweetwater", reference, bulk=bulk, settings=settings, device="cpu", quick=True)
    rebuilding, reading = (1, {"encoder", "decoder"}), (3, {"encoder", "head"})
    assert seen == [rebuilding] * 4 + [reading] * 6
