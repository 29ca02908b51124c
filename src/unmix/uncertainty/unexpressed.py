"""Unknown content: the share of a bulk sample's highest genes that the reference does not express.

A few percent in blood by a reference of blood, above a tenth in tissues and tumours by the same reference. Microarrays
have other levels of genes and are judged apart: the share is given, without a warning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.reference import technical

if TYPE_CHECKING:
    import anndata as ad

    from unmix.contract.model import Model

#: The highest genes of a sample that are looked at.
HIGHEST = 2000
#: A type expresses a gene from this many counts per million on; genes that the reference lacks are not expressed.
EXPRESSED = 5.0
#: Genes that bulk and reference need, so that a gene that is missing is one that no cell expresses: no gene panels.
GENES = 10_000
#: Genes that only some annotations name, or that differ between people: clones, segments of antigen receptors.
UNNAMED = re.compile(
    r"RP\d+-.+|[A-Z]{2}\d{6}(\..+)?|(CTD|CTC|CTA|CH\d+|LL[A-Z]+)-.+|LINC\d+.*|(IG[HKL]|TR[ABDG])[VDJCAGME].*|.+\.\d+"
)
#: The share above which to warn. RNA-seq of PBMC by two references of blood: .013 to .036, no sample above .042; lung
#: tumours, islets and cell lines by the same references: .11 to .15, no sample below .094.
WARNED = 0.07


def shares(model: Model, bulk: ad.AnnData) -> np.ndarray:
    """Return the share of each sample; missing (NaN) where bulk or reference have too few genes to tell.

    Technical genes (:mod:`unmix.reference.technical`) and those of :data:`UNNAMED` are left out.
    """
    names = bulk.var_names.astype(str)
    kept = (technical.groups(list(names)) == "") & ~names.str.fullmatch(UNNAMED)
    if min(kept.sum(), len(model.facts["reference_genes"])) < GENES:
        return np.full(bulk.n_obs, np.nan)
    lacking = model.profiles(names[kept]).max(0) < EXPRESSED
    values = np.asarray(bulk.X)[:, kept]
    return np.array([lacking[np.argsort(-sample, kind="stable")[:HIGHEST]].mean() for sample in values])


def record(found: np.ndarray, unit: str) -> dict[str, Any]:
    """Return what run.json says: ``median`` (None where unknown), ``sentence``, and whether it warns (``warned``)."""
    median = None if np.isnan(found).all() else float(np.median(found))
    warned = median is not None and median > WARNED and unit != "microarray"
    return {"median": median, "sentence": sentence(found, unit), "warned": warned}


def sentence(found: np.ndarray, unit: str) -> str:
    """Return what to say of the shares of all samples; empty where nothing is known."""
    if np.isnan(found).all():
        return ""
    said = (
        f"Unknown content: the reference does not express {np.median(found):.0%} of the {HIGHEST:,} highest genes of a "
        f"sample (median; {found.min():.0%} to {found.max():.0%})."
    )
    if unit == "microarray":
        return f"{said} Microarrays have larger shares than RNA-seq, so this is not judged."
    if np.median(found) <= WARNED:
        return said
    return (
        f"{said} That is more than {WARNED:.0%}: the samples probably contain cells that the reference lacks. Their "
        "share is attributed to the types of the reference."
    )
