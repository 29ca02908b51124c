from __future__ import annotations

import gc
import weakref

from unmix import engine
from unmix.simulate.toy import toy


def test_a_bulk_is_gone_when_its_prediction_is():
    cells, bulk = toy(genes=200, cells_per_type=8, samples=4)
    model = engine.train("nnls", cells, device="cpu")
    gc.collect()
    gc.disable()
    try:
        engine.predict(model, bulk)
        seen = weakref.ref(bulk)
        del bulk
        assert seen() is None  # or all bulks of a long process wait for a search for garbage
    finally:
        gc.enable()
