"""A cohort moved half way (in logs) to the distribution of the reference's expression."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Samples whose arrays are made together.
BLOCK = 256
#: Samples above which the values have single precision, and all that is computed from them. Fractions
#: of few samples move with the last digit of the bulk, those of many do not (docs/performance.md).
SINGLE = 1000


class Mapped:
    """A cohort moved half way (in logs) to the distribution of the reference's expression.

    One monotone map for all samples, from the sorted means of the bulk's genes to those of the profiles: microarrays
    need it, RNA-seq does not mind. Of all genes only the mean is kept: a second cohort would not fit beside the first.

    Parameters
    ----------
    samples
        Samples x genes, linear.
    profiles
        Types x genes, per million of the whole transcriptome.

    Attributes
    ----------
    mean
        Genes: of the mapped samples, in the unit of the profiles.
    """

    def __init__(self, samples: np.ndarray, profiles: np.ndarray) -> None:
        total = profiles.sum(1).mean()  # these genes' part of a million over the whole transcriptome
        self.samples, self.scale = samples, total / np.maximum(samples.sum(1), 1e-12)
        self.levels = np.sort(self.scale @ samples / len(samples)), np.sort(profiles.mean(0))
        self.factors, self.mean = np.empty(len(samples)), np.zeros(samples.shape[1])
        for rows in blocks(len(samples)):
            values = self._half_way(rows, slice(None))
            self.factors[rows] = total / np.maximum(values.sum(1), 1e-12)
            self.mean += self.factors[rows] @ values / len(samples)

    def values(self, genes: np.ndarray) -> np.ndarray:
        """Return the mapped values of some genes (indices): samples x genes."""
        found = np.empty((len(self.samples), len(genes)), np.float32 if len(self.samples) > SINGLE else np.float64)
        for rows in blocks(len(found)):
            found[rows] = self._half_way(rows, genes) * self.factors[rows, None]
        return found

    def _half_way(self, rows: slice, genes: slice | np.ndarray) -> np.ndarray:
        """Return the mapped values of some samples and genes, before their sum is that of the profiles."""
        values = self.samples[rows][:, genes] * self.scale[rows, None]
        return np.sqrt((values + 1) * (_interpolated(values, *self.levels) + 1)) - 1


def _interpolated(values: np.ndarray, levels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return `np.interp` of every row of values in ascending order, in which each lies beside the last one."""
    found = np.empty_like(values)
    for row, out in zip(values, found, strict=True):
        order = np.argsort(row)
        out[order] = np.interp(row[order], levels, others)
    return found


def blocks(samples: int) -> Iterator[slice]:
    """Return the samples in blocks, whose arrays stay near the processor; a cohort of usual size is one."""
    return (slice(start, start + BLOCK) for start in range(0, samples, BLOCK))
