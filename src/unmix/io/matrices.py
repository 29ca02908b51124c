"""Which of the matrices of an h5ad holds the expression: what each one is, and which of them are only a part."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from unmix.io.logarithms import BASES

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Layers that hold a part of the counts, or no counts.
PARTIAL = re.compile(r"(un)?spliced|ambiguous|ambient|background|mature|nascent|intron\w*|mask|M[su]|velocity|fit_\w+")


def partial(name: str) -> bool:
    """Say whether a matrix holds only a part of the expression by its name, such as ``layers['unspliced']``."""
    layer = re.search(r"\['(.*)'\]", name)
    return layer is not None and bool(PARTIAL.fullmatch(layer[1]))


def is_mask(values: np.ndarray) -> bool:
    """Say whether values are only zeros and ones, as marks of what was seen are."""
    return bool(((values == 0) | (values == 1)).all())


def whole(values: np.ndarray) -> bool:
    """Say whether values are whole numbers, as counts are."""
    filled = values[np.isfinite(values) & (values != 0)]
    return bool(filled.size) and float(np.mean(filled == np.round(filled))) > 0.999


def logged(uns: Mapping) -> str | None:
    """Return the base of the logarithm that scanpy has noted in ``uns["log1p"]``, None without a note."""
    note = uns.get("log1p")
    if note is None:
        return None
    base = note.get("base") if hasattr(note, "get") else None
    if base is None:
        return "e"
    return next((label for label, value in BASES.items() if np.isclose(float(np.asarray(base)), value)), None)
