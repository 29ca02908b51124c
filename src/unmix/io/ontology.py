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

#: Tags of a term that are used here.
TAGS = ("id:", "name:", "is_a:", "synonym:", "is_obsolete:")
#: What a message expects.
OBO = "an ontology in OBO format, with [Term] stanzas"


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
    """Read the terms of an OBO file that are not obsolete, by obonet.

    Raises
    ------
    DataError
        If the file is missing, is not OBO, or holds no terms.
    """
    import obonet

    # Lines that are not used must not make the file unreadable; obonet asks for a blank line before a stanza
    used = [line for line in text.lines(path, []) if line.startswith(("[", *TAGS))]
    stanzas = "\n".join([f"ontology: {path.name}", *used]).replace("\n[", "\n\n[")
    try:
        graph = obonet.read_obo(io.StringIO(stanzas))
    except (KeyError, ValueError) as error:
        reason = "a term without id" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise DataError(f"{path.name} cannot be read as OBO: {reason}", OBO, "download the file again") from error
    terms = {term: data for term, data in graph.nodes(data=True) if data or graph.out_degree(term)}  # not only named
    if not terms:
        raise DataError(f"{path.name}: no terms", OBO, "the Cell Ontology is cl.obo")
    exact = {
        term: [re.match(r'"(.*)" EXACT', said) for said in data.get("synonym", [])] for term, data in terms.items()
    }
    return Ontology(
        {term: data.get("name", term) for term, data in terms.items()},
        {term: tuple(parent for parent in graph.successors(term) if parent in terms) for term in terms},
        {term: tuple(match[1] for match in matches if match) for term, matches in exact.items()},
    )


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
        If a term is above itself.
    """
    import networkx

    graph = networkx.DiGraph([(term, parent) for term, above in parents.items() for parent in above])
    graph.add_nodes_from(terms.values())
    own = [terms[name] for name in cell_types if name in terms]
    reached = graph.subgraph({*own}.union(*(networkx.descendants(graph, term) for term in own)))
    try:
        order = list(networkx.lexicographical_topological_sort(reached))  # children before parents
    except networkx.NetworkXUnfeasible as error:
        circle = networkx.find_cycle(reached)[0][0]
        raise DataError(
            f"the ontology goes in a circle at {circle}", "terms without circles", "check the file"
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
