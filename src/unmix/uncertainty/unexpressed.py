"""Unknown content: what a bulk sample's highest genes show of cells that the reference lacks.

Two signs. The share of the highest genes that the reference does not express: a few percent in blood by a reference of
blood, above a tenth in tissues and tumours by the same reference. Microarrays have other levels of genes, and a share
of .08 to .37 in blood, which is not judged. And markers of lineages that the reference does not express, which do not
depend on the platform.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.io import gene_groups, gene_ids
from unmix.io.matrices import WHOLE

if TYPE_CHECKING:
    import anndata as ad

    from unmix.contract.model import Model

#: The highest genes of a sample that are looked at.
HIGHEST = 2000
#: A type expresses a gene from this many counts per million on; genes that the reference lacks are not expressed.
EXPRESSED = 5.0
#: Identifiers without a symbol, and genes that only some annotations name, or that differ between people: clones,
#: segments of antigen receptors.
UNNAMED = re.compile(
    r"ENS[A-Z]*G\d{11}|\d+|[NX][MR]_\d+|RP\d+-.+|[A-Z]{2}\d{6}(\..+)?|(CTD|CTC|CTA|CH\d+|LL[A-Z]+)-.+|LINC\d+.*"
    r"|(IG[HKL]|TR[ABDG])[VDJCAGME].*|.+\.\d+"
)
#: The share above which to warn. RNA-seq of PBMC by two references of blood: .013 to .036, no sample above .042; lung
#: tumours, islets and cell lines by the same references: .11 to .15, no sample below .094.
WARNED = 0.07
#: Markers that lineages outside blood are commonly known by. Those that a reference expresses do not count.
LINEAGES = {
    "epithelial": "EPCAM CDH1 ESRP1 ESRP2 GRHL2 RAB25 MAL2 S100A14 CLDN3 CLDN4 CLDN7 KRT5 KRT7 KRT8 KRT14 KRT17 KRT18 "
    "KRT19 KRT20 ELF3 LAD1 PRSS8 AP1M2 TACSTD2 DSP DSG2 PKP2 PKP3 MARVELD3 CGN IRF6 ERBB3 FXYD3 AGR2 SFN MUC1 PERP "
    "CEACAM5 TFF3",
    "mesenchymal": "COL1A1 COL1A2 COL3A1 COL5A1 COL6A3 DCN LUM BGN POSTN FAP PDGFRB CDH11 FBN1 MMP2 TAGLN ACTA2 CAV1 "
    "THY1",
    "endothelial": "CDH5 ROBO4 CLDN5 TIE1 EMCN PLVAP KDR",
    "neural": "GFAP SNAP25 MAP2 SYP CHGA CHGB STMN2 PLP1 NEFL SYT1 SCG2",
    "hepatic": "ALB APOA1 APOC3 TTR FGB",
    "muscle": "ACTA1 MYH7 DES CKM",
    "melanocytic": "MLANA PMEL TYR",
}
#: Of these, so many among the highest genes of a sample show other cells. 208 samples of blood have 0 to 2, ten
#: mixtures with a colon cancer line 4 to 7, tumours, islets and cell lines 6 to 35 (benchmarks/unknown_content.py).
FOREIGN = 3
_LINEAGE = {marker: lineage for lineage, markers in LINEAGES.items() for marker in markers.split()}


def signs(model: Model, bulk: ad.AnnData) -> tuple[np.ndarray, list[list[str]]]:
    """Return, for each sample, the share of its highest genes and the markers of lineages that the reference lacks.

    Shares are missing (NaN), and markers none, where bulk or reference have too few genes to tell. Technical genes
    (:mod:`unmix.io.gene_groups`) and those of :data:`UNNAMED` are left out. Markers are those of
    :data:`LINEAGES` among the highest genes, as symbols in upper case.
    """
    names = bulk.var_names.astype(str)
    symbols = gene_ids.symbols(list(names))
    technical = gene_groups.groups(list(symbols)) != ""
    symbols = np.array([str(symbol).upper() for symbol in symbols], dtype=object)
    named = np.array([UNNAMED.fullmatch(symbol) is None for symbol in symbols])
    kept = ~technical & named
    if min(kept.sum(), len(model.facts["reference_genes"])) < WHOLE:  # of a panel, a missing gene says nothing
        return np.full(bulk.n_obs, np.nan), [[] for _ in range(bulk.n_obs)]
    names, symbols = names[kept], symbols[kept]
    lacking = model.profiles(names).max(0) < EXPRESSED
    markers = lacking & np.isin(symbols, list(_LINEAGE))
    places = np.flatnonzero(kept)
    highest = [highest_genes(sample[places], HIGHEST) for sample in np.asarray(bulk.X)]
    shares = np.array([lacking[genes].mean() for genes in highest])
    return shares, [sorted(symbols[genes[markers[genes]]]) for genes in highest]


def highest_genes(sample: np.ndarray, number: int) -> np.ndarray:
    """Return the indices of the highest genes of a sample; among equal ones the first."""
    if number >= len(sample):
        return np.arange(len(sample))
    least = np.partition(sample, -number)[-number]
    above = np.flatnonzero(sample > least)
    return np.concatenate([above, np.flatnonzero(sample == least)[: number - len(above)]])


def doubtful(found: np.ndarray, markers: list[list[str]], unit: str) -> np.ndarray:
    """Return which samples probably contain cells that the reference lacks.

    Parameters
    ----------
    found, markers
        Of :func:`signs`.
    unit
        Of the bulk; shares of a ``microarray`` are not judged.
    """
    many = np.array([len(own) >= FOREIGN for own in markers], bool)
    return many | ((found > WARNED) & (unit != "microarray"))


def record(found: np.ndarray, markers: list[list[str]], unit: str) -> dict[str, Any]:
    """Return what run.json says: ``median`` (None where unknown), ``sentence``, and whether it warns (``warned``).

    Parameters as of :func:`doubtful`.
    """
    median = None if np.isnan(found).all() else float(np.median(found))
    warned = bool(2 * doubtful(found, markers, unit).sum() > len(found))
    return {"median": median, "sentence": sentence(found, markers, unit), "warned": warned}


def sentence(found: np.ndarray, markers: list[list[str]], unit: str) -> str:
    """Return what to say of all samples.

    Parameters as of :func:`doubtful`.
    """
    if np.isnan(found).all():
        return (
            f"Unknown content is not judged: that needs {WHOLE:,} genes in the bulk and in the reference. No sample "
            "gets the flag unknown_cells, whatever it holds."
        )
    said = [
        f"Unknown content: the reference does not express {np.median(found):.0%} of the {HIGHEST:,} highest genes of a "
        f"sample (median; {found.min():.0%} to {found.max():.0%})."
    ]
    if unit == "microarray":
        said.append("Microarrays have larger shares than RNA-seq, so this is not judged.")
    elif np.median(found) > WARNED:
        said.append(f"That is more than {WARNED:.0%}.")
    if many := [own for own in markers if len(own) >= FOREIGN]:
        number = Counter(marker for own in many for marker in own)
        most = ", ".join(f"{marker} ({_LINEAGE[marker]})" for marker, _ in number.most_common(5))
        said.append(f"{len(many)} of {len(markers)} samples express markers of cells that the reference lacks: {most}.")
    if doubts := int(doubtful(found, markers, unit).sum()):
        said.append(
            f"{doubts} of {len(found)} samples probably contain cells that the reference lacks. Their share is "
            "attributed to the types of the reference."
        )
    return " ".join(said)
