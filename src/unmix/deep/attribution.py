"""Attributions of networks: integrated gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.contract.attributions import Attributions

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

#: Steps of the integral: doubled until the attributions sum to the difference within TOLERANCE, at most LAST.
FIRST, LAST, TOLERANCE = 32, 512, 0.005


def integrated(
    estimate: Callable[[torch.Tensor], torch.Tensor], inputs: np.ndarray, baseline: np.ndarray, device: str
) -> Attributions:
    """Attribute by integrated gradients (Sundararajan et al. 2017), one sample at a time.

    Parameters
    ----------
    estimate
        From network inputs (samples x genes) to fractions (samples x types).
    inputs
        Samples x genes.
    baseline
        Genes: the input at which the path starts.
    device
        Where the network runs.
    """
    import torch
    from captum.attr import IntegratedGradients

    start = torch.from_numpy(baseline[None].astype(np.float32)).to(device)
    rows = torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32)).to(device)
    with torch.no_grad():
        ends = [estimate(row[None])[0] for row in rows]
        origin = estimate(start)[0]
    method, values = IntegratedGradients(estimate), []
    for row, end in zip(rows, ends, strict=True):
        types = torch.arange(len(origin))
        copies, steps = row.repeat(len(types), 1), FIRST
        while True:
            found = method.attribute(copies, start, target=types.to(device), n_steps=steps, internal_batch_size=256)
            error = (found.sum(1) - (end - origin)).abs().max().item()
            if error < TOLERANCE or steps >= LAST:
                break
            steps *= 2
        values.append(found.detach().cpu().numpy())
    shape = (0, len(origin), inputs.shape[1])
    stacked = np.stack(values) if values else np.zeros(shape, np.float32)
    estimates = torch.stack(ends).cpu().numpy() if values else np.zeros(shape[:2], np.float32)
    return Attributions(stacked, estimates, origin.cpu().numpy())
