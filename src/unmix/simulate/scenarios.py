"""Stress scenarios of the benchmark, as settings of the simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unmix.errors import UsageError
from unmix.settings import fromdict, override
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Stress scenarios of the benchmark, as settings of the recipe.
SCENARIOS: dict[str, dict[str, object]] = {
    "standard": {},
    "sparse": {"sparse": 0.5},
    "rare": {"composition": "rare"},
    "pure": {"composition": "pure"},
    "few_cells": {"cells": 50},
    "many_cells": {"cells": 5000},
    "platform": {"platform": 0.5},
    "same_donor": {"donors": "same"},
    "low_depth": {"library": 1e6},
    "purity": {"composition": "range"},
    "atlas": {"composition": "integer_weights", "cells": 1, "cells_max": 10_000, "replace": False, "aggregate": "mean"},
}


def scenario(name: str, cells: int, settings: Iterable[str] = ()) -> Simulation:
    """Return the recipe of a named scenario with `cells` per pseudobulk sample and ``name=value`` settings applied.

    Raises
    ------
    UsageError
        If the scenario or a setting is not known.
    """
    if name not in SCENARIOS:
        raise UsageError(f"no scenario {name!r}", f"one of {', '.join(SCENARIOS)}")
    return override(fromdict(Simulation, {"cells": cells, **SCENARIOS[name]}), settings)
