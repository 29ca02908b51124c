"""All systems of the review, and those since, by `nextflow run`, each on the smallest input that it accepts."""

from __future__ import annotations

import pytest

from unmix import methods
from unmix.simulate.toy import CELL_TYPES, toy

from .conftest import ROOT, nextflow, table, trace

#: Published since the review.
SINCE = {"deside", "sweetwater"}
#: Lomas Redondo et al. 2025: thirteen systems; UCDBase and UCDSelect are one of them, ctcrna is Yan 2023.
SYSTEMS = [name for name, method in methods.all_methods().items() if method.info.family == "deep"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a run on single cells, and of one on profiles for the method that learns from these."""
    folders = []
    for row, options in {
        "cells": {"calibration_bulk": "bulk.tsv", "calibration_fractions": "truth.tsv", "malignant": CELL_TYPES[3]},
        "profiles": {"reference_kind": "profiles"},
    }.items():
        folder = tmp_path_factory.mktemp(row)
        reference, bulk = toy(genes=300, donors=3, cells_per_type=5, samples=3)
        reference.write_h5ad(folder / "reference.h5ad")
        bulk.to_df().T.to_csv(folder / "bulk.tsv", sep="\t")
        bulk.obsm["cell_fractions"].to_csv(folder / "truth.tsv", sep="\t")
        columns = {"id": row, "bulk": "bulk.tsv", "reference": "reference.h5ad", "donor_key": "donor", **options}
        (folder / "sheet.csv").write_text(f"{','.join(columns)}\n{','.join(columns.values())}\n")
        names = [name for name in SYSTEMS if methods.get(name).needs.profiles == (row == "profiles")]
        arguments = ("--methods", ",".join(names), "--controls", "none", "--input", "sheet.csv")
        done = nextflow(folder, "run", ROOT, "-profile", "test", *arguments)
        assert done.returncode == 0, done.out
        assert {task["status"] for task in trace(folder)} == {"COMPLETED"}
        folders.append(folder)
    return folders


def test_all_systems_are_there():
    assert len({*SYSTEMS} - SINCE) == 13 + 1
    assert {*SYSTEMS} > SINCE


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_gives_fractions(finished, name):
    (path,) = [path for folder in finished for path in folder.glob(f"results/*/{name}/fractions.tsv")]
    header, rows = table(path)
    assert header[1:] == (["malignant", "normal"] if methods.get(name).needs.malignant else sorted(CELL_TYPES))
    assert len(rows) == 3
    for _sample, *fractions in rows:
        assert sum(map(float, fractions)) == pytest.approx(1, abs=1e-6)
