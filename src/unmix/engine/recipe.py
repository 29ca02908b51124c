"""The recipe of a training: one of a method's recipes, or recipe data, with the settings of the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unmix.deep.recipe import Train
from unmix.errors import UsageError
from unmix.settings import override, updated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from unmix.contract.method import Method

#: Steps of a quick training, and pseudobulk that it stores at most.
QUICK_STEPS, QUICK_SAMPLES = 100, 3000


def resolve(
    method: Method, recipe: str | dict[str, Any] = "default", settings: Iterable[str] = (), *, quick: bool = False
) -> Any:
    """Return the recipe a training shall use.

    Parameters
    ----------
    method
        Of the registry.
    recipe
        Name of one of the method's recipes, or recipe data; what these do not name is that of the default recipe.
    settings
        ``a.b=value`` overrides.
    quick
        Train for seconds only, to try a pipeline; not for results.

    Raises
    ------
    UsageError
        If the recipe or a setting is not known.
    """
    if isinstance(recipe, str):
        if recipe not in method.recipes:
            raise UsageError(f"{method.name} has no recipe {recipe!r}", f"one of {', '.join(method.recipes)}")
        chosen = method.recipes[recipe]
    else:
        chosen = updated(method.recipes["default"], recipe)
    if quick and isinstance(getattr(chosen, "train", None), Train):
        train = chosen.train.changed(steps=min(chosen.train.steps, QUICK_STEPS), validate_every=QUICK_STEPS)
        samples = min(chosen.simulation.samples, QUICK_SAMPLES)
        chosen = chosen.changed(train=train, simulation=chosen.simulation.changed(samples=samples))
    return override(chosen, settings)
