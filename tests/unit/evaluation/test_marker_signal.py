"""The signal of markers follows the known fractions, and is not there where a type has no markers."""

from __future__ import annotations

import numpy as np

from unmix.evaluation.marker_signal import marker_signal
from unmix.simulate.toy import toy


def test_the_signal_follows_the_known_fractions():
    reference, bulk = toy(samples=30)
    table, markers = marker_signal(bulk, reference)
    truth = bulk.obsm["cell_fractions"]
    wide = table.pivot(index="sample", columns="cell_type", values="signal").loc[bulk.obs_names]
    assert set(wide) == set(markers)
    assert len(wide.columns) >= 4
    for name in set(wide) & set(truth):
        assert np.corrcoef(wide[name].rank(), truth[name].rank())[0, 1] > 0.5, name


def test_types_with_the_same_profile_have_no_markers():
    reference, bulk = toy(samples=4)
    twin = reference[reference.obs["cell_type"] == reference.obs["cell_type"].iloc[0]].copy()
    labels = reference.obs["cell_type"].astype(str)
    half = labels.eq(twin.obs["cell_type"].iloc[0]) & (np.arange(len(labels)) % 2 == 0)
    reference.obs["cell_type"] = labels.where(~half, "twin").astype("category")
    reference.uns["unmix"].pop("levels", None)
    _, markers = marker_signal(bulk, reference)
    assert "twin" not in markers
    assert len(markers) >= 3
