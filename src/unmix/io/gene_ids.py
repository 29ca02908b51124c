"""Gene names: which kind of identifier, which species, and which gene a name is."""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING

import numpy as np

from unmix.io import gene_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Genes that nearly every expression matrix holds, in human spelling (mouse: Gapdh).
HOUSEKEEPING = """
    ACTB ACTG1 B2M EEF1A1 EEF2 FTH1 FTL GAPDH GUSB HPRT1 HSP90AB1 MALAT1 PGK1 PPIA PTMA RPL13A RPL3 RPLP0 RPS18 RPS27A
    SDHA TBP TMSB4X TPT1 TUBB UBB UBC VIM YWHAZ CD3D CD4 CD8A CD14 CD19 MS4A1 NKG7 LYZ PTPRC
    EPCAM COL1A1 PECAM1 ALB INS GCG KRT19 A1BG A2M A1CF AAAS AACS TP53 EGFR MYC
    """
#: With the version, and the copy on Y of a gene on X: ENSG00000002586.20_PAR_Y, in old files ENSGR0000002586.20.
ENSEMBL = re.compile(r"(ENS(?:[A-Z]{3})?G)(?:(\d{11})|R(\d{10}))(\.\d+)?(_PAR_[XY])?")
ENSEMBL_CODE = re.compile(r"ENS([A-Z]{3})?[GT]R?\d{10,11}")
#: Names whose letters say nothing of the species by their case.
CODE = re.compile(rf"{ENSEMBL_CODE.pattern}|(LOC|RGD)\d+")
REFSEQ = re.compile(r"([NX][MR]_\d{6,9})(\.\d+)?")
KINDS = {
    "Ensembl": ENSEMBL,
    "Ensembl transcript": re.compile(r"ENS([A-Z]{3})?T\d{11}(\.\d+)?"),
    "RefSeq": REFSEQ,
    "Entrez": re.compile(r"\d{1,9}"),
    "array probe": re.compile(r"\d+(_[a-z])?_at|\w+_at|ILMN_\d+|A_\d+_P\d+"),
    "symbol": re.compile(r"[A-Za-z][A-Za-z0-9._@-]*"),
}
#: Identifiers that are one gene whatever else is there; several of them may be the same gene, and are summed.
SURE = (ENSEMBL, REFSEQ, KINDS["Entrez"])
#: Kinds that say nothing of the species by their form: a species -> name -> present symbol.
NUMBERED = {"RefSeq": gene_tables.refseq, "Entrez": gene_tables.entrez}
SPECIES_CODE = {None: "human", "MUS": "mouse", "RNO": "rat"}
#: Rat and mouse write symbols alike; a rat has this many times more of the symbols that only one of them has.
RAT = 3


def identifier(names: Iterable[str]) -> str:
    """Return the kind of most names: one of :data:`KINDS`, or ``unknown`` (also for the numbers of the rows)."""
    every = [str(name) for name in names]
    names = _some(every)
    for label, pattern in KINDS.items():
        if sum(bool(pattern.fullmatch(name)) for name in names) > len(names) / 2:
            return "unknown" if label == "Entrez" and _count(every) else label
    return "unknown"


def species(names: Iterable[str]) -> str:
    """Return ``human``, ``mouse``, ``rat`` or ``unknown``.

    Ensembl identifiers hold the species. RefSeq and Entrez identifiers are of the species of which most are known.
    Symbols are distinguished by case: GAPDH is human, Gapdh is mouse or rat; of these two, by the symbols that only one
    has.
    """
    names = _some(names)
    codes = [match[1] for name in names if (match := ENSEMBL_CODE.match(name))]
    if len(codes) > len(names) / 2:
        return SPECIES_CODE.get(max(set(codes), key=codes.count), "unknown")
    if (kind := identifier(names)) in NUMBERED:
        known = {of: sum(name.partition(".")[0] in NUMBERED[kind](of) for name in names) for of in gene_tables.SPECIES}
        best = max(known, key=known.get)
        return best if known[best] > len(names) / 2 else "unknown"
    words = [name for name in names if re.match(r"[A-Za-z]{2}", name) and not CODE.match(name)]
    if not words or len(words) < len(names) / 4:
        return "unknown"
    upper = sum(name.upper() == name or "orf" in name for name in words) / len(words)
    title = sum(name[:1].isupper() and name[1:].lower() == name[1:] for name in words) / len(words)
    if upper > 0.7:
        return "human"
    if title <= 0.6:
        return "unknown"
    mouse, rat = (gene_tables.approved(of) for of in ("mouse", "rat"))
    only = [sum(name in here and name not in there for name in names) for here, there in ((mouse, rat), (rat, mouse))]
    return "rat" if only[1] > RAT * only[0] else "mouse"


