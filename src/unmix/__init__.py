"""unmix: cell-type deconvolution of bulk RNA-seq.

import unmix

results = unmix.deconvolve("bulk.tsv", "reference.h5ad", cell_type_key="cell_type", donor_key="donor")
results.fractions, results.lower, results.upper, results.flags
results.plot.bars()
results.write("results")
"""

from __future__ import annotations

import importlib
import os
from typing import Any

__version__ = "0.1.0"

# MKL reads this at its first product. Without it a row of a product has other bytes at another place in the block
# (contract/blocks.py), and with other numbers of threads.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

#: What `import unmix` offers, and the module that each is imported from when it is first used.
_PUBLIC = {
    "Fractions": "unmix.io.fractions",
    "Model": "unmix.contract.model",
    "Reference": "unmix.reference",
    "Results": "unmix.pipeline.results",
    "compare": "unmix.comparison",
    "consensus": "unmix.engine.memory",
    "deconvolve": "unmix.pipeline.memory",
    "evaluate": "unmix.evaluation.known",
    "explain": "unmix.engine.memory",
    "express": "unmix.comparison.expression",
    "predict": "unmix.engine.memory",
    "prepare_reference": "unmix.engine.memory",
    "pseudobulk": "unmix.simulate.pseudobulk",
    "read_bulk": "unmix.engine.reading",
    "read_reference": "unmix.engine.reading",
    "read_results": "unmix.pipeline.results",
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
