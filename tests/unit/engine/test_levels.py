"""Levels of cell types: sums with intervals of their own, for one model, several references, states and a consensus."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import unmix
from unmix import engine
from unmix.contract.model import Model
from unmix.engine import answer
from unmix.errors import DataError
from unmix.io import levels
from unmix.io.fractions import levels_table, write_fractions
from unmix.io.long_tables import read_estimates
from unmix.reference import tree
from unmix.simulate.toy import toy

T_CELLS = ["CD4+ T", "CD8+ T", "γδ T"]


def with_levels(seed=0):
    reference, bulk = toy(seed, samples=12)
    tree.mark(reference, "ontology", [])
    return reference, bulk


@pytest.fixture(scope="module")
def data():
    return with_levels()


@pytest.fixture(scope="module")
def models(data):
    return {name: engine.train(name, data[0], seed=3, device="cpu") for name in ("nnls", "ols", "dtangle")}


@pytest.mark.parametrize("source", ["none", "reference", "published"])
def test_sums_agree_and_a_group_is_surer_than_its_members(data, models, source):
    found = answer.predict(models["nnls"], data[1], mrna_per_cell=source)
    by_type, by_group = found.values, found.sums[0].values
    assert np.array_equal(by_group["T cell"], by_type["CD4+ T"] + by_type["CD8+ T"] + by_type["γδ T"])
    ends = [(part.lower_relative, part.upper_relative) for part in (found, found.sums[0])]
    if source == "none":
        ends = [(part.lower, part.upper) for part in (found, found.sums[0])]
    widths = [upper - lower for lower, upper in ends]
    assert (widths[1]["T cell"] < 0.8 * widths[0][T_CELLS].sum(axis=1)).mean() > 0.9
    # the interval of a group of one type is that of the type
    assert np.allclose(ends[0][0]["NK"], ends[1][0]["NK"], atol=1e-9)
    if source != "published":  # whose values are not those of these cells
        truth = levels.summed(data[1].obsm[f"{found.quantity}_fractions"][list(by_type)], found.levels.groups[0])
        assert ((found.sums[0].lower <= truth) & (truth <= found.sums[0].upper)).to_numpy().mean() > 0.8


def test_the_table_of_mrna_per_cell_is_a_further_term_of_groups_too(data, models):
    found = answer.predict(models["nnls"], data[1], mrna_per_cell="published").sums[0]
    assert (found.lower <= found.lower_relative + 1e-12).all(axis=None)
    assert ((found.upper - found.lower) >= (found.upper_relative - found.lower_relative) - 1e-12).all(axis=None)
    assert not np.allclose(found.upper, found.upper_relative)


def test_states_are_summed_to_types_and_types_to_groups():
    reference, bulk = toy(samples=12)
    states = reference.obs["cell_type"].astype(str)
    reference.obs["cell_state"] = states
    reference.obs["cell_type"] = states.where(~states.isin(T_CELLS), "T cell")
    tree.mark(reference, "ontology", [])
    found = answer.predict(engine.train("nnls", reference, device="cpu"), bulk)
    [groups] = found.levels.groups
    assert groups["T cell"] == groups["B cell"] == "lymphocyte"
    assert np.allclose(found.sums[0].values["lymphocyte"], found.values[["B cell", "NK", "T cell"]].sum(axis=1))


def test_a_saved_model_keeps_its_levels(data, models, tmp_path):
    models["nnls"].save(tmp_path / "m.safetensors")
    loaded = Model.load(tmp_path / "m.safetensors")
    pd.testing.assert_frame_equal(
        levels_table(answer.predict(loaded, data[1])), levels_table(answer.predict(models["nnls"], data[1]))
    )


def test_a_model_with_other_levels_than_it_calibrated_is_damaged(models, tmp_path):
    from dataclasses import replace

    facts, arrays = models["nnls"].facts, models["nnls"].arrays
    without = {name: array for name, array in arrays.items() if name != "intervals.level_scores"}
    with pytest.raises(DataError, match="no array intervals"):
        answer.predict(replace(models["nnls"], arrays=without), toy(samples=3)[1])
    fewer = {**facts["levels"], "names": ["level_1"], "groups": facts["levels"]["groups"][:1]}
    replace(models["nnls"], facts={**facts, "levels": fewer}).save(tmp_path / "m.safetensors")
    with pytest.raises(DataError, match="level_scores"):
        answer.predict(Model.load(tmp_path / "m.safetensors"), toy(samples=3)[1])


def test_published_types_and_scores_have_no_levels(data):
    found = engine.train("gbmpurity", data[0], malignant=("NK",), quick=True, device="cpu")
    assert not found.levels.groups


def test_a_consensus_sums_its_types_and_calibrates_the_sums(data, models):
    members = [answer.predict(model, data[1]) for model in models.values()]
    found = unmix.consensus(members)
    for groups, own in found.by_groups():
        assert np.array_equal(own.values, levels.summed(found.values, groups))
        assert ((own.lower <= own.values) & (own.values <= own.upper)).all(axis=None)
    wide = [(part.upper_relative - part.lower_relative) for part in (found, found.sums[0])]
    assert (wide[1]["T cell"] < 0.8 * wide[0][T_CELLS].sum(axis=1)).mean() > 0.9


def test_a_consensus_of_files_is_that_of_memory(data, models, tmp_path):
    members = [answer.predict(model, data[1]) for model in models.values()]
    for member in members:
        folder = tmp_path / member.method
        folder.mkdir()
        write_fractions(member, lambda name, folder=folder: folder / name)
        facts = {"method": {"name": member.method, "title": member.method}, "model": {"seed": 3}, "level": 0.9}
        facts |= {"mrna_per_cell": member.mrna_per_cell, "levels": member.levels.model_dump()}
        (folder / "run.json").write_text(json.dumps(facts))
    paths = [tmp_path / member.method / "fractions_long.tsv" for member in members]
    again, record = read_estimates(paths[0])
    assert again.levels == members[0].levels
    assert np.allclose(again.sums[1].upper, members[0].sums[1].upper, atol=1e-5)
    read, told = (unmix.consensus(given) for given in ([read_estimates(path)[0] for path in paths], members))
    read, told = levels_table(read), levels_table(told)
    for column in ("fraction", "lower", "upper"):
        assert np.allclose(read[column], told[column], atol=1e-5)
    (paths[0].with_name("run.json")).write_text(json.dumps({**record, "levels": {}}))
    with pytest.raises(DataError, match="do not agree on the levels"):
        read_estimates(paths[0])


def test_several_references_share_their_levels_or_have_none(data, models):
    other, _ = with_levels(5)
    said = []
    found = answer.predict([models["nnls"], engine.train("nnls", other, device="cpu")], data[1], say=said.append)
    assert found.levels.names == ["level_1", "level_2"]
    for groups, own in found.by_groups():
        assert np.array_equal(own.values, levels.summed(found.values, groups))
        assert ((own.lower <= own.values) & (own.values <= own.upper)).all(axis=None)
    assert (found.sums[0].between_references["T cell"] <= found.between_references[T_CELLS].sum(axis=1) + 1e-9).all()
    plain = engine.train("nnls", toy(5)[0], device="cpu")
    found = answer.predict([models["nnls"], plain], data[1], say=said.append)
    assert not found.sums
    assert any("group their cell types unlike each other" in sentence for sentence in said)
