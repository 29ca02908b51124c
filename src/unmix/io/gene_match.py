"""How the gene names of a file meet those of the reference: one function for bulk and for single cells."""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from unmix.errors import DataError
from unmix.io import gene_ids, gene_tables
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

#: Sources of present and previous symbols and of orthologs, as sentences name them.
SOURCES = "HGNC, MGI and RGD"

#: Rows named by two columns, from which on they are compared.
FEWEST = 50


class Match(NamedTuple):
    """Names of a file, rewritten so that as many as possible are names of the reference.

    Attributes
    ----------
    names
        One for every name that was given.
    said
        Sentences about how they were matched.
    common
        Number of names of the reference that they meet.
    of, to
        Species of the file and of the reference.
    """

    names: np.ndarray
    said: list[str]
    common: int
    of: str
    to: str


def match(given: Mapping[str, Sequence[str]], wanted: pd.DataFrame, orthologs: bool = False) -> Match:
    """Choose and rewrite names so that they meet those of the reference.

    A name is, in this order: that of the reference; the same without its Ensembl version; one of the reference's
    ``gene_id``; another identifier, or a present or previous symbol, of the same gene; the same but for punctuation,
    as R writes it. A name that the reference has is never changed, and nothing is chosen between two genes.

    Parameters
    ----------
    given
        Candidate names of the same genes: ``{"names": ..., "gene_name": ...}``; the first are the
        names of the rows.
    wanted
        Indexed by the names of the reference; an optional column ``gene_id`` holds other names.
    orthologs
        Where the species differ, genes become their one-to-one orthologs; genes without one keep their names.

    Raises
    ------
    DataError
        Two columns name different genes in most rows.
    """
    found = {column: _meet(column, list(map(str, names)), wanted, orthologs) for column, names in given.items()}
    best = max(found, key=lambda column: found[column].common)
    for other in found:
        if other != best:
            _refuse_contradiction(best, other, found, given, wanted)
    return found[best]


def _refuse_contradiction(
    best: str, other: str, found: Mapping[str, Match], given: Mapping[str, Sequence[str]], wanted: pd.DataFrame
) -> None:
    """Refuse two columns that name different genes of the reference in most rows, as after sorting one of them."""
    first, second = (wanted.index.get_indexer(found[column].names) for column in (best, other))
    both = (first >= 0) & (second >= 0)
    differ = np.flatnonzero(both & (first != second))
    if both.sum() < FEWEST or len(differ) < both.sum() / 2 or found[other].common < 0.9 * found[best].common:
        return
    names = [given[column][differ[0]] for column in (best, other)]
    where = ["the first column" if column == "names" else f"the column {column!r}" for column in (best, other)]
    raise DataError(
        f"Two columns name other genes in {len(differ):,} of {both.sum():,} rows: {names[0]!r} in {where[0]} is "
        f"{names[1]!r} in {where[1]}.",
        "names of one gene in every row",
        "look whether one column was sorted alone; remove the column that is wrong",
    )


def refuse_other_species(found: Match, file: str, names: Sequence[str], wanted: pd.DataFrame) -> None:
    """Refuse a file of another species than the reference.

    Human and rodent names that meet in most genes are of one species, whatever their case; those of mouse and rat are
    alike and meet all the same.
    """
    two = found.of != found.to and {found.of, found.to} <= set(gene_tables.SPECIES)
    if two and ("human" not in (found.of, found.to) or found.common < len(wanted) / 2):
        raise DataError(
            f"{file} holds {found.of} genes ({show(names)}), the reference {found.to} genes ({show(wanted.index)}).",
            "genes of one species",
            f"take a {found.of} reference; or add --orthologs, which replaces the {found.of} genes by their one-to-one "
            f"{found.to} orthologs",
        )


def _meet(column: str, names: list[str], wanted: pd.DataFrame, orthologs: bool) -> Match:
    ours, theirs = list(dict.fromkeys(names)), list(dict.fromkeys(wanted.index))
    of, to = gene_ids.species(ours), gene_ids.species(theirs)
    of, to = (to if of == "unknown" else of), (of if to == "unknown" else to)
    several = gene_ids.of_species(ours)
    of = to if to in several else of
    kinds = gene_ids.identifier(ours), gene_ids.identifier(theirs)
    crossed = orthologs and of != to
    steps = {
        "as they are": lambda left, free: {name: name for name in left if name in free},
        "without Ensembl versions": lambda left, free: _renamed(left, {name: name for name in free}),
        "through the reference's gene_id": lambda left, free: _renamed(left, _ids(wanted)),
        "through the tables of gene names": lambda left, free: _same_gene(left, free, kinds, of, to),
        "with - for the . that R writes": lambda left, free: _same_spelling(left, free, theirs),
    }
    if crossed:
        steps = {"as one-to-one orthologs": steps["through the tables of gene names"]}
    elif of != to:
        del steps["through the tables of gene names"]
    known: dict[str, str] = {}
    counts = {}
    for how, step in steps.items():
        taken = set(known.values())
        left, free = [name for name in ours if name not in known], [name for name in theirs if name not in taken]
        new = step(left, dict.fromkeys(free)) if left and free else {}
        counts |= {how: len(new)} if new else {}
        known |= new
    if crossed:  # a mouse gene without an ortholog is not the human gene of the same name
        known |= {name: f"{name} ({of})" for name in set(ours) & set(theirs) - set(known)}
    common = len(set(known.values()) & set(theirs))
    said = [_how(column, counts, known)]
    if len(several) > 1:
        listed = ", ".join(f"{species} {count:,}" for species, count in several.items())
        said[0] += f" The file holds genes of {len(several)} species ({listed}); those of {to} are used."
    if crossed:
        said.append(_crossed(ours, theirs, known, of, to))
    return Match(np.array([known.get(name, name) for name in names], dtype=object), said, common, of, to)


