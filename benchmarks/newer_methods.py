#!/usr/bin/env python
"""Deep methods since the review beside older ones and the controls, on real sets (docs/newer_methods.md).

    .venv/bin/python benchmarks/newer_methods.py

Prints what the store of `results.py` has: `results.py --method deside --method sweetwater` does what is missing.
"""

from __future__ import annotations

import output_layers
import results

METHODS = ("deside", "sweetwater", "hascad", "scaden", "nnls", "uniform", "reference_mean")

if __name__ == "__main__":
    print(output_layers.table([results.STORE], METHODS, ["default"]))
