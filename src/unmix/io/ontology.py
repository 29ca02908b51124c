"""The Cell Ontology (or any other in OBO): reading it, finding cell types in it, and adding up fractions along it."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError
from unmix.io import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

EXPECTED, DO = "an ontology in OBO format, with [Term] stanzas", "the Cell Ontology is cl.obo"


@dataclass(frozen=True)
class Ontology:
    """Terms by identifier.

    Attributes
    ----------
    names
        Identifier to name.
    parents
        Identifier to the identifiers of its ``is_a`` terms.
    synonyms
        Identifier to exact synonyms.
    """

    names: dict[str, str]
    parents: dict[str, tuple[str, ...]]
    synonyms: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Levels:
    """How fractions of cell types add up to those of the terms above them.

    Attributes
    ----------
    nodes
        The terms, children before parents.
    parents
        Each term's parents.
    share
        Cell types x nodes: what of a type's fraction reaches a node.
    """

    nodes: list[str]
    parents: list[list[str]]
    share: np.ndarray


def read_obo(path: Path) -> Ontology:
    """Read the terms of an OBO file that are not obsolete.

    Raises
    ------
    DataError
        If the file is missing, holds no terms or breaks the rules of the format.
    """
    import obonet

    # Blank lines were removed; obonet needs one before every stanza. It gets text, since it would download an address
    header = "ontology: unnamed\n"  # without one obonet warns; a header of the file's own counts before it
    content = header + "\n".join(f"\n{line}" if line.startswith("[") else line for line in text.lines(path, []))
    try:
        graph = obonet.read_obo(io.StringIO(content))
    except (ValueError, KeyError) as error:  # a line without a tag, a term without an identifier
        raise DataError(f"{path.name}: broken OBO ({' '.join(str(error).split())[:120]})", EXPECTED, DO) from error
    above = {
        term: tuple(parent for _, parent, key in graph.out_edges(term, keys=True) if key == "is_a") for term in graph
    }
    # A term that others only refer to is in the graph too, with neither tags nor parents
    known = {term: data for term, data in graph.nodes(data=True) if data or above[term]}
    if not known:
        raise DataError(f"{path.name}: no terms", EXPECTED, DO)
    return Ontology(
        names={term: data.get("name", term) for term, data in known.items()},
        parents={term: tuple(parent for parent in above[term] if parent in known) for term in known},
        synonyms={term: _exact(data.get("synonym", ())) for term, data in known.items()},
    )


def _exact(synonyms: Iterable[str]) -> tuple[str, ...]:
    """Return the exact ones of a term's synonyms (``"T lymphocyte" EXACT []``)."""
    found = (re.match(r'"(.*)" EXACT', synonym) for synonym in synonyms)
    return tuple(one[1] for one in found if one)


def find(ontology: Ontology, cell_types: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the term of every cell type that has one: by identifier, name or exact synonym, in any case.

    Parameters
    ----------
    ontology
        Of :func:`read_obo`.
    cell_types
        Names.
    given
        Names or identifiers of terms for cell types that the ontology calls otherwise.

    Raises
    ------
    DataError
        If a given term is not in the ontology.
    """
    table = {_plain(name): term for term, all_names in ontology.synonyms.items() for name in all_names}
    table |= {_plain(name): term for term, name in ontology.names.items()}
    table |= {_plain(term): term for term in ontology.names}
    for cell_type, name in given.items():
        if _plain(name) not in table:
            raise DataError(
                f"{name!r}, given for {cell_type!r}, is not in the ontology",
                "the identifier, name or exact synonym of a term",
                f"--set 'nodes.{cell_type}=CL:...'",
            )
    wanted = {name: _plain(given.get(name, name)) for name in cell_types}
    return {name: table[plain] for name, plain in wanted.items() if plain in table}


def levels(parents: Mapping[str, Sequence[str]], terms: Mapping[str, str], cell_types: Sequence[str]) -> Levels:
    """Return how the fractions of cell types reach the terms and all that lie above them.

    A term has its own fraction and that of its children, each divided by the number of the child's parents (UCD's
    belief propagation). What of a type has no term is lost.

    Parameters
    ----------
    parents
        Term to its parents.
    terms
        Cell type to its term.
    cell_types
        In the order of the fractions.

    Raises
    ------
    DataError
        If a term lies above itself.
    """
    import networkx as nx

    graph = nx.DiGraph((term, parent) for term, above in parents.items() for parent in above)
    graph.add_nodes_from(terms.values())
    wanted = {terms[name] for name in cell_types if name in terms}
    reached = graph.subgraph(wanted.union(*(nx.descendants(graph, term) for term in wanted)))
    try:  # children before parents; among others by name, for the same order in every process
        order = list(nx.lexicographical_topological_sort(reached))
    except nx.NetworkXUnfeasible as error:
        term = min(min(edge) for edge in nx.find_cycle(reached))
        raise DataError(
            f"the ontology goes in a circle at {term}", "terms without circles", "check the file"
        ) from error
    place = {term: i for i, term in enumerate(order)}
    share = np.zeros((len(cell_types), len(order)))
    for k, name in enumerate(cell_types):
        if name in terms:
            share[k, place[terms[name]]] += 1
    for i, term in enumerate(order):
        above = parents.get(term, ())
        for parent in above:
            share[:, place[parent]] += share[:, i] / len(above)
    return Levels(order, [list(parents.get(term, ())) for term in order], share)


def _plain(name: str) -> str:
    """Return a name in lower case, with blanks for punctuation and one cell for several."""
    words = re.sub(r"[^\w+:-]+|_", " ", name).casefold().split()
    return " ".join("cell" if word == "cells" else word for word in words)
