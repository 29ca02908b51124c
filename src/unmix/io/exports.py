"""Tables inside a text: GCT (1.2, 1.3) and the series matrix of GEO."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from unmix.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_GCT = re.compile(r"#1\.[23]\s*")
_BEGIN = re.compile(r"!\w+_table_begin\s*", re.IGNORECASE)
_END = re.compile(r"!\w+_table_end\s*", re.IGNORECASE)
#: What stands before the names of symbols in the descriptions of GCT 1.3.
_SYMBOLS = ("pr_gene_symbol", "gene_symbol", "genesymbol", "symbol", "gene_name", "description")


def table(lines: list[str], path: Path, messages: list[str]) -> list[str]:
    """Return the lines of the table that a GCT file or a GEO series matrix holds; other text is returned unchanged.

    Parameters
    ----------
    lines
        All lines of the file.
    path
        The file, for messages.
    messages
        Takes a sentence where a format was recognised.

    Raises
    ------
    DataError
        A GEO file without values, or with several tables; a GCT file that is cut off.
    """
    if _GCT.fullmatch(lines[0].split("\t")[0]):
        return _gct(lines, path, messages)
    if lines[0][:1] in "!^" and any(line.startswith(("!Series", "!Sample", "^", "!dataset")) for line in lines[:200]):
        return _geo(lines, path, messages)
    return lines


def _gct(lines: list[str], path: Path, messages: list[str]) -> list[str]:
    """Return header and rows; the descriptions of genes but their symbols, and those of samples, are left out."""
    sizes = [int(cell) for cell in lines[1].split("\t") if cell.strip().isdecimal()] if len(lines) > 1 else []
    rows = [line.rstrip("\r").split("\t") for line in lines[2:] if line.strip()]
    if len(sizes) < 2 or not rows:
        raise DataError(f"{path.name} begins as GCT, but is cut off.", "a complete GCT file", "copy the file again")
    genes, samples, of_genes, of_samples = (*sizes, 1, 0)[:4] if len(sizes) < 4 else sizes[:4]
    header, rows = rows[0], rows[1 + of_samples :]
    if len(rows) != genes or len(header) < 1 + of_genes + samples:
        raise DataError(
            f"{path.name} says that it holds {genes:,} genes x {samples:,} samples, but holds {len(rows):,} rows of "
            f"{len(header):,} columns.",
            "a complete GCT file",
            "copy the file again",
        )
    names = [cell.strip().lower() for cell in header[1 : 1 + of_genes]]
    symbols = next((1 + names.index(name) for name in _SYMBOLS if name in names), None)
    kept = [0, *([symbols] if symbols else []), *range(1 + of_genes, len(header))]
    header = [*header]
    if symbols and names[symbols - 1] != "description":
        header[symbols] = "gene_symbol"
    messages.append(f"{path.name} is GCT; its descriptions of genes and samples were left out, but symbols of genes.")
    return ["\t".join(row[i] for i in kept if i < len(row)) for row in (header, *rows)]


def _geo(lines: list[str], path: Path, messages: list[str]) -> list[str]:
    begins = [number for number, line in enumerate(lines) if _BEGIN.fullmatch(line)]
    if len(begins) > 1:
        raise DataError(
            f"{path.name} is a SOFT file of GEO with {len(begins)} tables, one per platform and sample.",
            "one table of genes x samples",
            "take the series matrix (..._series_matrix.txt.gz), or the counts among the supplementary files",
        )
    end = next((number for number, line in enumerate(lines) if _END.fullmatch(line)), len(lines))
    body = lines[begins[0] + 1 : end] if begins else []
    if len([line for line in body if line.strip()]) < 2:
        raise DataError(
            f"{path.name} is a series matrix of GEO without values, as those of RNA-seq are.",
            "a series matrix that holds expression, as those of arrays do",
            "take the table of counts among the supplementary files of the series, or GEO's own counts "
            "(GSE..._raw_counts_..._NCBI.tsv.gz)",
        )
    messages.append(f"{path.name} is a file of GEO; the table inside was read, not the descriptions of the samples.")
    return body
