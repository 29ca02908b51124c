"""Attributions are complete, name the genes that matter, and reach the user as a table and a figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.engine import explanation
from unmix.errors import DataError, NotApplicable, UsageError
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def trained():
    reference, bulk = toy()
    models = {name: engine.train(name, reference, device="cpu", quick=True) for name in ("nnls", "scaden", "music")}
    return models, bulk


@pytest.mark.parametrize("name", ["nnls", "scaden"])
def test_a_gene_that_is_taken_away_from_a_sample_takes_its_attribution_along(trained, name):
    """The strongest positive genes of a type, brought to what other types express, lower the type's fraction."""
    models, bulk = trained
    model, few = models[name], bulk[:4].copy()
    found = explanation.explain(model, few, device="cpu")
    before = engine.predict(model, few, device="cpu").values.to_numpy()
    for k in range(len(model.cell_types)):
        strongest = np.array(model.genes)[np.argsort(-found.values[:, k].mean(0))[:10]]
        without = few.copy()
        places = without.var_names.get_indexer(strongest)
        without.X = without.X.copy()
        without.X[:, places] = 0.2 * without.X[:, places]
        # On average: in a single sample a shift of the others may outweigh ten genes
        assert engine.predict(model, without, device="cpu").values.to_numpy()[:, k].mean() < before[:, k].mean()


def test_table_names_the_strongest_genes_and_what_the_reference_expects(trained):
    models, bulk = trained
    few = bulk[:3].copy()
    rows = explanation.table(explanation.explain(models["nnls"], few, device="cpu"), models["nnls"], few, 5)
    assert list(rows.columns) == ["sample", "cell_type", "gene", "attribution", "observed", "expected"]
    assert len(rows) == (3 + 1) * 6 * 5
    assert list(dict.fromkeys(rows["sample"])) == [explanation.ALL, *few.obs_names]
    sizes = rows.groupby(["sample", "cell_type"])["attribution"].apply(lambda part: part.abs().is_monotonic_decreasing)
    assert sizes.all()
    assert np.corrcoef(np.log1p(rows["observed"]), np.log1p(rows["expected"]))[0, 1] > 0.8


@pytest.mark.parametrize("name", ["nnls", "scaden", "music"])
def test_a_sample_among_many_gets_the_bytes_that_it_gets_alone(trained, name):
    """More samples than a block has, of which the strongest genes are kept block by block."""
    models, bulk = trained
    many = bulk[np.arange(69) % 3].copy()
    many.obs_names = [f"s{number}" for number in range(69)]
    found = explanation.strongest(models[name], many, 5)
    for sample in ("s0", "s68"):
        alone = explanation.strongest(models[name], many[[sample]].copy(), 5).rows
        own = [rows[rows["sample"] == sample].reset_index(drop=True) for rows in (found.rows, alone)]
        pd.testing.assert_frame_equal(*own, check_exact=True)
    whole = explanation.explain(models[name], many)
    pd.testing.assert_frame_equal(explanation.table(whole, models[name], many, 5), found.rows)
    assert np.allclose(whole.values.mean(0), found.mean)
    assert whole.error() == found.error


def test_all_genes_of_a_type_sum_to_its_fraction(trained):
    models, bulk = trained
    few = bulk[:2].copy()
    rows = explanation.table(explanation.explain(models["nnls"], few, device="cpu"), models["nnls"], few, 0)
    sums = rows[rows["sample"] != explanation.ALL].groupby(["sample", "cell_type"])["attribution"].sum().unstack()
    fractions = engine.predict(models["nnls"], few, device="cpu").values
    pd.testing.assert_frame_equal(sums, fractions, check_names=False, check_exact=False, atol=1e-9)


def test_gene_sets_of_markers_are_found(trained, tmp_path):
    models, bulk = trained
    found = explanation.explain(models["music"], bulk[:6].copy(), device="cpu").values.mean(0)
    profiles = explanation.profiles_of(models["music"])
    genes = np.array(models["music"].genes)
    own = genes[np.argsort(-(profiles[0] - profiles[1:].max(0)))[:20]]
    others = genes[np.argsort(profiles[0] - profiles[1:].max(0))[:20]]
    path = tmp_path / "sets.gmt"
    path.write_text("\n".join("\t".join([name, "", *part]) for name, part in (("own", own), ("others", others))))
    rows = explanation.gene_sets(found, models["music"], path, seed=0)
    first = rows[rows["cell_type"] == models["music"].cell_types[0]].set_index("gene_set")
    assert first.loc["own", "nes"] > first.loc["others", "nes"]
    pd.testing.assert_frame_equal(rows, explanation.gene_sets(found, models["music"], path, seed=0))


def test_what_cannot_be_done_is_said(trained, tmp_path):
    models, bulk = trained
    found = explanation.explain(models["nnls"], bulk[:1].copy(), device="cpu").values.mean(0)
    path = tmp_path / "sets.gmt"
    path.write_text("set\tof strangers\tA\tB\n")
    with pytest.raises(DataError, match="no gene set shares five genes"):
        explanation.gene_sets(found, models["nnls"], path, seed=0)
    with pytest.raises(UsageError, match="svg"):
        explanation.draw(pd.DataFrame(), tmp_path / "figure.txt")
    uniform = engine.train("uniform", toy()[0], device="cpu")
    with pytest.raises(NotApplicable, match="do not depend on genes"):
        explanation.explain(uniform, bulk)


def test_figure_has_the_same_bytes(trained, tmp_path):
    models, bulk = trained
    few = bulk[:2].copy()
    rows = explanation.table(explanation.explain(models["nnls"], few, device="cpu"), models["nnls"], few, 10)
    for name in ("a.svg", "b.svg"):
        explanation.draw(rows, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.svg").stat().st_size > 10_000
