"""What stands beside the page: one table of all methods, a workbook, sections for MultiQC, an index."""

from __future__ import annotations

import json
import re
import zipfile

import numpy as np
import pandas as pd
import pytest

from unmix import report
from unmix.io import tables
from unmix.report import beside, multiqc
from unmix.report.index import index

TYPES = ["=cmd|' /C calc'!A0", "B/plasma", "a cell type whose name is far longer than thirty-one characters"]
SAMPLES = ["1e5", "007", "+1", "s <b>"]


@pytest.fixture
def results(tmp_path):
    """Return results of two methods and a control; the first has intervals and a flag."""
    rng = np.random.default_rng(0)
    for name in ("nnls", "a_method_with_a_name_of_more_than_31_letters", "uniform"):
        place = tmp_path / name
        place.mkdir()
        values = pd.DataFrame(rng.dirichlet(np.ones(3), 4), SAMPLES, TYPES)
        tables.write_table(values, place / "fractions.tsv", "sample (cell fraction)")
        (place / "run.json").write_text(
            json.dumps({"step": "predict", "method": {"name": name, "family": "classical"}})
        )
        if name == "nnls":
            long = (
                values.rename_axis("sample").reset_index().melt("sample", var_name="cell_type", value_name="fraction")
            )
            long = long.assign(lower=0.0, upper=1.0, flag="ok", quantity="cell")
            long.loc[long["sample"] == "007", "flag"] = "unlike_reference"
            tables.write_table(long.set_index("sample"), place / "fractions_long.tsv", "sample")
    return report.read_results(tmp_path, "nnls")


def test_one_table_holds_every_estimate_of_every_method(results, tmp_path):
    beside.write_beside(results, "a title", lambda name: tmp_path / name)
    found = pd.read_csv(tmp_path / "all_methods.tsv", sep="\t", dtype={"sample": str}, float_precision="round_trip")
    assert list(found) == [
        *["method", "control", "sample", "cell_type", "quantity", "fraction", "lower", "upper", "flag"]
    ]
    assert len(found) == 3 * 4 * 3
    for result in results.methods:
        own = found[found["method"] == result.name].pivot(index="sample", columns="cell_type", values="fraction")
        pd.testing.assert_frame_equal(
            own.loc[SAMPLES, TYPES], result.values, check_names=False, check_exact=True, check_index_type=False
        )
    assert set(found[found["control"]]["method"]) == {"uniform"}
    assert set(found[found["flag"] == "unlike_reference"]["sample"]) == {"007"}


def test_the_workbook_holds_names_as_text_and_the_same_bytes(results, tmp_path):
    for number in (1, 2):
        beside.write_beside(results, "a title", lambda name, number=number: tmp_path / f"{number}{name}")
    assert (tmp_path / "1tables.xlsx").read_bytes() == (tmp_path / "2tables.xlsx").read_bytes()
    with zipfile.ZipFile(tmp_path / "1tables.xlsx") as book:
        names = re.findall(r'<sheet name="([^"]*)"', book.read("xl/workbook.xml").decode())
        sheets = [book.read(name).decode() for name in book.namelist() if "worksheets/sheet" in name]
    assert names == ["about", "nnls", "a_method_with_a_name_of_more_th", "uniform", "lower nnls", "upper nnls", "flags"]
    assert not any("<f>" in sheet for sheet in sheets)
    assert all("=cmd|" in sheet for sheet in sheets[1:6])
    value = results.headline.values.iloc[0, 0]
    assert f"<v>{value!r}</v>".replace("np.float64(", "").replace(")", "")[:14] in sheets[1]


def test_multiqc_gets_sections_as_its_documentation_describes(results):
    fractions, flags = multiqc.sections(results, "row 1")
    for section in (fractions, flags):
        assert re.fullmatch(r"[A-Za-z][\w-]*", section["id"])
        assert {"section_name", "description", "parent_id", "parent_name", "plot_type", "pconfig", "data"} <= set(
            section
        )
        assert section["pconfig"]["id"] != section["id"]
        assert list(section["data"]) == SAMPLES
    assert fractions["plot_type"] == "bargraph"
    assert all(sum(row.values()) == pytest.approx(100, abs=1e-4) for row in fractions["data"].values())
    assert set(fractions["categories"]) == set(TYPES)
    assert flags["plot_type"] == "table"
    assert flags["data"]["007"]["flag"] == "unlike_reference"
    assert set(flags["headers"]) == set(flags["data"]["007"])


def test_rows_whose_titles_are_alike_stay_apart_in_multiqc(results):
    ids = {multiqc.sections(results, title)[0]["id"] for title in ("row 1", "row_1", "row-1", "row  1", "")}
    assert len(ids) == 5


def test_the_index_leads_to_every_row_and_escapes_what_others_wrote(results):
    rows = [("a", "nnls", "done", "", "", ""), ("b", "<i>", "failed", "check", "gene <b> is negative.", "correct it")]
    summary = pd.DataFrame(rows, columns=["id", "method", "status", "step", "found", "do"])
    facts = {"a": beside.facts(results, "a")}
    page = index(summary, facts, {"command": ["nextflow run x"], "parameters": {"seed": "0", "samples": ""}})
    assert "1 of 2 rows of the samplesheet has estimates" in page
    assert '<a href="a/report.html">a</a>' in page
    assert "gene &lt;b&gt; is negative." in page
    assert "nextflow run x" in page
    assert "<script" not in page
