"""The last hidden layer of a network as an embedding, and a new output layer over it (UCDSelect)."""

from __future__ import annotations

import numpy as np

#: Training steps of a new output layer, on all pseudobulk at once.
HEAD_STEPS = 500


def without_output(arrays: dict[str, np.ndarray], hidden: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return network and preprocessing with an output layer that lets the last hidden one pass."""
    last, width = len(hidden) - 1, hidden[-1]
    kept = {name: array for name, array in arrays.items() if name.startswith(("net.", "prep."))}
    kept[f"net.weights.{last}"] = np.eye(width, dtype=np.float32)[None]
    kept[f"net.biases.{last}"] = np.zeros((1, 1, width), np.float32)
    return kept


def softmax_layer(seen: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the weights (and, last, the constants) of a softmax layer that minimises its squared error."""
    import torch

    mean, deviation = seen.mean(0), np.maximum(seen.std(0), 1e-6)
    inputs, target = (torch.from_numpy(part) for part in ((seen - mean) / deviation, truth))
    weights = torch.zeros(inputs.shape[1], truth.shape[1], dtype=inputs.dtype, requires_grad=True)
    constants = torch.zeros(truth.shape[1], dtype=inputs.dtype, requires_grad=True)
    optimiser = torch.optim.Adam([weights, constants], lr=0.01)
    for _ in range(HEAD_STEPS):
        optimiser.zero_grad()
        (((inputs @ weights + constants).softmax(1) - target) ** 2).mean().backward()
        optimiser.step()
    found = weights.detach().numpy() / deviation[:, None]
    return np.vstack([found, constants.detach().numpy() - mean @ found])


def softmax_of(row: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Return the answer of a layer of :func:`softmax_layer` to one embedding."""
    logits = np.append(row, 1.0) @ head
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()
