"""Layers of an h5ad that are made and written for a few samples at a time: in all, samples x types x genes values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import anndata as ad

#: How AnnData marks a matrix in a file (its format 0.2.0).
MARKS = {"encoding-type": "array", "encoding-version": "0.2.0"}


@dataclass(frozen=True)
class Layered:
    """Data whose layers are yet to be made. They can be made once.

    Attributes
    ----------
    data
        Samples x genes, without these layers.
    names
        Of the layers.
    blocks
        Samples, and their layers (samples x layers x genes); in all, each sample once.
    """

    data: ad.AnnData
    names: list[str]
    blocks: Iterator[tuple[slice, np.ndarray]]

    def in_memory(self) -> ad.AnnData:
        """Return the data with the layers (float32)."""
        self.data.layers.update({name: np.empty(self.data.shape, np.float32) for name in self.names})
        for rows, values in self.blocks:
            for k, name in enumerate(self.names):
                self.data.layers[name][rows] = values[:, k]
        return self.data

    def write(self, path: Path) -> None:
        """Write the same as an h5ad."""
        import h5py

        self.data.write_h5ad(path)
        with h5py.File(path, "a") as file:
            layers = [file["layers"].create_dataset(name, self.data.shape, "f4") for name in self.names]
            for layer in layers:
                layer.attrs.update(MARKS)
            for rows, values in self.blocks:
                for k, layer in enumerate(layers):
                    layer[rows] = values[:, k].astype(np.float32)
