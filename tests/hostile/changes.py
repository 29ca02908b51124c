"""Changes of files: bytes, cells of tables, values of JSON, arrays of models, groups of h5ad."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Cells of a table.
TEXTS = [
    "",
    " ",
    "\t",
    "NA",
    "nan",
    "inf",
    "-1",
    "1e30",
    "1e999",
    "0",
    "=cmd|' /C calc'!A0",
    '"',
    "'",
    "#",
    "é",
    "\u202e",
]
TEXTS += [
    "\x00",
    "\r",
    "\n",
    ",",
    ";",
    "../..",
    "$(touch x)",
    "-",
    "--help",
    "a" * 5000,
    "9" * 5000,
    "\u0661",
    "1,5",
    "5%",
    "Total",
    "true",
]
VALUES = [None, True, 0, -1, 1.5, 1e300, float("nan"), "", "x", "a" * 3000, [], {}, [1, "a"], {"a": 1}, [[]], 10**30]


def pick(rng: np.random.Generator, values: Any) -> Any:
    values = list(values)
    return values[rng.integers(len(values))]


def change_bytes(path: Path, rng: np.random.Generator) -> str:
    """Flip, cut, insert or repeat bytes."""
    data = bytearray(path.read_bytes())
    at, how = int(rng.integers(len(data))), pick(rng, ("flip", "cut", "insert", "repeat", "many"))
    if how == "flip":
        data[at] ^= 1 << int(rng.integers(8))
    elif how == "many":
        for place in rng.integers(0, len(data), 20):
            data[place] = int(rng.integers(256))
    elif how == "cut":
        del data[at:]
    else:
        data[at:at] = data[at : at + 50] if how == "repeat" else rng.bytes(3)
    path.write_bytes(data)
    return f"{how} at {at}"


def change_text(path: Path, rng: np.random.Generator) -> str:
    """Change cells, columns, rows or characters of a table."""
    text = path.read_text(encoding="utf-8")
    cut = "," if path.suffix == ".csv" else "\t"
    rows = [line.split(cut) for line in text.splitlines()]
    row = int(rng.integers(len(rows)))
    column = int(rng.integers(len(rows[row])))
    how = pick(
        rng, ("cell", "cell", "cell", "header", "column", "drop column", "row", "drop row", "ragged", "join", "bytes")
    )
    value = pick(rng, TEXTS)
    if how == "bytes":
        return change_bytes(path, rng)
    if how == "cell":
        rows[row][column] = value
    elif how == "header":
        rows[0][column % len(rows[0])] = value
    elif how == "column":
        for one in rows:
            one[column % len(one)] = value
    elif how == "drop column":
        rows = [one[:column] + one[column + 1 :] for one in rows]
    elif how == "row":
        rows.insert(row, rows[row] if rng.random() < 0.5 else [value] * len(rows[row]))
    elif how == "drop row":
        del rows[row]
    elif how == "ragged":
        rows[row] = rows[row][:column] if rng.random() < 0.5 else [*rows[row], value]
    else:
        cut = pick(rng, [",", ";", " ", "\t", "|"])
    path.write_text("\n".join(cut.join(one) for one in rows) + "\n", encoding="utf-8", errors="surrogatepass")
    return f"{how} {row},{column}: {value[:20]!r}"


def _change_json(data: Any, rng: np.random.Generator) -> str:
    here, path = data, []
    while True:
        key = pick(rng, here if isinstance(here, dict) else range(len(here)))
        path.append(str(key))
        if not isinstance(here[key], (dict, list)) or not here[key] or rng.random() < 0.2:
            break
        here = here[key]
    how = pick(rng, ("value", "value", "delete", "add"))
    if how == "delete":
        del here[key]
    elif how == "value":
        here[key] = pick(rng, VALUES)
    elif isinstance(here, dict):
        here["extra"] = pick(rng, VALUES)
    else:
        here.append(here[key])
    return f"{how} {'.'.join(path)}"


#: In place of a whole file.
JSONS = ["[" * 100_000, "{}", "[]", "null", "1", '"x"', "", "NaN", '{"a": 1e999}', '"\\ud800"']


def change_values(path: Path, rng: np.random.Generator) -> str:
    """Change values or keys of a JSON file."""
    data = json.loads(path.read_text())
    said = _change_json(data, rng)
    path.write_text(json.dumps(data))
    return said


def change_json(path: Path, rng: np.random.Generator) -> str:
    """Change values, keys or bytes, or put other JSON in place of it."""
    how = rng.random()
    if how < 0.2:
        return change_bytes(path, rng)
    if how < 0.25:
        path.write_text(pick(rng, JSONS))
        return "other JSON"
    return change_values(path, rng)


def change_model(path: Path, rng: np.random.Generator) -> str:
    """Change bytes, the header or an array of a model."""
    from safetensors import safe_open
    from safetensors.numpy import save

    if rng.random() < 0.15:
        return change_bytes(path, rng)
    with safe_open(path, "numpy") as file:
        header = json.loads(file.metadata()["unmix"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    if rng.random() < 0.5:
        said = _change_json(header, rng)
        if rng.random() < 0.3:
            recipe = header.get("recipe")
            said += ", " + _change_json(recipe if recipe and isinstance(recipe, (dict, list)) else header, rng)
    else:
        name = pick(rng, arrays)
        array, how = arrays[name], pick(rng, ARRAYS)
        said = f"{how} of {name}"
        if how == "delete":
            del arrays[name]
        elif how == "rename":
            arrays[pick(rng, ["x", "rna", "lengths", "profile", "cells", "net.x", ""])] = arrays.pop(name)
        else:
            with np.errstate(all="ignore"):
                arrays[name] = np.ascontiguousarray(ARRAYS[how](array, rng))
    path.write_bytes(save(arrays, {"unmix": json.dumps(header)}))
    return said


def _one(value: float) -> Callable[[np.ndarray, np.random.Generator], np.ndarray]:
    def change(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        array = array.copy()
        if array.size:
            array.flat[rng.integers(array.size)] = np.array(value).astype(array.dtype)
        return array

    return change


ARRAYS: dict[str, Any] = {
    "delete": None,
    "rename": None,
    "type": lambda a, rng: a.astype(pick(rng, ["f2", "f4", "f8", "i1", "i8", "u1", "u8", "?"])),
    "transpose": lambda a, rng: a.T,
    "flat": lambda a, rng: a.ravel(),
    "axis": lambda a, rng: a[None],
    "first": lambda a, rng: a[:1],
    "one less": lambda a, rng: a[1:],
    "one more": lambda a, rng: np.concatenate([a, a[-1:]]) if a.ndim else a,
    "no columns": lambda a, rng: a[..., :0],
    "none": lambda a, rng: a[:0],
    "zeros": lambda a, rng: a * 0,
    "negative": lambda a, rng: -np.abs(a.astype("f8")).astype(a.dtype),
    "constant": lambda a, rng: np.full_like(a, 1),
    "large": lambda a, rng: (a.astype("f8") * 1e12).astype(a.dtype),
    "huge": lambda a, rng: (a.astype("f8") * 1e30).astype(a.dtype),
    "tiny": lambda a, rng: (a.astype("f8") * 1e-30).astype(a.dtype),
    "a NaN": _one(np.nan),
    "an infinity": _one(np.inf),
    "a large one": _one(1e17),
    "one of -5": _one(-5),
    "one of 100": _one(100),
}


def change_h5ad(path: Path, rng: np.random.Generator) -> str:
    """Drop or change a group, a data set or an attribute of an h5ad, or bytes."""
    if rng.random() < 0.1:
        return change_bytes(path, rng)
    with h5py.File(path, "r+") as file:
        nodes = ["/"]
        file.visit(nodes.append)
        node = pick(rng, nodes)
        if rng.random() < 0.3 and len(file[node].attrs):
            name = pick(rng, file[node].attrs)
            how = pick(rng, ("delete", "empty", "number", "text", "array", "other"))
            del file[node].attrs[name]
            value = {"empty": "", "number": -3, "text": "x", "array": [1, 2, 3], "other": pick(rng, ENCODINGS)}
            if how != "delete":
                file[node].attrs[name] = value[how]
            return f"{how} attribute {name} of {node}"
        if node == "/":
            file.create_group(pick(rng, ["raw", "matrix", "layers/x", "uns/log1p", "obsm/x"]).strip("/") + "/new")
            return "new group"
        held = file[node]
        attributes = dict(held.attrs)
        how = pick(rng, DATASETS if isinstance(held, h5py.Dataset) else ("delete", "text", "group", "number"))
        if how in ("delete", "text", "group", "number"):
            del file[node]
            if how == "text":
                file[node] = "x"
            elif how == "number":
                file[node] = 7
            elif how == "group":
                file.create_group(node)
        else:
            values = held[()]
            del file[node]
            with np.errstate(all="ignore"), contextlib.suppress(TypeError, ValueError, IndexError):
                values = DATASETS[how](values, rng)
            text = np.asarray(values).dtype.kind == "O"
            file.create_dataset(node, data=values, dtype=h5py.string_dtype() if text else None)
            if rng.random() < 0.8:
                for name, value in attributes.items():
                    file[node].attrs[name] = value
    return f"{how} of {node}"


ENCODINGS = ["array", "csr_matrix", "csc_matrix", "dataframe", "categorical", "dict", "string-array", "9.9.9", "null"]
DATASETS: dict[str, Any] = {
    "delete": None,
    "text": None,
    "group": None,
    "number": None,
    "none": lambda v, rng: np.asarray(v)[:0],
    "one less": lambda v, rng: np.asarray(v)[1:],
    "one more": lambda v, rng: np.concatenate([np.asarray(v), np.asarray(v)[-1:]]),
    "axis": lambda v, rng: np.asarray(v)[None],
    "as text": lambda v, rng: np.array([str(x).encode() for x in np.ravel(v)], dtype=object),
    "as bytes": lambda v, rng: np.frombuffer(rng.bytes(np.size(v)), np.uint8),
    "floats": lambda v, rng: np.asarray(v, dtype=float) + 0.5,
    "NaN": lambda v, rng: np.where(rng.random(np.shape(v)) < 0.1, np.nan, np.asarray(v, dtype=float)),
    "infinite": lambda v, rng: np.where(rng.random(np.shape(v)) < 0.1, np.inf, np.asarray(v, dtype=float)),
    "negative": lambda v, rng: -np.asarray(v),
    "large": lambda v, rng: np.asarray(v, dtype=float) * 1e30,
    "equal": lambda v, rng: np.repeat(np.asarray(v)[:1], len(v), axis=0),
    "bool": lambda v, rng: np.asarray(v).astype(bool),
}


def change_any(path: Path, rng: np.random.Generator) -> str:
    """Change a file as its name says what it is."""
    change = {".json": change_json, ".tsv": change_text, ".csv": change_text}.get(path.suffix, change_bytes)
    return change(path, rng)
