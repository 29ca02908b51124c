import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import io as spio
from scipy import sparse

from unmix.errors import DataError
from unmix.reference import single_cells

RNG = np.random.default_rng(1)
COUNTS = RNG.poisson(0.5, (50, 30))
NAMES = [f"cell{i}" for i in range(50)]
GENES = ["CD3D", "MS4A1", "GAPDH", "ACTB", "B2M", "LYZ", *(f"GENE{i}" for i in range(24))]


def made(matrix=None):
    data = anndata.AnnData(sparse.csr_matrix(COUNTS) if matrix is None else matrix)
    data.obs_names, data.var_names = NAMES, GENES
    data.obs["kind"] = pd.Categorical(["a b", "c"] * 25)
    return data


@settings(max_examples=40, deadline=None)
@given(
    wanted=st.lists(st.integers(0, 49), unique=True).map(sorted),
    form=st.sampled_from([sparse.csr_matrix, sparse.csc_matrix, np.asarray]),
    values=st.integers(1, 400),
)
def test_rows_come_from_disk_in_order_whatever_the_storage(tmp_path_factory, wanted, form, values):
    path = tmp_path_factory.getbasetemp() / "cells.h5ad"
    made(form(COUNTS.astype(np.float32))).write_h5ad(path)
    (matrix,) = single_cells.read_cells(path).matrices
    usual, single_cells.CHUNK_VALUES = single_cells.CHUNK_VALUES, values
    try:
        blocks = list(matrix.rows(np.array(wanted, dtype=int)))
    finally:
        single_cells.CHUNK_VALUES = usual
    got = np.vstack([block.toarray() for block in blocks]) if blocks else np.zeros((0, 30))
    np.testing.assert_array_equal(got, COUNTS[wanted])
    if form is sparse.csr_matrix and len(wanted) > 25 and values < 20:
        assert len(blocks) > 1


def test_annotation_is_read_by_column_and_missing_labels_are_empty(tmp_path):
    data = made()
    data.obs["label"] = pd.Categorical(["B", None] * 25)
    data.write_h5ad(tmp_path / "a.h5ad")
    found = single_cells.read_cells(tmp_path / "a.h5ad")
    assert found.keys == ["kind", "label"]
    assert list(found.column("label")[:2]) == ["B", ""]
    assert list(found.column("kind")[:2]) == ["a b", "c"]


def test_10x_folders_and_tables_are_read(tmp_path):
    folder = tmp_path / "filtered_feature_bc_matrix"
    folder.mkdir()
    spio.mmwrite(folder / "matrix.mtx", sparse.coo_matrix(COUNTS.T))
    (folder / "genes.tsv").write_text("".join(f"ENSG{i:011d}\t{gene}\n" for i, gene in enumerate(GENES)))
    (folder / "barcodes.tsv").write_text("".join(f"{name}\n" for name in NAMES))
    table = pd.DataFrame(COUNTS, index=NAMES, columns=GENES)
    table.T.to_csv(tmp_path / "turned.tsv", sep="\t")
    table.insert(0, "kind", ["a", "b"] * 25)
    table.to_csv(tmp_path / "cells.csv")
    labels = tmp_path / "labels.tsv"
    table[["kind"]].iloc[::-1].to_csv(labels, sep="\t")
    for path, sheet in [(folder, labels), (tmp_path / "turned.tsv", labels), (tmp_path / "cells.csv", None)]:
        found = single_cells.read_cells(path, sheet)
        assert list(found.column("kind")[:3]) == ["a", "b", "a"]
        (block,) = found.matrices[0].rows(np.arange(50))
        np.testing.assert_array_equal(block.toarray(), COUNTS)
        assert list(found.matrices[0].var.index) == GENES


def test_annotations_of_other_cells_are_refused(tmp_path):
    made().write_h5ad(tmp_path / "a.h5ad")
    (tmp_path / "l.tsv").write_text("cell\tkind\nother\tB\n")
    with pytest.raises(DataError, match="none of the cells"):
        single_cells.read_cells(tmp_path / "a.h5ad", tmp_path / "l.tsv")


def test_a_folder_that_is_no_10x_output_is_refused(tmp_path):
    with pytest.raises(DataError, match="10x"):
        single_cells.read_cells(tmp_path)


def test_a_block_damaged_on_disk_is_a_data_error(tmp_path):
    path = tmp_path / "a.h5ad"
    counts = RNG.poisson(2, (500, 30)).astype(np.float32)
    var = pd.DataFrame(index=GENES)
    anndata.AnnData(sparse.csr_matrix(counts), var=var).write_h5ad(path, compression="gzip")
    raw = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        at = file["X/data"].id.get_chunk_info(0)
    raw[at.byte_offset + 20 : at.byte_offset + at.size] = bytes(at.size - 20)
    path.write_bytes(raw)
    (matrix,) = single_cells.read_cells(path).matrices
    with pytest.raises(DataError, match="damaged"):
        list(matrix.rows(np.arange(500)))
