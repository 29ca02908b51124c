"""A model of all samples of a cohort together, on the log scale, with one factor for every gene.

    ln(B_ig + 3) - s_i = c + .03 z_i + a_g + u_i v_g + ln(sum_k f_ik M_kg + 3) + e_ig        f_i = softmax(mu + theta_i)

B is the bulk and M the profiles of the cell types. A platform multiplies a gene by the same factor exp(a_g) in every
sample. One further factor per gene, v, may differ between samples (u). s_i is the size of the library, by the genes
that differ least between cell types. z, u and a are N(0, 1), v is N(0, .3^2), theta is N(0, h). h and the variances of
the genes are estimated again and again. Adam finds the most likely values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.io.units import per_million
from unmix.reference.markers import MARKER_OFFSET

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Markers per type and criteria of the fits whose fractions are averaged.
FITS = tuple((number, criterion) for number in (20, 60, 150) for criterion in ("mean", "next"))
#: Per million: added before logarithms are taken; mean below which a gene is not used.
OFFSET, EXPRESSED = 3.0, 10.0
#: Log2 ratio that a marker exceeds, and markers that a type has in any case.
RATIO, LEAST = 1.0, 5
#: Share of the expressed genes that are stable, and their least number.
STABLE, LEAST_STABLE = 0.2, 50
#: Samples whose arrays are made together.
BLOCK = 256
#: Standard deviations: of library sizes beyond the stable genes, and of the factors that differ between samples.
LIBRARY, NUISANCE = 0.03, 0.3
#: Samples from which the latter are estimated; in fewer they take up what distinguishes the samples.
COHORT = 6
#: Standard deviation of a gene from which its variance starts, with the weight of one sample.
NOISE = 0.5
#: Steps of Adam, their highest rate (one cycle), and steps after which variances are estimated again.
STEPS, RATE, UPDATE = 200, 0.15, 10
#: Specific genes that show the level of a type, their least number, and the level below which a type is absent; the
#: level that it then has, and rounds in which levels of several types settle.
SPECIFIC, LEAST_SPECIFIC, ABSENT, LOWEST, ROUNDS = 30, 20, 0.03, 0.001, 5


def mapped(samples: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """Move a cohort half way (in logs) to the distribution of the reference's expression.

    One monotone map for all samples, from the sorted means of the bulk's genes to those of the profiles: microarrays
    need it, RNA-seq does not mind.

    Parameters
    ----------
    samples
        Samples x genes, linear.
    profiles
        Types x genes, per million of the whole transcriptome.

    Returns
    -------
    Samples x genes, in the unit of the profiles.
    """
    total = profiles.sum(1).mean() / 1e6  # what these genes are of the whole transcriptome
    found = per_million(samples)
    found *= total
    levels, of_reference = np.sort(found.mean(0)), np.sort(profiles.mean(0))
    for rows in _blocks(len(found)):
        block = found[rows]
        quantiles = _interpolated(block, levels, of_reference)
        found[rows] = per_million(np.sqrt((block + 1) * (quantiles + 1)) - 1) * total
    return found


def _interpolated(values: np.ndarray, levels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return `np.interp` of every row of values in ascending order, in which each lies beside the last one."""
    found = np.empty_like(values)
    for row, out in zip(values, found, strict=True):
        order = np.argsort(row)
        out[order] = np.interp(row[order], levels, others)
    return found


def specificity(profiles: np.ndarray, criterion: str) -> np.ndarray:
    """Return the log2 ratio of every type to the mean of the others or to the next highest (types x genes).

    Parameters
    ----------
    profiles
        Types x genes, per million.
    criterion
        ``mean`` (of the others' logarithms) or ``next``.
    """
    logs = np.log2(profiles + MARKER_OFFSET)
    if criterion == "mean":
        return (logs - logs.mean(0)) * len(logs) / (len(logs) - 1)
    return np.stack([own - np.delete(logs, k, axis=0).max(0) for k, own in enumerate(logs)])


