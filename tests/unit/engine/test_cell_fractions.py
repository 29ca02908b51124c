"""Fractions of cells by a table of mRNA per cell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.engine import cell_fractions, ensemble
from unmix.errors import DataError
from unmix.simulate.toy import CELL_TYPES, toy

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
    assert "The estimates were converted to fractions of cells with the given mRNA per cell." in said


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
        cell_fractions.read_table(path)


def test_a_table_is_read(tmp_path):
    path = tmp_path / "sizes.csv"
    path.write_text("cell_type,mrna\nCD4 T cells,0.4\nMonocytes,1.42\n")
    assert cell_fractions.read_table(path).to_dict() == {"CD4 T cells": 0.4, "Monocytes": 1.42}


def test_calibration_samples_that_a_method_does_not_use_change_nothing(data):
    given_too = (data[1], data[1].obsm["cell_fractions"])
    model = engine.train("nnls", data[0], settings=["fractions=cell"], calibration=given_too, device="cpu")
    assert set(cell_fractions.mrna_per_cell_of(model)) == set(CELL_TYPES)
