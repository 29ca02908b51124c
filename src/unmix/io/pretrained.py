"""Published weights of networks, as arrays, and the genes of their inputs.

From .npz, .safetensors, and .pt without running code in a pickle.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.errors import DataError
from unmix.io import expansion, tables, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

READABLE = (".pt", ".pth", ".npz", ".safetensors")


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file of weights by name (``layer.weight``, ``layer.bias``).

    A ``.pt`` may hold a table of tensors or a whole pickled network. torch's restricted reader opens it; every class
    that it names is replaced by an empty one that keeps the values and does nothing, so that no code of the file or of
    an installed package runs.

    Raises
    ------
    DataError
        If the file is missing, of another kind or damaged.
    """
    do = f"give a file of weights: {', '.join(READABLE)}"
    if not path.is_file():
        raise DataError(f"{path}: no such file", "a file of weights", do)
    if path.suffix not in READABLE:
        raise DataError(f"{path.name}: not a known kind of weights", " or ".join(READABLE), do)
    try:
        if zipfile.is_zipfile(path):
            expansion.check_zip(path)
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        if path.suffix == ".safetensors":
            from safetensors.numpy import load_file

            return load_file(path)
        return _read_torch(path)
    except DataError:
        raise
    except Exception as error:  # the readers of three libraries, each with its own errors
        found = f"{path.name}: cannot be read as weights ({str(error).splitlines()[0][:120]})"
        raise DataError(found, "an undamaged file", do) from error


def layers(path: Path, outputs: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return weight (outputs x inputs) and bias of every layer of a dense network in a file (``D2.0.weight`` ...).

    Raises
    ------
    DataError
        If the file holds no network, or one of another number of outputs.
    """
    state = read_weights(path)
    found = [(state[name], state.get(name[:-6] + "bias")) for name in state if name.endswith("weight")]
    if len(found) < 2 or found[-1][0].shape[0] != outputs:
        raise DataError(
            f"{path.name} does not hold a network of {outputs} outputs",
            "a network with the outputs of the authors'",
            "take the file of weights that the method's page names",
        )
    return found


def gene_names(path: Path, number: int) -> list[str]:
    """Return the column of a table, with or without header, that ends with `number` different names.

    Raises
    ------
    DataError
        If no column does.
    """
    lines = text.lines(path, [])
    separator = text.separator(lines)
    for column in zip(*(line.split(separator) for line in lines), strict=False):
        names = [cell.strip(' "') for cell in column[-number:]]
        if len(set(names)) == number and not names[0][0].isdigit():
            return names
    raise DataError(
        f"{path.name} has no column of {number} genes",
        f"the {number} genes of the weights in order",
        "take the table of genes that belongs to the weights",
    )


def gene_lengths(path: Path) -> dict[str, float]:
    """Return the lengths of genes by name, from a table of two columns.

    Raises
    ------
    DataError
        If it is another table.
    """
    table = tables.read_table(path)
    if table.shape[1] != 1 or table.iloc[:, 0].dtype == object:
        raise DataError(
            f"{path.name} is no table of genes and their lengths: it has {table.shape[1] + 1} columns",
            "two columns: gene and length",
            "give the table of genes that belongs to the network",
        )
    return table.iloc[:, 0].to_dict()


def ensemble(networks: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]]) -> dict[str, np.ndarray]:
    """Return published dense networks as the arrays that a model keeps of one :class:`unmix.nets.dense.Ensemble`.

    Parameters
    ----------
    networks
        Of each network weight (outputs x inputs, as torch has it) and bias of every layer, all over the same genes;
        equal ones must not stand together, since those are stacked.
    """
    arrays = {
        "net.first": np.concatenate([layers[0][0] for layers in networks]),
        "net.first_bias": np.concatenate([layers[0][1] for layers in networks]),
    }
    for i, (weight, bias) in enumerate(layer for layers in networks for layer in layers[1:]):
        arrays |= {f"net.weights.{i}": np.ascontiguousarray(weight.T[None]), f"net.biases.{i}": bias[None, None]}
    return arrays


class Inert:
    """Stands for any class that a file names: takes the values and does nothing."""

    def __init__(self, *_: Any) -> None: ...


def tensors_and_lengths(paths: Iterable[Path]) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Return the tensors and the lengths of their genes that files hold; either may be empty (GBMPurity).

    Raises
    ------
    DataError
        If a file cannot be read, or if there are weights without the table of their genes and lengths.
    """
    tensors, lengths = {}, {}
    for path in paths:
        if path.suffix in READABLE:
            tensors |= read_weights(path)
        else:
            lengths |= gene_lengths(path)
    if "genes" in tensors and "lengths" in tensors:
        lengths = dict(zip(tensors.pop("genes").astype(str).tolist(), tensors.pop("lengths").tolist(), strict=True))
    inputs = tensors["fc1.weight"].shape[1] if "fc1.weight" in tensors else 0
    if tensors and (not inputs or inputs != len(lengths)):
        raise DataError(
            f"weights over {inputs or 'no'} genes, and a table of {len(lengths)} genes with lengths",
            "the weights of GBMPurity, and the table of their genes and lengths in the same order",
            "--pretrained GBMPurity.pt --pretrained input-genes-lengths.csv, both from the authors' repository",
        )
    return tensors, lengths


def _read_torch(path: Path) -> dict[str, np.ndarray]:
    import torch
    from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

    stand_ins = [(type("Inert", (Inert,), {}), name) for name in get_unsafe_globals_in_checkpoint(path)]
    with safe_globals(stand_ins):
        content = torch.load(path, map_location="cpu", weights_only=True)
    arrays: dict[str, np.ndarray] = {}
    _collect(content, "", arrays)
    expansion.check(path.name, path.stat().st_size, sum(values.nbytes for values in arrays.values()))
    return arrays


def _collect(node: Any, prefix: str, arrays: dict[str, np.ndarray]) -> None:
    """Add the tensors of a table, or of a network and its parts, to `arrays`."""
    import torch

    if isinstance(node, Inert):
        parts = [vars(node).get(name) or {} for name in ("_parameters", "_buffers", "_modules")]
        node = {name: value for part in parts for name, value in part.items()}
    for name, value in node.items() if isinstance(node, dict) else ():
        if isinstance(value, torch.Tensor):
            arrays[prefix + str(name)] = value.detach().numpy()
        else:
            _collect(value, f"{prefix}{name}.", arrays)
