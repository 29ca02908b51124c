"""The settings that a search may change, and their ranges."""

from __future__ import annotations

import json
import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, model_validator

from unmix import engine, methods
from unmix.errors import UsageError
from unmix.settings.words import names as all_names
from unmix.settings.words import schema_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    import optuna


class Range(BaseModel):
    """What a setting may be in a search: numbers from `low` to `high`, or `choices`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: int | float = 0
    high: int | float = 0
    log: bool = False
    choices: tuple[str | bool, ...] = ()

    @model_validator(mode="after")
    def _has_a_width(self) -> Range:
        if not self.choices and not (self.low < self.high and (self.low > 0 or not self.log)):
            message = f"from {self.low} to {self.high} is no range"
            raise ValueError(message)
        return self

    def distribution(self, whole: bool) -> optuna.distributions.BaseDistribution:
        """Return it as Optuna has it."""
        from optuna import distributions

        if self.choices:
            return distributions.CategoricalDistribution(self.choices)
        if whole:
            return distributions.IntDistribution(int(self.low), int(self.high), log=self.log)
        return distributions.FloatDistribution(float(self.low), float(self.high), log=self.log)


@cache
def declared() -> dict[str, Range]:
    """Return the ranges that are searched by default (data/tuning.toml), by the name of the setting."""
    text = resources.files("unmix").joinpath("data", "tuning.toml").read_text("utf-8")
    return {name: Range.model_validate(rule) for name, rule in _leaves(tomllib.loads(text))}


def _leaves(table: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, dict[str, Any]]]:
    for name, own_part in table.items():
        if {"low", "choices"} & own_part.keys():
            yield prefix + name, own_part
        else:
            yield from _leaves(own_part, f"{prefix}{name}.")


def space(method: str, recipe: str = "default", ranges: Iterable[str] = ()) -> dict[str, Any]:
    """Return the settings that are searched, with their distributions.

    Parameters
    ----------
    method, recipe
        Whose settings.
    ranges
        ``NAME=LOW:HIGH``, ``NAME=LOW:HIGH:log`` or ``NAME=A,B,C``, in place of the declared ones; where there are none,
        all declared ranges of settings that the recipe has.

    Raises
    ------
    UsageError
        If the recipe has none of the settings, or a range is none or leaves that of its setting.
    """
    kind = type(engine.resolve(methods.get(method), recipe))
    have = set(all_names(kind))
    wanted = dict(map(_range, ranges)) or {name: rule for name, rule in declared().items() if name in have}
    if not wanted:
        raise UsageError(
            f"no range is declared for a setting of {method}",
            "ranges of some of its settings",
            f"--range NAME=LOW:HIGH; unmix_methods.py --format json {method} lists all settings",
        )
    found = {}
    for name, rule in wanted.items():
        schema = schema_at(kind, name.split("."))
        values = rule.choices or (rule.low, rule.high)
        for value in values:  # refuses an unknown setting, and a value out of its range, in words
            engine.resolve(methods.get(method), recipe, [f"{name}={json.dumps(value).strip(chr(34))}"])
        found[name] = rule.distribution(schema.get("type") == "integer")
    return found


def _range(text: str) -> tuple[str, Range]:
    name, _, rest = text.partition("=")
    parts = rest.split(":")
    try:
        if len(parts) == 1:
            return name, Range(choices=tuple(part.strip() for part in rest.split(",") if part.strip()))
        low, high = (json.loads(part) for part in parts[:2])
        return name, Range(low=low, high=high, log=parts[2:] == ["log"])
    except ValueError as error:
        raise UsageError(
            f"--range {text}",
            "NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=A,B,C",
            "for example --range train.lr=1e-4:1e-2:log",
        ) from error


def settings_of(parameters: dict[str, Any]) -> list[str]:
    """Return the values of a trial as settings, ``a.b=value``; numbers to four digits."""
    return [
        f"{name}={float(f'{value:.4g}') if isinstance(value, float) else json.dumps(value).strip(chr(34))}"
        for name, value in parameters.items()
    ]
