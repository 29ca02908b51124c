"""Model files written by released formats still load and still give the numbers they gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.contract.model import Model
from unmix.io import check

MODELS = Path(__file__).parent / "models"


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.safetensors")), ids=lambda path: path.stem)
def test_a_model_of_an_older_format_gives_the_numbers_it_gave(path):
    model = Model.load(path)
    bulk = check.read_bulk(MODELS / "bulk.tsv", genes=model.genes)
    long = engine.predict(model, bulk, device="cpu").long()
    golden = pd.read_csv(path.with_suffix("").with_suffix(".fractions_long.tsv"), sep="\t")
    assert long["cell_type"].tolist() == golden["cell_type"].tolist()
    assert long["flag"].tolist() == golden["flag"].tolist()
    for column in ("fraction", "lower", "upper"):
        assert np.allclose(long[column], golden[column], atol=1e-6)
