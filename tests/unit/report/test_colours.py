"""A cell type has one colour on the whole page, also where sums of types lead it."""

from types import SimpleNamespace

import pandas as pd

from unmix.io.levels import Levels
from unmix.report import estimates


def lead_of(values, groups):
    """Return what the page needs of a headline method whose groups of types lead."""
    levels = Levels(names=["lineage"], groups=[groups], leads=1, source="given")
    common = {"quantity": "cell", "name": "nnls", "title": "NNLS", "level": "90", "lower": None, "flags": None}
    sums = values.T.groupby(groups).sum().T
    leading = SimpleNamespace(values=sums, levels=Levels(), **common)
    return SimpleNamespace(values=values, levels=levels, leading=leading, **common)


def test_a_type_keeps_its_colour_and_a_sum_has_that_of_its_most_abundant_type():
    values = pd.DataFrame({"NK": [0.1, 0.2], "CD8": [0.3, 0.2], "Mono": [0.4, 0.4], "CD4": [0.2, 0.2]}, ["a", "b"])
    lead = lead_of(values, {"NK": "NK", "CD8": "T", "CD4": "T", "Mono": "Mono"})
    results = SimpleNamespace(headline=lead)
    first, second = estimates.fractions(results), estimates.finer(results)
    above = {name: colour for colour, name in first["legend"]}
    below = {name: colour for colour, name in second["legend"]}
    assert list(above) == ["T", "Mono", "NK"]
    assert {name: above[name] for name in ("Mono", "NK")} == {name: below[name] for name in ("Mono", "NK")}
    assert above["T"] == below["CD8"]
    for shown, section in ((above, first), (below, second)):
        drawn = str(section["figures"][0]).lower()
        assert all(colour in drawn for colour in shown.values())
    assert below["CD4"] not in str(first["figures"][0]).lower()
