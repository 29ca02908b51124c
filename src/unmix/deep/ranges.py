"""Ranges of a share, each with a network of its own, and the way of a sample through them (DeepDecon)."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.contract.blocks import in_blocks

if TYPE_CHECKING:
    from unmix.deep.preprocessing import Transform

#: Ranges of the malignant share in tenths: the whole first, then all others (code: names such as 20_40).
RANGES = sorted(combinations(range(11), 2), key=lambda pair: (pair[0] - pair[1], pair))
INDEX = {pair: number for number, pair in enumerate(RANGES)}


def interval(estimate: float, low: float, high: float, floor: bool) -> tuple[int, int]:
    """Return the tenths between which the share lies, by an estimate and percentiles of its errors (code: eval.py)."""
    lower, upper = 10 * (estimate + low), 10 * (estimate + high)
    lower, upper = (min(max(int(end), 0), 10) for end in (lower, upper if floor else np.ceil(upper)))
    if upper <= lower:
        upper = lower + 1
    return (9, 10) if upper > 10 else (lower, upper)


def refine(estimates: np.ndarray, errors: np.ndarray, floor: bool) -> list[int]:
    """Return which ranges' networks are asked for a sample, in this order; the last one's answer counts.

    Parameters
    ----------
    estimates
        Malignant share by the network of each range.
    errors
        Ranges x (low, high): percentiles of truth less estimate on held-out pseudobulk.
    floor
        As in the recipe.
    """
    path, lefts, rights = [0], False, False
    while True:
        old = RANGES[path[-1]]
        new = interval(estimates[path[-1]], *errors[path[-1]], floor)
        lefts |= new[0] <= old[0] and new[1] <= old[1]
        rights |= new[0] >= old[0] and new[1] >= old[1]
        if (lefts and rights) or (new[0] <= old[0] and new[1] >= old[1]) or INDEX[new] >= len(estimates):
            return path
        path.append(INDEX[new])


def errors(truth: np.ndarray, answers: np.ndarray, percentile: float) -> np.ndarray:
    """Return how far the networks' answers are off within their ranges: ranges x (low, high) percentiles.

    Parameters
    ----------
    truth
        Samples: the share.
    answers
        Ranges x samples.
    percentile
        Of truth less answer, at either end. A range without samples gets 0.
    """
    found = np.zeros((len(answers), 2))
    for number, (low, high) in enumerate(RANGES[: len(answers)]):
        off = (truth - answers[number])[(truth >= low / 10) & (truth <= high / 10)]
        if len(off):
            found[number] = np.percentile(off, [percentile, 100 - percentile])
    return found


def paths(net: Any, answers: np.ndarray) -> list[list[int]]:
    """Return the way of every sample through the networks; `answers` are ranges x samples."""
    off = net.errors.double().cpu().numpy()
    return [refine(own, off, net.floor) for own in answers.astype(np.float64).T]


def asked(
    net: Any, transform: Transform, expression: np.ndarray, present: np.ndarray, device: str
) -> tuple[np.ndarray, list[list[int]]]:
    """Return the answers of all networks (ranges x samples) and the way of every sample; samples go in blocks."""
    import torch

    def of_block(block: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            answers = net(torch.from_numpy(transform(block, present)).to(device)).softmax(-1)
        return answers[..., 0].T.cpu().numpy()

    answers = in_blocks(of_block, expression).T
    return answers, paths(net, answers)


def told(answers: np.ndarray, ways: list[list[int]]) -> list[list[dict[str, Any]]]:
    """Return the way of every sample as rows of a table; `answers` are ranges x samples."""
    return [
        [
            {"step": step, "range": "{}-{} %".format(*(10 * end for end in RANGES[k])), "malignant": own[k]}
            for step, k in enumerate(way, start=1)
        ]
        for own, way in zip(answers.T.tolist(), ways, strict=True)
    ]
