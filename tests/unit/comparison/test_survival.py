"""Survival by composition: hazard ratios and curves against numbers that are known otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import unmix
from unmix.comparison import composition, survival
from unmix.errors import DataError, UsageError

TYPES = ["B", "T", "Myeloid"]


def cohort(samples=80, effect=1.0, seed=4, width=0.02):
    """Return fractions, and a sample table whose hazard rises by exp(effect) per standard deviation of log B."""
    rng = np.random.default_rng(seed)
    logs = np.log([0.2, 0.5, 0.3]) + rng.normal(0, 0.4, (samples, 3))
    values = np.exp(logs) / np.exp(logs).sum(1, keepdims=True)
    ratio = np.log2(values[:, 0]) - np.log2(values).mean(1)
    times = rng.exponential(np.exp(-effect * (ratio - ratio.mean()) / ratio.std()))
    follow = rng.exponential(2, samples)
    names = [f"s{n}" for n in range(samples)]
    long = pd.DataFrame({"sample": np.repeat(names, 3), "cell_type": TYPES * samples, "fraction": values.ravel()})
    long["lower"], long["upper"] = (long["fraction"] - width).clip(0), (long["fraction"] + width).clip(upper=1)
    return long, pd.DataFrame(
        {"sample": names, "time": np.minimum(times, follow), "event": (times <= follow).astype(int)}
    )


def test_the_hazard_ratio_of_a_standard_deviation_is_found():
    found = unmix.compare(*cohort(), draws=4)
    one = found.survival.set_index("cell_type").loc["B"]
    assert one["lower"] < np.e < one["upper"]
    assert one["lower"] > 1.5
    assert one["q_value"] < 0.001
    assert one["log_rank_p"] < 0.01
    assert len(found.effects) == 0


def test_without_an_association_none_is_found():
    found = unmix.compare(*cohort(effect=0.0, seed=6), draws=4)
    assert (found.survival["q_value"] > 0.05).all()


def test_a_type_that_separates_the_events_has_no_hazard_ratio_and_this_is_said():
    long, table = cohort(samples=8, width=0.0)
    b = [0.5, 0.45, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15]
    long["fraction"] = [part for one in b for part in (one, 0.4 * (1 - one), 0.6 * (1 - one))]
    long["lower"] = long["upper"] = long["fraction"]
    table["time"], table["event"] = range(1, 9), 1
    said = []
    found = unmix.compare(long, table, draws=2, say=said.append).survival.set_index("cell_type")
    assert found.loc["B", ["hazard_ratio", "lower", "upper", "p_value"]].isna().all()
    assert np.isfinite(found.loc["B", "log_rank_p"])
    assert "cannot be estimated" in " ".join(said)


def test_the_curves_are_kaplan_meiers():
    long, table = cohort(samples=6)
    values = pd.DataFrame({"B": [0.1, 0.12, 0.14, 0.5, 0.52, 0.54]}, index=table["sample"])
    values["T"] = values["Myeloid"] = (1 - values["B"]) / 2
    shown = replace(composition.read(long, None, str), values=values, lower=values, upper=values)
    followed = pd.DataFrame({"time": [1.0, 2, 3, 4, 5, 6], "event": [1, 0, 1, 1, 0, 1]}, index=table["sample"])
    curves, _ = survival.kaplan_meier(shown, followed, np.ones(3, bool), 0.9)
    low = curves[(curves["cell_type"] == "B") & (curves["group"] == "low")]
    events = low[low["survival"].diff().fillna(-1) < 0]
    assert events["time"].tolist() == [1, 3]
    np.testing.assert_allclose(events["survival"], [2 / 3, 0])
    assert events["at_risk"].tolist() == [3, 1]
    assert events["lower"].iloc[0] < 2 / 3 < events["upper"].iloc[0]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [("time", "-1", "numbers above 0"), ("event", "maybe", "1 for an event"), ("time", "long", "numbers above 0")],
)
def test_times_and_events_that_are_none_are_refused(column, value, message):
    long, table = cohort(samples=20)
    table = table.astype(str)
    table.loc[2, column] = value
    with pytest.raises(DataError) as raised:
        unmix.compare(long, table, draws=2)
    assert message in str(raised.value)


def test_few_events_leave_survival_out_and_missing_ones_are_said():
    long, table = cohort(samples=20)
    table["condition"] = ["a", "b"] * 10
    table["event"] = [1, 1] + [0] * 18
    table.loc[5, "time"] = None
    found = unmix.compare(long, table, draws=2)
    assert found.survival is None
    assert any("2 events" in note for note in found.notes)
    assert any("is missing: s5" in note for note in found.notes)
    assert len(found.effects) == 3


def test_time_without_event_is_asked_about():
    long, table = cohort(samples=20)
    with pytest.raises(UsageError, match="belong together"):
        unmix.compare(long, table, time="time")
