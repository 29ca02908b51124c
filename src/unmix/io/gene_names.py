"""What tools do to gene names (a second identifier, a genome, dates of a spreadsheet), and how it is undone."""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError
from unmix.io import gene_ids, gene_tables
from unmix.io.text import show

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

#: Names of two or more parts, and the part that is kept: ENSG00000167286.1_CD3D, CD3D|915, CD3D (915), those of
#: GENCODE's transcripts (ENST00000300692.8|ENSG00000167286.9|...) and of StringTie (MSTRG.7|CD3D).
_PARTS = (
    re.compile(r"ENS(?:[A-Z]{3})?T\d{11}[^|]*\|(ENS(?:[A-Z]{3})?G\d{11})(?:\.\d+)?\|.*"),
    re.compile(r"MSTRG\.\d+\|([^|\s]+)"),
    re.compile(r"(ENS(?:[A-Z]{3})?G\d{11})(?:\.\d+)?[_|:; ].+"),
    re.compile(r".+[_|:; (](ENS(?:[A-Z]{3})?G\d{11})(?:\.\d+)?\)?"),
    re.compile(r"([A-Za-z][^|\s]*)(?:\|\d+| ?\(\d+\))"),
)
_PREFIX = re.compile(r"(?:gene[-:]|GeneID:|ENTREZ(?:ID)?[:_]|')(.+)", re.IGNORECASE)
_DECIMAL = re.compile(r"(\d{1,9})\.0+")
_R = re.compile(r"X(\d{1,9})")
_GENOME = re.compile(r"(GRCh3[78]|GRCm3[89]|mRatBN7\.2|Rnor_6\.0|hg19|hg38|mm9|mm10|mm39|rn[67])_+(.+)")
_SPECIES = {"GRCh": "human", "hg": "human", "GRCm": "mouse", "mm": "mouse", "mRat": "rat", "Rnor": "rat", "rn": "rat"}

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTH = "|".join(_MONTHS)
#: How spreadsheets write a day of a month: 2-Sep, Sep-02, 2023-09-02 (00:00:00), 9/2/2023 (or 2/9/2023).
_DATES = (
    re.compile(rf"(?P<day>\d{{1,2}})-(?P<month>{_MONTH})(-\d\d|-\d{{4}})?", re.IGNORECASE),
    re.compile(rf"(?P<month>{_MONTH})-(?P<day>\d\d)", re.IGNORECASE),
    re.compile(r"\d{4}-(?P<month>\d\d)-(?P<day>\d\d)([ T]00:00(:00)?)?"),
    re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(\d\d|\d{4})"),
    re.compile(r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(\d\d|\d{4})"),
)
#: What a spreadsheet takes for the name of a month.
_STEMS = {"MAR": ("MAR", "MARC", "MARCH"), "SEP": ("SEP", "SEPT")}

HOW_TO_MAP = (
    "give a table of two columns, the name as the file has it and the gene, with --gene-map (Ensembl BioMart exports "
    "such tables for any species and array; NCBI's gene2refseq and gene_info have RefSeq and Entrez identifiers)"
)
#: Kinds of names that stay, and the warning about them.
NOT_GENES = {
    "array probe": f"The rows are named by array probes ({{}}), not genes: {HOW_TO_MAP}.",
    "Ensembl transcript": f"The rows are named by Ensembl transcripts ({{}}), not genes: {HOW_TO_MAP}.",
}


def unwrapped(
    names: Sequence[str], of: str = "unknown", right: Collection[str] = frozenset()
) -> tuple[np.ndarray, list[str]]:
    """Return names without what tools add to them, and sentences about it.

    Names of two parts (``ENSG00000167286_CD3D``, ``CD3D|915``) keep the identifier or the symbol, and prefixes of
    genomes (``GRCh38_``) go. Dates of a spreadsheet become genes again where one gene alone can have become that date:
    1-Mar and 2-Mar were MARCH1 or MARC1, MARCH2 or MARC2, and stay.

    Parameters
    ----------
    names
        Of the genes of a file.
    of
        Species of the genes that are looked for, if known: of a file of two genomes, those of the other keep theirs.
    right
        Names that stay as they are: those of the reference.
    """
    said: list[str] = []
    names = [str(name).strip() for name in names]
    for patterns, what in (
        (_PARTS, "hold two identifiers"),
        ((_PREFIX,), "begin with a prefix"),
        ((_R,), "begin with the X that R writes before numbers"),
        ((_DECIMAL,), "are whole numbers with decimals"),
    ):
        if not _most(names, patterns):
            continue
        names = _changed(what, names, lambda name: _first(name, patterns), right, said)  # noqa: B023
    names = _without_genome(names, of, right, said)
    corrected = _from_dates(names, right, said)
    return np.array([corrected.get(name, name) for name in names], dtype=object), said


def date_genes(name: str) -> set[str]:
    """Return the human genes (present symbols) that a spreadsheet can have turned into a date; none if it is no date.

    Symbols that HGNC has approved now or had approved before are looked at.
    """
    known = gene_tables.genes("human")
    found = set()
    for match in filter(None, (one.fullmatch(name) for one in _DATES)):
        month = match["month"].upper()
        if month.isdigit():
            month = _MONTHS[int(month) - 1] if 1 <= int(month) <= 12 else ""
        for stem in _STEMS.get(month, (month,)):
            found.add(known.get(f"{stem}{int(match['day'])}", ""))
    return found - {""}


def knows(gene_map: Mapping[str, str], names: Sequence[str]) -> bool:
    """Return whether a user's table names one gene or more."""
    return any(name in gene_map for each in (names, gene_ids.strip_version(names)) for name in each)


def mapped(names: Sequence[str], gene_map: Mapping[str, str], file: str) -> tuple[np.ndarray, str]:
    """Return names as a user's table translates them, and a sentence about it; names that it lacks stay.

    Raises
    ------
    DataError
        The table has none of the names.
    """
    plain = gene_ids.strip_version(names)
    found = [gene_map.get(name, gene_map.get(short)) for name, short in zip(names, plain, strict=True)]
    hits = sum(gene is not None for gene in found)
    if not hits:
        raise DataError(
            f"The table of gene names has none of the names in {file} ({show(names)}); it has {show(list(gene_map))}.",
            "names as the file has them in the first column, genes in the second",
            "correct the table, or leave --gene-map out",
        )
    new = [name if gene is None else gene for name, gene in zip(names, found, strict=True)]
    return np.array(new, dtype=object), f"{hits:,} of {len(names):,} gene names were replaced by those of --gene-map."


def lost(dates: Sequence[str]) -> str:
    """Return a warning about dates of a spreadsheet that can be several genes, or none that is known."""
    meant = [
        f"{date} can be {' or '.join(sorted(date_genes(date)))}" for date in dict.fromkeys(dates) if date_genes(date)
    ]
    readings = f" ({'; '.join(meant[:5])})" if meant else ""
    return (
        f"{len(dates)} gene names were turned into dates by a spreadsheet and are lost: {show(dates)}{readings}. "
        "Take the table as it was before, or name these genes with --gene-map."
    )


def is_date(name: str) -> bool:
    """Return whether a name is a date as spreadsheets write it."""
    return ("-" in name or "/" in name) and any(one.fullmatch(name) for one in _DATES)


def _most(names: list[str], patterns: Sequence[re.Pattern]) -> bool:
    """Return whether most names fit a pattern; a sample of them is looked at."""
    some = names[:: max(1, len(names) // 2000)]
    return sum(any(one.fullmatch(name) for one in patterns) for name in some) > len(some) / 2


def _first(name: str, patterns: Sequence[re.Pattern]) -> str:
    """Return the part of a name that the first fitting pattern keeps."""
    return next((match[1] for one in patterns if (match := one.fullmatch(name))), name)


def _changed(
    what: str, names: list[str], change: Callable[[str], str], right: Collection[str], said: list[str]
) -> list[str]:
    """Return changed names, those that are right excepted, and say so with an example."""
    new = [name if name in right else change(name) for name in names]
    if example := next(((a, b) for a, b in zip(names, new, strict=True) if a != b), None):
        said.append(f"Gene names {what}; {example[0]!r} was read as {example[1]!r}.")
    return new


def _without_genome(names: list[str], of: str, right: Collection[str], said: list[str]) -> list[str]:
    """Remove the prefix of the genome; of several genomes, that of one species."""
    if not _most(names, (_GENOME,)):
        return names
    sizes = collections.Counter(match[1] for name in names if (match := _GENOME.fullmatch(name)))
    species = {genome: next(s for start, s in _SPECIES.items() if genome.startswith(start)) for genome in sizes}
    wanted = {genome for genome in sizes if len(sizes) == 1 or species[genome] == of}
    if len(sizes) > 1:
        listed = ", ".join(f"{genome} {size:,}" for genome, size in sizes.items())
        kept = f"those of {show(sorted(wanted))} were used" if wanted else "all keep their prefix"
        said.append(f"The file holds genes of {len(sizes)} genomes ({listed}); {kept}.")

    def without(name: str) -> str:
        match = _GENOME.fullmatch(name)
        return match[2] if match and match[1] in wanted else name

    return _changed("begin with a genome", names, without, right, said)


def _from_dates(names: list[str], right: Collection[str], said: list[str]) -> dict[str, str]:
    """Return date -> gene where one gene alone can have become the date, and is not there itself."""
    dates = {name: date_genes(name) for name in set(names) if is_date(name) and name not in right}
    if not dates:
        return {}
    of = gene_ids.species(names)
    there, corrected = set(names), {}
    for date in sorted(dates):
        found = {gene.title() if of in ("mouse", "rat") else gene for gene in dates[date]}
        if len(found) == 1 and not found & there:
            corrected[date] = found.pop()
    if corrected:
        listed = ", ".join(f"{date} is {gene}" for date, gene in list(corrected.items())[:5])
        said.append(f"{len(corrected)} gene names that a spreadsheet had turned into dates were corrected: {listed}.")
    return corrected
