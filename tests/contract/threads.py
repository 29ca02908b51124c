"""Train every method and predict, and print the checksums: ``python threads.py``, under any number of threads."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmix.io.fractions import Fractions

sys.path.insert(0, str(Path(__file__).parent))


def main() -> None:
    import test_contract as contract

    from unmix import engine, methods, toy
    from unmix.engine.answer import predict
    from unmix.engine.consensus import consensus

    size = {"genes": 300, "cells_per_type": 12, "samples": 8}
    contract.toy = lambda **options: toy(**size, **options)
    reference, bulk = contract.toy()
    found, models = {}, {}
    for name, method in contract.METHODS.items():
        settings = ["train.steps=4", "train.validate_every=2"] if method.info.family == "deep" else []
        models[name] = model = contract.learn(name, reference, settings=settings)
        digest = hashlib.sha256()
        for key in sorted(model.arrays):
            digest.update(key.encode() + model.arrays[key].tobytes())
        _add(digest, engine.predict(model, bulk, device="cpu"))
        found[name] = digest.hexdigest()
    several = {
        "the consensus": consensus([predict(models[name], bulk, device="cpu") for name in methods.PANEL]),
        "several references": predict([models["jointlog"], models["jointlog"]], bulk, device="cpu"),
    }
    for name, predicted in several.items():
        digest = hashlib.sha256()
        _add(digest, predicted)
        found[name] = digest.hexdigest()
    sys.stdout.write(json.dumps(found))


def _add(digest: Any, predicted: Fractions) -> None:
    for table in (predicted.values, predicted.lower, predicted.upper):
        digest.update(table.to_numpy().tobytes())


if __name__ == "__main__":
    main()
