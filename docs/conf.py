"""The site of the documentation, built by ``make docs``: offline, and with warnings as errors."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import unmix

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bin"))  # sphinx-click imports the scripts

project = author = "unmix"
version = release = unmix.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click", "sphinx_copybutton"]
exclude_patterns = ["_build"]
suppress_warnings = ["mystnb.unknown_mime_type"]

highlight_language = "none"  # blocks without a language are commands and tables

html_theme = "furo"
html_title = "unmix"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/mark.svg"
html_show_sphinx = html_show_copyright = False
html_copy_source = False
html_show_sourcelink = False
# No script of a math library, and no widget: nothing is loaded from elsewhere
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nb_ipywidgets_js = {}
nb_execution_mode = "force"  # a cache would not notice a change of the library
nb_execution_raise_on_error = True
nb_execution_timeout = 300
copybutton_exclude = ".linenos, .gp, .go"  # of examples, what a person types

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
napoleon_google_docstring = False
napoleon_use_param = napoleon_use_rtype = False

#: Pages that lie where a code host shows them, and their page of the site.
ELSEWHERE = {
    "../CHANGELOG.md": "changelog.md",
    "../CONTRIBUTING.md": "contributing.md",
    "../SECURITY.md": "security.md",
    "../benchmarks/README.md": "benchmarks.md",
    "../src/unmix/data/README.md": "data_tables.md",
}
#: What the site adds to a page that people also read as plain Markdown.
TREES = {"methods/README": "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"}

#: Classes that users get from functions.
RETURNED = ("unmix.Results", "unmix.pipeline.results.Estimates", "unmix.report.plots.Plots")
#: Of the context of a page: what is replaced, and by what.
REACHABLE = (
    ("body", "<pre>", '<pre tabindex="0">'),
    ("body", '<div class="table-wrapper', '<div tabindex="0" class="table-wrapper'),
    ("body", '<dl>\n<dd><em class="sig-param', '<dl role="presentation">\n<dd><em class="sig-param'),
    ("furo_navigation_tree", 'role="heading"', 'role="heading" aria-level="2"'),
)


def adapt(_app: Sphinx, name: str, source: list[str]) -> None:
    """Lead links to pages outside of docs/ to their pages of the site, name links by titles, and add the tree."""
    for outside, page in ELSEWHERE.items():
        source[0] = source[0].replace(f"]({outside}", f"]({page}")
    source[0] = re.sub(r"\[(\w+)\.md\]\(\1\.md\)", r"[](\1.md)", source[0])  # MyST puts the title of the page
    source[0] += TREES.get(name, "")


def link_pages(_app: Sphinx, _what: str, _name: str, _found: object, _options: object, lines: list[str]) -> None:
    """Turn the names of pages in docstrings into links, and attributes described together into one entry each."""
    text = re.sub(r"docs/(\w+)\.md", r":doc:`/\1`", "\n".join(lines))
    together = re.compile(r"^( *\.\. attribute:: )(\w+(?:, \w+)+)$", re.MULTILINE)
    text = together.sub(lambda m: m[1] + m[2].replace(", ", "\n" + " " * len(m[1])), text)
    lines[:] = text.split("\n")


def plain(_app: Sphinx, _what: str, name: str, _found: object, _options: object, signature: str, returns: str) -> Any:
    """Show the function that says nothing by its name, and no arguments of what is never called by a user."""
    if name in RETURNED:
        return "", returns
    return (signature.replace("<function silent>", "silent"), returns) if signature else None


def reachable(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Make reachable by keyboard what scrolls, and mark headings and signatures as what they are."""
    for part, old, new in REACHABLE:
        if part in context:
            context[part] = context[part].replace(old, new)


def setup(app: Sphinx) -> None:
    """Connect the changes above."""
    app.connect("source-read", adapt)
    app.connect("autodoc-process-docstring", link_pages)
    app.connect("autodoc-process-signature", plain)
    app.connect("html-page-context", reachable, priority=900)  # after the theme has made its context
