"""Scenarios of the benchmark on one's own reference: a table (data/scenarios.toml), read and checked."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from unmix.errors import UsageError
from unmix.settings import fromdict
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Of what the truth of a test is.
Counts = Literal["cells", "RNA"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Training(_Part):
    """What the methods learn from; levels of any scenario with the same training share a case."""

    cells_per_type: int = Field(0, ge=0)
    """At most so many cells of each type; 0: all."""
    without: int = Field(0, ge=0)
    """So many of the largest types are left out, each in a case of its own."""
    coarse: bool = False
    """Labels of the coarsest level of the tree."""


class Level(_Part):
    """One test of a scenario, as data/scenarios.toml describes it."""

    level: str = ""
    training: Training = Training()
    source: Literal["held_out", "other"] = "held_out"
    simulation: dict[str, Any] = {}
    per_type: int = Field(0, ge=0)
    ladder: tuple[Annotated[float, Field(ge=0, lt=0.5)], ...] = ()
    spread: float = Field(1.0, ge=1)
    batch: float = Field(0.0, ge=0)
    missing: Annotated[float, Field(ge=0, lt=1)] | Literal["drawn"] = 0.0
    truths: tuple[Counts, ...] = ("cells",)
    sums: bool = False

    def recipe(self, **settings: Any) -> Simulation:
        """Return how its pseudobulk is made."""
        return fromdict(Simulation, {**self.simulation, **settings})


class Scenario(_Part):
    """A stress: what it asks, and its levels."""

    title: str
    asks: str
    levels: tuple[Level, ...] = Field(min_length=1)


@cache
def scenarios() -> dict[str, Scenario]:
    """Return all scenarios by name, in the order of the table."""
    text = resources.files("unmix").joinpath("data", "scenarios.toml").read_text("utf-8")
    return {name: Scenario.model_validate(given) for name, given in tomllib.loads(text).items()}


def chosen(names: Iterable[str]) -> dict[str, Scenario]:
    """Return the scenarios of these names; all without names.

    Raises
    ------
    UsageError
        If there is no scenario of a name.
    """
    known, names = scenarios(), list(names)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"no scenario {unknown[0]!r}", f"some of {', '.join(known)}", f"remove {unknown[0]}")
    return {name: scenario for name, scenario in known.items() if name in names or not names}
