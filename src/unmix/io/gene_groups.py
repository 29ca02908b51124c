"""Groups of genes that tell of the sample or its handling: haemoglobins, ribosomal, mitochondrial, sex, nuclear.

They are the genes that BayesPrism removes (Chu et al. 2022), and the haemoglobins. Nothing else in unmix says by their
names which genes these are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from unmix.io import gene_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Symbols in upper case by group, of human, mouse and rat; also with the point that R writes for a dash. Pseudogenes of
#: ribosomal proteins take reads of their genes; paralogues with another role (RPL3L of muscle) do not belong here.
GROUPS = {
    "haemoglobin": r"HB(?:A[12]|B|D|E1|G[12]|M|Q1|Z)|HB[AB][-.]\w+|HBQ1[AB]",
    "ribosomal": r"RP[LS]\d+[AXY]?\d?(?:[-.]?PS?\d+)?|RPL36AL|RPLP[012]|RPSA2?(?:[-.]?PS?\d+)?",
    "mitochondrial": r"MT[-.].+|MTRNR\d.*",
    "sex": r"XIST|TSIX|DDX3Y|KDM5D|UTY|USP9Y|EIF1AY|EIF2S3Y|UBA1Y|ZFY\d?|NLGN4Y|TMSB4Y|PRKY|TXLNGY|SRY|TTTY\d+[A-Z]?",
    "nuclear": r"MALAT1|NEAT1|RN7SK|RN7SL\d+|RMRP|RPPH1",
}
#: Rows that are no genes: what htseq-count, STAR and featureCounts add below the genes, totals, and spike-ins.
NO_GENE = re.compile(
    r"__.*|N_(unmapped|multimapping|noFeature|ambiguous)|no_feature|ambiguous|too_low_aQual|not_aligned"
    r"|alignment_not_unique|Unassigned_\w+|(gSpikein[-_])?ERCC[-_.]\d{5}|SIRV[-_.]?\d+|(grand[ _.]?)?totals?|sum"
    r"|(total|mapped|assigned|unmapped)[ _.]?(reads|counts|fragments)|library[ _.]?size",
    re.IGNORECASE,
)
_ANY = re.compile("|".join(f"(?P<{group}>{pattern})" for group, pattern in GROUPS.items()))


def no_genes(names: Iterable[str]) -> np.ndarray:
    """Return which names are of no genes: counters of tools, totals, spike-ins."""
    return np.array([NO_GENE.fullmatch(str(name).strip()) is not None for name in names], dtype=bool)


def groups(names: Sequence[str]) -> np.ndarray:
    """Return the group of every gene (symbols or identifiers, any case); ``""`` for one of none."""
    symbols = gene_ids.symbols(list(names))
    found = (_ANY.fullmatch(str(name).upper()) for name in symbols)
    return np.array([match.lastgroup if match else "" for match in found], dtype=object)
