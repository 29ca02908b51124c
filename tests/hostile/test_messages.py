"""Messages with names of others: a command that is copied from one runs nothing, and no terminal is steered."""

from __future__ import annotations

import shlex

import pytest
from tests.hostile import forks

from unmix import toy
from unmix.errors import DataError
from unmix.io import formats
from unmix.reference.prepare import prepare_reference


@pytest.mark.parametrize("end", [".loom", ".parquet", ".tar", ".rds"])
@pytest.mark.parametrize("name", ["x'); __import__('os').system('touch EXECUTED')#", "$(touch EXECUTED)", "`touch E`"])
def test_a_conversion_to_type_holds_no_name_that_would_be_run(tmp_path, name, end):
    path = tmp_path / f"{name}{end}"
    path.write_bytes(b"\x00\x01")
    with pytest.raises(DataError) as refused:
        formats.refuse_foreign(path)
    assert name not in refused.value.do
    assert "touch" not in refused.value.do
    plain = tmp_path / f"my cells{end}"
    plain.write_bytes(b"\x00\x01")
    with pytest.raises(DataError) as refused:
        formats.refuse_foreign(plain)
    assert "my cells" in refused.value.do


@pytest.mark.parametrize("column", ["cell type; touch EXECUTED", "cell_type $(touch EXECUTED)"])
def test_a_column_in_a_proposed_option_is_one_word(tmp_path, column):
    cells = toy(genes=60, cells_per_type=3, donors=2, samples=1)[0]
    cells.uns.pop("unmix")
    cells.obs = cells.obs.rename(columns={"cell_type": column})
    cells.write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(DataError) as refused:
        prepare_reference([tmp_path / "cells.h5ad"], "celltype", preset="none")
    assert shlex.split(refused.value.do) == ["--cell-type-key", column]


def test_names_do_not_steer_the_terminal(tmp_path):
    code, said = forks.run("check", tmp_path / "x\x1b[2J\x1b]0;owned\x07\u202e.tsv", "--out-dir", tmp_path / "out")
    assert code == 65
    assert r"x\x1b[2J\x1b]0;owned\x07\u202e.tsv" in said
    assert not set(said) & set("\x1b\x07\u202e")


def test_a_report_replaces_no_table_of_the_results(tmp_path):
    (tmp_path / "nnls").mkdir()
    table = tmp_path / "nnls" / "fractions.tsv"
    table.write_text("sample (cell fraction)\tA\tB\ns\t0.5\t0.5\n")
    code, said = forks.run("report", tmp_path, "--out", table)
    assert code == 2, said
    assert "and an output" in said
    assert table.read_text().startswith("sample")
