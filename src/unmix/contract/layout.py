"""Which arrays the models of a method have: names, kinds and axes, verified before anything computes with them.

A layout is a dict from the name of an array to its axes in words: ``"types genes"``. ``types``, ``reported``, ``genes``
and ``reference_genes`` are the lengths of the model's lists, a number is that length, and any other word is a length
that all arrays share. Before a colon stands the kind (``int``, ``bool``, ``missing``: any numbers, ``amount``: finite
and not below 0, ``variance``: the same or infinite); without one, it holds finite numbers. A name that ends in ``?``
may be absent, and one that ends in ``*`` stands for all that begin so, which the method verifies itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from unmix.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from unmix.contract.model import Model

#: Arrays of every model; `reference_types` differs from `types` where a published signature brings its own.
COMMON = {
    "intervals.scores": "missing: pseudobulk reported",
    "intervals.state_scores?": "missing: pseudobulk types",
    "intervals.level_scores?": "missing: pseudobulk groups",
    "intervals.shared_estimate?": "shared types",
    "intervals.shared_mrna?": "amount: shared types",
    "reference.profiles": "amount: reference_types reference_genes",
    "domain_shift.threshold": "1",
    "domain_shift.typical": "1",
    "domain_shift.detected?": "4",
    "lengths?": "amount: genes",
}
#: Both or none.
SHARED = ("intervals.shared_estimate", "intervals.shared_mrna")
#: Larger numbers leave the range of float32 when they are multiplied.
LARGEST = 1e18
_KINDS = {"float": "f", "amount": "f", "variance": "f", "missing": "f", "int": "iu", "bool": "bu"}


def check(model: Model, layout: Mapping[str, str]) -> None:
    """Verify the arrays of a model.

    Raises
    ------
    DataError
        If an array is missing, not of the method, of another kind or shape, or holds numbers that no model has.
    """
    layout = COMMON | dict(layout)
    needed = {name.rstrip("?"): axes for name, axes in layout.items() if not name.endswith("*")}
    prefixes = tuple(name[:-1] for name in layout if name.endswith("*"))
    expected = [name for name in layout if not name.endswith(("?", "*"))]
    expected += ["intervals.state_scores"] * bool(model.states) + ["intervals.level_scores"] * bool(model.levels.groups)
    expected += SHARED if model.arrays.keys() & set(SHARED) else ()
    if missing := [name for name in expected if name not in model.arrays]:
        raise damaged(model, f"it has no array {missing[0]}")
    if not model.arrays["reference.profiles"].size:
        raise damaged(model, "it has no profiles of its reference")
    lengths = {
        "types": len(model.cell_types),
        "reported": len(model.reported),
        "genes": len(model.genes),
        "reference_genes": len(model.facts["reference_genes"]),
        "groups": sum(len(set(groups.values())) for groups in model.levels.groups),
    }
    for name, array in model.arrays.items():
        if name in needed:
            kind, _, axes = needed[name].rpartition(":")
            _check_array(model, name, array, kind or "float", axes.split(), lengths)
        elif not name.startswith(prefixes):
            raise damaged(model, f"no model of {model.method} has an array {name!r}")
        if array.dtype.kind == "f" and np.abs(array[np.isfinite(array)]).max(initial=0) > LARGEST:
            raise damaged(model, f"the array {name} holds numbers beyond {LARGEST:g}")


def damaged(model: Model, why: str) -> DataError:
    """Return the error of a model whose parts do not fit each other."""
    return DataError(
        f"the model is damaged, or not made by unmix: {why}",
        f"a model of {model.method} as unmix_train.py writes it",
        "copy the file again, or train the model again",
    )


def _check_array(
    model: Model, name: str, array: np.ndarray, kind: str, axes: list[str], lengths: dict[str, int]
) -> None:
    if array.dtype.kind not in _KINDS[kind] or (kind != "bool" and array.dtype.itemsize < 4 and kind != "int"):
        raise damaged(model, f"the array {name} is of type {array.dtype}")
    shape = tuple(
        int(axis) if axis.isdigit() else lengths.setdefault(axis, length)
        for axis, length in zip(axes, array.shape, strict=False)
    )
    if array.shape != shape or len(axes) != array.ndim:
        expected = " x ".join(axis if axis.isdigit() else f"{lengths.get(axis, '?')} {axis}" for axis in axes)
        raise damaged(model, f"the array {name} is {' x '.join(map(str, array.shape)) or 'one number'}, not {expected}")
    if kind in ("float", "amount") and not np.isfinite(array).all():
        raise damaged(model, f"the array {name} holds numbers that are not finite")
    if kind in ("amount", "variance") and not (array >= 0).all():
        raise damaged(model, f"the array {name} holds numbers that are not 0 or more")
