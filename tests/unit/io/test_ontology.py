from __future__ import annotations

import gzip
import os
import subprocess
import sys

import numpy as np
import pytest

from unmix.errors import DataError
from unmix.io.ontology import find, levels, read_obo

OBO = """format-version: 1.2
ontology: small

[Term]
id: CL:0000000
name: cell

[Term]
id: CL:0000542
name: lymphocyte
is_a: CL:0000000 ! cell

[Term]
id: CL:0000084
name: T cell
synonym: "T lymphocyte" EXACT []
synonym: "thymocyte" RELATED []
is_a: CL:0000542 {is_inferred="true"} ! lymphocyte

[Term]
id: CL:0000623
name: natural killer cell
synonym: "NK cell" EXACT [GOC:x]
is_a: CL:0000542 ! lymphocyte
relationship: part_of UBERON:1 ! somewhere

[Term]
id: CL:0000814
name: mature NK T cell
is_a: CL:0000084 ! T cell
is_a: CL:0000623 ! natural killer cell
is_a: BFO:1 ! of another ontology

[Term]
id: CL:0000999
name: monocyte
is_obsolete: true

[Typedef]
id: part_of
name: part of
"""


@pytest.fixture
def small(tmp_path):
    (tmp_path / "small.obo").write_text(OBO)
    return read_obo(tmp_path / "small.obo")


def test_reads_terms_that_are_not_obsolete(small):
    assert set(small.names.values()) == {"cell", "lymphocyte", "T cell", "natural killer cell", "mature NK T cell"}
    assert small.parents["CL:0000084"] == ("CL:0000542",)
    assert small.parents["CL:0000814"] == ("CL:0000084", "CL:0000623")  # parents in the file only


@pytest.mark.parametrize("name", ["T cell", "T_cells", "t lymphocyte", "CL:0000084"])
def test_finds_by_name_synonym_and_identifier(small, name):
    assert find(small, [name], {}) == {name: "CL:0000084"}


def test_related_synonyms_and_obsolete_terms_are_not_found(small):
    assert find(small, ["thymocyte", "monocyte"], {}) == {}


def test_a_given_term_counts_before_the_name(small):
    assert find(small, ["CD4T", "T cell"], {"CD4T": "T cell", "T cell": "CL:0000542"}) == {
        "CD4T": "CL:0000084",
        "T cell": "CL:0000542",
    }
    with pytest.raises(DataError, match="'none'"):
        find(small, ["CD4T"], {"CD4T": "none"})


def test_fractions_add_up_to_the_root(small):
    types = ["NK cell", "unknown", "mature NK T cell", "T cell"]
    found = levels(small.parents, find(small, types, {}), types)
    assert [found.nodes.index(term) for term in ("CL:0000814", "CL:0000084", "CL:0000542", "CL:0000000")] == sorted(
        found.nodes.index(term) for term in ("CL:0000814", "CL:0000084", "CL:0000542", "CL:0000000")
    )
    values = dict(zip(found.nodes, np.array([0.1, 0.2, 0.3, 0.4]) @ found.share, strict=True))
    assert values["CL:0000084"] == pytest.approx(0.4 + 0.3 / 2)
    assert values["CL:0000623"] == pytest.approx(0.1 + 0.3 / 2)
    assert values["CL:0000542"] == values["CL:0000000"] == pytest.approx(0.8)  # the unknown type is lost


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n\n[", "\n["),
        lambda text: text.replace("is_a: CL:0000542 ! l", "relationship: part of too many words\nis_a: CL:0000542 ! l"),
        lambda text: text.replace("name: cell\n", "name: cell\na line that is none of OBO's\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.split("\n\n", 1)[1],
    ],
    ids=["no blank lines", "relationship", "stray line", "windows", "no header"],
)
def test_files_of_strangers_are_read_alike_and_in_silence(small, tmp_path, change, caplog):
    (tmp_path / "other.obo").write_bytes(change(OBO).encode())
    assert read_obo(tmp_path / "other.obo") == small
    assert not caplog.records


def test_a_compressed_ontology_is_read(small, tmp_path):
    (tmp_path / "small.obo.gz").write_bytes(gzip.compress(OBO.encode()))
    assert read_obo(tmp_path / "small.obo.gz") == small


def test_a_term_without_a_name_passes_fractions_on(tmp_path):
    (tmp_path / "small.obo").write_text(OBO.replace("name: lymphocyte\n", ""))
    assert read_obo(tmp_path / "small.obo").parents["CL:0000084"] == ("CL:0000542",)


def test_the_order_of_terms_does_not_depend_on_the_run():
    code = (
        "from unmix.io.ontology import levels\n"
        "parents = {f'{i}{x}': [f'{i + 1}{y}' for y in 'ab'] for i in range(9) for x in 'ab'}\n"
        "print(levels(parents, {'x': '0a', 'y': '3b'}, ['x', 'y']).nodes)"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]


def test_what_cannot_be_read_says_why(tmp_path):
    (tmp_path / "no_id.obo").write_text("[Term]\nname: cell\n")
    with pytest.raises(DataError, match=r"no_id\.obo cannot be read as OBO: a term without id"):
        read_obo(tmp_path / "no_id.obo")
    (tmp_path / "other.obo").write_bytes(b"\x89HDF\r\n\x1a\n\x00")
    with pytest.raises(DataError, match=r"other\.obo"):
        read_obo(tmp_path / "other.obo")
    (tmp_path / "empty.obo").write_text("format-version: 1.2\n")
    with pytest.raises(DataError, match="no terms"):
        read_obo(tmp_path / "empty.obo")
    with pytest.raises(DataError, match="circle"):
        levels({"a": ["b"], "b": ["a"]}, {"x": "a"}, ["x"])


def test_a_long_line_of_descent_is_followed_to_its_end():
    parents = {f"t{i}": [f"t{i + 1}"] for i in range(3000)}
    found = levels(parents, {"x": "t0"}, ["x"])
    assert (found.nodes[0], found.nodes[-1]) == ("t0", "t3000")
    assert (found.share == 1).all()
