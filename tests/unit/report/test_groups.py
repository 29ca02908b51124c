"""The section of groups: the numbers of the tables, in words and figures that a reader without scripts sees."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import unmix
from unmix import report
from unmix.comparison import write
from unmix.io import tables

TYPES = ["B <naive>", "T & NK", "Mono"]


@pytest.fixture
def folder(tmp_path):
    """Return a folder of results of 24 samples, the last twelve with four times the B cells."""
    rng = np.random.default_rng(3)
    logs = np.log([0.1, 0.5, 0.4]) + rng.normal(0, 0.3, (24, 3))
    logs[12:, 0] += np.log(4)
    names = [f"s{n}" for n in range(24)]
    values = pd.DataFrame(np.exp(logs) / np.exp(logs).sum(1, keepdims=True), names, TYPES)
    long = values.stack().rename("fraction").rename_axis(["sample", "cell_type"]).reset_index()
    long = long.assign(lower=(long["fraction"] - 0.05).clip(0), upper=(long["fraction"] + 0.05).clip(upper=1))
    tables.write_table(values, tmp_path / "fractions.tsv", index_label="sample (cell fraction)")
    long.assign(flag="ok", quantity="cell").to_csv(tmp_path / "fractions_long.tsv", sep="\t", index=False)
    (tmp_path / "run.json").write_text(json.dumps({"method": {"name": "nnls"}, "level": 0.9, "model": {}}))
    return tmp_path


@pytest.fixture
def samples():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"sample": [f"s{n}" for n in range(24)], "condition": ["<wt>"] * 12 + ["ko & more"] * 12})
    return table.assign(age=rng.normal(50, 9, 24), months=rng.exponential(5, 24), died=1)


def render(folder, found):
    write(found, lambda name: folder / name)
    (folder / "comparison.run.json").write_text(json.dumps({"comparison": found.facts}))
    return report.render(report.read_results(folder))


def test_groups_are_shown_with_their_effects(folder, samples):
    found = unmix.compare(folder / "fractions_long.tsv", samples, reference="<wt>")
    page = render(folder, found)
    effect = found.effects.set_index("cell_type")["log2_ratio"]["B <naive>"]
    assert f"<td>+{effect:.2f}</td>" in page
    assert "<td>\u2212" in page
    assert "ko &amp; more (12 samples) against &lt;wt&gt; (12)" in page
    assert "B &lt;naive&gt;, ko &amp; more" in page  # a row of dots of its own
    assert "fractions alone do not tell which of them changed" in page
    assert "was compared by linear models of log2 ratios" in page
    assert "Hazard" not in page


def test_slopes_and_survival_are_shown(folder, samples):
    options = {"condition": "age", "continuous": ["age"], "time": "months", "event": "died", "draws": 2}
    page = render(folder, unmix.compare(folder / "fractions_long.tsv", samples, **options))
    assert "24 samples; slope per unit of age." in page
    assert "Hazard ratio per standard deviation" in page


def test_without_a_comparison_there_is_no_such_section(folder):
    assert 'id="groups"' not in report.render(report.read_results(folder))
