"""Cell states: estimated, summed to their cell types, with a table and intervals of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.contract.model import Model
from unmix.engine import answer
from unmix.engine.consensus import consensus
from unmix.simulate.toy import toy

T_CELLS = ("CD4+ T", "CD8+ T", "γδ T")


@pytest.fixture(scope="module")
def data():
    """Return a reference whose T cells have three states, and a bulk with the known fractions of the types."""
    reference, bulk = toy(samples=12)
    states = reference.obs["cell_type"].astype(str)
    reference.obs["cell_state"] = states
    reference.obs["cell_type"] = states.where(~states.isin(T_CELLS), "T cell")
    truth = {name: by_type(bulk.obsm[f"{name}_fractions"]) for name in ("cell", "mrna")}
    return reference, bulk, truth


def by_type(states):
    return states.T.groupby(lambda name: "T cell" if name in T_CELLS else name).sum().T


@pytest.fixture(scope="module", params=["nnls", "epic", "scaden"])
def found(request, data):
    recipe = {"recipe": "published"} if request.param == "epic" else {}
    model = engine.train(request.param, data[0], quick=True, device="cpu", **recipe)
    return model, {source: answer.predict(model, data[1], mrna_per_cell=source) for source in ("none", "reference")}


def test_types_are_reported_and_states_sum_to_them(found):
    for fractions in found[1].values():
        states = fractions.tables["states"]
        sums = states.groupby([states.index, "cell_type"])["fraction"].sum().unstack()
        assert {"B cell", "Monocyte/Macrophage", "NK", "T cell"} <= set(fractions.values)
        assert "CD4+ T" not in fractions.values
        assert np.allclose(sums.loc[fractions.values.index, list(fractions.values)], fractions.values)
        assert set(T_CELLS) <= set(states["cell_state"])
        known = states.dropna()
        assert len(known) == 6 * 12
        assert ((known["lower"] <= known["fraction"]) & (known["fraction"] <= known["upper"])).all()


def test_the_types_are_right_as_fractions_of_mrna_and_of_cells(found, data):
    """T cells of unlike mRNA content are converted by state: the sum alone does not tell what their mRNA is."""
    model, by_source = found
    for source, kind in (("none", model.quantity), ("reference", "cell")):
        fractions, truth = by_source[source], data[2][kind]
        assert np.sqrt(((fractions.values[list(truth)] - truth) ** 2).to_numpy().mean()) < 0.09
        inside = (fractions.lower[list(truth)] <= truth) & (truth <= fractions.upper[list(truth)])
        assert inside.to_numpy().mean() > 0.8


def test_fractions_of_cells_by_the_reference_do_not_depend_on_their_way(data):
    """Fractions of mRNA divided by the counts of each state are the fractions of cells that the states give."""
    reference, bulk, _ = data
    model = engine.train("nnls", reference, device="cpu")
    fine = engine.train("nnls", reference_of_states(reference), device="cpu")
    converted, states = (answer.predict(one, bulk, mrna_per_cell="reference") for one in (model, fine))
    assert np.allclose(converted.values, by_type(states.values)[list(converted.values)], atol=1e-6)


def reference_of_states(reference):
    fine = reference.copy()
    fine.obs["cell_type"] = fine.obs["cell_state"]
    return fine


def test_a_control_and_a_saved_model(data, tmp_path):
    reference, bulk, _ = data
    uniform = answer.predict(engine.train("uniform", reference, device="cpu"), bulk)
    assert np.allclose(uniform.values, 0.25)
    model = engine.train("nnls", reference, device="cpu")
    model.save(tmp_path / "m.safetensors")
    loaded = answer.predict(Model.load(tmp_path / "m.safetensors"), bulk)
    pd.testing.assert_frame_equal(loaded.values, answer.predict(model, bulk).values)
    assert loaded.values.shape == (12, 4)


def test_a_consensus_by_the_counts_of_states_has_no_fractions_of_mrna(data):
    """The counts of a state are not those of its type, also where one has the name of the other."""
    reference = data[0].copy()
    reference.obs["cell_type"] = reference.obs["cell_type"].astype(str).replace("T cell", "CD4+ T")
    bulk, names = data[1], ("nnls", "dtangle")
    members = [answer.predict(engine.train(name, reference), bulk, mrna_per_cell="reference") for name in names]
    found = consensus(members)
    assert set(found.values) == {"B cell", "CD4+ T", "Monocyte/Macrophage", "NK"}
    assert found.mrna_per_cell["states"]["γδ T"] == "CD4+ T"
    assert found.mrna_per_cell["values"].keys() == found.mrna_per_cell["states"].keys()
    assert found.mrna is None
    one = answer.predict(engine.train("nnls", reference), bulk, mrna_per_cell="published")
    assert not one.mrna_per_cell["states"]
