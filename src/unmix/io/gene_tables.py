"""The tables of gene names in unmix/data: identifiers, present and previous symbols, orthologs (data/README.md)."""

from __future__ import annotations

import functools
import importlib.resources
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from unmix.errors import DataError
from unmix.io import text

if TYPE_CHECKING:
    from collections.abc import Mapping

SPECIES = ("human", "mouse", "rat")


@functools.cache
def symbols(of: str) -> dict[str, str]:
    """Return Ensembl identifier -> symbol of a species, as Ensembl gives it."""
    table = _table(f"genes_{of}")
    return dict(zip(table["gene_id"], table["symbol"], strict=True))


@functools.cache
def known_symbols() -> frozenset[str]:
    """Return the present symbols of all species."""
    return frozenset(symbol for of in SPECIES for symbol in approved(of))


@functools.cache
def approved(of: str) -> frozenset[str]:
    """Return the symbols that a gene of a species has now."""
    return frozenset(symbol for name, symbol in genes(of).items() if name == symbol)


@functools.cache
def genes(of: str) -> dict[str, str]:
    """Return Ensembl identifier, symbol and previous symbol -> present symbol of a species.

    Present and previous symbols are those of HGNC (human), MGI (mouse) or RGD (rat); where these do not know a gene,
    those of Ensembl. A previous symbol of several genes, or one that another gene has now, is not there.
    """
    names, ensembl = _table(f"names_{of}"), symbols(of)
    ids = dict(zip(names["gene_id"], names["symbol"], strict=True))
    ids.pop("", None)
    found = {symbol: symbol for symbol in names["symbol"]}
    renamed = zip(names["symbol"], names["previous"], strict=True)
    found |= {old: symbol for symbol, previous in renamed if previous for old in previous.split("|")}
    meant: dict[str, set[str]] = {}
    for gene_id, symbol in ensembl.items():
        if symbol not in found:
            meant.setdefault(symbol, set()).add(ids.get(gene_id, symbol))
    found |= {symbol: next(iter(now)) if len(now) == 1 else symbol for symbol, now in meant.items()}
    by_id = {gene_id: found[symbol] for gene_id, symbol in ensembl.items()}
    return found | by_id | ids


@functools.cache
def primary(of: str) -> frozenset[str]:
    """Return the Ensembl identifiers that HGNC, MGI or RGD give for a gene, not those of alternative assemblies."""
    return frozenset(_table(f"names_{of}")["gene_id"])


@functools.cache
def entrez(of: str) -> dict[str, str]:
    """Return Entrez identifier -> symbol of a species (HGNC; mouse and rat: Ensembl, HomoloGene)."""
    table = _table("names_human" if of == "human" else f"entrez_{of}")
    return {number: symbol for number, symbol in zip(table["entrez"], table["symbol"], strict=True) if number}


@functools.cache
def refseq(of: str) -> dict[str, str]:
    """Return RefSeq transcript (NM_, NR_; no version) -> symbol of human (NCBI) or mouse (Ensembl); none of the rat."""
    if of == "rat":
        return {}
    table, number = _table(f"refseq_{of}"), entrez(of)
    pairs = zip(table["accession"], table["entrez"], strict=True)
    return {accession: number[gene] for accession, gene in pairs if gene in number}


@functools.cache
def orthologs(of: str, to: str) -> dict[str, str]:
    """Return the symbols of one species -> those of another, one-to-one orthologs only (HGNC, with MGI and RGD)."""
    table = _table("orthologs")
    return {here: there for here, there in zip(table[of], table[to], strict=True) if here and there}


def read_map(given: Mapping[str, str] | Path | str | None) -> Mapping[str, str] | None:
    """Read a table of two columns: a name as a file has it, and the gene that it is.

    Parameters
    ----------
    given
        TSV or CSV with a header; further columns are ignored. What is read already is returned.

    Raises
    ------
    DataError
        Fewer than two columns, or a name that is two genes.
    """
    if given is None or not isinstance(given, (str, Path)):
        return given
    path = Path(given)
    lines = text.lines(path, [])
    need = "a table with a header and two columns: name, gene"
    cut = text.separator(lines)
    if cut not in lines[0]:
        raise DataError(f"{path.name} has one column.", need, "write the gene of each name into a second column")
    header, lines = text.header(lines, cut, path)
    if not header[0] and len(header) > 2:  # names of rows before the two columns
        raise DataError(f"{path.name} has more columns than its header.", need, "name every column in the first line")
    cells = pd.read_csv(io.StringIO("\n".join(lines)), sep=cut, header=None, dtype=str, keep_default_na=False)
    pairs = cells.iloc[:, :2].apply(lambda column: column.str.strip()).drop_duplicates()
    pairs = pairs[(pairs.iloc[:, 0] != "") & (pairs.iloc[:, 1] != "")]
    twice = pairs.iloc[:, 0][pairs.iloc[:, 0].duplicated()]
    if len(twice):
        raise DataError(
            f"{path.name}: {twice.iloc[0]!r} is the name of several genes.", need, "keep one line for each name"
        )
    return dict(zip(pairs.iloc[:, 0], pairs.iloc[:, 1], strict=True))


@functools.cache
def _table(name: str) -> pd.DataFrame:
    source = importlib.resources.files("unmix") / "data" / f"{name}.tsv.gz"
    with importlib.resources.as_file(source) as path:
        return pd.read_csv(path, sep="\t", dtype=str, na_filter=False)
