"""Fractions of cells by a table of mRNA per cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.engine import cell_fractions, ensemble, mrna_per_cell
from unmix.engine.consensus import consensus
from unmix.errors import DataError, UsageError
from unmix.io.fractions import read_fractions, write_fractions
from unmix.simulate.toy import CELL_TYPES, toy

TISSUE = ("acinar", "Ex_L2/3", "cluster 7", "ductal", "stellate", "tumour")
SIZES = pd.Series(dict(zip(CELL_TYPES, (1.0, 4.0, 2.0, 0.5, 1.5, 0.7), strict=True)))


@pytest.fixture(scope="module")
def data():
    return toy(samples=8)


@pytest.fixture(scope="module")
def models(data):
    settings = {"nnls_cell": ["fractions=cell"]}
    names = ("nnls", "nnls_cell", "uniform", "mcpcounter")
    return {n: engine.train(n.split("_")[0], data[0], settings=settings.get(n, ()), device="cpu") for n in names}


def given(model, bulk, sizes):
    said = []
    return engine.predict(model, bulk, device="cpu", mrna_per_cell=sizes, say=said.append), said


def test_fractions_of_mrna_are_divided_by_the_mrna_of_a_cell(data, models):
    plain = engine.predict(models["nnls"], data[1], device="cpu")
    found, said = given(models["nnls"], data[1], SIZES)
    expected = plain.values / SIZES[plain.values.columns]
    assert np.allclose(found.values, expected.div(expected.sum(axis=1), axis=0))
    assert (plain.quantity, found.quantity) == ("mrna", "cell")
    assert "The estimates are fractions of cells, by the given table of mRNA per cell." in said


def test_fractions_of_cells_first_lose_what_they_rested_on(data, models):
    """By the same table a method's two kinds of fractions become the same."""
    one, other = (given(models[name], data[1], SIZES)[0] for name in ("nnls", "nnls_cell"))
    assert np.allclose(one.values, other.values, atol=1e-6)


def test_the_table_that_fractions_rested_on_changes_nothing(data, models):
    own = pd.Series(models["nnls_cell"].facts["mrna_per_cell"])
    plain = engine.predict(models["nnls_cell"], data[1], device="cpu")
    found, _ = given(models["nnls_cell"], data[1], 7 * own)
    for part in ("values", "lower", "upper"):
        assert np.allclose(getattr(found, part), getattr(plain, part), atol=1e-9)


def test_intervals_hold_the_estimate_and_stay_fractions(data, models):
    found, _ = given(models["nnls"], data[1], SIZES)
    assert (found.lower <= found.values + 1e-12).all(axis=None)
    assert (found.values <= found.upper + 1e-12).all(axis=None)
    assert (found.lower >= 0).all(axis=None)
    assert (found.upper <= 1).all(axis=None)


@pytest.mark.parametrize("name", ["uniform", "mcpcounter"])
def test_controls_and_scores_stay_as_they_are(data, models, name):
    found, said = given(models[name], data[1], SIZES)
    assert found.values.equals(engine.predict(models[name], data[1], device="cpu").values)
    assert any("mRNA per cell is not used" in sentence for sentence in said)


def test_samples_of_one_type_and_without_expression(data, models):
    bulk = data[1][:2].copy()
    bulk.X[0] = 0
    found, _ = given(models["nnls"], bulk, SIZES)
    assert np.isfinite(found.values).all(axis=None)
    assert np.isfinite(found.upper).all(axis=None)


def test_several_references_are_weighed_before(data, models):
    found = ensemble.predict([models["nnls"]] * 2, data[1], device="cpu", mrna_per_cell=SIZES)
    assert found.quantity == "cell"
    assert np.allclose(found.values, given(models["nnls"], data[1], SIZES)[0].values)


def test_a_type_without_a_number_is_named(data, models):
    with pytest.raises(DataError, match=f"lacks '{CELL_TYPES[0]}'"):
        given(models["nnls"], data[1], SIZES.drop(CELL_TYPES[0]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cell_type\tmrna\nB\t0.4\nT\t0\n", "0 for 'T'"),
        ("cell_type\tmrna\nB\tmuch\n", "text"),
        ("cell_type\tone\ttwo\nB\t1\t2\n", "is not a table of cell types with one number each"),
    ],
)
def test_another_table_is_refused(tmp_path, text, words):
    path = tmp_path / "sizes.tsv"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        mrna_per_cell.read_table(path)


