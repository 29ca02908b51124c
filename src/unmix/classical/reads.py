"""Reads of a sample assigned to cell types under a multinomial model (BayesPrism)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.classical.solvers import em, gibbs
from unmix.contract.blocks import in_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator


def sample_fractions(reads: np.ndarray, profiles: np.ndarray, recipe: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return fractions (types) and expected reads of each type (types x genes) with the recipe's sampler."""
    if recipe.sampler == "gibbs":
        return gibbs(reads, profiles, recipe.chain, recipe.burn, recipe.thin, alpha=recipe.alpha, seed=recipe.seed)
    theta = em(reads, profiles, recipe.iterations)
    return theta, assigned(reads, profiles, theta)


def cohort_fractions(learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Any) -> np.ndarray:
    """Return the fractions of the reads of samples x genes (samples x types); other parameters of `own_profiles`."""
    if recipe.sampler == "em" and "malignant" not in learned:  # one set of profiles for all samples
        profiles = normal(learned["profile"], recipe.pseudo)
        return in_blocks(lambda block: em(block, profiles, recipe.iterations), samples)
    return np.stack([sample_fractions(one, own_profiles(learned, one, recipe), recipe)[0] for one in samples])


def cohort_reads(learned: dict[str, np.ndarray], samples: np.ndarray, recipe: Any) -> Iterator[np.ndarray]:
    """Return the expected reads of each type in every sample (types x genes); parameters of `cohort_fractions`."""
    if recipe.sampler == "em" and "malignant" not in learned:
        profiles = normal(learned["profile"], recipe.pseudo)
        for reads, theta in zip(samples, cohort_fractions(learned, samples, recipe), strict=True):
            yield assigned(reads, profiles, theta)
        return
    for reads in samples:
        yield sample_fractions(reads, own_profiles(learned, reads, recipe), recipe)[1]


def assigned(reads: np.ndarray, profiles: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return the reads of a sample divided among the types (types x genes) by their fractions."""
    chance = profiles * theta[:, None]
    return chance / chance.sum(0) * reads


def own_profiles(learned: dict[str, np.ndarray], sample: np.ndarray, recipe: Any) -> np.ndarray:
    """Return the profiles of a sample (types x genes): those of malignant types are its own.

    Parameters
    ----------
    learned
        `profile`; and `malignant` (types) and `reference`, the profiles before the update, where types are malignant.
    sample
        Genes.
    recipe
        `sampler`, `pseudo`.
    """
    profiles = normal(learned["profile"], recipe.pseudo)
    malignant = learned.get("malignant", np.zeros(len(profiles))).astype(bool)
    if malignant.any() and sample.any():
        reads = sample_fractions(sample, normal(learned["reference"], recipe.pseudo), recipe)[1]
        profiles[malignant] = normal(reads[malignant] + profiles[malignant], recipe.pseudo)
    return profiles


def normal(profiles: np.ndarray, pseudo: float) -> np.ndarray:
    """Return rows that sum to 1 and have nothing below `pseudo` (types x genes)."""
    shares = np.maximum(profiles / np.maximum(profiles.sum(1, keepdims=True), 1e-300), pseudo)
    return shares / shares.sum(1, keepdims=True)
