"""The figures: names as they are, marks where the numbers are, the same bytes, no label over another."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from unmix.report import figures, marks, shades

ODD = [
    'CD4+ T <naive> & "memory"',
    "γδ T",
    "$x_1$ of 2$",
    "B/plasma",
    "造血幹細胞 " * 5,
    "bell \x07 and tab\t.",
    "e\u0301",
]
TICKS = [(0, "0"), (0.5, "50"), (1, "100%")]


def table(samples, types):
    drawn = np.random.default_rng(0).dirichlet(np.ones(len(types)), len(samples))
    return pd.DataFrame(drawn, samples, types)


def texts(svg):
    """Return every text with the place of its end or middle."""
    found = ElementTree.fromstring(svg).iter("text")
    return [(element.text, *places(element)) for element in found]


def places(element):
    """Return x and y, of a turned text those that it is moved to."""
    if moved := re.match(r"translate\(([\d.]+) ([\d.]+)\)", element.get("transform", "")):
        return float(moved[1]), float(moved[2])
    return float(element.get("x", "nan")), float(element.get("y", "nan"))


def hovers(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter("title")]


def test_names_are_text_as_they_are_written():
    (svg,) = figures.stacked(table(ODD, ["a", "b"]))
    shown = [text for text, *_ in texts(svg)]
    for name in (ODD[0], ODD[1], ODD[2], ODD[3], "bell \ufffd and tab ."):
        assert name in shown
    assert all(len(text) <= 32 for text in shown)
    assert len(hovers(svg)) == 2 * len(ODD)
    assert hovers(svg)[0].startswith('CD4+ T <naive> & "memory", a ')


def test_long_names_that_differ_at_their_end_stay_different():
    names = [f"CD4-positive, alpha-beta memory T cell, CD45RO-positive {i}" for i in range(3)]
    (svg,) = figures.spread(table(["s", "t"], names), TICKS)
    assert len({text for text, *_ in texts(svg)} - {text for _, text in TICKS}) == 3


@pytest.mark.parametrize("samples", [1, 8, 60, 61, 200])
@pytest.mark.parametrize("types", [2, 30])
def test_every_sample_is_drawn_and_no_label_covers_another(samples, types):
    values = table([f"sample {i}" for i in range(samples)], [f"type {i}" for i in range(types)])
    drawn = figures.stacked(values)
    told = " ".join(" ".join(hovers(svg)) + " " for svg in drawn)
    assert all(f"sample {i}" in told for i in range(samples))
    for svg in drawn + figures.spread(values, TICKS):
        turned = samples > 60 and "columns" in ElementTree.fromstring(svg).get("aria-label")
        names = [(x, y) for text, x, y in texts(svg) if not text.rstrip("%").isdigit()]
        rows = sorted(x if turned else y for x, y in names)
        assert all(below - above >= 12 for above, below in itertools.pairwise(rows))
        _, _, width, height = map(float, ElementTree.fromstring(svg).get("viewBox").split())
        assert width <= 760
        assert height <= 1000  # pixels of a page of A4
        assert all(0 <= x <= width and 0 <= y <= height for _, x, y in texts(svg))


def test_bars_are_as_long_as_the_fractions():
    (svg,) = figures.stacked(pd.DataFrame([[0.25, 0.75]], ["s"], ["a", "b"]))
    paths = [element for element in ElementTree.fromstring(svg).iter("path") if element.find("title") is not None]
    ends = [re.findall(r"[ML] ([\d.]+)", path.get("d")) for path in paths]
    widths = [max(map(float, x)) - min(map(float, x)) for x in ends]
    assert widths[1] / widths[0] == pytest.approx(3, rel=1e-3)
    assert hovers(svg) == ["s, a 25.0%", "s, b 75.0%"]


def test_whiskers_and_hollow_grey_controls():
    rows = [("scaden", False, (0.8, 0.7, 0.9), "0.80"), ("uniform", True, (0.0, np.nan, np.nan), "0.00")]
    svg = figures.intervals("r", "Mean r", rows, TICKS)
    assert "uniform (control)" in svg
    assert "scaden (control)" not in svg
    root = ElementTree.fromstring(svg)
    solid = [use for use in root.iter("use") if use.get("fill") == marks.ESTIMATE]
    hollow = [use for use in root.iter("use") if use.get("stroke") == marks.CONTROL and use.get("fill-opacity") == "0"]
    assert (len(solid), len(hollow)) == (1, 1)
    whiskers = [path for path in root.iter("path") if path.get("stroke-width") == "2.5"]
    assert [whisker.get("stroke") for whisker in whiskers] == [marks.ESTIMATE]


def test_text_takes_the_colour_of_the_page_and_readers_get_a_description():
    pairs = pd.DataFrame({"sample": ["s"], "truth": [0.5], "estimate": [0.4], "lower": [0.3], "upper": [0.5]})
    (svg,) = figures.scatter([("T: estimate against known fraction", pairs, TICKS, TICKS, True)])
    root = ElementTree.fromstring(svg)
    assert root.get("fill") == "currentColor"
    assert not any(text.get("fill") for text in root.iter("text"))
    assert "#000000" not in svg
    assert root.get("role") == "img"
    assert root.get("aria-label") == root.find("desc").text == "T: estimate against known fraction"
    assert hovers(svg) == ["s"]


def test_missing_values_are_not_drawn():
    values = pd.DataFrame([[0.2, np.nan], [0.4, np.nan]], ["s", "t"], ["a", "b"])
    (svg,) = figures.spread(values, TICKS)
    assert hovers(svg) == ["s", "t"]
    assert "nan" not in svg


def test_names_within_a_page_occur_once():
    values = table([f"s{i}" for i in range(60)], ["a", "b"])
    dark = np.ones((2, 2))
    drawn = [*figures.stacked(values), *figures.spread(values, TICKS)]
    drawn.append(shades.matrix("m", "M", ["a", "b"], [["", "1"], ["1", ""]], dark, marks.ESTIMATE))
    ids = re.findall(r' id="([^"]+)"', "".join(drawn))
    assert ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', "".join(drawn))) == set(ids)


def test_another_process_with_settings_of_its_own_draws_the_same_bytes(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 20\naxes.facecolor: red\nsvg.fonttype: path\n")
    code = (
        "import pandas as pd; from unmix.report import figures;"
        "print(*figures.stacked(pd.DataFrame([[.25, .75]], ['s'], ['a', 'b'])), end='')"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert made.stdout == figures.stacked(pd.DataFrame([[0.25, 0.75]], ["s"], ["a", "b"]))[0]
