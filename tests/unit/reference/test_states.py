"""Cell states of a reference: each within one cell type."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from unmix.errors import DataError
from unmix.reference import Reference
from unmix.reference.prepare import prepare_reference


@pytest.fixture
def path(tmp_path):
    """Write 200 cells of two types: activated cells in both, and some T cells without a state."""
    rng = np.random.default_rng(0)
    types = np.repeat(["B", "T"], 100)
    states = np.tile(["naive", "activated"], 100)
    states[types == "B"] = np.where(states[types == "B"] == "naive", "B naive", "activated")
    states = pd.Series(states, dtype=object)
    states[150:158] = None
    obs = pd.DataFrame({"type": types, "state": states.to_numpy()}, index=[f"cell{i}" for i in range(200)])
    counts = rng.poisson(2, (200, 300)).astype(np.float32)
    ad.AnnData(counts, obs=obs, var=pd.DataFrame(index=[f"GENE{i}" for i in range(300)])).write_h5ad(
        tmp_path / "c.h5ad"
    )
    return tmp_path / "c.h5ad"


def test_every_state_belongs_to_one_type(path):
    made = prepare_reference([path], "type", "none", cell_state_key="state", preset="none")
    pairs = made.obs.groupby(["cell_state", "cell_type"], observed=True).size()
    assert dict(pairs) == {
        ("B naive", "B"): 50,
        ("B: activated", "B"): 50,
        ("T", "T"): 8,
        ("T: activated", "T"): 46,
        ("naive", "T"): 46,
    }
    said = " ".join(made.uns["unmix"]["messages"])
    assert "8 cells without a state were given the state that has the name of their cell type." in said
    assert "States that occur in several cell types are separate for each: activated." in said
    assert "5 cell states in 2 cell types." in said
    assert "fewer than 10 cells of the states T:" in said


def test_states_are_the_types_of_a_reference_where_asked_for(path):
    made = prepare_reference([path], "type", "none", cell_state_key="state", preset="none")
    fine, coarse = Reference.from_anndata(made, states=True), Reference.from_anndata(made)
    assert dict(zip(fine.cell_types, fine.type_of_state, strict=True))["naive"] == "T"
    assert coarse.cell_types == ["B", "T"]
    assert coarse.type_of_state == ()


def test_a_column_that_is_not_there_is_refused(path):
    with pytest.raises(DataError, match="no column 'states' for --cell-state-key"):
        prepare_reference([path], "type", "none", cell_state_key="states")
