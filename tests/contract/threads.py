"""Train every method and predict, and print the checksums: ``python threads.py``, under any number of threads."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")  # as unmix.cli sets it before anything is imported
sys.path.insert(0, str(Path(__file__).parent))


def main() -> None:
    import test_contract as contract

    from unmix import engine, toy

    size = {"genes": 300, "cells_per_type": 12, "samples": 8}
    contract.toy = lambda **options: toy(**size, **options)
    reference, bulk = contract.toy()
    found = {}
    for name, method in contract.METHODS.items():
        settings = ["train.steps=4", "train.validate_every=2"] if method.info.family == "deep" else []
        model = contract.learn(name, reference, settings=settings)
        digest = hashlib.sha256()
        for key in sorted(model.arrays):
            digest.update(key.encode() + model.arrays[key].tobytes())
        predicted = engine.predict(model, bulk, device="cpu")
        for table in (predicted.values, predicted.lower, predicted.upper):
            digest.update(table.to_numpy().tobytes())
        found[name] = digest.hexdigest()
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
