"""The report as PDF keeps the colours of its drawings, which WeasyPrint does not take from the page by itself."""

from __future__ import annotations

import re
import zlib

from unmix import report
from unmix.report.pdf import write_pdf


def test_the_pdf_has_the_colours_of_the_page_and_the_same_bytes_every_time(tmp_path):
    table = "sample (cell fraction)\tB cell\tT cell\na\t0.25\t0.75\nb\t0.5\t0.5\n"
    (tmp_path / "fractions.tsv").write_text(table, encoding="utf-8")
    page = report.render(report.read_results(tmp_path))
    for name in ("a.pdf", "b.pdf"):
        write_pdf(page, tmp_path / name)
    made = (tmp_path / "a.pdf").read_bytes()
    assert made.startswith(b"%PDF-")
    assert made == (tmp_path / "b.pdf").read_bytes()
    assert "--c0: #332288" in page
    assert b"0.2 0.133333 0.533333 rg" in b"".join(streams(made))


def streams(made):
    """Return what a PDF draws."""
    for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", made, re.DOTALL):
        try:
            yield zlib.decompress(part)
        except zlib.error:  # a font
            continue
