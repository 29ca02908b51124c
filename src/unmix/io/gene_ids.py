"""Gene names: which kind of identifier, which species, and how names of two files meet."""

from __future__ import annotations

import functools
import importlib.resources
import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Genes that nearly every expression matrix holds, in human spelling (mouse: Gapdh).
HOUSEKEEPING = """
    ACTB ACTG1 B2M EEF1A1 EEF2 FTH1 FTL GAPDH GUSB HPRT1 HSP90AB1 MALAT1 PGK1 PPIA PTMA RPL13A RPL3 RPLP0 RPS18 RPS27A
    SDHA TBP TMSB4X TPT1 TUBB UBB UBC VIM YWHAZ CD3D CD4 CD8A CD14 CD19 MS4A1 NKG7 LYZ PTPRC
    EPCAM COL1A1 PECAM1 ALB INS GCG KRT19 A1BG A2M A1CF AAAS AACS TP53 EGFR MYC
    """
ENSEMBL = re.compile(r"(ENS([A-Z]{3})?G\d{11})(\.\d+)?(_PAR_[XY])?")
ENSEMBL_CODE = re.compile(r"ENS([A-Z]{3})?[GT]\d{11}")
KINDS = {
    "Ensembl": ENSEMBL,
    "Ensembl transcript": re.compile(r"ENS([A-Z]{3})?T\d{11}(\.\d+)?"),
    "Entrez": re.compile(r"\d{1,9}"),
    "array probe": re.compile(r"\d+(_[a-z])?_at|\w+_at|ILMN_\d+|A_\d+_P\d+"),
    "symbol": re.compile(r"[A-Za-z][A-Za-z0-9._@-]*"),
}
SPECIES_CODE = {None: "human", "MUS": "mouse", "RNO": "rat"}
#: What a spreadsheet makes of MARCH1, SEPT2, DEC1 ...
EXCEL_DATE = re.compile(r"\d{1,2}-(Mar|Sep|Dec|Oct|Apr|Nov|Feb|MAR|SEP|DEC)|(Mar|Sep|Dec)-\d\d|\d{4}-\d\d-\d\d.*")
#: Names of two parts, and the part that is kept: ENSG00000167286.1_CD3D, CD3D|915, CD3D (915).
_PARTS = (
    re.compile(r"(ENS(?:[A-Z]{3})?G\d{11})(?:\.\d+)?[_|:].+"),
    re.compile(r".+[_|:](ENS(?:[A-Z]{3})?G\d{11})(?:\.\d+)?"),
    re.compile(r"([A-Za-z][^|\s]*)(?:\|\d+| ?\(\d+\))"),
)
_GENOME = re.compile(r"(?:GRCh3[78]|GRCm3[89]|hg19|hg38|mm9|mm10|mm39)_+(.+)")
_SEPTIN = re.compile(r"(?:0?(\d{1,2})-Sep|Sep-0?(\d{1,2}))", re.IGNORECASE)
_MARCH = re.compile(r"(?:0?(\d{1,2})-Mar|Mar-0?(\d{1,2}))", re.IGNORECASE)


class Match(NamedTuple):
    """Names of a file, rewritten so that as many as possible are names of the reference."""

    names: np.ndarray
    how: str
    common: int


def identifier(names: Iterable[str]) -> str:
    """Return the kind of most names: one of :data:`KINDS`, or ``unknown``."""
    names = _some(names)
    for label, pattern in KINDS.items():
        if sum(bool(pattern.fullmatch(name)) for name in names) > len(names) / 2:
            return label
    return "unknown"


def species(names: Iterable[str]) -> str:
    """Return ``human``, ``mouse``, ``rat`` (by Ensembl codes only) or ``unknown``.

    Symbols are distinguished by case: GAPDH is human, Gapdh is mouse (rat is written the same way).
    """
    names = _some(names)
    codes = [match[1] for name in names if (match := ENSEMBL_CODE.match(name))]
    if len(codes) > len(names) / 2:
        return SPECIES_CODE.get(max(set(codes), key=codes.count), "unknown")
    words = [name for name in names if re.match(r"[A-Za-z]{2}", name) and not ENSEMBL_CODE.match(name)]
    if len(words) < len(names) / 4:
        return "unknown"
    upper = sum(name.upper() == name or "orf" in name for name in words) / len(words)
    title = sum(name[:1].isupper() and name[1:].lower() == name[1:] for name in words) / len(words)
    return "human" if upper > 0.7 else "mouse" if title > 0.6 else "unknown"


def likeness(names: Sequence[str]) -> float:
    """Return how much names look like genes: 0 (not at all) to 1."""
    names = [str(name) for name in names]
    if not names:
        return 0.0
    known = {name.upper() for name in names} & set(HOUSEKEEPING.split())
    sure = sum(bool(KINDS[label].fullmatch(name)) for name in _some(names) for label in ("Ensembl", "array probe"))
    return max(min(1.0, len(known) / 5), sure / len(_some(names)))


