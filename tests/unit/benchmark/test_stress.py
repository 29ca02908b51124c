"""Figures of a benchmark on one's own reference, and their page."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from unmix.benchmark import store, stress
from unmix.benchmark.store import Fit, Record
from unmix.report.benchmark import benchmark

TYPES = ["B", "NK", "T"]


def estimates(truth, estimate, test):
    """Return the table of a test; truth and estimate are samples x types."""
    rows = np.indices(truth.shape).reshape(2, -1)
    return pd.DataFrame(
        {
            "test": test,
            "sample": [f"s{i:03d}" for i in rows[0]],
            "cell_type": [TYPES[k] for k in rows[1]],
            "truth": truth.ravel(),
            "estimate": estimate.ravel(),
            "lower": (estimate - 0.05).ravel(),
            "upper": (estimate + 0.05).ravel(),
        }
    )


def kept(folder, method, tables, seed=0, quantity="cell"):
    """Put a fit into a store; tables by scenario and level."""
    tests = {
        f"{scenario}.{level}": {
            "scenario": scenario,
            "level": level,
            "counts": "cells",
            "quantity": quantity,
            "notes": [],
        }
        for scenario, level in tables
    }
    named = [estimates(*pair, test) for test, pair in zip(tests, tables.values(), strict=True)]
    record = Record(Fit("all", method, "default", seed), store.OK, "c", "s", "0", tests=tests, quantity=quantity)
    store.write(folder, store.Done(record, pd.concat(named)))


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    truth = rng.dirichlet(np.ones(3), 60)
    pure = np.eye(3)[np.arange(30) % 3]
    leaking = pure @ np.array([[1, 0, 0], [0, 0.6, 0.4], [0, 0.1, 0.9]])
    ladder = np.tile(np.array([0, 0.005, 0.01, 0.02, 0.05, 0.1])[:, None], (50, 3))
    found = ladder + rng.normal(0, [0.0001, 0.005, 0.2], ladder.shape)
    for seed in (0, 1):
        near = truth + rng.normal(0, 0.01, truth.shape)
        shuffled = rng.permutation(truth)
        tables = {
            ("noise", "1"): (truth, shuffled),
            ("noise", "0.25"): (truth, near),
            ("donors", ""): (truth, near),
            ("spillover", ""): (pure, leaking),
            ("rare", ""): (ladder, found),
        }
        kept(tmp_path, "nnls", tables, seed)
    kept(tmp_path, "uniform", {key: (pair[0], np.full_like(pair[0], 1 / 3)) for key, pair in tables.items()})
    kept(tmp_path, "mcpcounter", {("donors", ""): (truth, 100 * truth)}, quantity="score")
    said = "no cell type was named as malignant\n  expected: one"
    record = Record(Fit("all", "gbmpurity", "default", 0), store.NOT_APPLICABLE, "c", "s", "0", said)
    store.write(tmp_path, store.Done(record))
    return tmp_path


def test_a_method_at_the_level_of_the_controls_is_told_from_one_that_is_better(folder):
    table = stress.figures(stress.gathered([folder])[0]).set_index(["scenario", "level", "method"])
    judged = table["level_of_controls"]
    assert judged["donors", "", "nnls"] is False
    assert judged["noise", "0.25", "nnls"] is False
    assert judged["noise", "1", "nnls"] is True
    assert judged["donors", "", "uniform"] is None
    assert judged["donors", "", "mcpcounter"] is None
    assert table["error"]["donors", "", "nnls"] == pytest.approx(0.01 * np.sqrt(2 / np.pi), rel=0.1)
    assert np.isnan(table["error"]["donors", "", "mcpcounter"])
    assert table["r"]["donors", "", "mcpcounter"] == pytest.approx(1)
    assert table["r"]["donors", "", "uniform"] == 0
    assert table["spread"]["donors", "", "nnls"] > 0


def test_levels_stand_in_the_order_of_the_table(folder):
    found, _ = stress.gathered([folder])
    levels = found[found["scenario"] == "noise"]["level"].unique()
    assert list(levels) == ["0.25", "1"]


def test_leaks_are_those_of_the_pure_samples(folder):
    spilled = stress.spill(stress.gathered([folder])[0])["nnls"]
    assert np.allclose(spilled, [[1, 0, 0], [0, 0.6, 0.4], [0, 0.1, 0.9]])


def test_detection_limits_follow_the_noise(folder):
    limits = stress.detection(stress.gathered([folder])[0])
    assert list(limits) == ["nnls"]
    assert limits.loc["B", "nnls"] == 0.005
    assert limits.loc["NK", "nnls"] == 0.02
    assert limits.loc["T", "nnls"] == np.inf


def test_coverage_counts_pairs(folder):
    table = stress.figures(stress.gathered([folder])[0]).set_index(["scenario", "level", "method"])
    assert table["coverage"]["donors", "", "nnls"] == 1
    assert table["coverage"]["donors", "", "uniform"] < 0.5


def test_the_page_warns_first_and_shows_what_was_found(folder):
    found, records = stress.gathered([folder])
    html = benchmark(found, records)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.split("<body>")[1]))
    assert text.index("This page is no ranking") < text.index("Beside the controls")
    assert "0.14" in text
    assert "NK is estimated as T by 20% or more by nnls." in text
    assert "1 of 2" in text
    assert "no cell type was named as malignant" in text
    assert "expected: one" not in text
    assert html.count('id="') == len(set(re.findall(r'id="[^"]+"', html)))
    assert "<script" not in html


def test_the_tidy_table_has_the_figures_of_the_page(folder):
    table = stress.tidy(stress.gathered([folder])[0])
    leak = table.query("figure == 'estimated as' and method == 'nnls' and cell_type == 'NK' and other_type == 'T'")
    assert leak["value"].item() == pytest.approx(0.4)
    assert set(table["figure"]) >= {"error", "r", "coverage", "detection limit", "level_of_controls"}


def test_a_store_of_failures_alone_still_has_a_page(tmp_path):
    record = Record(Fit("all", "nnls", "default", 0), store.FAILED, "c", "s", "0", "out of memory")
    store.write(tmp_path, store.Done(record))
    found, records = stress.gathered([tmp_path])
    assert "out of memory" in benchmark(found, records)
    assert stress.tidy(found).empty


def test_real_sets_without_scenarios_have_a_page_too(tmp_path):
    truth = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    kept(tmp_path, "nnls", {("real", ""): (truth, truth)})
    assert "real." in benchmark(*stress.gathered([tmp_path]))
