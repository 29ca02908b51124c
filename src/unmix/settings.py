"""Recipes: every number a method uses, as typed data that a user can read and override."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any, Literal, TypeVar

from unmix.errors import UsageError

R = TypeVar("R")


def asdict(recipe: Any) -> dict[str, Any]:
    """Return a recipe as JSON-ready data."""
    return json.loads(json.dumps(dataclasses.asdict(recipe)))


def fromdict(kind: type[R], data: dict[str, Any], path: str = "") -> R:
    """Build a recipe of type `kind` from the data of :func:`asdict`; missing keys keep their default.

    Raises
    ------
    UsageError
        If a key is unknown (the valid ones are listed) or a value has the wrong type.
    """
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in data.items():
        if key not in hints:
            raise _unknown(path + key, [path + name for name in hints])
        values[key] = _cast(hints[key], value, path + key)
    try:
        return kind(**values)
    except TypeError as error:
        raise UsageError(f"the recipe is incomplete: {error}", f"all of {', '.join(hints)}") from error


def override(recipe: R, settings: typing.Iterable[str]) -> R:
    """Return `recipe` with ``a.b=value`` settings applied.

    Raises
    ------
    UsageError
        If a setting has no ``=``, names an unknown key, or has a value of the wrong type.
    """
    data = asdict(recipe)
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise UsageError(f"--set {setting}", "--set a.b=value", f"valid names: {', '.join(_names(recipe))}")
        *groups, key = name.strip().split(".")
        place = data
        for group in groups:
            place = place.get(group) if isinstance(place, dict) else None
        if not isinstance(place, dict) or (key not in place and not _open_key(recipe, groups)):
            raise _unknown(name, _names(recipe))
        place[key] = _parse(text)
    return fromdict(type(recipe), data)


def _names(recipe: Any, prefix: str = "") -> list[str]:
    names = []
    for item in dataclasses.fields(recipe):
        value = getattr(recipe, item.name)
        nested = dataclasses.is_dataclass(value)
        names += _names(value, f"{prefix}{item.name}.") if nested else [prefix + item.name]
    return names


def _open_key(recipe: Any, groups: list[str]) -> bool:
    """Tell whether the place is a table whose keys are the user's, as simulation.mrna.Monocyte."""
    for group in groups:
        recipe = getattr(recipe, group, None)
    return isinstance(recipe, dict)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _unknown(name: str, valid: list[str]) -> UsageError:
    return UsageError(f"unknown setting {name}", "one of " + ", ".join(valid))


def _cast(hint: Any, value: Any, name: str) -> Any:
    """Check `value` against the type of its field and convert what JSON cannot say."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _cast(arguments[0], value, name)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return fromdict(hint, value, name + ".")
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_cast(arguments[0], item, name) for item in value)
    if origin is dict and isinstance(value, dict):
        return {str(key): _cast(arguments[1], item, name) for key, item in value.items()}
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, (int, float)) and not isinstance(value, bool) and value == int(value):
        return int(value)
    if hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, (str, int, float)):
        return str(value)
    expected = ", ".join(map(str, arguments)) if origin is Literal else getattr(hint, "__name__", str(hint))
    raise UsageError(f"{name}={value}", f"{expected}")