def unwrapped(names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return names without what tools add to them, and sentences about it.

    Names of two parts (``ENSG00000167286_CD3D``, ``CD3D|915``) keep the identifier or the symbol, and prefixes of
    genomes (``GRCh38_``) go. Dates of a spreadsheet become genes again where one gene alone can have become that date:
    1-Mar and 2-Mar were MARCH1 or MARC1, MARCH2 or MARC2, and stay.
    """
    said: list[str] = []
    names = [str(name) for name in names]
    for patterns, what in ((_PARTS, "hold two identifiers"), ((_GENOME,), "begin with a genome")):
        if sum(any(one.fullmatch(name) for one in patterns) for name in names[::50]) <= len(names[::50]) / 2:
            continue
        parts = [next((match[1] for one in patterns if (match := one.fullmatch(name))), name) for name in names]
        first = next((old, new) for old, new in zip(names, parts, strict=True) if old != new)
        said.append(f"Gene names {what}; {first[0]!r} was read as {first[1]!r}.")
        names = parts
    mended = {}
    mouse = species(names) == "mouse"
    for name in (name for name in names if "-" in name and len(name) < 7):
        for pattern, stem, numbers in ((_SEPTIN, "SEPTIN", range(1, 15)), (_MARCH, "MARCHF", range(3, 12))):
            if (match := pattern.fullmatch(name)) and int(match[1] or match[2]) in numbers:
                mended[name] = f"{stem.title() if mouse else stem}{int(match[1] or match[2])}"
    there = set(names)
    mended = {date: gene for date, gene in mended.items() if gene not in there}
    if mended:
        listed = ", ".join(f"{date} is {gene}" for date, gene in list(mended.items())[:5])
        said.append(f"{len(mended)} gene names that a spreadsheet had turned into dates were corrected: {listed}.")
    return np.array([mended.get(name, name) for name in names], dtype=object), said


def strip_version(names: Iterable[str]) -> np.ndarray:
    """Return names with the version (and _PAR_Y) of Ensembl identifiers removed."""
    return np.array([m[1] if (m := ENSEMBL.fullmatch(name)) else name for name in names], dtype=object)


@functools.cache
def symbols(of: str) -> dict[str, str]:
    """Return Ensembl identifier -> symbol of ``human`` or ``mouse`` (Ensembl, see data/README.md)."""
    source = importlib.resources.files("unmix") / "data" / f"genes_{of}.tsv.gz"
    with importlib.resources.as_file(source) as path:
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    return dict(zip(table["gene_id"], table["symbol"], strict=True))


@functools.cache
def known_symbols() -> frozenset[str]:
    """Return the symbols of human and mouse."""
    return frozenset([*symbols("human").values(), *symbols("mouse").values()])


def translate(names: Sequence[str], wanted: set[str] | None = None) -> np.ndarray:
    """Return symbols for Ensembl identifiers, or identifiers for symbols; unknown names stay.

    Parameters
    ----------
    names
        Names of one kind.
    wanted
        Where a symbol has several identifiers, one of these is taken.
    """
    names = strip_version(names)
    of = species(names)
    if of not in ("human", "mouse"):
        return names
    table = symbols(of)
    if identifier(names) == "Ensembl":
        return np.array([table.get(name, name) for name in names], dtype=object)
    back: dict[str, str] = {}
    for gene_id, symbol in table.items():
        if symbol not in back or (wanted and gene_id in wanted):
            back[symbol] = gene_id
    return np.array([back.get(name, name) for name in names], dtype=object)


def match(given: dict[str, np.ndarray], wanted: pd.DataFrame) -> Match:
    """Choose and rewrite names so that they meet those of the reference.

    Parameters
    ----------
    given
        Candidate names of the same genes: ``{"names": ..., "gene_name": ...}``; the first are the
        names of the rows.
    wanted
        Indexed by the names of the reference; an optional column ``gene_id`` holds other names.

    Returns
    -------
    Match
        Names of the reference where a candidate meets one (also through ``gene_id``, without
        Ensembl versions, through the bundled table, or with the ``.`` that R writes for ``-``);
        else the candidate's own.
    """
    targets = set(wanted.index)
    best = Match(next(iter(given.values())), "", -1)
    for label, names in given.items():
        via = "" if label == "names" else f" (column {label})"
        tries = {
            f"as they are{via}": names,
            f"without Ensembl versions{via}": strip_version(names),
        }
        if "gene_id" in wanted:
            ids = dict(zip(strip_version(wanted["gene_id"].astype(str)), wanted.index, strict=True))
            tries[f"through the reference's gene_id{via}"] = np.array(
                [ids.get(name, name) for name in strip_version(names)], dtype=object
            )
        best = _best(best, tries, targets)
    if best.common < len(targets) / 2:
        for label, names in given.items():
            via = "" if label == "names" else f" (column {label})"
            tries = {f"through the bundled Ensembl table{via}": translate(names, targets)}
            best = _best(best, tries, targets, least=1.1)
    dashed = np.array(
        [n if n in targets or (d := n.replace(".", "-")) not in targets else d for n in best.names], dtype=object
    )
    mended = int(np.sum(dashed != best.names))
    if mended:
        how = f"{best.how}, with - for the . that R writes in {mended:,} names"
        best = Match(dashed, how, len(targets & set(dashed)))
    return best


def _best(best: Match, tries: dict[str, np.ndarray], targets: set[str], least: float = 1.0) -> Match:
    for how, names in tries.items():
        common = len(targets & set(names))
        if common > best.common * least:
            best = Match(names, how, common)
    return best


def _some(names: Iterable[str], most: int = 2000) -> list[str]:
    """Return evenly spaced names: enough to judge all of them."""
    names = [str(name) for name in names]
    return names[:: max(1, len(names) // most)]
