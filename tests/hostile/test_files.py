"""Models, tables, h5ad, results and sheets from strangers: a sentence or a result, never a traceback or a death."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from tests.hostile import attacks, kinds

from unmix.contract.model import Model
from unmix.errors import DataError

#: Cases of each kind here, and of a slow one; ``python -m tests.hostile`` runs more.
CASES, FEW = 25, 10


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    kinds.make_files(folder)
    return folder


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_the_good_files_are_read(files, tmp_path, kind):
    names, _, read = kinds.KINDS[kind]
    for number, name in enumerate(names):
        path = tmp_path / str(number) / name.split("/")[-1]
        path.parent.mkdir()
        shutil.copy(files / name, path)
        read(path, files, np.random.default_rng(1))


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_a_changed_file_ends_in_a_result_or_a_sentence(files, kind):
    ends, bad = attacks.run(kind, range(FEW if kind in attacks.SLOW else CASES), files)
    assert not bad
    assert ends["refused"] or kind == "checkpoint"  # a damaged one is set aside


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.arrays.pop("signature"), "no array signature"),
        (lambda m: m.arrays.update(signature=m.arrays["signature"][:, 1:]), "not 6 types x"),
        (lambda m: m.arrays.update(signature=m.arrays["signature"].astype(np.int8)), "of type int8"),
        (lambda m: m.arrays.update(signature=m.arrays["signature"] * 1e30), "beyond 1e+18"),
        (lambda m: m.arrays.update(other=m.arrays["signature"]), "has an array 'other'"),
        (lambda m: m.arrays.update({"reference.profiles": -m.arrays["reference.profiles"]}), "not 0 or more"),
        (lambda m: m.arrays.pop("intervals.shared_mrna"), "no array intervals.shared_mrna"),
    ],
)
def test_arrays_that_no_training_writes_are_refused(files, change, said):
    from unmix import engine
    from unmix.io import check

    model = Model.load(files / "nnls.safetensors")
    change(model)
    with pytest.raises(DataError, match=said.replace("+", r"\+")):
        engine.predict(model, check.read_bulk(files / "bulk.tsv"), device="cpu")


def test_a_model_of_states_has_intervals_of_states(files):
    from unmix import engine
    from unmix.io import check

    model = Model.load(files / "states.safetensors")
    del model.arrays["intervals.state_scores"]
    with pytest.raises(DataError, match=r"no array intervals\.state_scores"):
        engine.predict(model, check.read_bulk(files / "bulk.tsv"), device="cpu")


@pytest.mark.parametrize("label", ["T\x07cell", "T" * 1001])
def test_names_of_cell_types_that_no_table_can_hold_are_refused(files, tmp_path, label):
    import anndata

    from unmix.reference.prepare import prepare_reference

    cells = anndata.read_h5ad(files / "cells.h5ad")
    cells.obs["cell_type"] = cells.obs["cell_type"].astype(str).replace("NK", label)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(DataError, match="is no name of a cell type"):
        prepare_reference([tmp_path / "cells.h5ad"], "cell_type", "donor", preset="none")


def test_a_recipe_that_asks_for_a_huge_network_takes_no_memory(files):
    from unmix import engine
    from unmix.io import check

    model = Model.load(files / "scaden.safetensors")
    for net in model.recipe["nets"]:
        net["hidden"] = [1_000_000] * len(net["hidden"])
    with pytest.raises(DataError, match="other weights"):
        engine.predict(model, check.read_bulk(files / "bulk.tsv"), device="cpu")


@pytest.mark.parametrize("name", ["s\n1", "s\t1", "  ", ""])
def test_names_of_samples_that_no_table_can_hold_are_refused(files, tmp_path, name):
    import anndata

    from unmix.io import check

    bulk = anndata.read_h5ad(files / "bulk.h5ad")
    bulk.obs_names = [name, *bulk.obs_names[1:]]
    bulk.write_h5ad(tmp_path / "bulk.h5ad")
    with pytest.raises(DataError, match="is no name of a sample"):
        check.read_bulk(tmp_path / "bulk.h5ad")


def test_names_of_samples_are_read_back_from_our_tables(files, tmp_path):
    import anndata

    from unmix import engine
    from unmix.io import check, fractions

    bulk = anndata.read_h5ad(files / "bulk.h5ad")
    bulk.obs_names = ["#1", "NA", " blanks ", "1e5", '"q', "=cmd|' /C calc'!A0"]
    bulk.write_h5ad(tmp_path / "bulk.h5ad")
    samples = check.read_bulk(tmp_path / "bulk.h5ad")
    found = engine.predict(Model.load(files / "nnls.safetensors"), samples, device="cpu")
    fractions.write_fractions(found, lambda name: tmp_path / name)
    read, _ = fractions.read_fractions(tmp_path / "fractions.tsv")
    assert list(read.index) == list(samples.obs_names) == ["#1", "NA", "blanks", "1e5", '"q', "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.X.data.__setitem__(3, np.nan), "missing or infinite values"),
        (lambda r: r.X.data.__setitem__(3, -4), "negative values"),
        (lambda r: r.X.data.__setitem__(3, 1e30), "beyond 1e"),
        (lambda r: r.obs.__delitem__("donor"), "has no obs"),
    ],
)
def test_a_prepared_reference_is_verified(files, tmp_path, change, said):
    import anndata

    from unmix.reference.prepare import read_reference

    reference = anndata.read_h5ad(files / "reference.h5ad")
    change(reference)
    reference.write_h5ad(tmp_path / "reference.h5ad")
    with pytest.raises(DataError, match=said):
        read_reference(tmp_path / "reference.h5ad")
