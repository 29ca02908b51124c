"""Checkpoints of a training: everything that decides the remaining steps, in one file.

The file begins with the SHA-256 of what follows, which is safetensors. A file that does not match it is set aside. A
checkpoint is used by the training that wrote it only, and kept until the caller has the model.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix import __version__
from unmix.errors import UnmixError
from unmix.io.outputs import write_whole

if TYPE_CHECKING:
    from unmix.contract.method import Task
    from unmix.deep.adam import Adam

#: Parts of a task that decide nothing.
_NEUTRAL = ("say", "progress", "checkpoint")
_SIZE = hashlib.sha256().digest_size


def identity(method: str, task: Task) -> str:
    """Return a digest of all that a training starts from; a checkpoint of another one is not used.

    The method, the versions, and every part of the task: recipe, cells with their types, donors and genes, bulk,
    calibration samples, contents of published files, state of the generator, device.
    """
    import torch

    digest = hashlib.sha256(json.dumps([method, __version__, torch.__version__]).encode())
    for field in dataclasses.fields(task):
        if field.name not in _NEUTRAL:
            digest.update(f"\n{field.name}:".encode())
            _add(digest, getattr(task, field.name))
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    """Add a value to a digest, with its kind and size, so that no two values add the same bytes."""
    if isinstance(value, np.random.Generator):
        value = json.dumps(value.bit_generator.state, sort_keys=True, default=np.ndarray.tolist)
    elif isinstance(value, Path):
        value = value.read_bytes()
    elif hasattr(value, "indptr"):
        value = (value.data, value.indices, value.indptr, value.shape)
    elif dataclasses.is_dataclass(value):
        value = tuple(getattr(value, field.name) for field in dataclasses.fields(value))
    if isinstance(value, (tuple, list)):
        digest.update(f"({len(value)}".encode())
        for one in value:
            _add(digest, one)
    elif isinstance(value, np.ndarray):
        digest.update(f"[{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value) if value.dtype != object else repr(value.tolist()).encode())
    else:
        text = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(f"{type(value).__name__}{len(text)}".encode() + text)


class Checkpoint:
    """The checkpoint of one training; does nothing without a path."""

    def __init__(self, method: str, task: Task) -> None:
        self._path, self._say, self._rng = task.checkpoint, task.say, task.rng
        self._training = identity(method, task) if task.checkpoint else ""

    def write(self, step: int, net: Any, optimiser: Adam, best: dict[str, Any]) -> None:
        """Write the state after `step`, by rename; a disk that cannot be written is said once, and does not end it."""
        if self._path is None:
            return
        import torch
        from safetensors.torch import save

        tensors = {f"net.{name}": value for name, value in net.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in (best["weights"] or {}).items()}
        tensors |= {f"adam.{name}": value for name, value in optimiser.state().items()}
        tensors["generator"] = net.generator.get_state()
        state = {"training": self._training, "step": step, "rng": self._rng.bit_generator.state}
        text = json.dumps({**state, "error": best["error"], "best_step": best["step"]})
        tensors["state"] = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
        data = save({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()})
        try:
            write_whole(self._path, hashlib.sha256(data).digest() + data)
        except (UnmixError, OSError) as error:
            self._say(f"No checkpoint is kept, so that an interrupted training starts anew: {error.args[0]}.")
            self._path = None

    def resume(self, net: Any, optimiser: Adam, best: dict[str, Any]) -> int:
        """Restore the state of :meth:`write` where there is one; return the step from which to continue.

        A checkpoint of another training is not used, and a damaged one is renamed; both are said.
        """
        content = self._content()
        if content is None:
            return 0
        from safetensors.torch import load

        tensors = load(content)
        state = json.loads(tensors.pop("state").numpy().tobytes())
        if state["training"] != self._training:
            self._say(f"The checkpoint {self._path.name} belongs to another training and is not used.")
            return 0
        net.load_state_dict(_part(tensors, "net."))
        weights = _part(tensors, "best.")
        best.update(error=state["error"], step=state["best_step"], weights=weights or None)
        optimiser.restore(_part(tensors, "adam."))
        net.generator.set_state(tensors["generator"])
        self._rng.bit_generator.state = state["rng"]
        self._say(f"Training continues from step {state['step']} of an interrupted run.")
        return state["step"]

    def _content(self) -> bytes | None:
        """Return what the file holds after its checksum; None without a file, or where it is damaged."""
        if self._path is None or not self._path.exists():
            return None
        try:
            content = self._path.read_bytes()
            digest, data = content[:_SIZE], content[_SIZE:]
            if hashlib.sha256(data).digest() == digest:
                return data
            aside = self._path.with_name(f"{self._path.name}.damaged")
            self._path.replace(aside)
        except OSError as error:
            self._say(f"The checkpoint {self._path.name} is not used ({error.strerror}).")
        else:
            self._say(f"The checkpoint {self._path.name} is damaged and not used; it was renamed to {aside.name}.")
        return None


def _part(tensors: dict[str, Any], prefix: str) -> dict[str, Any]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
