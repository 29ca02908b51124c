"""The report as PDF, for places that show no HTML (Galaxy, where the administrator has not allowed it).

WeasyPrint lays the same page out. Inside a drawing it reads neither the page's rules nor its colours (custom
properties), so every drawing gets the rules that mark it, with the colours put in.
"""

from __future__ import annotations

import logging
import os
import re
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_BLOCK = r"[^{}]*\{[^{}]*\}"


def write_pdf(page: str, path: Path) -> None:
    """Print a page of :func:`unmix.report.render` on A4.

    Parameters
    ----------
    page
        The page as HTML.
    path
        Where the PDF goes; the same page gives the same bytes.
    """
    import weasyprint

    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")  # else subset fonts carry the time at which they were made

    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)  # a rule of the screen that paper has not is no news
    paper = (resources.files("unmix") / "templates" / "paper.css").read_text("utf-8")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    page = page.replace("</style>", f"{paper}</style>", 1)
    marks = _marks(style)
    page = re.sub(r"<svg[^>]*>", lambda svg: f"{svg[0]}<style>{marks}</style>", page)
    weasyprint.HTML(string=page).write_pdf(path)


def _marks(style: str) -> str:
    """Return the rules that colour drawings, as they stand outside of any @media."""
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    style = re.sub(rf"@media[^{{]*\{{(?:{_BLOCK})*[^{{}}]*\}}", "", style)
    colours = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", style))
    rules = re.sub(r"var\((--[\w-]+)\)", lambda name: colours.get(name[1], name[0]), style)
    kept = [rule for rule in re.findall(_BLOCK, rules) if re.search(r"[{;]\s*(fill|stroke|font-size)", rule)]
    return "".join(kept).replace("svg text", "text").replace("inherit", "DejaVu Sans, sans-serif")