def expressed_markers(profiles: np.ndarray, mean: np.ndarray, number: int, criterion: str) -> np.ndarray:
    """Return the indices of up to `number` markers per type among the genes that the cohort expresses.

    Parameters
    ----------
    profiles
        Types x genes, per million.
    mean
        Genes: of the cohort, per million.
    number, criterion
        Markers per type; see :func:`specificity`.
    """
    scores = np.where(mean > EXPRESSED, specificity(profiles, criterion), -np.inf)
    chosen = []
    for own in scores:
        order = np.argsort(-own, kind="stable")[:number]
        order = order[: max(LEAST, int((own[order] > RATIO).sum()))]
        chosen.append(order[np.isfinite(own[order])])
    return np.unique(np.concatenate(chosen))


def stable_genes(profiles: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return the indices of the genes that differ least between types; parameters as for `expressed_markers`."""
    spread = np.ptp(np.log2(profiles + MARKER_OFFSET), axis=0)
    usable = np.flatnonzero((mean > EXPRESSED) & (profiles.min(0) > EXPRESSED))
    if len(usable) == 0:
        usable = np.arange(len(mean))
    number = max(LEAST_STABLE, round(STABLE * len(usable)))
    return usable[np.argsort(spread[usable], kind="stable")[:number]]


def estimate(samples: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """Return fractions of mRNA (samples x types): the mean of the fits.

    Parameters
    ----------
    samples
        Samples x genes of :func:`mapped`.
    profiles
        Types x genes, per million of the whole transcriptome.
    """
    mean = samples.mean(0)
    stable = np.log(samples[:, stable_genes(profiles, mean)] + OFFSET)
    sizes = np.median(stable - stable.mean(0), axis=1, keepdims=True)
    sets = (expressed_markers(profiles, mean, *choice) for choice in FITS)
    return np.mean([fit(np.log(samples[:, genes] + OFFSET) - sizes, profiles[:, genes]) for genes in sets], axis=0)


def fit(logs: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """Return the most likely fractions (samples x types) under the model of this module.

    Parameters
    ----------
    logs
        Samples x genes: natural logarithm, library sizes subtracted.
    profiles
        Types x genes, per million.
    """
    samples, genes = logs.shape
    types = len(profiles)
    residual = logs - np.log(profiles.mean(0) + OFFSET)
    logs = np.ascontiguousarray(logs)  # a choice of genes lies gene by gene, by which a step takes twice the time
    values = {
        "c": np.zeros(1),
        "z": np.zeros(samples),
        "a": np.zeros(genes),
        "u": _leading(residual) if samples >= COHORT else np.zeros(samples),
        "v": np.zeros(genes),
        "mu": np.zeros(types),
        "theta": np.zeros((samples, types)),
    }
    first, second = ({name: np.zeros_like(value) for name, value in values.items()} for _ in range(2))
    variance, width = np.full(genes, NOISE**2), 1.0
    room = np.empty((3, min(BLOCK, samples), genes))
    for step in range(STEPS):
        f = _softmax(values["mu"] + values["theta"])
        if step and step % UPDATE == 0:
            squares = sum((_misfit(values, f, profiles, logs, rows, room)[1] ** 2).sum(0) for rows in _blocks(samples))
            variance = (NOISE**2 + squares) / (1 + samples)
            width = (1 + (values["theta"] ** 2).sum()) / (1 + values["theta"].size)
        gradient = {
            "c": np.zeros(1),
            "z": values["z"].copy(),
            "a": np.zeros(genes),
            "u": values["u"].copy(),
            "v": np.zeros(genes),
            "mu": np.zeros(types),
            "theta": values["theta"] / width,
        }
        for rows in _blocks(samples):
            mixture, slope = _misfit(values, f, profiles, logs, rows, room)
            slope /= variance
            by_fraction = np.divide(slope, mixture, out=mixture) @ profiles.T
            by_score = f[rows] * (by_fraction - (f[rows] * by_fraction).sum(1, keepdims=True))
            gradient["c"] += slope.sum()
            gradient["z"][rows] += LIBRARY * slope.sum(1)
            gradient["a"] += slope.sum(0)
            gradient["u"][rows] += slope @ values["v"]
            gradient["v"] += values["u"][rows] @ slope
            gradient["mu"] += by_score.sum(0)
            gradient["theta"][rows] += by_score
        gradient["a"] += values["a"]
        gradient["v"] += values["v"] / NUISANCE**2
        for name, value in values.items():
            first[name] += 0.1 * (gradient[name] - first[name])
            second[name] += 0.001 * (gradient[name] ** 2 - second[name])
            moved = first[name] / (1 - 0.9 ** (step + 1))
            value -= _rate(step) * moved / (np.sqrt(second[name] / (1 - 0.999 ** (step + 1))) + 1e-8)
    return _softmax(values["mu"] + values["theta"])


def _misfit(
    values: dict[str, np.ndarray], f: np.ndarray, profiles: np.ndarray, logs: np.ndarray, rows: slice, room: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mixtures of a block of samples, and how far the model's logarithms lie above theirs.

    They stand in `room` (3 x samples x genes), which the next block takes: new memory for every block and step takes
    longer than what is computed in it.
    """
    mixture, error, part = room[:, : len(f[rows])]
    np.matmul(f[rows], profiles, out=mixture)
    mixture += OFFSET
    np.add((values["c"] + LIBRARY * values["z"][rows])[:, None], values["a"], out=error)
    error += np.outer(values["u"][rows], values["v"], out=part)
    np.log(mixture, out=part)
    part -= logs[rows]
    error += part
    return mixture, error


def _blocks(samples: int) -> Iterator[slice]:
    """Return the samples in blocks, whose arrays stay near the processor; a cohort of usual size is one."""
    return (slice(start, start + BLOCK) for start in range(0, samples, BLOCK))


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def _rate(step: int) -> float:
    """Return the rate of a step: one cycle, up for three tenths of the steps, then down to nothing."""
    top = 0.3 * STEPS - 1
    if step < top:
        return RATE * (0.04 + 0.96 * (1 - np.cos(np.pi * step / top)) / 2)
    return RATE * (1 + np.cos(np.pi * (step - top) / (STEPS - 1 - top))) / 2


def _leading(residual: np.ndarray) -> np.ndarray:
    """Return the samples' scores on the leading component of residuals, from which the further factor starts."""
    centred = residual - residual.mean(0)
    centred -= centred.mean(1, keepdims=True)
    scores = centred @ centred[np.argmax((centred**2).sum(1))]
    for _ in range(5):
        scores = centred @ (scores @ centred)
        scores /= max(np.sqrt((scores**2).mean()), 1e-12)
    return scores * 0.1


def without_absent(fractions: np.ndarray, samples: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """Return fractions in which types that the cohort's markers do not show are nearly zero.

    A type of the reference that no sample contains gets what the offsets and factors of its markers allow. Its own
    level is the median, over its most specific genes, of what the other types leave of the cohort's mean expression,
    relative to its profile. Genes that the bulk does not express count here: they are the proof of absence.

    Parameters
    ----------
    fractions
        Samples x types, rows of sum 1.
    samples
        Samples x genes of :func:`mapped`.
    profiles
        Types x genes, per million of the whole transcriptome.
    """
    mean, scores = samples.mean(0), specificity(profiles, "next")
    for _ in range(ROUNDS):
        factors = np.ones(len(profiles))
        for k, own in enumerate(scores):
            genes = np.argsort(-own, kind="stable")[:SPECIFIC]
            genes = genes[own[genes] > RATIO]
            level, others = fractions[:, k].mean(), np.delete(fractions, k, axis=1)
            if len(genes) < LEAST_SPECIFIC or level <= LOWEST:
                continue
            explained = others @ np.delete(profiles, k, axis=0)[:, genes]
            explained = (explained / np.maximum(others.sum(1, keepdims=True), 1e-12)).mean(0)
            residual = np.median((mean[genes] - explained) / profiles[k, genes])
            if residual < min(ABSENT, level):
                factors[k] = max(residual, LOWEST) / level
        if (factors == 1).all():
            break
        fractions = fractions * factors
        fractions = fractions / fractions.sum(1, keepdims=True)
    return fractions
