"""Metrics against independent implementations, published figures and arithmetic done by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import mean_absolute_error, mean_squared_error, root_mean_squared_error

from unmix.evaluation import metrics

#: RMSE and CCC over all pairs, of the authors' own predictions, computed independently of this code.
PUBLISHED = {
    "DISSECT": [(0.070, 0.776), (0.083, 0.861), (0.054, 0.915), (0.063, 0.738), (0.064, 0.793), (0.096, 0.774)],
    "Scaden": [(0.121, 0.621), (0.117, 0.715), (0.119, 0.594), (0.091, 0.570), (0.115, 0.441), (0.155, 0.413)],
    "TAPE-O": [(0.094, 0.633), (0.085, 0.765), (0.192, 0.384), (0.094, 0.503), (0.154, 0.279), (0.180, 0.260)],
    "TAPE-A": [(0.117, 0.564), (0.087, 0.789), (0.248, 0.212), (0.062, 0.597), (0.182, 0.025), (0.176, 0.148)],
    "CibersortX": [(0.111, 0.507), (0.107, 0.764), (0.109, 0.677), (0.099, 0.543), (0.116, 0.380), (0.142, 0.504)],
    "BayesPrism": [(0.110, 0.583), (0.124, 0.720), (0.099, 0.728), (0.094, 0.285), (0.103, 0.438), (0.149, 0.534)],
    "BayesPrism-M": [(0.112, 0.567), (0.112, 0.778), (0.124, 0.577), (0.12, 0.245), (0.154, -0.207), (0.168, 0.383)],
    "Linear_MLPs": [(0.175, 0.511), (0.17, 0.372), (0.192, 0.396), (0.063, 0.708), (0.223, 0.156), (0.185, 0.573)],
    "MuSiC": [(0.234, 0.110), (0.435, -0.210), (0.275, -0.204), (0.259, 0.0), (0.255, -0.103), (0.342, -0.232)],
}
COHORTS = ["GSE107572", "GSE120502", "GSE65133", "Monaco_I", "Monaco_II", "SDY67"]


def fractions(samples=20, types=4, seed=0):
    rng = np.random.default_rng(seed)
    names = [f"type {i}" for i in range(types)]
    truth = pd.DataFrame(rng.dirichlet(np.ones(types), samples), columns=names).rename("s{}".format)
    noise = rng.dirichlet(np.ones(types), samples)
    return truth, 0.6 * truth + 0.4 * noise


def table(truth, estimate, seed=0, **options):
    return metrics.evaluate(truth, estimate, np.random.default_rng(seed), **options)


def value(result, metric, level="all", cell_type=""):
    row = result[(result.level == level) & (result.metric == metric) & (result.cell_type == cell_type)]
    assert len(row) == 1
    return row.iloc[0]


def lin(x, y):
    """Return Lin's coefficient by its definition."""
    return 2 * np.cov(x, y, ddof=0)[0, 1] / (np.var(x) + np.var(y) + (np.mean(x) - np.mean(y)) ** 2)


def independent(t, e):
    """Return every metric of two columns by scipy, scikit-learn or its definition."""
    return {
        "mae": mean_absolute_error(t, e),
        "mse": mean_squared_error(t, e),
        "rmse": root_mean_squared_error(t, e),
        "pearson": stats.pearsonr(t, e)[0],
        "spearman": stats.spearmanr(t, e)[0],
        "ccc": lin(t, e),
        "bias": np.mean(e) - np.mean(t),
        "slope": stats.linregress(t, e).slope,
    }


@pytest.mark.parametrize("seed", range(3))
def test_metrics_equal_those_of_scipy_and_sklearn_to_twelve_decimals(seed):
    truth, estimate = (part.to_numpy() for part in fractions(samples=30, seed=seed))
    truth[:6, 0], estimate[3:9, 0] = truth[0, 0], estimate[3, 0]  # ties
    found = metrics.agreement(truth, estimate)
    for place in range(truth.shape[1]):
        for metric, number in independent(truth[:, place], estimate[:, place]).items():
            assert found[metric][0, place] == pytest.approx(number, rel=0, abs=1e-12), metric
    divergence = [jensenshannon(t, e, base=2) ** 2 for t, e in zip(truth, estimate, strict=True)]
    np.testing.assert_allclose(metrics.jensen_shannon(truth, estimate), divergence, rtol=0, atol=1e-12)


