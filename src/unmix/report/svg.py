"""Drawings of matplotlib as SVG inside a page: real text, the colour of the page's text, no name that occurs twice.

matplotlib writes a document of its own, with metadata, a style sheet for the whole page and two groups around every
mark. What is needed of it is kept. Both the page and its PDF show what remains, byte for byte.
"""

from __future__ import annotations

import base64
import functools
import io
import logging
import re
import unicodedata
import warnings
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from xml.etree import ElementTree

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from matplotlib.axes import Axes

P, R = ParamSpec("P"), TypeVar("R")

#: Becomes ``currentColor``, the colour of the text around the drawing, dark or light. Every other colour of a drawing
#: must be visible on white and on black.
INK = "#000000"
#: Size of the text in pixels (the unit of the drawing); the longest label in characters.
TEXT, LONGEST = 12, 32
STYLE = {
    "font.size": TEXT,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar in a name is a dollar
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#7d8790",
    "figure.dpi": 72,
}
#: Characters of a figure up to which the page holds a copy to save.
SAVED = 150_000
_METADATA = dict.fromkeys(("Date", "Creator", "Format", "Type"))
#: Presentation attributes that children inherit, so that a group can hold them once.
_INHERITED = ("fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-linecap", "text-anchor")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Let a function draw in the style of the report, whatever matplotlib's settings are on this machine."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # where its cache is stored does not concern the user
        import matplotlib.style

        with matplotlib.style.context(["default", STYLE]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # the reader's fonts are used, not these
            return draw(*args, **kwargs)

    return drawn


def panel(width: float, height: float, *, left: float = 0, right: float = 0, top: float = 0, bottom: float = 0) -> Axes:
    """Return axes with these margins, in pixels, on a transparent figure of `width` x `height` pixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72))
    figure.patch.set_visible(False)
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    axes.patch.set_visible(False)
    axes.tick_params(length=0, pad=8)
    return axes


def printable(text: str) -> str:
    """Return a text as one line without the characters that XML does not allow."""
    line = " ".join(text.split())
    return "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") or c in "\ufffe\uffff" else c for c in line)


def label(name: object) -> str:
    """Return a name as one line of at most `LONGEST` characters; long names lose their middle, as their ends differ."""
    line = printable(str(name))
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]}…{line[1 - LONGEST // 2 :]}"


def text_width(names: Iterable[str]) -> float:
    """Return the width of the widest line in pixels; a safe estimate where the font lacks a letter."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    def width(name: str) -> float:
        wide = sum(unicodedata.east_asian_width(c) in "WF" for c in name)
        narrow = "".join(c for c in name if unicodedata.east_asian_width(c) not in "WF")
        return text_to_path.get_text_width_height_descent(narrow, FontProperties(size=TEXT), False)[0] + wide * TEXT

    return max(map(width, names), default=0.0)


def inline(axes: Axes, name: str, title: str, hover: Mapping[str, str | list[str]] | None = None) -> Markup:
    """Return the figure of `axes` as an SVG element.

    Parameters
    ----------
    axes
        Of :func:`panel`.
    name
        Unlike that of any other figure of the page.
    title
        One sentence for readers who cannot see the figure.
    hover
        What shows under the mouse, by the gid of an artist: one text, or a list for the marks that it draws.
    """
    import matplotlib

    for artist in axes.get_children():
        artist.set_clip_on(False)
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": f"unmix {name}"}):
        axes.figure.savefig(file, format="svg", metadata=_METADATA)
    root = ElementTree.fromstring(file.getvalue())
    width, height = root.get("viewBox").split()[2:]
    body = _lean(root, hover or {}, {use.get("{http://www.w3.org/1999/xlink}href") for use in root.iter()})
    title = printable(title)
    body.attrib = {
        "role": "img",
        "aria-label": title,
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
        "font-size": f"{TEXT}px",
        "font-family": "DejaVu Sans, Verdana, sans-serif",
        "stroke-linejoin": "round",
        "fill": "currentColor",
    }
    body.insert(0, ElementTree.Element("desc"))
    body[0].text = title
    return Markup(ElementTree.tostring(body, encoding="unicode"))  # which has escaped every name


def as_file(figure: str) -> dict[str, str] | None:
    """Return a figure of :func:`inline` as a file to save: its ``name``, its ``title`` and a ``link`` that holds it.

    None for a figure of more than :data:`SAVED` characters: a copy would make the page too large.
    """
    if len(figure) > SAVED:
        return None
    root = ElementTree.fromstring(figure)
    title = root.get("aria-label", "figure")
    for parent in list(root.iter()):
        for child in [child for child in parent if child.tag == "title"]:  # what shows under the mouse
            parent.remove(child)
    root.attrib |= {"xmlns": "http://www.w3.org/2000/svg", "color": "#1b2126", "style": "background:#ffffff"}
    data = base64.b64encode(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)).decode()
    name = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:60]
    return {"name": f"{name}.svg", "title": title, "link": f"data:image/svg+xml;base64,{data}"}


def _lean(element: ElementTree.Element, hover: Mapping[str, str | list[str]], used: set[str | None]) -> Any:
    """Return an element with its children, without what draws nothing; attributes they share stand in their group."""
    kept = ElementTree.Element(_plain(element.tag), dict(_attributes(element, used)))
    kept.text = element.text if kept.tag == "text" else None
    for child in element:
        made = _lean(child, hover, used)
        if made.tag not in ("metadata", "style") and (len(made) or made.tag not in ("g", "defs")):
            kept.append(made)
    told = hover.get(element.get("id", ""), [])
    marks = [kept] if isinstance(told, str) else [mark for mark in _marks(kept) if told]
    for mark, text in zip(marks, [told] if isinstance(told, str) else told, strict=bool(told)):
        ElementTree.SubElement(mark, "title").text = printable(text)
    if kept.tag != "g":
        return kept
    if len(kept) == 1 and not kept.attrib:
        return kept[0]
    children = [child for child in kept if child.tag not in ("title", "defs")]
    for name in _INHERITED:
        values = {child.get(name) for child in children}
        if len(children) > 1 and len(values) == 1 and values != {None}:
            kept.set(name, children[0].attrib[name])
            for child in children:
                del child.attrib[name]
    return kept


def _marks(element: ElementTree.Element) -> list[ElementTree.Element]:
    """Return what is drawn within an element."""
    if element.tag in ("path", "use"):
        return [element]
    return [mark for child in element if child.tag != "defs" for mark in _marks(child)]


def _attributes(element: ElementTree.Element, used: set[str | None]) -> Iterable[tuple[str, str]]:
    """Yield the attributes that matter, styles among them, with coordinates of two decimals."""
    given = {_plain(name): value for name, value in element.attrib.items()}
    styles = (rule.partition(":") for rule in given.pop("style", "").split(";"))
    given |= {name.strip(): value.strip() for name, _, value in styles}
    for name, value in given.items():
        if name in ("d", "x", "y"):
            yield name, " ".join(map(_short, value.split()))
        elif name == "id" and f"#{value}" not in used:
            continue
        elif value == INK:
            if not (name == "fill" and element.tag.endswith("text")):
                yield name, "currentColor"
        elif not value.startswith("rotate(-0") and name not in (
            "font-family",
            "font-size",
            "stroke-linejoin",
            "",
            "clip-path",
        ):
            yield name, value


def _plain(name: str) -> str:
    """Return a name without its namespace, as HTML has it."""
    return name.rpartition("}")[2]


def _short(token: str) -> str:
    try:
        return f"{float(token):.2f}".rstrip("0").rstrip(".")
    except ValueError:
        return token
