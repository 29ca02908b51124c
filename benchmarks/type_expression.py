"""Differential expression within a cell type: simulated cohorts with a known shift in one type, and without any.

Each cohort has 60 samples of two groups, whose composition differs too. Every sample has its own profiles (a lognormal
factor of s.d. 0.25 per type and gene) and Poisson noise; the fractions that are given have errors of --error.
Prints the power and the share of false discoveries, of all genes and types that are `found`.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
import pandas as pd

from unmix import engine
from unmix.comparison.differential import differential
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
    parser.add_argument("--error", type=float, default=0.02, help="s.d. of the error of a given fraction")
    options = parser.parse_args()
    model = engine.train("nnls", toy(cells_per_type=40)[0], device="cpu")
    print("fold  power  cohorts with a false one  false of found  false of q < .05 alone  mean log2 ratio")
    for fold in map(float, options.folds.split(",")):
        hits, false, total, cohorts, plain, sizes = 0, 0, 0, 0, [0, 0], []
        for seed in range(options.cohorts):
            drawn = cohort(model, np.random.default_rng(seed), options.samples, fold, options.error)
            bulk, given, target, truth = drawn
            found = prepare(bulk, given, "mrna", model)
            both = (found.group(~target)[0], found.group(target)[0])
            table = differential(found, target, both, lambda _: None)
            pairs = list(zip(table["cell_type"], table["gene"], strict=True))
            right = np.array([pair in truth for pair in pairs])
            called, alone = table["found"].to_numpy(), table["q_value"].to_numpy() < 0.05
            hits += (called & right).sum()
            false += (called & ~right).sum()
            total += called.sum()
            cohorts += (called & ~right).any()
            plain = [plain[0] + (alone & ~right).sum(), plain[1] + alone.sum()]
            sizes += list(table["log2_ratio"][right])
        power = hits / (options.cohorts * SHIFTED) if fold != 1 else float("nan")
        size = np.mean(sizes) if sizes else float("nan")
        shares = f"{false / max(total, 1):6.3f}  {plain[0] / max(plain[1], 1):6.3f}"
        print(f"{fold:4g}  {power:5.2f}  {cohorts:3d} of {options.cohorts:3d}  {shares}  {size:5.2f}")


if __name__ == "__main__":
    main()
