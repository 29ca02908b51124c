from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmix.errors import NotApplicable, UsageError
from unmix.reference import Reference
from unmix.simulate.compositions import COMPOSITIONS
from unmix.simulate.pseudobulk import Simulator, pseudobulk
from unmix.simulate.recipe import Simulation
from unmix.simulate.scenarios import SCENARIOS, scenario
from unmix.simulate.sums import CellSums
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def cells():
    return Reference.from_anndata(toy(genes=200)[0])


def draw(pool, number=64, seed=0, **settings):
    rng = np.random.default_rng(seed)
    return Simulator(pool, Simulation(**settings), rng).draw(number, rng)


@pytest.mark.parametrize("per_sample", [2, 400])  # few of the cells, and many: products of sparse and of dense matrices
def test_sums_equal_those_of_a_plain_product(cells, per_sample):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, cells.counts.shape[0], 20 * per_sample)
    owner = np.repeat(np.arange(20), per_sample)
    chosen = np.zeros((20, cells.counts.shape[0]))
    weights = rng.random(len(rows)).astype(np.float32)
    np.add.at(chosen, (owner, rows), weights)
    sums = CellSums(cells.counts)
    found = sums.of(rows, weights, owner, 20)
    assert found.dtype == np.float32
    assert np.allclose(found, chosen @ cells.counts.toarray(), rtol=1e-5)
    whole = np.bincount(owner * len(chosen.T) + rows, minlength=chosen.size).reshape(chosen.shape)
    assert (sums.of(rows, np.ones(len(rows)), owner, 20) == whole @ cells.counts.toarray()).all()


@given(
    composition=st.sampled_from(list(COMPOSITIONS)),
    rounding=st.sampled_from(["multinomial", "floor", "round", "ceil"]),
    donors=st.sampled_from(["pooled", "same"]),
    sparse=st.sampled_from([0.0, 0.5, 1.0]),
    number=st.integers(1, 40),
    per_mix=st.sampled_from([1, 7, 100]),
)
@settings(deadline=None, max_examples=40)
def test_every_recipe_gives_fractions_and_counts(cells, composition, rounding, donors, sparse, number, per_mix):
    pseudobulk = draw(
        cells, number, composition=composition, rounding=rounding, donors=donors, sparse=sparse, cells=per_mix
    )
    assert pseudobulk.expression.shape == (number, 200)
    assert (pseudobulk.expression >= 0).all()
    for truth in (pseudobulk.cell_fractions, pseudobulk.mrna_fractions):
        assert (truth >= 0).all()
        assert np.allclose(truth.sum(1), 1)


def test_same_seed_same_bytes_and_any_number_of_mixes_has_its_own_draws(cells):
    first, again, other = draw(cells), draw(cells), draw(cells, seed=1)
    assert first.expression.tobytes() == again.expression.tobytes()
    assert first.expression.tobytes() != other.expression.tobytes()


def test_realised_label_counts_the_cells_that_were_drawn(cells):
    pseudobulk = draw(cells, composition="uniform", rounding="round", cells=2, sparse=1.0)
    assert set(np.unique(pseudobulk.cell_fractions.round(6))) <= {0.0, 0.25, 0.333333, 0.5, 0.666667, 1.0}
    pseudobulk = draw(cells, composition="uniform", rounding="floor", cells=10)
    requested = draw(cells, composition="uniform", rounding="floor", cells=10, label="requested")
    assert not np.allclose(pseudobulk.cell_fractions, requested.cell_fractions)
    assert np.abs(pseudobulk.cell_fractions - requested.cell_fractions).max() < 0.3


def test_sparse_share_of_mixes_lacks_types(cells):
    lacking = (draw(cells, 400, sparse=0.5, rounding="round", cells=10_000).cell_fractions == 0).any(1)
    assert 0.4 < lacking.mean() < 0.6


def test_laws_are_mixed_by_their_shares(cells):
    truth = draw(cells, 400, compositions={"pure": 3, "dirichlet": 1}, cells=500).cell_fractions
    assert 0.68 < (truth.max(1) == 1).mean() < 0.82


@pytest.mark.parametrize("composition", ["prior_ranges", "bounded_fill"])
def test_a_prior_bounds_the_fraction_of_its_type_unless_permuted(cells, composition):
    rare, common = cells.cell_types[0], cells.cell_types[1]
    priors = {rare: 0.01, common: 0.6}
    mean = draw(cells, 300, composition=composition, priors=priors, cells=2000).cell_fractions.mean(0)
    assert mean[0] < 0.04
    assert mean[1] > 0.35
    permuted = {"prior_ranges": "permuted_ranges", "bounded_fill": "permuted_fill"}[composition]
    mean = draw(cells, 300, composition=permuted, priors=priors, cells=2000).cell_fractions.mean(0)
    assert np.allclose(mean, 1 / len(mean), atol=0.06)


def test_mrna_truth_follows_the_declared_bias(cells):
    one = draw(cells, mrna={"NK": 1.0})
    three = draw(cells, mrna={"NK": 3.0})
    assert np.allclose(one.cell_fractions, three.cell_fractions)
    place = cells.cell_types.index("NK")
    odds = [m.mrna_fractions[:, place] / (1 - m.mrna_fractions[:, place]) for m in (one, three)]
    assert np.allclose(odds[1], 3 * odds[0], rtol=1e-4)


def test_same_donor_mixes_hold_cells_of_one_donor_only(cells):
    one_hot = replace(cells, counts=cells.counts.copy())
    one_hot.counts.data[:] = np.repeat(1.0 + cells.donor_of, np.diff(cells.counts.indptr))
    pseudobulk = draw(one_hot, 30, donors="same", cells=1)
    levels = [np.unique(row[row > 0]) for row in pseudobulk.expression]
    assert all(len(level) == 1 for level in levels)
    assert len({float(level[0]) for level in levels}) > 1


