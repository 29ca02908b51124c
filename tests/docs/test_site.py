"""What a reader of the documentation meets: pages, links, and a browser without complaints."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

import unmix

#: One page of each kind, each in one of the two colour schemes: start, notebook, generated, tables, API, command line.
PAGES = {
    "light": ("index", "tutorials/python", "methods/README", "results", "api"),
    "dark": ("tutorials/purity", "methods/scaden", "command_line", "faq"),
}
#: Pages of Markdown that a code host shows too.
MARKDOWN = ("*.md", "docs/**/*.md", "benchmarks/*.md", "galaxy_tools/*.md", "src/unmix/data/*.md")


def anchors(path):
    """Return the anchors of the headings of a page, as a code host makes them."""
    titles = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_of_the_markdown_pages_work_on_a_code_host(root):
    broken = []
    for page in {path for pattern in MARKDOWN for path in root.glob(pattern) if "_build" not in path.parts}:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
            target, _, anchor = unquote(link).partition("#")
            if re.match(r"\w+:", target):
                continue
            path = page.parent / target if target else page
            if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
                broken.append(f"{page.relative_to(root)}: {link}")
    assert not broken


def test_every_public_name_and_every_script_has_its_place(root):
    api, lines = ((root / "docs" / f"{name}.md").read_text("utf-8") for name in ("api", "command_line"))
    assert {name for name in unmix._PUBLIC if f" unmix.{name}\n" not in api} == set()
    assert sorted(re.findall(r":prog: (.*)", lines)) == sorted(path.name for path in (root / "bin").glob("*.py"))


def test_the_notebooks_were_executed(site):
    assert "<img" in (site / "tutorials" / "python.html").read_text("utf-8")


class Links(HTMLParser):
    """Collects what a page loads and where it leads."""

    def __init__(self):
        super().__init__()
        self.loaded = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.loaded.append(given.get("src"))
        if tag == "link" and given.get("rel") in ("stylesheet", "preload", "icon", "preconnect"):
            self.loaded.append(given.get("href"))


def test_no_page_loads_anything_from_elsewhere(site):
    for page in site.rglob("*.html"):
        links = Links()
        links.feed(page.read_text("utf-8"))
        assert [one for one in links.loaded if one and re.match(r"(https?:)?//", one)] == [], page


@pytest.mark.parametrize(("scheme", "name"), [(scheme, name) for scheme, names in PAGES.items() for name in names])
def test_a_browser_has_nothing_to_complain_about(address, browser, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(color_scheme=scheme, viewport={"width": 1440, "height": 900})
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/{name}.html")
    faults = [
        f"{fault['id']}: {fault['nodes'][0]['html'][:200]}"
        for fault in Axe().run(page).response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert said == []
    assert faults == []
    page.set_viewport_size({"width": 375, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375, "the page is wider than a phone"
    page.close()
