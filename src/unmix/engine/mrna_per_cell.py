"""The mRNA of a cell, by cell type: published values, counts of the reference, or a table of the user.

Published values come with the program for human blood and immune cells (:mod:`unmix.io.blood`). They are the default
where every cell type of a reference is recognised as one. docs/mrna_per_cell.md describes the choice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.errors import DataError, UsageError
from unmix.io import blood, gene_ids, signatures
from unmix.io.matrices import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from unmix.contract.model import Model

#: Where the mRNA of a cell may come from, beside a table of the user: ``auto`` is :data:`DEFAULT` where it applies.
SOURCES = ("auto", "published", "epic", "quantiseq", "reference", "none")
#: The source for references whose cell types are all recognised as human blood or immune cells.
DEFAULT = "published"
#: The sources of published values.
PUBLISHED = ("published", *blood.PUBLISHED)
#: Every source in words, as a message and the report name it.
WORDS = {
    "published": "the published mRNA per cell of EPIC and quanTIseq (geometric mean, relative to CD4 T cells)",
    "epic": "the published mRNA per cell of EPIC",
    "quantiseq": "the published mRNA per cell of quanTIseq",
    "reference": "the mean counts of the reference's cells",
    "table": "the given table of mRNA per cell",
}
LABELS = "map the labels to names of the Cell Ontology (--label-map), or give a table of your own"


@dataclass(frozen=True)
class MRNAPerCell:
    """The mRNA of a cell by type, and where it comes from.

    Attributes
    ----------
    source
        A key of :data:`WORDS`.
    values
        By cell type, in any unit; by cell state where `states` names them.
    recognised
        Cell type to identifier and name in the Cell Ontology, where all labels were recognised.
    unknown
        Labels that were not recognised, where some were.
    candidates
        Other values that could be used as well, by their source; their spread widens the intervals.
    states
        Cell state to cell type, where `values` are counts of a reference that names states.
    genes
        Genes over which counts of a reference were summed; None for other values.
    """

    source: str
    values: dict[str, float]
    recognised: dict[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    candidates: dict[str, dict[str, float]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    genes: int | None = None

    def record(self) -> dict[str, Any]:
        """Return what run.json says of it."""
        return {**asdict(self), "words": WORDS[self.source]}

    @classmethod
    def of(cls, record: dict[str, Any]) -> MRNAPerCell:
        """Return what a record describes."""
        return cls(**{part.name: record[part.name] for part in fields(cls) if part.name in record})


def read_table(path: Path) -> pd.Series:
    """Read a table of two columns: cell type, and mRNA of a cell in any unit.

    Raises
    ------
    DataError
        If it is another table, or a number is not above 0.
    """
    expected = "two columns, headed cell_type and mrna: every cell type of the reference, and a number above 0"
    sizes = signatures.read([path]).size
    if sizes is None:
        raise DataError(f"{path.name} is not a table of cell types with one number each", expected, "correct the table")
    if not (sizes > 0).all():
        raise DataError(f"{path.name}: {sizes.min():g} for {sizes.idxmin()!r}", expected, "correct the table")
    return sizes


def read_source(text: str) -> str | pd.Series:
    """Return what ``--mrna-per-cell`` names: one of :data:`SOURCES`, or the values of a table.

    Raises
    ------
    UsageError
        If it is neither.
    DataError
        As :func:`read_table`.
    """
    if text in SOURCES:
        return text
    if not Path(text).exists():
        expected = f"one of {', '.join(SOURCES)}, or a table of cell type and mRNA per cell"
        raise UsageError(f"--mrna-per-cell {text}: no such source and no such file", expected, "correct the name")
    return read_table(Path(text))


def choose(model: Model, source: str | pd.Series) -> MRNAPerCell | None:
    """Return the mRNA per cell for the types of a model; None where fractions of cells cannot or shall not be made.

    Parameters
    ----------
    model
        Its cell types and genes tell whether the published values apply: all types are recognised by name as human
        blood or immune cells, and the genes are not those of a mouse. Values of two sources are never mixed.
    source
        One of :data:`SOURCES`, or values by cell type in any unit; further types do no harm.

    Raises
    ------
    DataError
        If published values are asked for by name and a label is not recognised, or a table lacks a type.
    """
    types = model.reported
    # Of all cells of the reference, the same for all methods; none where a method assumes no amounts (cell_fractions)
    counts = model.facts["reference"]["mrna_per_cell"] if model.facts["mrna_per_cell"] else {}
    if not isinstance(source, str):
        return MRNAPerCell("table", _of_table(source, types))
    if source == "none":
        return None
    terms = blood.recognise(types)
    unknown = [name for name in types if name not in terms]
    animal = gene_ids.species(model.facts.get("reference_genes", model.genes)) not in ("human", "unknown")
    if source in PUBLISHED and (unknown or animal):
        found = f"not recognised: {', '.join(map(repr, unknown))}" if unknown else "the genes are not human"
        raise DataError(
            f"--mrna-per-cell {source}: {found}",
            "a human reference, all of whose cell types are recognised as blood or immune cells",
            LABELS,
        )
    published = {} if unknown or animal else _published(terms)
    if source == "auto":
        source = DEFAULT if published else "reference"
    known = published | ({"reference": counts} if counts else {})
    if source not in known:
        return None
    recognised = {name: f"{terms[name]} {blood.name(terms[name])}" for name in types} if published else {}
    others = {name: values for name, values in known.items() if published and name not in ("published", source)}
    some = tuple(unknown) if terms and not animal else ()
    states, genes = (model.states, model.facts["reference"].get("counted")) if source == "reference" else ({}, None)
    return MRNAPerCell(source, known[source], recognised, some, others, states, genes)


def _published(terms: dict[str, str]) -> dict[str, dict[str, float]]:
    """Return the published mRNA per cell of labels with their identifiers, by source."""
    ratios = blood.relative_mrna().loc[list(terms.values())]
    found = {"published": np.exp(np.log(ratios).mean(axis=1)), **{name: ratios[name] for name in blood.PUBLISHED}}
    return {
        name: dict(zip(terms, (round(float(value), 4) for value in values), strict=True))
        for name, values in found.items()
    }


def _of_table(sizes: pd.Series, types: list[str]) -> dict[str, float]:
    missing = [name for name in types if name not in sizes.index]
    if missing:
        raise DataError(
            f"the table of mRNA per cell lacks {', '.join(map(repr, missing))}",
            f"a number for each of {', '.join(types)}",
            "add the missing lines; the names are those of the reference",
        )
    return {name: float(sizes[name]) for name in types}


def tell(used: MRNAPerCell, say: Callable[[str], None]) -> None:
    """Say which mRNA per cell was used, what every label was recognised as, and what the values cannot tell."""
    say(f"The estimates are fractions of cells, by {WORDS[used.source]}.")
    if used.genes is not None and used.genes < WHOLE:
        say(
            f"Warning: the reference has {used.genes:,} genes, and the mRNA of its cells is counted from these alone. "
            "Where cell types differ in the other genes, levels are biased. Make the reference of cells with all "
            "genes, or give a table of the mRNA per cell (--mrna-per-cell)."
        )
    if used.recognised:
        pairs = [f"{label!r} as {term}" for label, term in used.recognised.items()]
        say(f"Cell types were recognised by their names: {', '.join(pairs)}.")
    elif used.unknown:
        say(
            f"The published mRNA per cell is not used, because these cell types are not recognised as human blood or "
            f"immune cells: {', '.join(map(repr, used.unknown))}."
        )
    if used.source in PUBLISHED:
        terms = {label: term.split(" ")[0] for label, term in used.recognised.items()}
        without = blood.without_value(terms.values())
        if none := [label for label, term in terms.items() if term in without]:
            say(
                f"Neither EPIC nor quanTIseq gives a value for {', '.join(map(repr, none))}: EPIC's value for other "
                "cells is used, about that of a T cell."
            )
