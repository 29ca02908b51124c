"""Checkpoints of a training: everything that decides the remaining steps, in one safetensors file."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch


def identity(task: Any) -> str:
    """Return a digest of all that a training starts from; a checkpoint of another one is not used."""
    digest = hashlib.sha256(repr(task.recipe).encode())
    digest.update(json.dumps(task.rng.bit_generator.state, sort_keys=True).encode())
    known = None if task.calibration is None else task.calibration.fractions
    for array in (task.train.counts.data, task.train.counts.indices, task.train.type_of, task.bulk, known):
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def write(
    path: Path | None,
    training: str,
    step: int,
    net: Any,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
    best: dict[str, Any],
) -> None:
    """Write the state after `step`, by rename; does nothing without a path."""
    if path is None:
        return
    from safetensors.torch import save

    tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in (best["weights"] or {}).items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{name}": value for name, value in state.items()}
    tensors["generator"] = net.generator.get_state()
    state = {
        "training": training,
        "step": step,
        "rng": rng.bit_generator.state,
        "error": best["error"],
        "best_step": best["step"],
    }
    data = save({n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()}, {"unmix": json.dumps(state)})
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def resume(
    path: Path | None,
    training: str,
    net: Any,
    optimiser: torch.optim.Optimizer,
    rng: np.random.Generator,
    best: dict[str, Any],
    say: Callable[[str], None],
) -> int:
    """Restore the state of :func:`write` where there is one; return the step from which to continue."""
    if path is None or not path.exists():
        return 0
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        state = json.loads(file.metadata()["unmix"])
        if state["training"] != training:
            say(f"The checkpoint {path.name} belongs to another training and is not used.")
            return 0
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    net.load_state_dict(_part(tensors, "net."))
    weights = _part(tensors, "best.")
    best.update(error=state["error"], step=state["best_step"], weights=weights or None)
    adam: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in _part(tensors, "adam.").items():
        number, key = name.split(".", 1)
        adam.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": adam})
    net.generator.set_state(tensors["generator"])
    rng.bit_generator.state = state["rng"]
    say(f"Training continues from step {state['step']} of an interrupted run.")
    return state["step"]


def remove(path: Path | None) -> None:
    """Delete the checkpoint of a finished training."""
    if path is not None:
        path.unlink(missing_ok=True)


def _part(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
