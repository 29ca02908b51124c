"""The model file: arrays and a JSON header in one safetensors file. No pickle, so that models can be shared safely."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from unmix.errors import DataError
from unmix.io.levels import Levels

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: Increased when the header changes. A model of another format is trained again.
FORMAT = 3


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise PydanticCustomError("distinct", "a name occurs twice")
    return names


Name = Annotated[str, Field(min_length=1, max_length=1000)]
Names = Annotated[list[Name], AfterValidator(_distinct)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Intervals(_Part):
    held_out: str


class _Reference(_Part):
    cells_per_type: dict[Name, Annotated[int, Field(ge=0)]]
    mrna_per_cell: dict[Name, Annotated[float, Field(ge=0)]]


class _Facts(_Part):
    """What the engine reads of the facts."""

    unmix: str
    seed: int
    training: dict[str, Any]
    bulk_at_training: bool
    reference_genes: Names
    intervals: _Intervals
    reference: _Reference
    mrna_per_cell: dict[Name, Annotated[float, Field(ge=0)]] = {}
    states: dict[Name, Name] = {}
    levels: Levels = Levels()


class Header(_Part):
    """The JSON header of a model file."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
    format: Literal[FORMAT]
    method: Name
    recipe: dict[str, Any]
    genes: Names
    cell_types: Annotated[Names, Field(min_length=1)]
    quantity: Literal["cell", "mrna", "purity", "score"]
    facts: _Facts

    @model_validator(mode="after")
    def _facts_are_of_the_types(self) -> Self:
        for name in ("mrna_per_cell", "states"):
            if (given := getattr(self.facts, name)) and given.keys() != set(self.cell_types):
                raise ValueError(f"{name} is not of the cell types of the model")
        if self.facts.mrna_per_cell and self.facts.reference.mrna_per_cell.keys() != set(self.cell_types):
            raise ValueError("reference.mrna_per_cell is not of the cell types of the model")
        return self


@dataclass
class Model:
    """A trained method.

    Attributes
    ----------
    method
        Name in the registry.
    recipe
        Resolved recipe as data.
    genes, cell_types
        In the order of the arrays and of the output.
    quantity
        ``cell``, ``mrna``, ``purity`` or ``score``.
    arrays
        Weights, signature, frozen preprocessing, calibration scores.
    facts
        Everything else that JSON can hold: calibration, reference, seed, versions, inputs.
    """

    method: str
    recipe: dict[str, Any]
    genes: list[str]
    cell_types: list[str]
    quantity: str
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def states(self) -> dict[str, str]:
        """Cell state to the cell type that it belongs to; empty where `cell_types` are what is reported."""
        return self.facts.get("states", {})

    @property
    def reported(self) -> list[str]:
        """Cell types of the output: those of the states, else `cell_types`."""
        return list(dict.fromkeys(self.states.get(name, name) for name in self.cell_types))

    @property
    def levels(self) -> Levels:
        """Groups of the reported cell types; none for models of other types than those of their reference."""
        return Levels.model_validate(self.facts.get("levels", {})).of(self.reported)

    def every_level(self, values: np.ndarray) -> list[np.ndarray]:
        """Return estimates (samples x cell_types) as sums: of the reported types, then of the groups of each level."""
        by_type = self.summed(values)
        return [by_type, *self.levels.summed(by_type, self.reported)]

    def summed(self, values: np.ndarray) -> np.ndarray:
        """Return the sums over the states of each reported cell type (samples x cell_types to samples x reported)."""
        if not self.states:
            return values
        types = np.array([self.states.get(name, name) for name in self.cell_types])
        return np.stack([values[:, types == name].sum(1) for name in self.reported], axis=1)

    def profiles(self, genes: Iterable[str]) -> np.ndarray:
        """Return the mean profile of every type of the model's reference over some genes (types x genes, per million).

        Zeros where the reference lacks a gene.
        """
        import pandas as pd

        places = pd.Index(self.facts["reference_genes"]).get_indexer(list(genes))
        return np.where(places >= 0, self.arrays["reference.profiles"][:, places], 0).astype(np.float64)

    def save(self, path: Path) -> None:
        """Write the model; the same model gives the same bytes.

        Raises
        ------
        DataError
            If an array holds a missing or infinite number.
        """
        from safetensors.numpy import save

        _refuse_infinite(
            self.arrays, path.name, "train with a lower rate (--set train.lr=...), or look at the reference"
        )
        header = {
            name: getattr(self, name) for name in ("method", "recipe", "genes", "cell_types", "quantity", "facts")
        }
        text = json.dumps({"format": FORMAT, **header}, ensure_ascii=False, sort_keys=True)
        arrays = {name: np.ascontiguousarray(self.arrays[name]) for name in sorted(self.arrays)}
        path.write_bytes(save(arrays, metadata={"unmix": text}))

    @classmethod
    def load(cls, path: Path) -> Model:
        """Read a model.

        Raises
        ------
        DataError
            If the file is missing, is not safetensors, is not of unmix, is of another format, or is not finite.
        """
        from safetensors import SafetensorError, safe_open

        do = "give a model.safetensors that unmix_train.py has written"
        try:
            with safe_open(path, framework="numpy") as file:
                text = (file.metadata() or {}).get("unmix")
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except FileNotFoundError as error:
            raise DataError(f"{path}: no such file", "a model file", do) from error
        except (SafetensorError, OSError) as error:
            raise DataError(f"{path.name}: not a safetensors file ({error})", "a model of unmix", do) from error
        if text is None:
            raise DataError(f"{path.name}: a safetensors file without unmix's header", "a model of unmix", do)
        _refuse_infinite(arrays, path.name, "train the model again")
        try:
            header = Header.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            if fault["loc"] == ("format",) and isinstance(fault["input"], int):
                raise DataError(
                    f"{path.name}: model format {fault['input']}",
                    f"format {FORMAT}",
                    "train the model again with this version of unmix, or install the one that wrote it",
                ) from error
            where = ".".join(map(str, fault["loc"])) or "JSON"
            raise DataError(
                f"{path.name}: the header is damaged ({where}: {fault['msg']})", "a model of unmix", do
            ) from error
        parts = dict(header)
        del parts["format"]
        return cls(**parts | {"facts": header.facts.model_dump(exclude_unset=True)}, arrays=arrays)


#: Arrays in which numbers that are not finite mean something: no interval was learned; a gene has no weight (EPIC).
MAY_MISS = ("intervals.scores", "intervals.state_scores", "intervals.level_scores", "variance")


def _refuse_infinite(arrays: dict[str, np.ndarray], name: str, do: str) -> None:
    for key, array in arrays.items():
        if array.dtype.kind == "f" and key not in MAY_MISS and not np.isfinite(array).all():
            raise DataError(
                f"{name}: the array {key} of the model holds numbers that are not finite", "finite numbers", do
            )