def test_a_table_is_read(tmp_path):
    path = tmp_path / "sizes.csv"
    path.write_text("cell_type,mrna\nCD4 T cells,0.4\nMonocytes,1.42\n")
    assert mrna_per_cell.read_table(path).to_dict() == {"CD4 T cells": 0.4, "Monocytes": 1.42}


def test_calibration_samples_that_a_method_does_not_use_change_nothing(data):
    given_too = (data[1], data[1].obsm["cell_fractions"])
    model = engine.train("nnls", data[0], settings=["fractions=cell"], calibration=given_too, device="cpu")
    assert set(cell_fractions.mrna_per_cell_of(model)) == set(CELL_TYPES)


def test_published_values_are_the_default_where_all_types_are_recognised(data, models):
    """The toy's types are those of blood: monocytes 2.7 times a CD4 T cell, the geometric mean of 3.6 and 2.0."""
    found, said = given(models["nnls"], data[1], "auto")
    used = found.mrna_per_cell
    assert used["source"] == "published"
    assert used["recognised"]["NK"] == "CL:0000623 natural killer cell"
    assert used["values"]["Monocyte/Macrophage"] == pytest.approx(np.sqrt(1.4196 / 0.3952 * 130.7 / 63.9), abs=1e-3)
    assert used["values"]["CD4+ T"] == 1
    expected = found.mrna / pd.Series(used["values"])
    assert np.allclose(found.values, expected.div(expected.sum(axis=1), axis=0))
    assert any("'NK' as CL:0000623 natural killer cell" in sentence for sentence in said)


def test_both_kinds_are_written(data, models, tmp_path):
    write_fractions(given(models["nnls"], data[1], "auto")[0], tmp_path.joinpath)
    cells, mrna = (read_fractions(tmp_path / f"{name}.tsv") for name in ("fractions", "fractions_mrna"))
    assert (cells[1], mrna[1]) == ("cell", "mrna")
    plain = engine.predict(models["nnls"], data[1], device="cpu").values
    assert np.allclose(mrna[0], plain)


def test_fractions_of_cells_become_those_of_mrna_by_what_they_rested_on(data, models):
    found, _ = given(models["nnls_cell"], data[1], "none")
    expected = found.values * pd.Series(models["nnls_cell"].facts["mrna_per_cell"])
    assert found.quantity == "cell"
    assert np.allclose(found.mrna, expected.div(expected.sum(axis=1), axis=0))


def test_the_choice_of_values_widens_levels_and_not_differences(data, models):
    """The estimates by every source lie in the interval of levels; the interval of one table is that of differences."""
    found, _ = given(models["nnls"], data[1], "auto")
    for source in ("epic", "quantiseq", "reference"):
        other, _ = given(models["nnls"], data[1], source)
        assert (other.values >= found.lower - 1e-9).all(axis=None)
        assert (other.values <= found.upper + 1e-9).all(axis=None)
    fixed, _ = given(models["nnls"], data[1], pd.Series(found.mrna_per_cell["values"]))
    assert np.allclose(found.lower_relative, fixed.lower)
    assert np.allclose(found.upper_relative, fixed.upper)
    assert (found.upper - found.lower > fixed.upper - fixed.lower + 1e-3).any(axis=None)
    assert {"lower_relative", "upper_relative"} <= set(found.long())


def test_fractions_are_not_converted_twice(data, models):
    found, _ = given(models["nnls"], data[1], "epic")
    with pytest.raises(DataError, match="converted before"):
        cell_fractions.to_cells(models["nnls"], found, "epic", print)


def renamed(model, **names):
    types = [names.get(name, name) for name in model.cell_types]
    of_fit, of_cells = model.facts["mrna_per_cell"], model.facts["reference"]["mrna_per_cell"]
    of_fit, of_cells = (dict(zip(types, sizes.values(), strict=True)) for sizes in (of_fit, of_cells))
    of_reference = model.facts["reference"] | {"mrna_per_cell": of_cells}
    return replace(model, cell_types=types, facts=model.facts | {"mrna_per_cell": of_fit, "reference": of_reference})


