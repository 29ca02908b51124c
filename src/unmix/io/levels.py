"""Levels of cell types: groups that are sums of cell types, from fine to coarse, and the level that leads a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

Name = Annotated[str, Field(min_length=1, max_length=1000)]


class Levels(BaseModel):
    """Groups of the cell types of a reference at one or more levels, each coarser than the one before.

    Attributes
    ----------
    names
        Of the levels.
    groups
        Of every level: cell type to the group that it belongs to.
    leads
        Number of the leading level: 0 for the cell types themselves, 1 for the first of `names`.
    source
        Where the groups come from: ``given``, ``ontology`` or ``inferred``; empty without levels.
    alike
        Cell types that the reference cannot tell apart in level, one list for each such set.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    names: list[Name] = []
    groups: list[dict[Name, Name]] = []
    leads: int = Field(0, ge=0)
    source: str = ""
    alike: list[list[Name]] = []

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse levels whose parts do not fit each other."""
        kinds = [groups.keys() for groups in self.groups]
        if len(self.names) != len(kinds) or len(set(self.names)) < len(kinds) or self.leads > len(kinds):
            raise PydanticCustomError("levels", "the levels, their names and the leading one do not agree")
        if any(kind != kinds[0] or not kind for kind in kinds):
            raise PydanticCustomError("levels", "the levels are of different cell types")
        return self

    def of(self, cell_types: Sequence[str]) -> Levels:
        """Return the levels of these cell types alone; none where a type is not known or there are fewer than two."""
        if not self.groups or len(cell_types) < 2 or not set(cell_types) <= self.groups[0].keys():
            return Levels()
        groups = [{name: own[name] for name in cell_types} for own in self.groups]
        alike = [[name for name in own if name in cell_types] for own in self.alike]
        return self.model_copy(update={"groups": groups, "alike": [own for own in alike if len(own) > 1]})

    def summed(self, values: np.ndarray, cell_types: Sequence[str]) -> list[np.ndarray]:
        """Return the sums over the types of each group, for every level (samples x types to samples x groups)."""
        return [added(values, own, cell_types) for own in self.groups]

    def sentence(self) -> str:
        """Say which cell types cannot be told apart in level, and the name of what can; empty where all can."""
        said = []
        for own in self.alike:
            held = {self.groups[self.leads - 1][name] for name in own} if self.leads else set(own)
            group = next(iter(held))
            can = "no level of the tree joins them" if len(held) > 1 else f"their sum ({group}) can"
            can = "their sum can" if group == " + ".join(own) else can
            said.append(f"{' and '.join([', '.join(own[:-1]), own[-1]])} cannot be told apart in level here; {can}.")
        return " ".join(said)


def names_of(groups: dict[str, str], cell_types: Iterable[str]) -> list[str]:
    """Return the groups in the order in which their first types stand."""
    return list(dict.fromkeys(groups[name] for name in cell_types))


def listed(groups: dict[str, str]) -> dict[str, str]:
    """Return the types of every group in one text."""
    held: dict[str, list[str]] = {}
    for name, group in groups.items():
        held.setdefault(group, []).append(name)
    return {group: ", ".join(own) for group, own in held.items()}


def added(values: np.ndarray, groups: dict[str, str], cell_types: Sequence[str]) -> np.ndarray:
    """Return the sums over the types of each group (samples x types to samples x groups, as :func:`names_of`).

    Types are added one after the other, so that a sample has the same sums in any company.
    """
    found: dict[str, np.ndarray] = {}
    for column, name in enumerate(cell_types):
        found[groups[name]] = found.get(groups[name], 0) + values[:, column]
    return np.stack(list(found.values()), axis=1)


def summed(values: pd.DataFrame, groups: dict[str, str]) -> pd.DataFrame:
    """Return the sums over the types of each group (samples x types to samples x groups)."""
    import pandas as pd

    cell_types = list(values)
    sums = added(values.to_numpy(), groups, cell_types)
    return pd.DataFrame(sums, values.index, names_of(groups, cell_types))
