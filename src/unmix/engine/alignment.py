"""A bulk over the genes of a model, and where the model runs."""

from __future__ import annotations

import gc
import importlib
from typing import TYPE_CHECKING

import numpy as np

from unmix import methods
from unmix.contract.alignment import aligned, per_base
from unmix.errors import DataError, NotApplicable, UsageError
from unmix.io.matrices import row_blocks

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import anndata as ad

    from unmix.contract.method import Method
    from unmix.contract.model import Model

#: Share of a model's genes below which a bulk is refused.
COVERAGE_REFUSED = 0.5


def seen(
    method: Method, model: Model, bulk: ad.AnnData, device: str, say: Callable[[str], None]
) -> tuple[np.ndarray, str]:
    """Return the mask of the model's genes that a bulk has, and where to run.

    Raises
    ------
    DataError
        If the bulk has less than half of the model's genes, or the model's arrays are not those of its method.
    NotApplicable
        If these genes are those of published files, which no other reference can change.
    """
    method.check(model)
    missing = np.zeros(bulk.n_vars + 1, bool)
    missing[-1] = True  # the place of genes that are not found
    for rows in row_blocks(bulk.X):
        missing[:-1] |= np.isnan(bulk.X[rows]).any(0)
    present = ~missing[bulk.var_names.get_indexer(np.array(model.genes, dtype=str))]
    if method.info.family != "control":
        _check_coverage(method, model, present, say)
    if model.facts.get("bulk_at_training"):
        say(f"The result of a sample depends on the bulk given at training, because {method.name} learned from it.")
    elif transductive(model):
        say(f"The result of a sample depends on the other samples of the bulk, because {method.name} learns from them.")
    return present, device_of(method, device)


def expression_of(model: Model, bulk: ad.AnnData, present: np.ndarray, rows: slice = slice(None)) -> np.ndarray:
    """Return samples (those of `rows`) x the model's genes; zeros where a gene is not `present`."""
    expression = aligned(bulk, np.array(model.genes, dtype=str), rows)
    expression[:, ~present] = 0.0
    if bulk.uns.get("unmix", {}).get("unit", "counts") in ("counts", "cpm"):  # TPM and FPKM are per base already
        expression = per_base(model, expression)
    return expression


def transductive(model: Model) -> bool:
    """Return whether the result of one sample depends on the others of the bulk, here or at training."""
    method = methods.get(model.method)
    return model.facts.get("bulk_at_training", False) or method.transductive_of(method.recipe_of(model))


def device_of(method: Method, device: str) -> str:
    """Resolve ``auto``; only a deep method asks torch, whose import takes seconds."""
    if method.info.family != "deep":
        return "cpu"
    torch = _torch()
    if device == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise UsageError("--device cuda, but no GPU can be used here", "a GPU that torch sees", "use --device cpu")
    return "cpu"


def _torch() -> ModuleType:
    """Import torch. Nothing looks for garbage meanwhile, which would take a fifth of the time and find nothing."""
    searching = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module("torch")
    finally:
        if searching:
            gc.enable()


def _check_coverage(method: Method, model: Model, present: np.ndarray, say: Callable[[str], None]) -> None:
    decisive = method.decisive(model)
    genes, has = np.array(model.genes, dtype=str)[decisive], present[decisive]
    share = has.mean() if len(genes) else 1.0
    published = model.facts.get("published", False)
    if share < COVERAGE_REFUSED:
        missing = ", ".join(genes[~has][:5])
        whose = f"{method.name}'s published files" if published else "the model"
        what = f"the bulk has {has.sum()} of the {len(genes)} genes of {whose} ({share:.0%}), not {missing} ..."
        needed = f"at least {COVERAGE_REFUSED:.0%}"
        if published:
            do = "take a method that learns from the reference, or give no published file; look at the names of genes"
            raise NotApplicable(what, needed, do)
        do = "use the same gene identifiers in both (unmix_check.py BULK --reference REFERENCE), or train on a "
        raise DataError(what, needed, f"{do}reference with the genes of this bulk")
    if share < 1:
        say(f"The bulk has {share:.0%} of the {len(genes)} genes of the model; missing genes are set to the average.")
    if unseen := method.unseen(model, present):
        if method.needs_every_set or len(unseen) == len(model.arrays["member"]):
            found = f"the bulk has no gene of the set {unseen[0]}, which {method.name} scores"
            raise NotApplicable(found, "genes of the sets", "give gene sets with the identifiers of the bulk")
        say(f"Warning: the bulk has no gene of {', '.join(unseen)}: a score of 0 says nothing there.")
