"""Names of cell types that may mean the same, or one a part of the other: Granulocyte and Neutrophil."""

from __future__ import annotations

import functools
import importlib.resources
import re
from typing import TYPE_CHECKING

from unmix.io import blood
from unmix.io.ontology import read_obo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from unmix.io.ontology import Ontology

#: Words that say nothing in the name of a cell type.
_EMPTY = {"cell", "positive", "pos", "the", "of"}


def near_names(first: Iterable[str], second: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of names, one of each list, of which one may mean the other or a part of it.

    Names are compared by their words, in any order and case, and by the bundled excerpt of the Cell Ontology
    (data/README.md). Every pair is a proposal, for a user to decide.
    """
    second = list(second)
    return [(one, other) for one in first for other in second if _near(_words(one), _words(other))]


def parts(names: Iterable[str]) -> dict[str, list[str]]:
    """Return each name that means a group, by the bundled Cell Ontology -> the other names that mean a part of it."""
    terms, above = _terms()
    known = {name: terms[words] for name in names if (words := _words(name)) in terms}
    held = {
        group: [name for name, own in known.items() if own != term and term in above[own]]
        for group, term in known.items()
    }
    return {group: names for group, names in held.items() if names}


def _near(one: frozenset[str], other: frozenset[str]) -> bool:
    terms, above = _terms()
    if one in terms and other in terms:
        return terms[other] in above[terms[one]] or terms[one] in above[terms[other]]
    return one == other or (bool(one and other) and (one < other or other < one))


def _words(name: str) -> frozenset[str]:
    """Return the words of a name: ``CD4+ T cells`` and ``T cells CD4`` are the same."""
    parted = re.sub(r"(cd\d+)(?=[a-z])", r"\1 ", name.casefold())
    words = [re.sub(r"(?<=\w\w\w)(?<!s)s$", "", word) for word in re.findall(r"\w+", parted.replace("_", " "))]
    return frozenset(words) - _EMPTY


@functools.cache
def _ontology() -> Ontology:
    """Return the bundled excerpt of the Cell Ontology."""
    source = importlib.resources.files("unmix") / "data" / "cell_types.obo"
    with importlib.resources.as_file(source) as path:
        return read_obo(path)


@functools.cache
def _terms() -> tuple[dict[frozenset[str], str], dict[str, set[str]]]:
    """Return words -> term, and term -> itself and all terms above it."""
    ontology = _ontology()
    named = {term: [ontology.names[term], *ontology.synonyms[term]] for term in ontology.names}
    terms = {_words(name): term for term, names in named.items() for name in names}
    above: dict[str, set[str]] = {}

    def climb(term: str) -> set[str]:
        if term not in above:
            above[term] = {term}.union(*(climb(parent) for parent in ontology.parents[term]))
        return above[term]

    for term in ontology.names:
        climb(term)
    return terms, above


def lineages(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names of the term of every name that is recognised, and of all terms above it, narrowest first.

    Recognised are the names of blood cells (:mod:`unmix.io.blood`) and those of the bundled excerpt.
    """
    names = list(names)
    terms, above = _terms()
    blood_terms, table, ontology = blood.recognise(names), blood.table(), _ontology()
    found = {}
    for name in names:
        term = blood_terms.get(name)
        while term and term not in above:  # a finer term than those of the excerpt
            term = table.at[term, "parent"]
        term = term or terms.get(_words(name))
        if term:
            found[name] = [ontology.names[one] for one in sorted(above[term], key=lambda one: (-len(above[one]), one))]
    return found
