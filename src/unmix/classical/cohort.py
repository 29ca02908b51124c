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

from unmix.classical import mapping
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


def estimate(cohort: mapping.Mapped, profiles: np.ndarray) -> np.ndarray:
    """Return fractions of mRNA (samples x types): the mean of the fits.

    Parameters
    ----------
    cohort
        The samples.
    profiles
        Types x genes, per million of the whole transcriptome.
    """
    stable = _logs(cohort, stable_genes(profiles, cohort.mean))
    sizes = np.median(stable - stable.mean(0, np.float64), axis=1, keepdims=True)
    sets = [expressed_markers(profiles, cohort.mean, *choice) for choice in FITS]
    used = np.unique(np.concatenate(sets))
    logs = _logs(cohort, used)
    logs -= sizes
    return np.mean([fit(logs[:, np.searchsorted(used, genes)], profiles[:, genes]) for genes in sets], axis=0)


def _logs(cohort: mapping.Mapped, genes: np.ndarray) -> np.ndarray:
    """Return the natural logarithms of a cohort's values of some genes, the offset added."""
    values = cohort.values(genes)
    values += OFFSET
    return np.log(values, out=values)


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
    raised = profiles + OFFSET  # fractions sum to 1, so that a mixture of these has the offset
    logs = np.ascontiguousarray(logs)  # a choice of genes lies gene by gene: a step took twice the time
    values = {
        "c": np.zeros(1),
        "z": np.zeros(samples),
        "a": np.zeros(genes),
        "u": _leading(logs) if samples >= COHORT else np.zeros(samples),
        "v": np.zeros(genes),
        "mu": np.zeros(types),
        "theta": np.zeros((samples, types)),
    }
    first, second = ({name: np.zeros_like(value) for name, value in values.items()} for _ in range(2))
    variance, width = np.full(genes, NOISE**2), 1.0
    room = np.empty((3, min(mapping.BLOCK, samples), genes), logs.dtype)
    for step in range(STEPS):
        f = _softmax(values["mu"] + values["theta"])
        if step and step % UPDATE == 0:
            errors = (error for _, _, error in _misfits(values, f, raised, logs, room))
            squares = sum(np.einsum("ig,ig->g", error, error) for error in errors)
            variance = (NOISE**2 + squares) / (1 + samples)
            width = (1 + (values["theta"] ** 2).sum()) / (1 + values["theta"].size)
        by_sample = np.array([np.ones(genes), values["v"]] / variance, logs.dtype)
        by_gene = np.array([np.ones(samples), values["u"]], logs.dtype)
        by_type = (raised / variance).T.astype(logs.dtype)
        of_samples, of_genes, by_score = np.empty((2, samples)), np.zeros((2, genes)), np.empty((samples, types))
        for rows, mixture, error in _misfits(values, f, raised, logs, room):
            of_samples[:, rows] = [error @ row for row in by_sample]
            of_genes += [row[rows] @ error for row in by_gene]
            by_score[rows] = np.divide(error, mixture, out=mixture) @ by_type
        of_genes /= variance
        by_score -= (f * by_score).sum(1, keepdims=True)
        by_score *= f
        gradient = {
            "c": of_genes[:1].sum(1),
            "z": values["z"] + LIBRARY * of_samples[0],
            "a": values["a"] + of_genes[0],
            "u": values["u"] + of_samples[1],
            "v": values["v"] / NUISANCE**2 + of_genes[1],
            "mu": by_score.sum(0),
            "theta": values["theta"] / width + by_score,
        }
        for name, value in values.items():
            first[name] += 0.1 * (gradient[name] - first[name])
            second[name] += 0.001 * (gradient[name] ** 2 - second[name])
            moved = first[name] / (1 - 0.9 ** (step + 1))
            value -= _rate(step) * moved / (np.sqrt(second[name] / (1 - 0.999 ** (step + 1))) + 1e-8)
    return _softmax(values["mu"] + values["theta"])


def _misfits(
    values: dict[str, np.ndarray], f: np.ndarray, raised: np.ndarray, logs: np.ndarray, room: np.ndarray
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield blocks of samples, their mixtures, and how far the model's logarithms lie above theirs.

    They stand in `room` (3 x samples x genes), which the next block takes: new memory for every block and step takes
    longer than what is computed in it.
    """
    raised, f = raised.astype(logs.dtype), f.astype(logs.dtype)
    of_samples = np.array([values["c"] + LIBRARY * values["z"], np.ones(len(f)), values["u"]], logs.dtype).T
    of_genes = np.array([np.ones(len(values["a"])), values["a"], values["v"]], logs.dtype)
    for rows in mapping.blocks(len(f)):
        mixture, error, part = room[:, : len(f[rows])]
        np.matmul(f[rows], raised, out=mixture)
        np.matmul(of_samples[rows], of_genes, out=error)
        error += np.subtract(np.log(mixture, out=part), logs[rows], out=part)
        yield rows, mixture, error


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def _rate(step: int) -> float:
    """Return the rate of a step: one cycle, up for three tenths of the steps, then down to nothing."""
    top = 0.3 * STEPS - 1
    if step < top:
        return RATE * (0.04 + 0.96 * (1 - np.cos(np.pi * step / top)) / 2)
    return RATE * (1 + np.cos(np.pi * (step - top) / (STEPS - 1 - top))) / 2


def _leading(logs: np.ndarray) -> np.ndarray:
    """Return the samples' scores on the leading component of their logarithms, from which the further factor starts."""
    centred = logs - logs.mean(0)
    centred -= centred.mean(1, keepdims=True)
    scores = centred @ centred[np.argmax((centred**2).sum(1))]
    for _ in range(5):
        scores = centred @ (scores @ centred)
        scores /= max(np.sqrt((scores**2).mean()), 1e-12)
    return 0.1 * scores.astype(np.float64)


def without_absent(fractions: np.ndarray, mean: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """Return fractions in which types that the cohort's markers do not show are nearly zero.

    A type of the reference that no sample contains gets what the offsets and factors of its markers allow. Its own
    level is the median, over its most specific genes, of what the other types leave of the cohort's mean expression,
    relative to its profile. Genes that the bulk does not express count here: they are the proof of absence.

    Parameters
    ----------
    fractions
        Samples x types, rows of sum 1.
    mean
        Genes: of the mapped cohort.
    profiles
        Types x genes, per million of the whole transcriptome.
    """
    scores = specificity(profiles, "next")
    for _ in range(ROUNDS):
        factors = np.ones(len(profiles))
        for k, own in enumerate(scores):
            genes = np.argsort(-own, kind="stable")[:SPECIFIC]
            genes = genes[own[genes] > RATIO]
            level, others = fractions[:, k].mean(), np.delete(fractions, k, axis=1)
            if len(genes) < LEAST_SPECIFIC or level <= LOWEST:
                continue
            shares = (others / np.maximum(others.sum(1, keepdims=True), 1e-12)).mean(0)
            explained = shares @ np.delete(profiles, k, axis=0)[:, genes]
            residual = np.median((mean[genes] - explained) / profiles[k, genes])
            if residual < min(ABSENT, level):
                factors[k] = max(residual, LOWEST) / level
        if (factors == 1).all():
            break
        fractions = fractions * factors
        fractions = fractions / fractions.sum(1, keepdims=True)
    return fractions
