"""Model files written by released formats still load and still give the numbers they gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from unmix import engine, methods
from unmix.contract.model import FORMAT, Model
from unmix.io import check

MODELS = Path(__file__).parent / "models"
PATHS = sorted(MODELS.glob("format*/*.safetensors"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_model_of_an_older_format_gives_the_numbers_it_gave(path):
    model = Model.load(path)
    methods.get(model.method).check(model)
    bulk = check.read_bulk(path.with_name("bulk.tsv"), genes=model.genes or model.facts["reference_genes"])
    long = engine.predict(model, bulk, device="cpu").long()
    golden = pd.read_csv(path.with_suffix(".tsv"), sep="\t")
    assert list(long) == list(golden)
    for column in ("sample", "cell_type", "flag", "quantity"):
        assert long[column].tolist() == golden[column].tolist()
    for column in ("fraction", "lower", "upper"):
        np.testing.assert_allclose(long[column], golden[column], atol=1e-6, err_msg=column)


def test_every_method_has_a_golden_model_of_the_present_format():
    known = {path.stem for path in PATHS if path.parent.name == f"format{FORMAT}"}
    missing = sorted(set(methods.all_methods()) - known)
    assert not missing, f"run: python tests/golden/models/make.py {' '.join(missing)}"
