"""The page of a reference: what it measures, and what a reader finds on it."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from unmix.errors import DataError
from unmix.evaluation import reference_quality
from unmix.report import reference as page
from unmix.simulate.toy import toy


def twins():
    """Return the toy's reference with T cells whose two types are the same cells under two names, at random."""
    data = toy()[0]
    labels = data.obs["cell_type"].astype(str).to_numpy(copy=True)
    t_cells = np.char.startswith(labels.astype(str), "CD8")
    labels[t_cells] = np.random.default_rng(0).choice(["CD8 a", "CD8 b"], t_cells.sum())
    data.obs["cell_type"] = labels
    return data


def test_types_that_are_the_same_are_found_and_others_are_not():
    quality = reference_quality.measure(twins())
    assert {frozenset(merge[:2]) for merge in quality.merges} == {frozenset({"CD8 a", "CD8 b"})}
    np.testing.assert_allclose(quality.spill.sum(1), 1)
    others = quality.types.drop(index=["CD8 a", "CD8 b"])
    assert (others["recovered"] > 0.9).all()
    assert others["limit"].max() <= 0.1
    assert not quality.types.loc["CD8 a", "limit"] < 0.2
    assert quality.by_donor
    assert quality.cosine.loc["CD8 a", "CD8 b"] == quality.cosine.where(quality.cosine < 0.9999).max(axis=None)


def test_the_same_seed_gives_the_same_table():
    first, again = (reference_quality.measure(toy()[0], 3).table() for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_a_reader_finds_cells_donors_limits_merges_and_what_is_not_known():
    html, table = page.describe(twins(), "pbmc")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
    for words in (
        "Reference pbmc",
        "cells 360",
        "Merges to consider",
        "CD8 a or CD8 b",
        "Detection limit",
        "Condition number",
        "donor4",
        "A type that the bulk contains and the reference lacks",
    ):
        assert words in text, words
    assert "<script" not in html
    assert table.loc["NK", "cells"] == 60
    assert table.loc["NK", "cells of donor1"] == 15
    assert table.loc["CD8 a", "merge_with"] == "CD8 b"
    assert (table["counts"] > 0).all()


def test_names_are_escaped_and_a_label_map_names_no_type_twice():
    data = twins()
    data.obs["cell_type"] = data.obs["cell_type"].str.replace("NK", "<b>NK</b>")
    html, _ = page.describe(data, "pbmc")
    assert "<b>NK" not in html
    lines = re.split("<pre[^>]*>", html)[1].split("</pre>")[0].splitlines()[1:]
    old = [line.split("\t")[0] for line in lines if line]
    assert old
    assert len(old) == len(set(old))


def test_one_type_has_nothing_to_tell_apart():
    data = toy()[0]
    with pytest.raises(DataError, match="one cell type"):
        page.describe(data[data.obs["cell_type"] == "NK"].copy(), "nk")


def test_the_step_writes_page_and_table(root, tmp_path):
    data = toy()[0]
    del data.uns["unmix"]
    data.write_h5ad(tmp_path / "cells.h5ad")
    command = [sys.executable, str(root / "bin" / "unmix_reference.py"), str(tmp_path / "cells.h5ad")]
    command += ["--cell-type-key", "cell_type", "--donor-key", "donor", "--out", str(tmp_path / "r.h5ad")]
    subprocess.run([*command, "--report", str(tmp_path / "r.html"), "--quiet"], check=True)
    assert "Reference r" in (tmp_path / "r.html").read_text()
    table = pd.read_csv(tmp_path / "r.tsv", sep="\t", index_col=0)
    assert table.loc["B cell", "cells"] == 60
    assert table.index.name == "cell_type"
