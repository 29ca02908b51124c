"""HASCAD's networks 2 and 3 with the authors' weights against what the authors' code gives on their example."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from unmix import engine
from unmix.errors import DataError, UsageError
from unmix.methods.hascad import OFFICIAL_TYPES
from unmix.simulate.toy import toy

#: Of the original networks on Source/Example.csv, in the order of OFFICIAL_TYPES.
EXPECTED = {
    2: ".140605 .172946 .025021 .031927 .085191 .057902 .040967 .027248 "
    ".046491 .080865 .067632 .039649 .063092 .073892 .046572",
    3: ".073485 .194250 .028236 .038252 .095372 .056871 .056072 .036285 "
    ".056137 .042286 .064907 .035210 .074923 .100079 .047635",
}


@pytest.fixture(scope="module")
def reference():
    """A reference of other genes and mostly other types: the weights bring their own."""
    return toy(genes=200, cells_per_type=5, cell_types=("bnaive", "nk", "plasma"))[0]


@pytest.mark.shared
@pytest.mark.parametrize("numbers", [(2,), (3,), (2, 3), (3, 2)])
def test_the_authors_weights_give_the_authors_numbers(numbers, reference, shared):
    folder = shared / "fixtures" / "hascad"
    example = pd.read_csv(folder / "Example.csv", header=None)
    bulk = ad.AnnData(np.exp2(example[[2]].to_numpy().T) - 1, var=pd.DataFrame(index=example[1]))
    weights = [*(folder / f"checkpoint{i}.pt" for i in numbers), folder / "Example.csv"]
    model = engine.train("hascad", reference, pretrained=weights, quick=True, device="cpu")
    found = engine.predict(model, bulk, device="cpu")
    expected = np.mean([np.array(EXPECTED[i].split(), float) for i in numbers], axis=0)
    assert tuple(found.values.columns) == OFFICIAL_TYPES
    assert np.abs(found.values.to_numpy()[0] - expected).max() < 1e-5


@pytest.mark.shared
def test_weights_without_their_genes_are_refused(reference, shared):
    with pytest.raises(UsageError, match="table"):
        engine.train("hascad", reference, pretrained=[shared / "fixtures" / "hascad" / "checkpoint2.pt"], quick=True)


def test_other_weights_are_refused(reference, tmp_path):
    np.savez(tmp_path / "other.npz", **{"0.weight": np.zeros((3, 4)), "0.bias": np.zeros(3)})
    (tmp_path / "genes.csv").write_text("a\nb\nc\nd\n")
    with pytest.raises(DataError, match="15 outputs"):
        engine.train("hascad", reference, pretrained=[tmp_path / "other.npz", tmp_path / "genes.csv"], quick=True)
