"""Files whose parts contradict each other, or that expand to far more than they are: a sentence, never a crash."""

from __future__ import annotations

import gzip
import multiprocessing
import resource
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy import sparse

from unmix.errors import DataError
from unmix.io import check, expansion, pretrained, tables
from unmix.reference.single_cells import read_cells
from unmix.simulate.toy import toy

ROOT = Path(__file__).resolve().parents[2]


def outcome(function, path, memory=4 << 30):
    """Return the sentence of a DataError in a process of its own, "" without an error; a crash fails the test."""

    def child(pipe):
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
        try:
            function(path)
            pipe.send("")
        except DataError as error:
            pipe.send(str(error))

    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=child, args=(theirs,))
    process.start()
    theirs.close()
    process.join()
    assert process.exitcode == 0, f"the process ended with {process.exitcode}"
    return ours.recv()


def read_reference(path):
    """Read all cells of a reference, as its preparation does."""
    cells = read_cells(path)
    for matrix in cells.matrices:
        for block in matrix.rows(np.arange(len(cells.obs_names))):
            block.sum(axis=0)


def read_bulk(path):
    """Read samples, as every step that takes a bulk does."""
    check.read_bulk(path, "auto", None)


def resize(group, part, values):
    del group[part]
    group[part] = values


def change(part, at, value):
    def change(group):
        group[part][at] = value

    return change


def cut(part, number):
    return lambda group: resize(group, part, group[part][:-number])


def typed(part, kind):
    return lambda group: resize(group, part, group[part][:].astype(kind))


def shaped(*shape):
    return lambda group: group.attrs.__setitem__("shape", np.array(shape))


def decreasing(group):
    pointers = group["indptr"][:]
    pointers[2] = pointers[-1] + 7
    resize(group, "indptr", pointers)


