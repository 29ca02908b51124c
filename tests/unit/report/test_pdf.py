"""The report as PDF: the figures of the page, the same bytes every time, and the page where no PDF can be made."""

from __future__ import annotations

import re
import runpy
import sys
import zlib

import numpy as np
import pandas as pd
import pytest
import weasyprint

from unmix import report
from unmix.report.pdf import as_pdf
from unmix.report.results import Result, Results

TABLE = "sample (cell fraction)\tB cell\tT cell\na\t0.25\t0.75\nb\t0.5\t0.5\n"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "results"
    place.mkdir()
    (place / "fractions.tsv").write_text(TABLE, encoding="utf-8")
    return place


def test_the_pdf_has_the_figures_of_the_page_and_the_same_bytes_every_time(folder, monkeypatch):
    page = report.render(report.read_results(folder))
    printed, layout = [], weasyprint.HTML
    monkeypatch.setattr(weasyprint, "HTML", lambda string: printed.append(string) or layout(string=string))
    made = as_pdf(page)
    assert made.startswith(b"%PDF-")
    assert made == as_pdf(page)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert drawings
    assert drawings == re.findall(r"<svg.*?</svg>", printed[0], re.DOTALL)
    drawn = b"".join(streams(made))
    for colour in (b"0.396078 0.345098 0.784314 rg", b"0.266667 0.666667 0.6 rg"):  # of both cell types
        assert colour in drawn


def test_where_weasyprint_fails_the_page_stays_and_the_reason_is_a_sentence(
    folder, tmp_path, monkeypatch, capsys, root
):
    def fail(*_, **__):
        raise AssertionError

    monkeypatch.setattr(weasyprint.HTML, "write_pdf", fail)
    out, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    monkeypatch.setattr(sys, "argv", ["unmix_report.py", *map(str, (folder, "--out", out, "--pdf", pdf))])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(root / "bin" / "unmix_report.py"), run_name="__main__")
    assert stopped.value.code == 0
    said = capsys.readouterr().err
    assert "No PDF: the PDF could not be made (AssertionError in WeasyPrint" in said
    assert "The HTML page is complete" in said
    assert "bug" not in said
    assert "</html>" in out.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "results"]


@pytest.mark.parametrize("samples", [2, 30, 61])
def test_a_pdf_is_made_wherever_the_pages_break(samples):
    """Breaks inside a grid once ended WeasyPrint with an assertion."""
    page = report.render(results(samples, 12))
    for shift in range(0, 260, 65):
        assert as_pdf(page.replace("<main>", f'<main><div style="height:{shift}mm"></div>')).startswith(b"%PDF-")


def test_a_page_of_many_samples_summarises_them():
    """3,000 samples made 21 MB of page; a PDF of 1,000 took 2 GB."""
    few, many = (report.render(results(samples, 30)) for samples in (200, 3000))
    assert len(many) < len(few) < 3e6  # half of it are the figures to save
    assert "sample 199<" in few
    assert "sample 2999<" not in many
    assert "the mean of consecutive samples" in many
    assert "mean of 30 samples, " in many
    assert "The files fractions.tsv and fractions_long.tsv list every sample" in many


def results(samples, types):
    """Return results of one method for random fractions."""
    drawn = np.random.default_rng(0).dirichlet(np.ones(types), samples)
    values = pd.DataFrame(
        drawn, [f"sample {i}" for i in range(samples)], [f"type {i}" for i in range(types)]
    ).rename_axis("sample")
    flags = pd.Series(np.where(np.arange(samples) % 3, "ok", "unlike_reference"), values.index)
    method = Result(name="nnls", values=values, quantity="cell", lower=values - 0.05, upper=values + 0.05, flags=flags)
    return Results([method], [], [], [])


def streams(made):
    """Return what a PDF draws."""
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", made, re.DOTALL):
        try:
            yield zlib.decompress(part)
        except zlib.error:  # a font
            continue
