"""Removal of platform effects per gene by comparing two sets of samples (ComBat; Johnson et al. 2007)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.classical.solvers import nonnegative
from unmix.errors import NotApplicable
from unmix.io.units import per_million
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    from unmix.contract.method import Task

#: Fewest samples of a set: a gene's mean and variance mean nothing over fewer (our choice, as for bisque).
SAMPLES = 3


def combat(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets, per million, with what sets them apart removed, gene by gene.

    By scanpy's ComBat on log2(counts per million + 1).

    Genes that do not vary in one of the sets stay as they are.

    Parameters
    ----------
    first, second
        Samples x genes, linear; three samples or more.
    """
    import anndata as ad
    import pandas as pd
    import scanpy as sc

    logs = np.log2(per_million(np.vstack([first, second])) + 1)
    varying = (logs[: len(first)].std(0) > 1e-9) & (logs[len(first) :].std(0) > 1e-9)
    if varying.sum() > 1:
        names = [str(i) for i in range(len(logs))]
        sets = pd.DataFrame({"set": ["first"] * len(first) + ["second"] * len(second)}, index=names)
        logs[:, varying] = sc.pp.combat(ad.AnnData(logs[:, varying], sets), key="set", inplace=False)
    corrected = np.clip(2.0**logs - 1, 0, None)
    return corrected[: len(first)], corrected[len(first) :]


def adapted(task: Task, genes: np.ndarray, signature: np.ndarray, pseudobulk: int) -> np.ndarray:
    """Return the signature (types x genes) as the bulk's platform would show it (CIBERSORTx's S-mode).

    Pseudobulk of cells, whose fractions scatter around the reference's by twice their mean, are corrected towards the
    bulk; the signature is the non-negative regression of every gene on the pseudobulk' fractions.

    Parameters
    ----------
    task
        With the bulk.
    genes
        Indices of the signature's genes.
    signature
        Types x genes, per million over all genes: kept where the bulk lacks a gene.
    pseudobulk
        Number of pseudobulk of cells.

    Raises
    ------
    NotApplicable
        If the bulk has too few samples.
    """
    from unmix.simulate.pseudobulk import Simulator

    types = len(signature)
    mean = np.bincount(task.train.type_of, minlength=types) / len(task.train.type_of)
    wanted = np.clip(task.rng.normal(mean, 2 * mean, (pseudobulk, types)), 1e-6 * mean, None)
    wanted /= wanted.sum(1, keepdims=True)
    drawn = Simulator(task.train, Simulation(cells=500), task.rng).draw(len(wanted), task.rng, wanted)
    found = ~np.isnan(task.bulk[:, genes]).any(0)
    bulk, mixed = task.bulk[:, genes[found]], drawn.expression[:, genes[found]].astype(np.float64)
    if len(bulk) < SAMPLES:
        raise NotApplicable(
            f"{len(bulk)} bulk samples were given to adapt the signature to",
            f"at least {SAMPLES} samples of one platform",
            "give more samples, or train without adapting the signature (batch=none)",
        )
    share = mixed.sum(1, keepdims=True) / drawn.expression.sum(1, keepdims=True)  # of a million over all genes
    corrected = combat(bulk, mixed)[1] * share
    result = signature.copy()
    result[:, found] = np.stack([nonnegative(drawn.mrna_fractions, gene) for gene in corrected.T], axis=1)
    return result