def of_species(names: Iterable[str]) -> dict[str, int]:
    """Return how many Ensembl identifiers are of each species, of those that have a tenth of the names or more."""
    names = list(names)
    found = collections.Counter(SPECIES_CODE.get(match[1], "") for name in names if (match := ENSEMBL_CODE.match(name)))
    return {of: count for of, count in found.items() if of and count >= len(names) / 10}


def likeness(names: Sequence[str]) -> float:
    """Return how much names look like genes: 0 (not at all) to 1."""
    names = [str(name) for name in names]
    if not names:
        return 0.0
    known = {name.upper() for name in names} & set(HOUSEKEEPING.split())
    sure = ("Ensembl", "RefSeq", "array probe")
    share = sum(bool(KINDS[label].fullmatch(name)) for name in _some(names) for label in sure) / len(_some(names))
    return max(min(1.0, len(known) / 5), share)


def strip_version(names: Iterable[str]) -> np.ndarray:
    """Return names with the version (and _PAR_Y) of Ensembl identifiers removed."""
    found = ((name, ENSEMBL.fullmatch(name)) for name in names)
    return np.array([m[1] + (m[2] or f"0{m[3]}") if m else name for name, m in found], dtype=object)


def genes(names: Sequence[str], of: str, kind: str) -> dict[str, str]:
    """Return name -> present symbol of its gene, for the names of which one gene is known.

    Parameters
    ----------
    names
        Symbols (also previous ones), Ensembl and Entrez identifiers, RefSeq transcripts (human and mouse).
    of
        Species of the names; of any other than :data:`unmix.io.gene_tables.SPECIES`, no gene is known.
    kind
        Of the file's names, as :func:`identifier` says: a number is an Entrez identifier only where most names are.
    """
    if of not in gene_tables.SPECIES:
        return {}
    tables = [gene_tables.genes(of)]
    if kind in NUMBERED:
        tables.append(NUMBERED[kind](of))
    plain = dict(zip(names, strip_version(names), strict=True))
    if kind == "RefSeq":
        plain = {name: name.partition(".")[0] for name in names}
    return {name: table[key] for name, key in plain.items() for table in tables if key in table}


def translate(names: Sequence[str]) -> np.ndarray:
    """Return present symbols; names that are not known genes stay."""
    known = genes(names, species(names), identifier(names))
    return np.array([known.get(name, name) for name in names], dtype=object)


def symbols(names: Sequence[str]) -> np.ndarray:
    """Return names with the symbols of identifiers, also of those among symbols; names without a symbol stay."""
    kind, of = identifier(names), species(names)
    if kind in NUMBERED:
        return translate(names)
    plain = strip_version(names)
    coded = of in gene_tables.SPECIES and any(map(ENSEMBL_CODE.match, plain))
    known = gene_tables.symbols(of) if coded else {}  # Ensembl's own do: one table, read in a third of the time
    return np.array([known.get(name, name) for name in plain], dtype=object)


def _count(names: Sequence[str]) -> bool:
    """Return whether names are whole numbers without a gap, as row numbers are."""
    numbers = {int(name) for name in names if name.isdecimal()}
    return len(names) > 2 and len(numbers) == len(names) == max(numbers) - min(numbers) + 1


def _some(names: Iterable[str], most: int = 2000) -> list[str]:
    """Return evenly spaced names: enough to judge all of them."""
    names = [str(name) for name in names]
    return names[:: max(1, len(names) // most)]
