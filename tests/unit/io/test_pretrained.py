from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from unmix.errors import DataError
from unmix.io.pretrained import read_weights


class Network(nn.Module):
    """A class of another package, pickled whole as authors do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.names = {"a", "b"}


class Opener:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("whole", [True, False])
def test_tensors_of_a_network_come_by_name(tmp_path, whole):
    network = Network()
    torch.save(network if whole else network.state_dict(), tmp_path / "network.pt")
    found = read_weights(tmp_path / "network.pt")
    assert set(found) == {"layer.weight", "layer.bias"}
    assert np.array_equal(found["layer.weight"], network.layer.weight.detach().numpy())


def test_nothing_in_a_pickle_is_run(tmp_path):
    torch.save({"weight": torch.ones(2), "trap": Opener(tmp_path / "written")}, tmp_path / "trap.pt")
    assert set(read_weights(tmp_path / "trap.pt")) == {"weight"}
    assert not (tmp_path / "written").exists()


def test_what_is_no_file_of_weights_says_so(tmp_path):
    for name in ("absent.pt", "table.csv", "damaged.pt", "damaged.npz", "damaged.safetensors"):
        if name != "absent.pt":
            (tmp_path / name).write_bytes(b"text, not weights")
        with pytest.raises(DataError, match=name):
            read_weights(tmp_path / name)
    np.savez(tmp_path / "objects.npz", objects=np.array([{}], dtype=object))
    with pytest.raises(DataError, match=r"objects\.npz"):
        read_weights(tmp_path / "objects.npz")