def _ids(wanted: pd.DataFrame) -> dict[str, str]:
    """Return the reference's gene_id -> its name."""
    if "gene_id" not in wanted:
        return {}
    return dict(zip(gene_ids.strip_version(wanted["gene_id"].astype(str)), wanted.index, strict=True))


def _renamed(left: list[str], names: Mapping[str, str]) -> dict[str, str]:
    """Return what a table says of names without their Ensembl versions."""
    plain = zip(left, gene_ids.strip_version(left), strict=True)
    return {name: names[stripped] for name, stripped in plain if stripped in names}


def _same_gene(left: list[str], free: Mapping[str, str], kinds: tuple[str, str], of: str, to: str) -> dict[str, str]:
    """Return names of the reference that are the same genes by another name, or their orthologs."""
    own = gene_ids.genes(left, of, kinds[0])
    there = gene_tables.orthologs(of, to) if of != to else {gene: gene for gene in own.values()}
    genes = {name: there[gene] for name, gene in own.items() if gene in there}
    targets: dict[str, list[str]] = {}
    for name, gene in gene_ids.genes(list(free), to, kinds[1]).items():
        targets.setdefault(gene, []).append(name)
    for gene, names in targets.items():
        if len(names) > 1:  # of the identifiers of one gene, only that of the primary assembly is meant
            targets[gene] = [name for name in names if name in gene_tables.primary(to)]
    found = {name: targets[gene][0] for name, gene in genes.items() if len(targets.get(gene, ())) == 1}
    return _undisputed(found, own)


def _same_spelling(left: list[str], free: Mapping[str, str], theirs: Sequence[str]) -> dict[str, str]:
    """Return names of the reference that differ in punctuation alone: HLA.A, HLA_A and HLA-A; X7SK and 7SK."""
    alike = collections.Counter(map(_spelling, theirs))
    targets = {_spelling(name): name for name in free if alike[_spelling(name)] == 1}
    spelled = {name: _spelling(name) for name in left}
    return _undisputed({name: targets[spelling] for name, spelling in spelled.items() if spelling in targets}, {})


def _spelling(name: str) -> str:
    """Return a name as R writes it (make.names), with one sign for all punctuation."""
    return re.sub(r"[^A-Za-z0-9]", ".", f"X{name}" if name[:1].isdigit() else name)


def _undisputed(found: dict[str, str], genes: Mapping[str, str]) -> dict[str, str]:
    """Return matches without those of two symbols that claim one name; the gene's present symbol prevails.

    Identifiers (of transcripts, of alternative assemblies) are not symbols: all of them are the gene.
    """
    sure = {name for name in found if any(pattern.fullmatch(name) for pattern in gene_ids.SURE)}
    claims = collections.Counter(target for name, target in found.items() if name not in sure)
    return {
        name: target for name, target in found.items() if name in sure or claims[target] == 1 or genes.get(name) == name
    }


def _how(column: str, counts: Mapping[str, int], known: Mapping[str, str]) -> str:
    """Return a sentence about how names were matched, with examples of those that changed."""
    via = "" if column == "names" else f" (column {column})"
    listed = "; ".join(f"{count:,} {how}" for how, count in counts.items()) or "none"
    changed = [f"{name} is {other}" for name, other in known.items() if name != other][:5]
    examples = f", for example {', '.join(changed)}" if changed else ""
    return f"Gene names matched with the reference{via}: {listed}{examples}."


def _crossed(ours: Sequence[str], theirs: Sequence[str], known: Mapping[str, str], of: str, to: str) -> str:
    met, wanted = set(known.values()), set(theirs)
    without = [name for name in ours if known.get(name) not in wanted]
    absent = [name for name in theirs if name not in met]
    return (
        f"The {of} genes were replaced by their one-to-one {to} orthologs ({SOURCES}). "
        f"Dropped, because they have none in the reference: {len(without):,} of {len(ours):,} genes "
        f"({show(without) or 'none'}). Genes of the reference without one in the bulk: {len(absent):,} of "
        f"{len(theirs):,} ({show(absent) or 'none'})."
    )
