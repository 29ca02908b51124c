"""Differential expression within a cell type: simulated cohorts with a known shift in one type, and without any.

Each cohort has 60 samples of two groups, whose composition differs too. Every sample has its own profiles (a lognormal
factor of s.d. 0.25 per type and gene) and Poisson noise; the fractions that are given have errors of --error.
Prints the power and the false discoveries of all genes and types that are `found`, and of those of low `p_family`.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
import pandas as pd

from unmix import engine
from unmix.comparison.differential import RATE, differential
from unmix.engine.given_fractions import prepare
from unmix.simulate.toy import toy

if TYPE_CHECKING:
    from unmix.contract.model import Model

SHIFTED, OWN, READS = 10, 0.25, 5e6


def cohort(
    model: Model, rng: np.random.Generator, samples: int, fold: float, error: float
) -> tuple[ad.AnnData, pd.DataFrame, np.ndarray, set[tuple[str, str]]]:
    """Return bulk, given fractions, mask of the target group, and the names of the shifted genes of the type."""
    genes = np.array(model.facts["reference_genes"], dtype=str)
    profiles = model.profiles(genes)
    types = len(profiles)
    target = np.arange(samples) % 2 == 1
    alpha = np.where(target[:, None], 4.0, 3.0) * np.linspace(0.5, 1.5, types)
    alpha[:, 1] += 2 * target  # the composition of the groups differs
    fractions = np.array([rng.dirichlet(row) for row in alpha])
    k = 3
    expressed = np.flatnonzero(profiles[k] > np.quantile(profiles[k], 0.7))
    shifted = rng.choice(expressed, SHIFTED, replace=False)
    own = profiles[None] * rng.lognormal(-(OWN**2) / 2, OWN, (samples, types, len(genes)))
    own[np.ix_(target, [k], shifted)] *= fold
    mean = np.einsum("nk,nkg->ng", fractions, own) * rng.lognormal(0, 0.3, len(genes))  # another platform
    counts = rng.poisson(mean / mean.sum(1, keepdims=True) * READS)
    names = [f"s{i}" for i in range(samples)]
    given = np.clip(fractions + rng.normal(0, error, fractions.shape), 0, None)
    given = pd.DataFrame(given / given.sum(1, keepdims=True), names, model.cell_types)
    bulk = ad.AnnData(counts.astype(float), pd.DataFrame(index=names), pd.DataFrame(index=genes))
    return bulk, given, target, {(model.cell_types[k], gene) for gene in genes[shifted]} if fold != 1 else set()


def main() -> None:
    """Print a line for every size of the shift."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cohorts", type=int, default=20)
    parser.add_argument("--folds", default="1,2,4", help="sizes of the shift")
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--first", type=int, default=0, help="seed of the first cohort")
    parser.add_argument("--error", type=float, default=0.02, help="s.d. of the error of a given fraction")
    options = parser.parse_args()
    model = engine.train("nnls", toy(cells_per_type=40)[0], device="cpu")
    print("fold  rule      power  cohorts with a false one  false of found  false discovery rate  of shifted genes")
    for fold in map(float, options.folds.split(",")):
        rows: dict[str, list[tuple[int, int, int]]] = {"found": [], "p_family": []}
        for seed in range(options.first, options.first + options.cohorts):
            drawn = cohort(model, np.random.default_rng(seed), options.samples, fold, options.error)
            bulk, given, target, truth = drawn
            found = prepare(bulk, given, "mrna", model)
            both = (found.group(~target)[0], found.group(target)[0])
            table = differential(found, target, both, lambda _: None)
            right = np.array([pair in truth for pair in zip(table["cell_type"], table["gene"], strict=True)])
            shifted = table["gene"].isin([gene for _, gene in truth]).to_numpy()
            for rule, called in (("found", table["found"]), ("p_family", table["found"] & (table["p_family"] < RATE))):
                called = called.to_numpy()
                rows[rule].append(((called & right).sum(), (called & ~right).sum(), (called & ~right & shifted).sum()))
        for rule, counts in rows.items():
            hits, false, leaked = np.array(counts).T
            power = hits.sum() / (len(hits) * SHIFTED) if fold != 1 else float("nan")
            share, rate = false.sum() / max((hits + false).sum(), 1), np.mean(false / np.maximum(hits + false, 1))
            cohorts = f"{(false > 0).sum():3d} of {len(false):3d}"
            print(f"{fold:4g}  {rule:8}  {power:5.2f}  {cohorts}  {share:6.3f}  {rate:6.3f}  {leaked.sum()}")


if __name__ == "__main__":
    main()
