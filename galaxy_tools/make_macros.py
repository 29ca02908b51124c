#!/usr/bin/env python
"""Write macros_methods.xml, the menus of the wrappers, from the registry of methods and the table of units.

Run ``python galaxy_tools/make_macros.py`` after a change of either; a test says when it was forgotten.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from unmix.registry import all_methods
from unmix.units import UNITS

if TYPE_CHECKING:
    from unmix.method import Method

OUT = Path(__file__).parent / "macros_methods.xml"
DEFAULT = "scaden"
UNIT_LABELS = {
    "auto": "Recognise it",
    "counts": "Raw counts",
    "tpm": "TPM",
    "fpkm": "FPKM or RPKM",
    "cpm": "CPM",
    "microarray": "Microarray intensities",
}
LOGARITHMS = {"log2": "log2", "ln": "natural log", "log10": "log10"}
RECIPES = {"default": "Default of unmix", "published": "As published"}


def option(value: str, label: str, *, selected: bool) -> str:
    """Return an entry of a menu."""
    mark = ' selected="true"' if selected else ""
    return f"<option value={quoteattr(value)}{mark}>{escape(label)}</option>"


def menu_label(method: type[Method]) -> str:
    """Return how the menu shows a method."""
    year = f" ({method.info.year})" if method.info.year else ""
    return f"{method.info.title}{year}: {method.info.summary}"


def unit_label(unit: str) -> str:
    """Return how the menu shows a unit."""
    if unit in UNIT_LABELS:
        return UNIT_LABELS[unit]
    prefix = next(prefix for prefix in LOGARITHMS if unit.startswith(prefix))
    return f"{UNIT_LABELS[unit.removeprefix(prefix)]}, {LOGARITHMS[prefix]}"


def help_line(method: type[Method]) -> str:
    """Return the method as an entry of the help, in reStructuredText."""
    source = f" {method.info.citation}" if method.info.citation else ""
    return f"- **{method.info.title}** (``{method.name}``, {method.info.family}): {method.info.summary}{source}"


def macros() -> str:
    """Return the macro file."""
    methods = list(all_methods().values())
    recipes = sorted({name for method in methods for name in method.recipes})
    published = [method.name for method in methods if "published" in method.recipes]
    dois = dict.fromkeys(method.info.doi for method in methods if method.info.doi)
    lines = [
        "<macros>",
        "    <!-- Made by make_macros.py from the registry of methods and the table of units; do not edit. -->",
        '    <xml name="method">',
        '        <param argument="--method" type="select" label="Method" help="The help below describes each">',
        *(f"            {option(m.name, menu_label(m), selected=m.name == DEFAULT)}" for m in methods),
        "        </param>",
        "    </xml>",
        '    <xml name="recipe">',
        '        <param argument="--recipe" type="select" label="Settings of the method" '
        f'help="The settings of the paper can be chosen for: {", ".join(published)}">',
        *(f"            {option(name, RECIPES.get(name, name), selected=name == 'default')}" for name in recipes),
        "        </param>",
        "    </xml>",
        '    <xml name="unit">',
        '        <param argument="--unit" type="select" label="Unit of the bulk samples" '
        'help="What is declared is checked against the numbers">',
        *(f"            {option(unit, unit_label(unit), selected=unit == 'auto')}" for unit in UNITS),
        "        </param>",
        "    </xml>",
        '    <xml name="method_citations">',
        *(f'        <citation type="doi">{escape(doi)}</citation>' for doi in dois),
        "    </xml>",
        '    <token name="@METHODS_HELP@"><![CDATA[',
        *(help_line(method) for method in methods),
        "    ]]></token>",
        "</macros>",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    OUT.write_text(macros(), encoding="utf-8")