def test_every_draw_of_the_bootstrap_is_the_metric_of_its_samples():
    """Per type, mean over types and all pairs: the ends are quantiles of metrics of samples that were really drawn."""
    truth, estimate = (part.to_numpy() for part in fractions(samples=12))
    result = table(*fractions(samples=12), seed=5)
    counts = np.rint(12 * metrics.bootstrap_weights(12, np.random.default_rng(5))).astype(int)
    drawn = [np.repeat(np.arange(12), own) for own in counts]
    ends = {}
    for metric, function in {"ccc": lin, "mae": mean_absolute_error}.items():
        by_type = np.array([[function(truth[i, k], estimate[i, k]) for k in range(4)] for i in drawn])
        ends[metric, "type", "type 2"] = by_type[:, 2]
        ends[metric, "mean_type", ""] = by_type.mean(axis=1)
        ends[metric, "all", ""] = [function(truth[i].ravel(), estimate[i].ravel()) for i in drawn]
    for (metric, level, name), draws in ends.items():
        row = value(result, metric, level, name)
        expected = np.quantile(draws, (0.025, 0.975))
        assert [row["lower"], row["upper"]] == pytest.approx(expected, rel=0, abs=1e-9), (metric, level)


def test_values_of_the_table_are_these_metrics():
    truth, estimate = fractions()
    result = table(truth, estimate)
    for level, name, t, e in [
        *(("type", name, truth[name], estimate[name]) for name in truth),
        ("all", "", truth.to_numpy().ravel(), estimate.to_numpy().ravel()),
    ]:
        for metric, number in independent(t, e).items():  # which has ten decimals
            assert value(result, metric, level, name)["value"] == pytest.approx(number, abs=1e-9), (level, metric)


def test_per_sample_values_are_the_mean_over_samples_with_the_median_beside():
    truth, estimate = fractions()
    result = table(truth, estimate)
    r = [stats.pearsonr(truth.loc[s], estimate.loc[s])[0] for s in truth.index]
    divergence = [jensenshannon(truth.loc[s], estimate.loc[s], base=2) ** 2 for s in truth.index]
    for metric, numbers in (("pearson", r), ("jsd", divergence)):
        row = value(result, metric, "sample")
        assert row["value"] == pytest.approx(np.mean(numbers), abs=1e-9)
        assert row["median"] == pytest.approx(np.median(numbers), abs=1e-9)
        assert row["n"] == len(truth)


def test_mean_over_types_names_how_many_and_the_median():
    truth, estimate = fractions()
    result = table(truth, estimate)
    r = [stats.pearsonr(truth[name], estimate[name])[0] for name in truth]
    row = value(result, "pearson", "mean_type")
    assert (row["value"], row["median"]) == pytest.approx((np.mean(r), np.median(r)), abs=1e-9)
    assert row["n"] == truth.shape[1]


def test_a_perfect_estimate_scores_one():
    truth, _ = fractions()
    result = table(truth, truth.copy())
    for metric, number in {"ccc": 1, "pearson": 1, "spearman": 1, "slope": 1, "mae": 0, "bias": 0}.items():
        assert value(result, metric)["value"] == pytest.approx(number, abs=1e-12)
    assert value(result, "jsd", "sample")["value"] == pytest.approx(0, abs=1e-12)


def test_ties_share_their_rank():
    truth = np.array([[0.1], [0.1], [0.4], [0.2], [0.4], [0.4]])
    estimate = np.array([[0.3], [0.1], [0.4], [0.1], [0.1], [0.4]])
    expected = stats.spearmanr(truth[:, 0], estimate[:, 0])[0]
    assert metrics.agreement(truth, estimate)["spearman"][0, 0] == pytest.approx(expected)


