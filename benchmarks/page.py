"""Tables that benchmarks write into docs/performance.md, between two comments; the text around them is kept by hand."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def write(name: str, header: list[str], rows: list[list[str]]) -> None:
    """Replace the table between the comments ``<!-- NAME -->`` and ``<!-- end of NAME -->``."""
    text, first, last = PAGE.read_text(encoding="utf-8"), f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, rest = text.split(first)
    after = rest.split(last)[1]
    lines = [header, ["---"] * len(header), *rows]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    PAGE.write_text(f"{before}{first}{table}{last}{after}", encoding="utf-8")
