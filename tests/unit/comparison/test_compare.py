"""Comparing groups: the right effect, with an interval that holds it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

import unmix
from unmix.comparison import composition, design, effects, write
from unmix.comparison.contrasts import Contrast
from unmix.comparison.design import Kinds
from unmix.errors import DataError, NotApplicable, UsageError
from unmix.io import tables

ROOT = Path(__file__).resolve().parents[3]
TYPES = ["B", "CD4 T", "CD8 T", "Monocyte", "NK"]
BASE = np.array([0.1, 0.4, 0.2, 0.2, 0.1])


def cohort(samples=40, shift=1.0, seed=1, width=0.05, bias=0.0):
    """Return a long table and a sample table; the last half of the samples has 2^shift times the B cells."""
    rng = np.random.default_rng(seed)
    shifted = np.arange(samples) >= samples // 2
    logs = np.log(BASE) + rng.normal(0, 0.3, (samples, len(TYPES)))
    logs[:, 0] += np.log(2) * shift * shifted
    values = np.exp(logs) / np.exp(logs).sum(1, keepdims=True) + bias
    values /= values.sum(1, keepdims=True)
    names = [f"s{number}" for number in range(samples)]
    long = pd.DataFrame({"sample": np.repeat(names, len(TYPES)), "cell_type": TYPES * samples})
    long["fraction"] = values.ravel()
    long["lower"], long["upper"] = (values - width).clip(0).ravel(), (values + width).clip(max=1).ravel()
    long["flag"], long["quantity"] = "ok", "cell"
    return long, pd.DataFrame({"sample": names, "condition": np.where(shifted, "case", "control")})


def row(found, cell_type="B"):
    return found.effects.set_index("cell_type").loc[cell_type]


def log_ratios(long):
    logs = np.log2(long["fraction"].to_numpy().reshape(-1, len(TYPES)))
    return logs - logs.mean(1, keepdims=True)


def test_a_shift_is_found_with_its_size_and_an_interval_that_holds_it():
    found = unmix.compare(*cohort())
    one = row(found)
    assert one["lower"] < 0.8 < one["upper"]  # 1 for B, less a fifth of it in the mean of five types
    assert 0.5 < one["log2_ratio"] < 1.1
    assert one["q_value"] < 0.01
    assert (one["samples_reference"], one["samples_target"]) == (20, 20)
    assert one["points"] == pytest.approx(100 * (one["mean_target"] - one["mean_reference"]))
    assert one["points_lower"] < one["points"] < one["points_upper"]
    assert any("B (+" in sentence for sentence in found.notes)
    assert any("sum to 1" in sentence for sentence in found.notes)


def test_without_a_difference_none_is_found_whatever_the_width_of_the_intervals():
    narrow, wide = (unmix.compare(*cohort(shift=0.0, width=width)) for width in (0.01, 0.2))
    assert (narrow.effects["q_value"] > 0.05).all()
    np.testing.assert_allclose(narrow.effects["p_value"], wide.effects["p_value"], rtol=1e-9)


def test_an_error_that_all_samples_share_widens_the_interval_of_a_difference_until_it_holds_the_truth():
    long, table = cohort(samples=200, bias=0.06, width=0.07)  # 6 points too much of each type: B rises by less
    blind = long.assign(lower=long["fraction"], upper=long["fraction"])
    assert row(unmix.compare(blind, table))["upper"] < 0.8
    held = row(unmix.compare(long, table))
    assert 0 < held["lower"] < 0.8 < held["upper"]


def test_the_fit_is_that_of_least_squares_with_errors_that_allow_unequal_scatter():
    long, table = cohort(samples=24)
    table["age"], table["batch"] = np.random.default_rng(2).normal(50, 9, 24).round(1), ["a", "b", "c"] * 8
    one = design.design(table, Contrast("c", "condition", "control", "case", ("age", "batch")), Kinds(["age"]))
    dummies = pd.get_dummies(table["batch"], dtype=float).iloc[:, 1:]
    matrix = sm.add_constant(np.column_stack([table["condition"] == "case", table["age"], dummies]).astype(float))
    effect, error = one.fit(log_ratios(long))
    for k in range(len(TYPES)):
        fitted = sm.OLS(log_ratios(long)[:, k], matrix).fit(cov_type="HC2")
        assert (effect[k], error[k]) == pytest.approx((fitted.params[1], fitted.bse[1]), rel=1e-9)
    assert 15 < one.freedom < 19  # of 19 residual ones


def test_a_small_group_that_varies_more_is_not_found_for_that():
    rng, found = np.random.default_rng(5), []
    group = pd.Series(["control"] * 30 + ["case"] * 6)
    one = design.design(group.to_frame("condition"), Contrast("c", "condition", "control", "case"), Kinds())
    for _ in range(40):
        effect, error = one.fit(rng.normal(0, np.where(group == "case", 3.0, 1.0)[:, None], (36, 25)))
        found.append(2 * stats.t.sf(np.abs(effect / error), one.freedom) < 0.05)
    assert np.mean(found) < 0.1  # by one scatter for both groups: .29


def test_pairs_are_compared_within_themselves():
    long, table = cohort(samples=20, shift=0.5)
    found = unmix.compare(long, table.assign(donor=[f"p{number}" for number in [*range(10), *range(10)]]))
    ratios = log_ratios(long)
    expected = stats.ttest_rel(ratios[10:, 0], ratios[:10, 0]).pvalue
    assert row(found)["p_value"] == pytest.approx(expected, rel=1e-6)


def test_samples_of_one_person_in_one_group_are_averaged_and_no_repetitions():
    long, table = cohort(samples=24)
    found = unmix.compare(long, table.assign(person=np.repeat([f"p{n}" for n in range(8)], 3)), block="person")
    means = log_ratios(long).reshape(8, 3, -1).mean(1)[:, 0]
    assert row(found)["p_value"] == pytest.approx(stats.ttest_ind(means[4:], means[:4]).pvalue, rel=1e-6)
    assert any("averaged: 8 from 24" in sentence for sentence in found.notes)


def test_a_number_gives_the_slope_per_unit():
    long, table = cohort(samples=60, shift=0.0)
    dose = np.random.default_rng(3).uniform(0, 3, 60)
    wide = long["fraction"].to_numpy().reshape(60, -1).copy()
    wide[:, 0] *= 2**dose
    long["fraction"] = (wide / wide.sum(1, keepdims=True)).ravel()
    one = row(unmix.compare(long, table.assign(dose=dose), condition="dose", continuous=["dose"]))
    assert one["target"] == "per unit"
    assert one["log2_ratio"] == pytest.approx(0.8, abs=0.15)


def test_one_draw_without_error_has_the_interval_of_students_t():
    low, high = effects.mixture_interval(np.array([[1.0]]), np.array([[0.5]]), 7, 0.9)
    np.testing.assert_allclose([low[0], high[0]], stats.t.interval(0.9, 7, 1.0, 0.5), rtol=1e-9)


def test_the_mixture_of_many_draws_is_what_rubins_rules_approximate():
    centre, error = np.random.default_rng(0).normal(2, 0.3, (4000, 1)), np.full((4000, 1), 0.4)
    low, high = effects.mixture_interval(centre, error, np.inf, 0.9)
    total = np.hypot(0.4, centre.std(ddof=1))
    np.testing.assert_allclose([low[0], high[0]], centre.mean() + 1.645 * total * np.array([-1, 1]), atol=0.03)


def test_zeros_have_a_ratio_and_their_share_is_told():
    long, table = cohort()
    number = np.repeat(np.arange(40), 5)
    long.loc[(long["cell_type"] == "NK") & (number % 2 == 0), "fraction"] = 0.0
    found = unmix.compare(long, table)
    assert np.isfinite(found.effects["log2_ratio"]).all()
    assert row(found, "NK")["replaced"] == 0.5
    assert row(found, "B")["replaced"] == 0


@pytest.mark.parametrize("upper", [0.03, 0.0])
def test_a_type_that_is_0_in_all_samples_of_a_contrast_has_finite_numbers(upper):
    long, table = cohort()
    table["condition"] = [*["a"] * 14, *["b"] * 13, *["c"] * 13]
    absent = (long["cell_type"] == "NK") & (np.repeat(np.arange(40), 5) < 27)  # in a and b, not in c
    long.loc[absent, ["fraction", "lower", "upper"]] = 0.0, 0.0, upper
    found = unmix.compare(long, table, reference="a").effects
    numbers = found.drop(columns=["p_value", "q_value"]).select_dtypes("number")
    assert np.isfinite(numbers.to_numpy()).all()


def test_a_type_that_is_0_everywhere_is_left_out_and_said():
    long, table = cohort()
    long.loc[long["cell_type"] == "NK", "fraction"] = 0.0
    found = unmix.compare(long, table)
    assert "NK" not in set(found.effects["cell_type"])
    assert any("0 in every sample" in note and "NK" in note for note in found.notes)


def test_a_named_type_is_the_denominator():
    long, table = cohort()
    found = unmix.compare(long, table, reference_types=["CD4 T"])
    assert row(found)["lower"] < 1 < row(found)["upper"]
    assert row(found, "CD4 T")["log2_ratio"] == 0
    assert np.isnan(row(found, "CD4 T")["p_value"])
    with pytest.raises(UsageError, match="no such cell type"):
        unmix.compare(long, table, reference_types=["CD4"])


def test_a_draw_moves_all_samples_of_a_type_along_their_own_intervals():
    long, _ = cohort(samples=6)
    drawn = composition.read(long.assign(quantity="cell"), None, str).draws(50, np.random.default_rng(0))
    between = np.corrcoef(np.log(drawn[..., 0] / drawn[..., 1]).T)  # of the samples, over the draws
    assert between.min() > 0.8
    np.testing.assert_allclose(drawn.sum(-1), 1)


def test_one_level_of_a_table_of_levels_is_compared():
    long, table = cohort()
    both = pd.concat([long.assign(level="type"), long.assign(level="state", cell_type=long["cell_type"] + " 1")])
    with pytest.raises(UsageError, match="type, state"):
        unmix.compare(both, table)
    assert unmix.compare(both, table, resolution="state").effects["cell_type"].iloc[0] == "B 1"
    with pytest.raises(UsageError, match="no column 'level'"):
        unmix.compare(long, table, resolution="state")


def test_the_level_that_the_reference_can_tell_is_compared_unless_another_is_named(tmp_path):
    long, table = cohort()
    groups = {"B": "B", "CD4 T": "T", "CD8 T": "T", "Monocyte": "Monocyte", "NK": "NK"}
    summed = (
        long.assign(cell_type=long["cell_type"].map(groups), members="")
        .groupby(["sample", "cell_type", "flag", "members"], sort=False, as_index=False)[["fraction", "lower", "upper"]]
        .sum()
    )
    summed["upper"] = summed["upper"].clip(upper=1)
    for name, part in {"fractions_long": long, "levels": summed.assign(level="joined")}.items():
        tables.write_table(part.set_index("sample"), tmp_path / f"{name}.tsv", index_label="sample")
    levels = {"names": ["joined"], "groups": [groups], "leads": 1, "source": "inferred", "alike": [["CD4 T", "CD8 T"]]}
    (tmp_path / "run.json").write_text(json.dumps({"level": 0.9, "levels": levels}))
    found = unmix.compare(tmp_path / "fractions_long.tsv", table)
    assert set(found.effects["cell_type"]) == {"B", "T", "Monocyte", "NK"}
    assert any("does not tell apart: CD4 T and CD8 T" in note for note in found.notes)
    one = unmix.compare(tmp_path / "fractions_long.tsv", table, resolution="types")
    assert set(one.effects["cell_type"]) == set(TYPES)


def test_purity_is_compared_with_all_other_cells_and_scores_are_not():
    long, table = cohort()
    found = unmix.compare(long[long["cell_type"] == "B"].assign(quantity="purity"), table)
    assert list(found.effects["cell_type"]) == ["B"]
    assert found.effects["q_value"].iloc[0] < 0.05
    with pytest.raises(NotApplicable, match="scores"):
        unmix.compare(long.assign(quantity="score"), table)


def test_percentages_and_lost_rows_are_refused():
    long, table = cohort()
    with pytest.raises(DataError, match="is no fraction"):
        unmix.compare(long.assign(fraction=100 * long["fraction"]), table)
    with pytest.raises(DataError, match="no fraction of 'B' in sample 's0'"):
        unmix.compare(long[1:], table)


def test_covariates_span_the_composition_in_one_column_fewer():
    found = unmix.compare(*cohort())
    scores, ratios = found.covariates[[f"PC{n}" for n in range(1, 5)]], found.covariates[TYPES]
    np.testing.assert_allclose(ratios.sum(1), 0, atol=1e-9)
    np.testing.assert_allclose(np.corrcoef(scores.to_numpy().T), np.eye(4), atol=1e-9)
    assert found.loadings.loc["share of variance"].sum() == pytest.approx(1)
    rebuilt = scores.to_numpy() @ found.loadings.drop("share of variance").to_numpy().T
    np.testing.assert_allclose(rebuilt, ratios - ratios.mean(), atol=1e-9)


def test_script_and_memory_write_the_same_bytes(tmp_path):
    long, table = cohort()
    tables.write_table(long.set_index("sample"), tmp_path / "fractions_long.tsv", index_label="sample")
    (tmp_path / "run.json").write_text(json.dumps({"level": 0.8}))
    table.to_csv(tmp_path / "samples.csv", index=False)
    command = [sys.executable, ROOT / "bin" / "unmix_compare.py", tmp_path / "fractions_long.tsv"]
    command += ["--samples", tmp_path / "samples.csv", "--out-dir", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "case vs control: q < 0.05" in done.stderr
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir() if path.suffix == ".tsv"}
    assert set(written) == {"effects.tsv", "groups.tsv", "covariates.tsv", "loadings.tsv"}
    facts = json.loads((tmp_path / "out" / "comparison.run.json").read_text())["comparison"]
    assert (facts["level_of_fractions"], facts["samples"]) == (0.8, 40)
    write(unmix.compare(tmp_path / "fractions_long.tsv", table), lambda name: tmp_path / name)
    assert written == {name: (tmp_path / name).read_bytes() for name in written}


def test_the_script_says_what_it_cannot_compare(tmp_path):
    long, table = cohort()
    long.assign(quantity="score").to_csv(tmp_path / "fractions_long.tsv", sep="\t", index=False)
    table.to_csv(tmp_path / "samples.csv", index=False)
    command = [sys.executable, ROOT / "bin" / "unmix_compare.py", tmp_path / "fractions_long.tsv"]
    command += ["--samples", tmp_path / "samples.csv", "--out-dir", tmp_path / "out"]
    command += ["--skipped", tmp_path / "skipped.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 99
    assert "scores" in json.loads((tmp_path / "skipped.json").read_text())["error"]["found"]
    assert not (tmp_path / "out" / "effects.tsv").exists()
