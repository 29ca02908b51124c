"""One page from a folder of results: it needs no script and nothing from outside.

What stands in it is decided by the functions of :data:`SECTIONS`, each from results to the data of its template (or
None where there is nothing to show); how it looks is decided in ``templates/``.
"""

from __future__ import annotations

import jinja2

from unmix import __version__
from unmix.report import accuracy, estimates, sections
from unmix.report.results import Results, read_results

__all__ = ["Results", "read_results", "render"]

#: Name of the template and anchor, heading, function.
SECTIONS = (
    ("summary", "Summary", sections.summary),
    ("checks", "Input check", sections.checks),
    ("fractions", "Estimates per sample", estimates.fractions),
    ("trust", "Can these samples be trusted?", estimates.trust),
    ("cell_types", "Cell types", estimates.cell_types),
    ("accuracy", "Accuracy against the truth", accuracy.accuracy),
    ("scatter", "Estimate and truth, sample by sample", accuracy.scatter),
    ("agreement", "Do the methods agree?", estimates.agreement),
    ("left_out", "Methods left out", sections.left_out),
    ("limits", "What these numbers cannot tell", sections.limits),
    ("provenance", "How it was made", sections.provenance),
    ("citing", "Methods text", sections.citing),
)
#: What remains where no method could be applied.
NO_ESTIMATE = (
    ("summary", "Summary", sections.no_estimate),
    ("left_out", "Methods left out", sections.left_out),
    ("checks", "Input check", sections.checks),
)


def render(results: Results, title: str = "") -> str:
    """Return the report as one HTML page; the same results give the same page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("unmix"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    shown = SECTIONS if results.methods else NO_ESTIMATE
    made = [(name, heading, section(results)) for name, heading, section in shown]
    return environment.get_template("page.html.j2").render(
        title=title or "Cell-type fractions",
        sections=[section for section in made if section[2] is not None],
        version=__version__,
    )
