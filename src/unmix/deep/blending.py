"""Calibration samples blended with pseudobulk of pure cells, and networks trained without some of them (DAISM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    from unmix.contract.method import Task
    from unmix.simulate.pseudobulk import Simulator


def head(net: Any, outputs: torch.Tensor) -> torch.Tensor:
    """Return what the members' outputs mean: fractions by softmax, or the outputs themselves."""
    return outputs.softmax(-1) if net.head == "softmax" else outputs


def samples(task: Task, genes: np.ndarray) -> np.ndarray:
    """Return the calibration samples over the model's genes, per million of all genes that they have."""
    real = task.calibration.expression
    return real[:, genes] * (1e6 / np.maximum(np.nansum(real, axis=1, keepdims=True), 1e-12))


def pure(task: Task, simulator: Simulator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pseudobulk of pure cells and its fractions, per million of the genes that the calibration samples have."""
    drawn, train = simulator.draw(number, task.rng), task.train
    measured = train.counts.sum(0).A1[~np.isnan(task.calibration.expression).any(0)].sum() / train.total_counts.sum()
    return drawn.expression * (1e6 / (measured * drawn.depth[:, None])), drawn.truth(task.recipe.simulation.target)


def blends(task: Task, genes: np.ndarray, simulator: Simulator, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return blends and their fractions: members x `number` x genes, and x types."""
    recipe, rng, members = task.recipe, task.rng, len(task.recipe.nets)
    real, known = samples(task, genes), task.calibration.fractions
    excluded = np.arange(len(real)) % members  # by which member
    chosen = np.stack([rng.choice(np.flatnonzero(excluded != member), number) for member in range(members)])
    cells, composition = pure(task, simulator, number)
    share = rng.uniform(*recipe.blend, (members, number, 1))
    share[rng.random(share.shape) < recipe.untouched] = 1.0
    expression = share * real[chosen] + (1 - share) * cells
    return expression.astype(np.float32), share * known[chosen] + (1 - share) * composition


def left_out(net: Any, inputs: np.ndarray, device: str) -> np.ndarray:
    """Return the estimate of every calibration sample by the member that has never seen it."""
    import torch

    net.eval()
    with torch.no_grad():
        outputs = head(net, net(torch.from_numpy(inputs).to(device))).clamp(min=0).float().cpu().numpy()
    sample = np.arange(len(inputs))
    return outputs[sample % len(outputs), sample]
