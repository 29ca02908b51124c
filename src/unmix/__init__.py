"""unmix: cell-type deconvolution of bulk RNA-seq.

import unmix

reference = unmix.prepare_reference(["pbmc.h5ad"], cell_type_key="cell_type", donor_key="donor")
model = unmix.train("scaden", reference, seed=1)
fractions = unmix.predict(model, "counts.tsv")
fractions.values, fractions.lower, fractions.upper, fractions.flags
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: What `import unmix` offers, and the module that each is imported from when it is first used.
_PUBLIC = {
    "Fractions": "unmix.io.fractions",
    "Model": "unmix.contract.model",
    "Reference": "unmix.reference",
    "attribute": "unmix.engine.memory",
    "compare": "unmix.comparison",
    "consensus": "unmix.engine.consensus",
    "express": "unmix.engine.memory",
    "predict": "unmix.engine.memory",
    "prepare_reference": "unmix.engine.memory",
    "pseudobulk": "unmix.simulate.pseudobulk",
    "read_bulk": "unmix.engine.memory",
    "read_reference": "unmix.engine.memory",
    "toy": "unmix.simulate.toy",
    "train": "unmix.engine.memory",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import unmix` alone takes no time."""
    if name not in _PUBLIC:
        message = f"module 'unmix' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