def test_weights_are_a_resample():
    truth, estimate = (frame.to_numpy() for frame in fractions())
    drawn = np.random.default_rng(3).integers(0, 20, 20)
    weights = np.bincount(drawn, minlength=20)[None, :] / 20
    by_weight, by_hand = metrics.agreement(truth, estimate, weights), metrics.agreement(truth[drawn], estimate[drawn])
    for metric in by_hand:
        np.testing.assert_allclose(by_weight[metric], by_hand[metric], atol=1e-12, err_msg=metric)


def test_a_constant_estimate_scores_zero_and_is_flagged():
    truth, estimate = fractions()
    estimate["type 1"] = 0.1 + 0.2  # 0.30000000000000004: rounding must not become a correlation
    estimate.iloc[::2, 1] = 0.3
    result = table(truth, estimate)
    row = value(result, "pearson", "type", "type 1")
    assert (row["value"], row["lower"], row["upper"], row["flag"]) == (0, 0, 0, "constant_estimate")
    assert value(result, "spearman", "type", "type 1")["value"] == 0
    assert value(result, "pearson", "mean_type")["flag"] == "constant_estimate"
    assert value(result, "pearson", "type", "type 0")["flag"] == ""


def test_a_constant_truth_has_no_correlation_and_does_not_enter_the_mean():
    truth, estimate = fractions()
    truth["type 2"] = 0.25
    result = table(truth, estimate)
    row = value(result, "pearson", "type", "type 2")
    assert np.isnan(row["value"])
    assert row["flag"] == "constant_truth"
    others = [stats.pearsonr(truth[name], estimate[name])[0] for name in truth if name != "type 2"]
    mean = value(result, "pearson", "mean_type")
    assert mean["value"] == pytest.approx(np.mean(others), abs=1e-9)
    assert mean["n"] == 3


def test_scores_get_correlations_only():
    truth, estimate = fractions()
    result = table(truth, estimate * 1000 - 5, quantity="score")
    assert set(result.metric) == {"pearson", "spearman"}
    assert set(result.level) == {"type", "mean_type"}
    expected = stats.pearsonr(truth["type 0"], estimate["type 0"])[0]
    assert value(result, "pearson", "type", "type 0")["value"] == pytest.approx(expected, abs=1e-9)


def test_coverage_counts_the_truths_inside_the_interval():
    truth, estimate = fractions()
    lower, upper = truth - 0.1, truth + 0.1
    lower.iloc[:5, 0] = upper.iloc[:5, 0] - 0.05  # the truth lies below in five of 20 samples
    lower["type 3"] = upper["type 3"] = np.nan  # a type without interval is not counted as missed
    result = table(truth, estimate, lower=lower, upper=upper)
    assert value(result, "coverage", "type", "type 0")["value"] == pytest.approx(0.75)
    assert value(result, "coverage", "type", "type 1")["value"] == pytest.approx(1)
    assert np.isnan(value(result, "coverage", "type", "type 3")["value"])
    mean = value(result, "coverage", "mean_type")
    assert (mean["value"], mean["n"]) == (pytest.approx((0.75 + 1 + 1) / 3), 3)
    assert value(result, "width", "type", "type 1")["value"] == pytest.approx(0.2)


def test_bootstrap_interval_is_that_of_scipy():
    truth, estimate = fractions(samples=60)
    result = table(truth, estimate)
    t, e = truth["type 0"].to_numpy(), estimate["type 0"].to_numpy()
    for metric, statistic in {
        "pearson": lambda i: stats.pearsonr(t[i], e[i])[0],
        "mae": lambda i: np.abs(t[i] - e[i]).mean(),
    }.items():
        rng = np.random.default_rng(1)
        draws = [statistic(rng.integers(0, 60, 60)) for _ in range(4000)]
        row = value(result, metric, "type", "type 0")
        spread = np.std(draws)
        assert row["lower"] == pytest.approx(np.quantile(draws, 0.025), abs=0.3 * spread)
        assert row["upper"] == pytest.approx(np.quantile(draws, 0.975), abs=0.3 * spread)
        assert row["lower"] < row["value"] < row["upper"]


