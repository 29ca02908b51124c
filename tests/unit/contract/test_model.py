from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save_file

from unmix.contract.model import Model
from unmix.errors import DataError

FACTS = {"unmix": "0", "seed": 3, "training": {}, "bulk_at_training": False, "reference_genes": ["g1"]}
FACTS["intervals"] = {"held_out": "donors"}
FACTS["reference"] = {"cells_per_type": {"a": 3}, "mrna_per_cell": {"a": 900.5}}


@pytest.fixture
def model():
    arrays = {"b": np.arange(6.0).reshape(2, 3).T, "a": np.ones(2, np.float32)}
    return Model("nnls", {"weights": "mean"}, ["g1", "g 2"], ["CD4+ T", "B/plasma"], "mrna", arrays, FACTS)


def test_survives_the_file(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    loaded = Model.load(tmp_path / "model.safetensors")
    assert (loaded.genes, loaded.cell_types, loaded.facts) == (model.genes, model.cell_types, model.facts)
    assert all(np.array_equal(loaded.arrays[name], model.arrays[name]) for name in "ab")


def test_same_model_same_bytes(model, tmp_path):
    for name in "ab":
        model.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80\x04pickle"])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="not a safetensors file"):
        Model.load(tmp_path / "model.safetensors")


def test_a_missing_file_and_a_foreign_one_are_told_apart(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        Model.load(tmp_path / "none.safetensors")
    save_file({"x": np.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(DataError, match="without unmix's header"):
        Model.load(tmp_path / "other.safetensors")


def test_a_newer_format_is_refused(model, tmp_path, monkeypatch):
    monkeypatch.setattr("unmix.contract.model.FORMAT", 99)
    model.save(tmp_path / "new.safetensors")
    monkeypatch.undo()
    with pytest.raises(DataError, match="format 99"):
        Model.load(tmp_path / "new.safetensors")


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_model_that_is_not_finite_is_neither_written_nor_read(model, tmp_path, number):
    path = tmp_path / "model.safetensors"
    model.save(path)
    model.arrays["intervals.scores"] = np.full((2, 3), np.nan)  # no interval could be learned
    model.save(path)
    Model.load(path)
    model.arrays["b"] = np.array([1.0, number])
    with pytest.raises(DataError, match="array b"):
        model.save(path)
    save_file({"b": np.array([1.0, number])}, path, metadata={"unmix": "{}"})
    with pytest.raises(DataError, match="array b"):
        Model.load(path)