ATTACKS = {
    "negative index": change("indices", 3, -5),
    "very negative index": change("indices", slice(None), -(2**30)),
    "index just outside": lambda group: change("indices", 0, max(group.attrs["shape"]))(group),
    "large index": change("indices", slice(0, 50), 2**31 - 1),
    "very large index": lambda group: resize(group, "indices", np.full(len(group["indices"]), 2**62)),
    "unsigned index": lambda group: resize(group, "indices", np.full(len(group["indices"]), 2**64 - 1, np.uint64)),
    "decreasing pointers": decreasing,
    "negative pointer": change("indptr", 1, -9),
    "first pointer": change("indptr", 0, 4),
    "last pointer too large": change("indptr", -1, 2**31 - 1),
    "last pointer too small": change("indptr", -1, 1),
    "too few pointers": cut("indptr", 1),
    "no pointers": lambda group: resize(group, "indptr", np.array([], np.int64)),
    "too few indices": cut("indices", 9),
    "too few values": cut("data", 9),
    "indices with a fraction": typed("indices", float),
    "pointers with a fraction": typed("indptr", float),
    "indices of text": lambda group: resize(group, "indices", [b"x"] * len(group["indices"])),
    "two dimensions": lambda group: resize(group, "data", group["data"][:][None]),
    "shape too small": shaped(3, 3),
    "huge shape": shaped(2**40, 2**40),
    "negative shape": shaped(-24, 400),
    "shape of three": shaped(24, 400, 2),
    "shape of fractions": lambda group: group.attrs.__setitem__("shape", np.array([24.5, 400.0])),
    "the other order": lambda group: group.attrs.__setitem__(
        "encoding-type", {"csr_matrix": "csc_matrix", "csc_matrix": "csr_matrix"}[group.attrs["encoding-type"]]
    ),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Return a sound reference by the order of its matrix and the place where it stands."""
    folder = tmp_path_factory.mktemp("sound")
    paths = {}
    for order, kind in (("csr", sparse.csr_matrix), ("csc", sparse.csc_matrix)):
        reference, _ = toy(cells_per_type=4, samples=2)
        reference.X = kind(np.asarray(reference.to_df()))
        reference.layers["counts"] = reference.X.copy()
        reference.raw = reference.copy()
        paths[order] = folder / f"{order}.h5ad"
        reference.write_h5ad(paths[order])
        assert outcome(read_reference, paths[order]) == ""
        assert outcome(read_bulk, paths[order]) == ""
    return paths


@pytest.mark.parametrize("place", ["X", "raw/X"])
@pytest.mark.parametrize("order", ["csr", "csc"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_sparse_matrix_that_contradicts_itself_is_refused(sound, tmp_path, attack, order, place):
    path = tmp_path / "bad.h5ad"
    shutil.copy(sound[order], path)
    with h5py.File(path, "a") as file:
        ATTACKS[attack](file[place])
    for read in (read_reference, read_bulk):
        said = outcome(read, path)
        assert said.startswith("bad.h5ad")
        assert "expected:" in said


@pytest.mark.parametrize("order", ["csr", "csc"])
def test_the_script_ends_with_65_and_a_sentence(sound, tmp_path, order):
    shutil.copy(sound[order], tmp_path / "bad.h5ad")
    with h5py.File(tmp_path / "bad.h5ad", "a") as file:
        ATTACKS["large index"](file["X"])
    command = [sys.executable, ROOT / "bin" / "unmix_reference.py", "--cell-type-key", "cell_type", "--", "bad.h5ad"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 65
    assert "bad.h5ad: X is no valid sparse matrix: it has the index 2,147,483,647, and only" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_said(sound, tmp_path, value):
    shutil.copy(sound["csr"], tmp_path / "bad.h5ad")
    with h5py.File(tmp_path / "bad.h5ad", "a") as file:
        for place in ("X", "layers/counts", "raw/X"):
            file[place]["data"][2] = value
    assert "holds missing or infinite values" in outcome(read_reference, tmp_path / "bad.h5ad")


def test_fewer_genes_than_columns_are_refused(sound, tmp_path):
    path = tmp_path / "bad.h5ad"
    shutil.copy(sound["csr"], path)
    with h5py.File(path, "a") as file:
        for name in list(file["var"]):
            resize(file["var"], name, file["var"][name][:5].astype("S"))
    assert outcome(read_reference, path)


def tenx(folder, attack=None):
    """Write a .h5 of 10x: 6 genes x 4 cells."""
    path = folder / "bad.h5"
    counts = sparse.random(6, 4, 0.5, format="csc", random_state=0, dtype=np.float32)
    genes, barcodes = [f"G{i}".encode() for i in range(6)], [f"c{i}".encode() for i in range(4)]
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(counts, name).astype(np.int32)
        group["shape"] = np.array(counts.shape, np.int32)
        group["barcodes"] = barcodes
        kinds = [b"Gene Expression"] * 5 + [b"Antibody Capture"]
        for name, values in {"id": genes, "name": genes, "feature_type": kinds, "genome": [b"g"] * 6}.items():
            group[f"features/{name}"] = values
        if attack:
            attack(group)
    return path


@pytest.mark.parametrize("attack", [name for name in ATTACKS if "shape" not in name and "order" not in name])
def test_a_10x_file_that_contradicts_itself_is_refused(tmp_path, attack):
    assert outcome(read_reference, tenx(tmp_path)) == ""

    def craft(group):
        group.attrs["shape"] = group["shape"][:]
        ATTACKS[attack](group)

    assert "bad.h5: matrix is no valid sparse matrix" in outcome(read_reference, tenx(tmp_path, craft))


@pytest.mark.parametrize("shape", [(-6, 4), (6, 2**31 - 1), (2, 4), (6, 4, 1), (6,)])
def test_a_10x_file_of_a_wrong_shape_is_refused(tmp_path, shape):
    path = tenx(tmp_path, lambda group: resize(group, "shape", np.array(shape, np.int32)))
    assert "bad.h5: matrix is no valid sparse matrix" in outcome(read_reference, path)


HEAD = "%%MatrixMarket matrix coordinate integer general\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "3 3 1000000000000\n1 1 1\n",
        HEAD + "3 3 500000000\n1 1 1\n",
        HEAD + "99999999999 99999999999 2\n1 1 1\n2 2 1\n",
        HEAD + "3 4000000000 2\n1 1 1\n2 2 1\n",
        HEAD + "3 3 2\n1 1 1\n9 9 1\n",
        HEAD + "3 3 2\n1 1 1\n-5 -9 1\n",
        HEAD + "3 3 2\n1 1 1\n0 0 1\n",
        HEAD + "-3 -3 2\n1 1 1\n",
        HEAD + "3 3 5\n1 1 1\n",
        HEAD + "3 3 2\n1 1 1\n2 2 1\t\x00\n",
        HEAD + "3 3 2\n1 1 1 7\n2 2 1 7\n",
        HEAD + "3 3 2\n1 1\n2 2\n",
        HEAD + "3 3 1\n1 1 1\n2 2 1\n",
        HEAD + "3 3\n",
        HEAD,
        "%%MatrixMarket matrix array real general\n300000 300000\n1\n",
        "%%MatrixMarket matrix coordinate complex general\n3 3 1\n1 1 1 2\n",
        "",
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_a_10x_folder_that_declares_what_it_does_not_hold_is_refused(tmp_path, text, zipped):
    files = {"matrix.mtx": text, "barcodes.tsv": "a\nb\nc\n"}
    names = "".join(f"ENSG{i}\tG{i}\tGene Expression\n" for i in range(3))
    files["features.tsv" if zipped else "genes.tsv"] = names
    for name, content in files.items():
        if zipped:
            (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
        else:
            (tmp_path / name).write_text(content)
    assert outcome(read_reference, tmp_path, memory=2 << 30)


@pytest.fixture
def small(monkeypatch):
    """Bombs of a few MB will do: the limit that any file may reach is lower here."""
    monkeypatch.setattr(expansion, "LEAST", 1 << 20)


BOMB = 1 << 26


def test_a_gzip_bomb_is_refused(small, tmp_path):
    path = tmp_path / "bomb.tsv.gz"
    path.write_bytes(gzip.compress(b"gene\ta\tb\n" + b"0\t" * (BOMB // 2)))
    assert "bomb.tsv.gz has" in outcome(tables.read_table, path)
    assert "expands to" in outcome(read_bulk, path)
    folder = tmp_path / "10x"
    folder.mkdir()
    shutil.copy(path, folder / "matrix.mtx.gz")
    for name in ("barcodes.tsv", "genes.tsv"):
        (folder / name).write_text("a\n")
    assert "expands to" in outcome(read_reference, folder)


@pytest.mark.parametrize("name", ["bomb.npz", "bomb.pt"])
def test_a_zip_bomb_is_refused_as_weights(small, tmp_path, name):
    path = tmp_path / name
    if name == "bomb.npz":
        np.savez_compressed(path, weight=np.zeros(BOMB // 8))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("archive/data.pkl", bytes(BOMB))
    assert f"{name} has" in outcome(pretrained.read_weights, path)


def test_a_tensor_larger_than_its_file_is_refused(small, tmp_path):
    import torch

    torch.save({"weight": torch.zeros(1).expand(BOMB)}, tmp_path / "bomb.pt")
    assert "bomb.pt has" in outcome(pretrained.read_weights, tmp_path / "bomb.pt")


def test_an_array_larger_than_its_file_is_refused(tmp_path):
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as file:
        file.writestr("weight.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
    assert "cannot be read as weights" in outcome(pretrained.read_weights, tmp_path / "bomb.npz")


@pytest.mark.parametrize("kind", ["packed", "never written", "one part by many names", "parts within themselves"])
def test_an_h5_bomb_is_refused(sound, small, tmp_path, kind):
    path = tmp_path / "bomb.h5ad"
    shutil.copy(sound["csr"], path)
    with h5py.File(path, "a") as file:
        if kind == "packed":
            file["layers"].create_dataset("zeros", data=np.zeros((60, BOMB // 60)), compression="gzip")
        elif kind == "never written":
            file["layers"].create_dataset("none", shape=(1 << 20, 1 << 20), dtype="f8")
        elif kind == "one part by many names":
            for number in range(3000):
                file[f"uns/{number}"] = file["X"]
        else:
            file["uns/again"] = file["uns"]
    for read in (read_reference, read_bulk):
        assert "bomb.h5ad" in outcome(read, path)


@pytest.mark.parametrize("kind", ["link", "raw", "virtual"])
def test_an_h5_that_points_to_another_file_is_refused(sound, tmp_path, kind):
    """Else a reference of a stranger could carry the bytes of any file that the user may read into a result."""
    path = tmp_path / "points.h5ad"
    shutil.copy(sound["csr"], path)
    with h5py.File(path, "a") as file:
        del file["X"]
        if kind == "link":
            file["X"] = h5py.ExternalLink(str(sound["csc"]), "/X")
        elif kind == "raw":
            file.create_dataset("X", shape=(24, 8), dtype="u1", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
        else:
            layout = h5py.VirtualLayout(shape=(4,), dtype="i4")
            layout[:] = h5py.VirtualSource(str(sound["csc"]), "X/indices", shape=(4,))
            file.create_virtual_dataset("X", layout)
    for read in (read_reference, read_bulk):
        assert "X points to another file" in outcome(read, path)


def test_the_limit_is_far_above_what_data_hold():
    """Measured on tables and h5ad of 20 published data sets: 2 to 7 times."""
    assert expansion.limit(10**9) >= 100 * 10**9
    assert expansion.limit(1) >= 1 << 28