def test_same_seed_same_table():
    truth, estimate = fractions()
    pd.testing.assert_frame_equal(table(truth, estimate), table(truth, estimate), check_exact=True)
    assert not table(truth, estimate).equals(table(truth, estimate, seed=1))


def test_one_sample_has_errors_but_no_interval():
    truth, estimate = fractions(samples=1)
    result = table(truth, estimate)
    row = value(result, "mae")
    assert row["value"] == pytest.approx(mean_absolute_error(truth.iloc[0], estimate.iloc[0]))
    assert np.isnan(row["lower"])
    assert np.isnan(value(result, "pearson", "mean_type")["value"])


def test_a_row_of_zeros_has_no_divergence():
    assert np.isnan(metrics.jensen_shannon(np.array([[0.5, 0.5]]), np.zeros((1, 2))))[0]
    disjoint = metrics.jensen_shannon(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))
    assert disjoint[0] == pytest.approx(1)


def test_a_type_that_neither_table_has_agrees_with_nothing():
    truth, estimate = fractions(samples=20, types=3)
    with_absent = [part.assign(absent=0.0) for part in (truth, estimate)]
    before, after = (value(table(*pair), "ccc", "mean_type") for pair in ((truth, estimate), with_absent))
    assert np.isnan(value(table(*with_absent), "ccc", "type", "absent")["value"])
    assert after["value"] == pytest.approx(before["value"])
    assert (before["n"], after["n"]) == (3, 3)


@pytest.mark.shared
@pytest.mark.parametrize("method", PUBLISHED)
def test_published_predictions_give_the_known_figures(shared, method):
    folder = shared / "golden" / "dissect_published"
    for cohort, (rmse, ccc) in zip(COHORTS, PUBLISHED[method], strict=True):
        truth = pd.read_csv(folder / f"gt__{cohort}.txt", sep="\t", index_col=0).drop(columns="Unknown")
        estimate = pd.read_csv(folder / f"{method}__{cohort}.txt", sep="\t", index_col=0)[truth.columns]
        estimate.index = truth.index  # some files carry other sample names, in the same order
        result = table(truth, estimate)
        printed = [round(value(result, metric)["value"], 3) for metric in ("rmse", "ccc")]
        assert printed == [rmse, ccc], cohort
        pooled = independent(truth.to_numpy().ravel(), estimate.to_numpy().ravel())
        found = metrics.agreement(*(part.to_numpy().reshape(-1, 1) for part in (truth, estimate)))
        for metric, number in pooled.items():
            assert found[metric][0, 0] == pytest.approx(number, rel=0, abs=1e-12), (cohort, metric)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "mae", "rmse", "r", "ccc", "type_r"),
    [
        ("scaden_default.tsv", 0.0539, 0.0729, 0.743, 0.699, 0.940),
        ("scaden_depth_matched.tsv", 0.0476, 0.0639, 0.828, 0.758, 0.977),
        ("tape_adaptive_default.csv", 0.0892, 0.1185, 0.115, 0.098, 0.820),
        ("nnls.csv", 0.0507, 0.0730, 0.822, 0.811, 0.956),
        ("dtangle.csv", 0.0496, 0.0652, 0.898, 0.711, 0.988),
        ("autogenes_nnls.csv", 0.0512, 0.0699, 0.808, 0.807, 0.937),
    ],
)
def test_original_tools_on_the_synthetic_case_give_the_known_figures(shared, name, mae, rmse, r, ccc, type_r):
    folder = shared / "golden" / "peers"
    truth = pd.read_csv(folder / "truth.csv", index_col=0)
    estimate = pd.read_csv(folder / name, sep=None, engine="python", index_col=0)
    result = table(truth, estimate.loc[truth.index, truth.columns])
    found = [value(result, metric)["value"] for metric in ("mae", "rmse", "pearson", "ccc")]
    assert found == pytest.approx([mae, rmse, r, ccc], abs=6e-4)
    assert value(result, "pearson", "mean_type")["value"] == pytest.approx(type_r, abs=6e-4)
