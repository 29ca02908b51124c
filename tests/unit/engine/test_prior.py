"""A declared prior on the mean composition: its rule, its names, and what it moves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import unmix
from unmix.engine.consensus import consensus
from unmix.engine.prior import levels, read_prior
from unmix.errors import DataError, NotApplicable, UsageError
from unmix.reference import tree

PRIOR = {"B cell": 0.2, "NK": 0.4, "CD4+ T": 0.4}


@pytest.fixture(scope="module")
def data():
    return unmix.toy()


@pytest.fixture(scope="module")
def model(data):
    return unmix.train("nnls", data[0])


def test_the_rule_is_that_of_a_normal_error_and_a_student_prior():
    estimated, declared, sd = np.array([0.5, 0.3, 0.2]), np.array([0.3, 0.4, 0.3]), np.array([0.3, 0.3, 0.3])
    found = levels(estimated, declared, sd)
    assert found.sum() == pytest.approx(1)
    x, p, y = (np.log(part) - np.log(part).mean() for part in (estimated, declared, found))
    t2 = sd**2 * (3 + ((y - p) / sd) ** 2) / 4
    np.testing.assert_allclose(y, x + 0.04 / (0.04 + t2) * (p - x) - (0.04 / (0.04 + t2) * (p - x)).mean(), atol=5e-3)
    moved = []
    for ratio in (1.2, 20):
        found = levels(np.array([ratio, 1]), np.ones(2), np.full(2, 0.3))
        moved.append(1 - np.log(found[0] / found[1]) / np.log(ratio))
    assert moved[0] > 3 * moved[1] > 0  # a cohort that is far from the prior is moved little


def test_names_of_the_ontology_are_met_by_narrower_types():
    prior = read_prior("pbmc")
    types = ["B", "CD4T", "Treg", "CD8T", "NK", "CD14+ monocytes", "CD16+ monocytes", "DC"]
    assert prior.members(types) == [["B"], ["CD4T", "Treg"], ["CD8T"], ["CD14+ monocytes", "CD16+ monocytes"], ["NK"]]
    assert prior.composition(types).sum() == pytest.approx(1)
    assert prior.composition(types)[-1] == 0
    with pytest.raises(DataError, match="CD8-positive"):
        prior.members(["B", "T cells", "NK", "Monocyte"])


def test_a_prior_moves_the_mean_and_not_the_differences(data, model):
    said = []
    plain, found = (unmix.predict(model, data[1], prior=one, say=said.append) for one in (None, PRIOR))
    assert plain.prior == {}
    assert found.prior["before"] == pytest.approx(plain.values.mean().to_dict(), abs=1e-4)
    assert found.prior["after"] == pytest.approx(found.values.mean().to_dict(), abs=1e-4)
    assert found.values["NK"].mean() > plain.values["NK"].mean()
    ratio = (found.values / plain.values)[["NK", "B cell"]]
    np.testing.assert_allclose(ratio["NK"] / ratio["B cell"], (ratio["NK"] / ratio["B cell"]).iloc[0])
    others = ["CD8+ T", "Monocyte/Macrophage", "γδ T"]  # the prior does not name them
    assert found.values[others].mean().to_dict() == pytest.approx(plain.values[others].mean().to_dict(), abs=0.01)
    assert (found.values.sum(axis=1) - 1).abs().max() < 1e-6
    assert (found.lower <= found.values + 1e-9).all(axis=None)
    assert any("The declared prior (the given table) moved the means" in sentence for sentence in said)


def test_fractions_of_mrna_and_states_follow(data, model):
    plain, found = (unmix.predict(model, data[1], prior=one) for one in ("none", PRIOR))
    cells = (found.values / plain.values)["NK"] / (found.values / plain.values)["B cell"]
    mrna = (found.mrna / plain.mrna)["NK"] / (found.mrna / plain.mrna)["B cell"]
    np.testing.assert_allclose(cells, mrna)


def test_a_table_holds_its_own_widths(tmp_path):
    pd.DataFrame({"cell_type": list(PRIOR), "fraction": list(PRIOR.values()), "sd": 0.1}).to_csv(
        tmp_path / "prior.csv", index=False
    )
    assert (read_prior(tmp_path / "prior.csv").table["sd"] == 0.1).all()
    assert (read_prior(PRIOR).table["sd"] == 0.3).all()
    for wrong in ({"B cell": 1.0}, {"B cell": 0.5, "NK": 0.0}):
        with pytest.raises(DataError, match="is not a prior"):
            read_prior(wrong)
    with pytest.raises(UsageError, match="no such prior"):
        read_prior("blood")


def test_a_prior_is_of_cells_and_of_a_cohort(data, model):
    with pytest.raises(DataError, match="fractions of mRNA"):
        unmix.predict(model, data[1], prior=PRIOR, mrna_per_cell="none")
    with pytest.raises(DataError, match="one sample"):
        unmix.predict(model, data[1][:1].copy(), prior=PRIOR)
    with pytest.raises(DataError, match="'Neutrophil'"):
        unmix.predict(model, data[1], prior={"Neutrophil": 0.5, "NK": 0.5})


def test_the_control_is_the_prior_alone(data):
    control = unmix.train("prior", data[0], prior=PRIOR)
    found = unmix.predict(control, data[1], prior=PRIOR)
    assert found.values.iloc[0].to_dict() == pytest.approx(dict.fromkeys(found.values, 0.0) | PRIOR)
    with pytest.raises(NotApplicable, match="none was declared"):
        unmix.train("prior", data[0])


def test_members_of_a_consensus_have_the_same_prior(data, model):
    other = unmix.train("dtangle", data[0])
    members = [unmix.predict(one, data[1], prior=PRIOR) for one in (model, other)]
    said = []
    found = consensus(members, say=said.append)
    assert found.prior["before"]["NK"] == pytest.approx(np.mean([one.prior["before"]["NK"] for one in members]))
    assert any("means over the members" in sentence for sentence in said)
    with pytest.raises(DataError, match="different priors"):
        consensus([members[0], unmix.predict(other, data[1])])


def test_a_run_with_a_prior_shows_the_prior_alone(tmp_path, data):
    results = unmix.deconvolve(data[1], data[0], "nnls", truth=data[1], controls="uniform", prior=PRIOR)
    assert list(results.methods) == ["nnls", "prior", "uniform"]
    page = (results.write(tmp_path / "results") / "report.html").read_text()
    assert "The declared prior (the given table) moved the means over samples" in page
    assert "Prior alone" in page


def test_groups_of_types_stay_the_sums_of_their_types(data):
    reference = data[0].copy()
    tree.mark(reference, "ontology", [])
    levelled = unmix.train("nnls", reference)
    plain, found = (unmix.predict(levelled, data[1], prior=one) for one in (None, PRIOR))
    by_type, groups = found.values, found.sums[0]
    np.testing.assert_allclose(groups.values["T cell"], by_type["CD4+ T"] + by_type["CD8+ T"] + by_type["γδ T"])
    assert not np.allclose(groups.values["T cell"], plain.sums[0].values["T cell"])
    assert (groups.lower <= groups.values).all(axis=None)
    assert (groups.values <= groups.upper).all(axis=None)
    np.testing.assert_allclose(groups.lower["NK"], found.lower["NK"], atol=1e-9)  # a group of one type is that type
