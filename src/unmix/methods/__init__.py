"""The methods: every class in ``unmix/methods/`` that is registered, by name; beside each stands its card."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from unmix.errors import UsageError

if TYPE_CHECKING:
    from unmix.contract.method import Method

#: The unlike methods whose consensus is the default answer.
PANEL = ("jointlog", "dissect", "hascad", "nnls")

_METHODS: dict[str, type[Method]] = {}


def register(cls: type[Method]) -> type[Method]:
    """Put a method into the registry under its `name`."""
    if cls.name in _METHODS:
        message = f"two methods are named {cls.name!r}"
        raise ValueError(message)
    _METHODS[cls.name] = cls
    return cls


@cache
def all_methods() -> dict[str, type[Method]]:
    """Return every method by name: deep, then classical, then controls, each in alphabetical order."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"unmix.methods.{module.name}")
    order = ["deep", "classical", "control"]
    return dict(sorted(_METHODS.items(), key=lambda item: (order.index(item[1].info.family), item[0])))


def get(name: str) -> Method:
    """Return a method by name. No other method is imported: a step that uses one starts faster.

    Raises
    ------
    UsageError
        If there is none; the nearest name is proposed.
    """
    if not has(name):
        raise unknown(name)
    if name not in _METHODS:
        importlib.import_module(f"{__name__}.{name}")
    return _METHODS[name]()


def has(name: str) -> bool:
    """Say whether there is a method of this name; none is imported."""
    card = resources.files(__name__).joinpath(f"{name}.toml")
    return name in _METHODS or (name.isidentifier() and card.is_file())


def unknown(name: str) -> UsageError:
    """Return the error of a name that no method has; capitals and other names of a method lead to it."""
    methods = all_methods()
    names = {_plain(one): method for method, kind in methods.items() for one in (method, *kind.info.aliases)}
    near = difflib.get_close_matches(_plain(name), names, n=1, cutoff=0.7)
    do = f"did you mean {names[near[0]]}?" if near else f"remove {name}, or take one of these names;"
    return UsageError(
        f"no method {name!r}", f"one of {', '.join(methods)}", f"{do} unmix_methods.py describes them all"
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@cache
def real_samples() -> dict[str, list[tuple[str, float, float]]]:
    """Return, by method, the sets of real samples: name, RMSE of the method, and that of the better control.

    Made by scripts/standing.py.
    """
    text = resources.files("unmix").joinpath("data", "real_samples.tsv").read_text("utf-8")
    found: dict[str, list[tuple[str, float, float]]] = {}
    for line in text.splitlines()[1:]:
        method, name, error, control = line.split("\t")
        found.setdefault(method, []).append((name, float(error), float(control)))
    return found


def standing(name: str) -> str:
    """Return in a sentence whether a method was more accurate than the controls on real samples; empty if unknown."""
    sets = real_samples().get(name, [])
    worse = [one for one, error, control in sets if error >= control]
    if not sets:
        return ""
    better = [one for one, *_ in sets if one not in worse]
    more = "more accurate than the controls (RMSE) on"
    if not better:
        return f"On real samples not {more} {_listed(worse)}."
    but = f", but not on {_listed(worse)}" if worse else ""
    return f"On real samples {more} {_listed(better)}{but}."


def _listed(names: list[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def describe(method: type[Method]) -> dict[str, Any]:
    """Return what the registry knows of a method as JSON-ready data; `settings` is the JSON schema of a recipe file."""
    import dataclasses

    from unmix.settings import asdict
    from unmix.settings.words import schema_of

    return {
        "name": method.name,
        **method.info.model_dump(mode="json"),
        "real_samples": standing(method.name),
        "needs": dataclasses.asdict(method.needs),
        "takes": method.takes,
        "quantity": method.quantity,
        "transductive": [name for name, recipe in method.recipes.items() if method.transductive_of(recipe)],
        "expresses": method.expresses,
        "recipes": {name: asdict(recipe) for name, recipe in method.recipes.items()},
        "settings": schema_of(method.recipes["default"]),
    }
