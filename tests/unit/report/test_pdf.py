"""The report as PDF: the figures of the page, the same bytes every time, and the page where no PDF can be made."""

from __future__ import annotations

import re
import runpy
import sys
import zlib

import pytest
import weasyprint

from unmix import report
from unmix.report.pdf import write_pdf

TABLE = "sample (cell fraction)\tB cell\tT cell\na\t0.25\t0.75\nb\t0.5\t0.5\n"


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "results"
    place.mkdir()
    (place / "fractions.tsv").write_text(TABLE, encoding="utf-8")
    return place


def test_the_pdf_has_the_figures_of_the_page_and_the_same_bytes_every_time(folder, tmp_path, monkeypatch):
    page = report.render(report.read_results(folder))
    printed, layout = [], weasyprint.HTML
    monkeypatch.setattr(weasyprint, "HTML", lambda string: printed.append(string) or layout(string=string))
    for name in ("a.pdf", "b.pdf"):
        write_pdf(page, tmp_path / name)
    made = (tmp_path / "a.pdf").read_bytes()
    assert made.startswith(b"%PDF-")
    assert made == (tmp_path / "b.pdf").read_bytes()
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
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "unmix report: error: the PDF could not be made (AssertionError in WeasyPrint" in said
    assert "use the HTML page" in said
    assert "bug" not in said
    assert "</html>" in out.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "results"]


def streams(made):
    """Return what a PDF draws."""
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", made, re.DOTALL):
        try:
            yield zlib.decompress(part)
        except zlib.error:  # a font
            continue