def test_hidden_types_are_mixed_in_but_not_named(cells):
    pseudobulk = draw(cells, 200, hidden=("NK",), unknown=0.4, cells=2000)
    place = cells.cell_types.index("NK")
    assert (pseudobulk.cell_fractions[:, place] == 0).all()
    plain = draw(cells, 200, priors={"NK": 0.001}, cells=2000)
    nk = (1e6 * cells.profiles())[place] > 4 * np.delete((1e6 * cells.profiles()), place, 0).max(0)
    assert pseudobulk.expression[:, nk].sum() > 3 * plain.expression[:, nk].sum()


def test_without_replacement_no_cell_is_used_twice(cells):
    pseudobulk = draw(cells, 20, replace=False, cells=100_000)
    everything = cells.counts.sum(0).A1
    assert (pseudobulk.expression <= everything).all()
    assert np.allclose(pseudobulk.expression.max(0), everything)


def test_library_platform_and_dropout_do_what_they_say(cells):
    assert np.allclose(draw(cells, library=5e4).expression.sum(1), 5e4, rtol=0.05)
    zeros = (draw(cells, dropout=0.3, cells=5000).expression == 0).mean()
    assert 0.28 < zeros < 0.35
    ratio = draw(cells, platform=0.5, composition="pure").expression / np.maximum(
        draw(cells, composition="pure").expression, 1
    )
    assert 0.4 < np.log(ratio[ratio > 0]).std() < 0.6


def test_rare_types_are_filled_up_with_similar_cells(cells):
    keep = np.flatnonzero((cells.type_of != 0) | (np.arange(len(cells.type_of)) % 6 == 0))
    few = cells.select(keep)
    simulator = Simulator(few, Simulation(augment=200), np.random.default_rng(0))
    assert np.bincount(simulator.cells.type_of).min() == 200
    before, after = (1e6 * few.profiles())[0], (1e6 * simulator.cells.profiles())[0]
    assert np.corrcoef(np.log1p(before), np.log1p(after))[0, 1] > 0.95


def test_single_profiles_are_weighted_by_the_fractions(cells):
    first = cells.select(np.unique(cells.type_of, return_index=True)[1])  # one profile a type
    pseudobulk = draw(first, single=True, aggregate="mean", sparse=1.0, sparse_most=2)
    assert set((pseudobulk.cell_fractions > 0).sum(1)) == {1, 2}
    profiles = 1e6 * first.profiles()
    assert np.allclose(pseudobulk.expression, pseudobulk.cell_fractions @ profiles, rtol=1e-4, atol=1e-2)
    assert np.allclose(pseudobulk.mrna_fractions, pseudobulk.cell_fractions, atol=1e-6)


def test_no_donor_with_all_types_is_not_applicable(cells):
    missing = np.array([(donor + 1) % 4 for donor in cells.donor_of]) != cells.type_of
    with pytest.raises(NotApplicable, match="no donor"):
        Simulator(cells.select(missing), Simulation(donors="same"), np.random.default_rng(0))


def test_unknown_names_are_refused(cells):
    with pytest.raises(UsageError, match="'Nk'"):
        draw(cells, mrna={"Nk": 2.0})
    with pytest.raises(UsageError, match="scenario"):
        scenario("nonsense", 100)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_makes_pseudobulk(name):
    reference, _ = toy(genes=200)
    bulk = pseudobulk(reference, scenario(name, 100), 5, seed=0)
    assert bulk.shape == (5, 200)
    assert list(bulk.obsm["cell_fractions"].columns) == sorted(reference.obs["cell_type"].unique())
    assert bulk.uns["unmix"]["kind"] == "bulk"


def test_normal_cells_of_a_purity_mix_are_in_any_proportions_where_the_recipe_says_so():
    cells = Reference.from_anndata(toy()[0]).merged(["NK"])
    names = np.array(cells.subtypes)
    spread = {}
    for composition in ("abundant", "dirichlet"):
        simulator = Simulator(
            cells, Simulation(composition="pure", cells=300, subtypes=composition), np.random.default_rng(0)
        )
        fractions = np.tile([[0.0, 1.0]], (40, 1))  # normal cells only
        rows, owner = simulator.draws.rows(np.full(40, 300), fractions, np.random.default_rng(1))
        found = np.zeros((40, len(names)))
        np.add.at(found, (owner, cells.subtype_of[rows]), 1)
        assert (found.sum(1) == 300).all()
        assert (found[:, names == "NK"] == 0).all()
        spread[composition] = found[:, names != "NK"].std(0).min()
    assert spread["dirichlet"] > 3 * spread["abundant"]


def test_merged_cells_come_apart_again():
    cells = Reference.from_anndata(toy()[0])
    again = cells.merged(["NK"]).select(np.arange(100)).unmerged()
    assert again.cell_types == cells.cell_types
    assert np.array_equal(again.type_of, cells.type_of[:100])


@pytest.mark.parametrize(
    ("changes", "kind", "found"),
    [
        ({}, "reference", "reference"),
        ({"mrna": {toy(genes=200)[0].obs["cell_type"].iloc[0]: 2.0}}, "reference", "table"),
        ({"aggregate": "cpm"}, "reference", "none"),
        ({}, "profiles", "none"),
    ],
)
def test_pseudobulk_says_of_what_the_mrna_of_a_cell_is(changes, kind, found):
    reference = toy(genes=200)[0]
    reference.uns["unmix"] = {"kind": kind}
    bulk = pseudobulk(reference, Simulation(cells=10, **changes), 2, 0)
    assert bulk.uns["unmix"]["mrna_per_cell"] == found
