"""The layout that all pages share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2

from unmix import __version__
from unmix.report.svg import as_file

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Template and anchor, heading, data of the template (None: nothing to show).
Section = tuple[str, str, "dict[str, Any] | None"]


def page(title: str, sections: Iterable[Section], tables: str) -> str:
    """Return one HTML page without scripts; the same data give the same page.

    Parameters
    ----------
    title
        Heading.
    sections
        In order; the first is the summary.
    tables
        What the footer calls the files with all numbers.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("unmix"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["as_file"] = as_file
    shown = [section for section in sections if section[2] is not None]
    return environment.get_template("page.html.j2").render(
        title=title, sections=shown, tables=tables, version=__version__
    )
