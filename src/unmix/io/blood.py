"""Human blood and immune cells: their names in the Cell Ontology, and the published mRNA of a cell of each.

The table ``data/blood_cells.tsv`` holds both; ``data/README.md`` names the sources.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

#: The published tables by name: a column of the package's table.
PUBLISHED = ("epic", "quantiseq")
#: CD4 T cells, to which the two tables are scaled: their units differ.
UNIT = "CL:0000624"
#: EPIC's value for all other cells ("otherCells"), for types of neither table: precursors, platelets, plasma cells.
OTHERS = 0.4
#: Words without a meaning of their own, and words that mean another.
_DROPPED = {"cell", "lymphocyte", "positive", "human", "alpha", "beta"}
_ALIKE = {"mono": "monocyte", "mac": "macrophage", "neu": "neutrophil", "baso": "basophil", "eos": "eosinophil"}


@cache
def table() -> pd.DataFrame:
    """Return the table by identifier: ``name``, ``parent``, ``synonyms`` (lists), and a column of each publication."""
    import pandas as pd

    with resources.files("unmix.data").joinpath("blood_cells.tsv").open(encoding="utf-8") as file:
        read = pd.read_csv(file, sep="\t", index_col="id", keep_default_na=False)
    read["synonyms"] = read["synonyms"].str.split("|")
    return read.assign(**{name: pd.to_numeric(read[name]) for name in PUBLISHED})


def recognise(labels: Iterable[str]) -> dict[str, str]:
    """Return the identifier of every label that is an identifier, name or synonym of the table."""
    known = {_words(name): term for term, row in table().iterrows() for name in (row["name"], *row["synonyms"]) if name}
    found = {}
    for label in labels:
        term = label.strip().replace("_", ":").upper()
        term = term if term in table().index else known.get(_words(label))
        if term:
            found[label] = term
    return found


def name(term: str) -> str:
    """Return the name of an identifier of the table."""
    return table().at[term, "name"]


def broader(term: str) -> list[str]:
    """Return the terms above an identifier of the table, the nearest first."""
    above = table().at[term, "parent"]
    return [above, *broader(above)] if above else []


@cache
def relative_mrna() -> pd.DataFrame:
    """Return the mRNA of a cell relative to a CD4 T cell: identifiers x :data:`PUBLISHED`.

    A type has its own value, or that of the nearest broader type. Where only one publication has one, it serves for
    both; where none has, EPIC's for other cells does (:func:`without_value`).
    """
    import pandas as pd

    ratios = _own() / _own().loc[UNIT]
    filled = {column: ratios[column].fillna(ratios.mean(axis=1)) for column in ratios}
    return pd.DataFrame(filled).fillna(OTHERS / table().at[UNIT, "epic"])


def without_value(terms: Iterable[str]) -> list[str]:
    """Return the identifiers for which neither publication has a value."""
    return [term for term in terms if term in _own().index and _own().loc[term].isna().all()]


@cache
def _own() -> pd.DataFrame:
    """Return the published values, each in its unit; a type without one has that of the nearest broader type."""
    values = table()[list(PUBLISHED)].copy()
    for term in values.index:
        above = table().at[term, "parent"]
        while values.loc[term].isna().any() and above:
            values.loc[term] = values.loc[term].fillna(table().loc[above, list(PUBLISHED)].astype(float))
            above = table().at[above, "parent"]
    return values.astype(np.float64)


def _words(label: str) -> frozenset[str]:
    """Return the words of a name in lower case, without plurals and signs of presence; ``CD16-`` is one word."""
    text = re.sub("γδ|gamma[- ]delta", "gd", label.casefold())
    text = re.sub(r"-negative|(?<=\d)-(?=\W|_|cd|$)", "@", text)  # the sign of absence is no hyphen
    text = re.sub(r"(?<![a-z])(cd\d+)t(?![a-z])", r"\1 t", text)  # CD4T
    words = re.findall(r"[a-z0-9]+@?", text)
    singular = [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in words]
    return frozenset(_ALIKE.get(word, word) for word in singular if word not in _DROPPED)
