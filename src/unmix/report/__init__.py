"""One page from a folder of results, without scripts and without anything from outside.

The functions of :data:`SECTIONS` turn results into the data of a template, or None where there is nothing to show. The
layout is in ``templates/``, the figures are in :mod:`unmix.report.figures`.
"""

from __future__ import annotations

from unmix.report import accuracy, all_methods, estimates, fit, genes, groups, markers, methods_text, sections
from unmix.report.page import page
from unmix.report.results import Results, read_results

__all__ = ["Results", "read_results", "render"]

#: Name of the template and anchor, heading, function.
SECTIONS = (
    ("summary", "Summary", sections.summary),
    ("fractions", "Estimates per sample", estimates.fractions),
    ("finer", "Estimates of all cell types", estimates.finer),
    ("samples_to_check", "Samples to check", estimates.samples_to_check),
    ("groups", "Groups", groups.groups),
    ("cell_types", "Cell types", estimates.cell_types),
    ("markers", "Markers of the cell types", markers.markers),
    ("fit", "Fit of each sample", fit.fit),
    ("all_methods", "All methods", all_methods.all_methods),
    ("agreement", "Agreement between methods", estimates.agreement),
    ("accuracy", "Accuracy against known fractions", accuracy.accuracy),
    ("scatter", "Estimates and known fractions, by sample", accuracy.scatter),
    ("genes", "Genes behind the estimates", genes.genes),
    ("skipped", "Skipped and failed", sections.skipped),
    ("checks", "Input check", sections.checks),
    ("limits", "Limitations", sections.limits),
    ("citing", "Methods text", methods_text.citing),
    ("provenance", "Provenance", sections.provenance),
)
#: What remains where no method could be applied.
NO_ESTIMATE = (
    ("summary", "Summary", sections.no_estimate),
    ("skipped", "Skipped and failed", sections.skipped),
    ("checks", "Input check", sections.checks),
)


def render(results: Results, title: str = "") -> str:
    """Return the report as one HTML page; the same results give the same page."""
    shown = SECTIONS if results.methods else NO_ESTIMATE
    made = [(name, heading, section(results)) for name, heading, section in shown]
    tables = "The tables in the same folder (fractions.tsv, metrics.tsv) contain"
    return page(title or "Cell-type fractions", made, tables)
