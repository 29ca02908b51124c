"""Cells of some values of the annotation alone (--keep), and files that are donors (--donor-key file)."""

import numpy as np
import pytest

from unmix.errors import DataError, UsageError
from unmix.reference import selection
from unmix.reference.prepare import prepare_reference
from unmix.simulate.toy import toy


@pytest.fixture
def cells():
    """Return the toy's cells; each second one is ill, and some of these are copies of another study."""
    data = toy()[0].copy()
    number = np.arange(data.n_obs)
    data.obs["disease"] = np.where(number % 2, "lupus, mild", "normal")
    data.obs["is_primary_data"] = number % 5 > 0
    return data


def test_only_cells_of_the_values_are_used(cells, tmp_path):
    cells.write_h5ad(tmp_path / "a.h5ad")
    keep = selection.parse(["disease=normal", "is_primary_data=True"])
    found = prepare_reference([tmp_path / "a.h5ad"], donor_key="donor", preset="none", keep=keep)
    wanted = (cells.obs["disease"] == "normal") & cells.obs["is_primary_data"]
    assert list(found.obs_names) == list(cells.obs_names[wanted])
    assert (found.X != cells[wanted].X).nnz == 0
    said = " ".join(found.uns["unmix"]["messages"])
    assert f"{(cells.obs['disease'] == 'normal').sum():,} of {cells.n_obs:,} cells kept: disease 'normal'." in said
    assert "without a label" not in said


def test_a_column_named_twice_allows_both_values():
    assert selection.parse(["disease=normal", "disease=lupus, mild", "tissue=a=b"]) == {
        "disease": ["normal", "lupus, mild"],
        "tissue": ["a=b"],
    }
    with pytest.raises(UsageError, match="does not name a column and a value"):
        selection.parse(["disease"])


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ({"Disease": ["normal"]}, "has no column 'Disease' for --keep"),
        ({"disease": ["Normal"]}, "No cell has disease 'Normal' .found: lupus, mild, normal"),
        ({"disease": ["normal"], "sample": ["odd"]}, "No cell has all that is asked of disease, sample"),
    ],
)
def test_what_keeps_nothing_is_refused(cells, tmp_path, keep, words):
    cells.obs["sample"] = cells.obs["disease"].map({"normal": "even", "lupus, mild": "odd"})
    cells.write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(DataError, match=words):
        prepare_reference([tmp_path / "a.h5ad"], donor_key="donor", keep=keep)


def test_files_are_donors(cells, tmp_path):
    paths = [tmp_path / "human1.csv.gz", tmp_path / "human2.csv.gz"]
    for path, rows in zip(paths, (slice(0, 80), slice(80, 160)), strict=True):
        table = cells[rows].to_df().astype(int)
        table.insert(0, "assigned_cluster", cells.obs["cell_type"].astype(str).iloc[rows])
        table.to_csv(path)
    found = prepare_reference(paths, "assigned_cluster", "file", preset="none")
    assert found.obs["donor"].value_counts().to_dict() == {"human1": 80, "human2": 80}
    with pytest.raises(UsageError, match="there is one file"):
        prepare_reference(paths[:1], "assigned_cluster", "file")


def test_a_column_of_the_name_file_is_not_guessed_at(cells, tmp_path):
    cells.obs["file"] = "x"
    for name in ("a.h5ad", "b.h5ad"):
        cells.write_h5ad(tmp_path / name)
    with pytest.raises(DataError, match="also has a column 'file'"):
        prepare_reference([tmp_path / "a.h5ad", tmp_path / "b.h5ad"], donor_key="file")
