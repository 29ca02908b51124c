"""One answer from several methods."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import unmix
from unmix import engine
from unmix.engine import consensus as module
from unmix.errors import DataError, NotApplicable
from unmix.io.fractions import write_fractions
from unmix.io.long_tables import read_estimates
from unmix.simulate.toy import toy
from unmix.uncertainty import conformal

NAMES = ("nnls", "bayesprism", "dtangle")


@pytest.fixture(scope="module")
def data():
    return toy(samples=12)


@pytest.fixture(scope="module")
def members(data):
    return [unmix.predict(engine.train(name, data[0], seed=3, device="cpu"), data[1], device="cpu") for name in NAMES]


def test_it_is_the_mean_of_fractions_of_cells(members):
    found = unmix.consensus(members)
    middle = np.mean([one.values for one in members], axis=0)
    assert np.allclose(found.values, middle / middle.sum(axis=1, keepdims=True))
    assert (found.quantity, found.method, found.mrna_per_cell["source"]) == ("cell", "consensus", "published")
    back = found.values * pd.Series(found.mrna_per_cell["values"])
    assert np.allclose(found.mrna, back.div(back.sum(axis=1), axis=0))


def test_a_type_that_one_member_loses_is_kept():
    rows = [np.array([[0.5, 0.5]])] * 2 + [np.array([[0.0, 1.0]])]
    assert np.allclose(module.combined(rows), [[1 / 3, 2 / 3]])


def test_methods_of_one_reference_and_seed_share_their_held_out_pseudobulk(members):
    truths = [one.held_out["truth"] for one in members]
    assert all(np.allclose(truth, truths[0], atol=1e-5) for truth in truths)
    assert all(np.corrcoef(one.held_out["fraction"], truths[0])[0, 1] > 0.8 for one in members)


def test_no_member_has_seen_the_shared_pseudobulk(data):
    from unmix.reference import Reference
    from unmix.uncertainty import holdout

    cells = Reference.from_anndata(data[0])
    learned, kept, _ = holdout.shared_split(cells, 3)
    assert kept.any()
    assert not (learned & kept).any()
    assert set(cells.type_of[kept]) == set(cells.type_of)


def test_the_intervals_are_those_of_the_consensus_itself(members):
    """They hold the nominal share of its own held-out pseudobulk, and are wider for samples further away."""
    found = unmix.consensus(members, level=0.8)
    wide = [one.held_out.pivot(index="sample", columns="cell_type", values="fraction") for one in members]
    truth = members[0].held_out.pivot(index="sample", columns="cell_type", values="truth")
    middle = module.combined([table.to_numpy() for table in wide])
    scores = conformal.scores(middle, middle, truth.to_numpy())
    lower, upper = conformal.interval(middle, middle, scores, 0.8)
    assert conformal.coverage(lower, upper, truth.to_numpy()).mean() == pytest.approx(0.8, abs=0.03)
    far = [replace(one, samples=one.samples.assign(distance=2.0)) for one in members]
    further = unmix.consensus(far, level=0.8)
    width, more = ((one.upper_relative - one.lower_relative).mean(axis=None) for one in (found, further))
    assert more > 1.5 * width
    assert (found.lower <= found.values).all(axis=None)
    assert (found.upper >= found.values).all(axis=None)


def test_without_shared_pseudobulk_there_are_no_intervals(data, members):
    other = unmix.predict(engine.train("nnls", data[0], seed=4, device="cpu"), data[1], device="cpu")
    said = []
    found = unmix.consensus([members[1], other], say=said.append)
    assert found.lower.isna().all(axis=None)
    assert "do not share their held-out pseudobulk" in " ".join(said)
    assert np.allclose(found.values.sum(axis=1), 1)


def test_scores_are_left_out_and_named(data, members):
    scores = unmix.predict(engine.train("mcpcounter", data[0], device="cpu"), data[1], device="cpu")
    said = []
    assert unmix.consensus([*members, scores], say=said.append).values.equals(unmix.consensus(members).values)
    assert any("mcpcounter is left out" in sentence for sentence in said)
    with pytest.raises(NotApplicable, match="a consensus of 1 method"):
        unmix.consensus([members[0], scores])


def test_members_by_different_mrna_per_cell_are_refused(data, members):
    other = unmix.predict(engine.train("nnls", data[0], seed=3, device="cpu"), data[1], mrna_per_cell="epic")
    with pytest.raises(DataError, match="different mRNA per cell"):
        unmix.consensus([members[1], other])
    with pytest.raises(DataError, match="different samples"):
        unmix.consensus([members[0], replace(members[1], values=members[1].values.iloc[:3])])


def test_all_methods_take_the_counts_of_the_same_cells(data):
    """A network learns from some of the cells, nnls from all: the counts that stand for mRNA are of all, for both."""
    reference, bulk = data[0].copy(), data[1]
    reference.obs["cell_type"] = "islet " + reference.obs["cell_type"].astype(str)
    trained = [engine.train(name, reference, quick=True, seed=3, device="cpu") for name in ("nnls", "scaden")]
    assert len({str(model.facts["mrna_per_cell"]) for model in trained}) == 2  # those that each learned from
    members = [unmix.predict(model, bulk, device="cpu") for model in trained]
    counts = pd.Series(np.asarray(reference.X.sum(1)).ravel()).groupby(reference.obs["cell_type"].to_numpy()).mean()
    for one in members:
        assert one.mrna_per_cell["source"] == "reference"
        assert one.mrna_per_cell["values"] == pytest.approx(counts.to_dict(), rel=1e-4)
    assert unmix.consensus(members).lower.notna().all(axis=None)


def test_the_order_of_the_members_does_not_matter(data, members):
    """Not even where one of them is a network, whose own counts are those of the cells it learned from."""
    network = engine.train("scaden", data[0], quick=True, seed=3, device="cpu")
    given = [*members, unmix.predict(network, data[1], device="cpu")]
    one, other = unmix.consensus(given), unmix.consensus(given[::-1])
    for table in ("values", "lower", "upper"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table), rtol=1e-9)


def test_levels_that_rest_on_no_mrna_per_cell_are_left_out_and_named(members):
    said, measured = [], replace(members[0], method="daism", mrna_per_cell={})
    found = unmix.consensus([measured, *members[1:]], say=said.append)
    assert found.values.equals(unmix.consensus(members[1:]).values)
    assert any("daism is left out" in sentence for sentence in said)


def test_a_flag_is_that_of_half_of_the_members(members):
    first = members[0].flags.index[0]
    flagged = [replace(one, flags=one.flags.where(one.flags.index != first, "unlike_reference")) for one in members]
    assert unmix.consensus([*flagged[:2], members[2]]).flags[first] == "unlike_reference"
    assert unmix.consensus([flagged[0], *members[1:]]).flags[first] == "ok"


def test_the_members_are_told_with_their_spread(members):
    table = unmix.consensus(members).tables["members"]
    assert list(table) == ["cell_type", "least", "greatest", *NAMES]
    assert (table["least"] <= table["greatest"]).all()


def test_members_with_cell_states_are_combined_by_type():
    reference, bulk = toy(samples=4)
    states = reference.obs["cell_type"].astype(str)
    reference.obs["cell_state"] = states
    reference.obs["cell_type"] = states.where(~states.str.contains("T"), "T cell").to_numpy()
    members = [unmix.predict(engine.train(name, reference, device="cpu"), bulk, device="cpu") for name in NAMES[:2]]
    assert set(members[0].held_out["cell_type"]) == set(members[0].values)
    found = unmix.consensus(members)
    assert found.lower.notna().all(axis=None)
    assert np.allclose(found.values.sum(axis=1), 1)
    r = np.corrcoef(members[0].held_out["fraction"], members[0].held_out["truth"])[0, 1]
    assert r > 0.8


@pytest.fixture(scope="module")
def two_references(data):
    """Members with a second reference of fewer types, whose platform differs."""
    second = data[0][data[0].obs["cell_type"] != "B cell"].copy()
    noise = np.random.default_rng(0).lognormal(0, 0.5, second.n_vars)
    second.X = second.X.multiply(noise).tocsr().astype(np.float32)
    references = data[0], second
    models = {name: [engine.train(name, one, seed=3, device="cpu") for one in references] for name in NAMES}
    return [unmix.predict(own, data[1], device="cpu") for own in models.values()]


def test_several_references_have_intervals_with_the_spread_between_them(members, two_references):
    said = []
    found = unmix.consensus(two_references, say=said.append)
    assert found.lower.notna().all(axis=None), said
    assert ((found.lower <= found.values) & (found.values <= found.upper)).all(axis=None)
    spread = np.mean([one.between_references for one in two_references], axis=0)
    assert np.allclose(found.between_references, spread)
    alike = unmix.consensus([replace(one, between_references=one.between_references * 0) for one in two_references])
    inside = ((found.lower_relative > 0) & (found.upper_relative < 1)).to_numpy()
    wider = (found.upper_relative - found.lower_relative - alike.upper_relative + alike.lower_relative).to_numpy()
    assert np.allclose(wider[inside], 2 * spread[inside])
    with pytest.raises(DataError, match="different cell types"):
        unmix.consensus([two_references[0], replace(members[1], values=members[1].values.iloc[:, :2])])
    assert unmix.consensus([two_references[0], members[1]]).lower.isna().all(axis=None)


def test_the_spread_between_references_is_kept_in_files(two_references, tmp_path):
    from unmix.io.fractions import write_fractions
    from unmix.io.long_tables import read_estimates

    one = two_references[0]
    write_fractions(one, lambda name: tmp_path / name)
    (tmp_path / "run.json").write_text('{"level": 0.9, "method": {"name": "nnls"}, "model": {}}')
    read, _ = read_estimates(tmp_path / "fractions_long.tsv")
    assert np.allclose(read.between_references[one.values.columns], one.between_references, atol=1e-5)
    assert set(read.held_out["reference"]) == {1, 2}
    assert np.isclose(read.held_out.groupby("reference")["weight"].first().sum(), 1, atol=1e-5)


def written(members, folder):
    """Write members as predict does; return their tables."""
    for one in members:
        (folder / one.method).mkdir()
        write_fractions(one, lambda name, one=one: folder / one.method / name)
        model = {"seed": 0, "reference": None, "intervals": None}
        record = {
            "method": {"name": one.method},
            "model": model,
            "level": one.level,
            "mrna_per_cell": one.mrna_per_cell,
        }
        (folder / one.method / "run.json").write_text(json.dumps(record))
    return [folder / one.method / "fractions_long.tsv" for one in members]


def changed(path, change):
    path.write_text(change(path.read_text()))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("run.json", lambda text: text[:-9]),
        ("run.json", lambda text: text.replace('"level": 0.9', '"level": 1e300')),
        ("run.json", lambda text: text.replace('"method"', '"other"')),
        ("run.json", lambda text: text.replace('"source": "published"', '"source": "x"')),
        ("run.json", lambda text: re.sub(r'("candidates": \{"[^"]+": \{"[^"]+": )[\d.]+', r'\1"x"', text)),
        ("run.json", lambda text: re.sub(r'("values": \{"[^"]+": )[\d.]+', r"\g<1>-1", text)),
        ("fractions_long.tsv", lambda text: "\n".join(text.splitlines()[:-1]) + "\n"),
        ("fractions_long.tsv", lambda text: text.splitlines()[0] + "\n"),
        ("fractions_long.tsv", lambda text: re.sub(r"(\n[^\t]+\t[^\t]+\t)[^\t]+", r"\1inf", text, count=1)),
        ("fractions_long.tsv", lambda text: re.sub(r"(\n[^\t]+\t[^\t]+\t)[^\t]+", r"\g<1>0.9", text, count=2)),
        ("fractions_long.tsv", lambda text: text.replace("\tcell\t", "\tmrna\t", 1)),
        ("held_out.tsv", lambda text: text.replace("truth", "x", 1)),
        ("held_out.tsv", lambda text: text + text.splitlines()[1] + "\n"),
        ("held_out.tsv", lambda text: "\n".join(text.splitlines()[:-1]) + "\n"),
    ],
)
def test_a_member_that_was_changed_is_refused(members, tmp_path, name, change):
    first, second = written(members[:2], tmp_path)
    unmix.consensus([read_estimates(path)[0] for path in (first, second)])
    before = first.with_name(name).read_text()
    changed(first.with_name(name), change)
    assert first.with_name(name).read_text() != before
    with pytest.raises(DataError):
        read_estimates(first)


def test_two_results_of_one_method_are_no_consensus(members):
    """They would be one column of members.tsv, and one input of the record."""
    with pytest.raises(DataError, match="several results of"):
        unmix.consensus([members[0], members[0], members[1]])


def test_pseudobulk_of_other_names_is_not_the_same(members):
    held = members[1].held_out
    other = replace(members[1], held_out=held.assign(sample="other " + held["sample"]))
    said = []
    assert unmix.consensus([members[0], other], say=said.append).lower.isna().all(axis=None)
    assert any("do not share their held-out pseudobulk" in sentence for sentence in said)