def test_one_unrecognised_type_leaves_the_counts_of_the_reference(data, models):
    """Published values and counts have different units: they are not mixed."""
    model = renamed(models["nnls"], NK="Fibroblast")
    found, said = given(model, data[1], "auto")
    assert found.mrna_per_cell["source"] == "reference"
    assert found.mrna_per_cell["candidates"] == {}
    assert any("'Fibroblast'" in sentence for sentence in said)
    with pytest.raises(DataError, match="not recognised: 'Fibroblast'"):
        given(model, data[1], "published")


@pytest.mark.parametrize(("genes", "warned"), [(2_000, True), (20_000, False)])
def test_mrna_that_is_counted_from_few_genes_is_said(data, models, genes, warned):
    """A reference of variable genes only gives other amounts of mRNA than whole cells."""
    of_reference = models["nnls"].facts["reference"] | {"counted": genes}
    model = replace(models["nnls"], facts=models["nnls"].facts | {"reference": of_reference})
    _, said = given(model, data[1], "reference")
    assert any(f"the reference has {genes:,} genes" in sentence for sentence in said) == warned
    _, said = given(model, data[1], "published")
    assert not any("counted from these alone" in sentence for sentence in said)


def test_values_of_human_cells_are_not_used_for_a_mouse(data, models):
    genes = [f"{name}{i}" for i in range(50) for name in ("Gapdh", "Actb", "Cd3e")]
    mouse = replace(models["nnls"], facts=models["nnls"].facts | {"reference_genes": genes})
    assert mrna_per_cell.choose(mouse, "auto").source == "reference"
    with pytest.raises(DataError, match="not human"):
        mrna_per_cell.choose(mouse, "epic")


def test_a_type_without_a_published_value_is_named(data, models):
    found, said = given(renamed(models["nnls"], NK="Platelets"), data[1], "auto")
    assert found.mrna_per_cell["values"]["Platelets"] == pytest.approx(0.4 / 0.3952, abs=1e-3)
    assert any("gives a value for 'Platelets'" in sentence for sentence in said)


def test_the_public_function_gives_cells_by_default(data, models):
    import unmix

    found = unmix.predict(models["nnls"], data[1], device="cpu")
    assert (found.quantity, found.mrna_per_cell["source"]) == ("cell", "published")
    several = unmix.predict([models["nnls"]] * 2, data[1], device="cpu")
    for part in ("values", "mrna", "lower_relative"):
        assert np.allclose(getattr(several, part), getattr(found, part))


def test_a_source_is_a_word_or_a_file(tmp_path):
    assert mrna_per_cell.read_source("quantiseq") == "quantiseq"
    with pytest.raises(UsageError, match="no such source and no such file"):
        mrna_per_cell.read_source("quantisec")


def test_cells_that_were_scaled_give_fractions_of_mrna_by_every_method(data):
    """TPM of single cells: networks and classical methods are of one quantity, and a consensus of them is."""
    reference = data[0].copy()
    reference.obs["cell_type"] = (
        reference.obs["cell_type"].astype(str).replace(dict(zip(CELL_TYPES, TISSUE, strict=True)))
    )
    reference.uns["unmix"] = {**reference.uns["unmix"], "counts": "normalised"}
    models = [engine.train(name, reference, quick=True, device="cpu") for name in ("nnls", "hascad", "music")]
    members = [given(model, data[1], "auto") for model in models]
    assert {found.quantity for found, _ in members} == {"mrna"}
    assert all("not fractions of cells" in said[-1] for _, said in members)
    truth = data[1].obsm["mrna_fractions"].set_axis(TISSUE, axis=1)
    nnls = members[0][0].values
    assert np.abs(nnls - truth[list(nnls)]).to_numpy().mean() < 0.05
    combined = consensus([found for found, _ in members])
    assert (combined.quantity, combined.mrna_per_cell) == ("mrna", {})
    sizes = pd.Series(SIZES.to_numpy(), TISSUE)
    assert {given(model, data[1], sizes)[0].quantity for model in models} == {"cell"}
