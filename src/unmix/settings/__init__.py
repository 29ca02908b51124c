"""Recipes: every number a method uses, as typed data with ranges that a user can read and override."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError, from_json

from unmix.errors import UsageError
from unmix.settings.words import HELP, LARGEST, MOST, at, fault_in_words, names, proposals, schema_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise PydanticCustomError("pattern", "not a regular expression") from error
    return pattern


Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[float, Field(gt=0, le=LARGEST)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
"""For shares below 1, such as dropout."""
PositiveShare = Annotated[float, Field(gt=0, le=1)]
LearningRate = Annotated[float, Field(gt=0, le=1)]
"""Adam moves every weight by about this much in a step: above 1 nothing converges."""
LogDeviation = Annotated[float, Field(ge=0, le=10)]
"""Of a natural logarithm: factors beyond exp(10 x 8) leave float32."""
Pattern = Annotated[str, AfterValidator(_compiles), Field(json_schema_extra={"format": "regex"})]


class Rule(NamedTuple):
    """A condition on several settings of one group: their names, the condition, and what it expects in words."""

    names: tuple[str, ...]
    holds: Callable[[Any], bool]
    expected: str


class Settings(BaseModel):
    """Base of every recipe and of its parts: frozen, without unknown names, finite, in range, defaults included."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        validate_default=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()
    """Conditions on several settings; those of the base classes hold too."""

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        for kind in type(self).__mro__:
            for rule in vars(kind).get("rules", ()):
                if not rule.holds(self):
                    raise PydanticCustomError("rule", "broken rule", rule._asdict())
        return self

    def changed(self, **changes: Any) -> Self:
        """Return a copy with other values, validated as a whole."""
        return type(self)(**(dict(self) | changes))


R = TypeVar("R", bound=Settings)


def asdict(recipe: Settings) -> dict[str, Any]:
    """Return a recipe as JSON-ready data."""
    return recipe.model_dump(mode="json")


def fromdict(kind: type[R], data: dict[str, Any]) -> R:
    """Build a recipe of type `kind` from the data of :func:`asdict`; missing keys keep their default.

    Raises
    ------
    UsageError
        If a key is unknown or missing, or a value is of the wrong type or out of range.
    """
    return _validated(kind, data, {})


def updated(recipe: R, data: dict[str, Any]) -> R:
    """Return `recipe` with the settings that `data` names, groups of settings one by one.

    Raises
    ------
    UsageError
        If a key is unknown, or a value is of the wrong type or out of range.
    """
    return fromdict(type(recipe), _merged(recipe, data))


def _merged(recipe: Settings, data: dict[str, Any]) -> dict[str, Any]:
    parts = {key: getattr(recipe, key, None) for key in data}
    return asdict(recipe) | {
        key: _merged(parts[key], value) if isinstance(parts[key], Settings) and isinstance(value, dict) else value
        for key, value in data.items()
    }


def read(path: Path) -> dict[str, Any]:
    """Return the data of a recipe file (JSON).

    Raises
    ------
    UsageError
        If the file cannot be read or does not hold an object.
    """
    expected, do = 'a JSON object, as {"train": {"steps": 500}}', HELP
    try:
        data = from_json(path.read_bytes())  # which refuses what is nested without end
    except OSError as error:
        raise UsageError(f"--recipe {path}: {error.strerror}", expected, do) from error
    except ValueError as error:
        raise UsageError(f"--recipe {path}: not JSON ({error})", expected, do) from error
    if not isinstance(data, dict):
        raise UsageError(f"--recipe {path}: {type(data).__name__}", expected, do)
    return data


def override(recipe: R, settings: Iterable[str]) -> R:
    """Return `recipe` with ``a.b=value`` settings applied, and then validated as a whole.

    Raises
    ------
    UsageError
        If a setting has no ``=``, names an unknown key, or has a value of the wrong type or out of range.
    """
    data, before = asdict(recipe), asdict(recipe)
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator or not name.strip():
            raise UsageError(f"--set {setting}", "--set a.b=value", HELP)
        *groups, key = _path(recipe, name.strip())
        at(data, *groups)[key] = _parse(text, schema_at(type(recipe), [*groups, key]))
    return _validated(type(recipe), data, before)


def _validated(kind: type[R], data: dict[str, Any], before: dict[str, Any]) -> R:
    """Build a recipe; `before` holds the values of the recipe that was changed, as examples."""
    try:
        return kind.model_validate_json(json.dumps(data))
    except ValidationError as error:
        faults = error.errors(include_url=False)
        inner = {fault["loc"][:end] for fault in faults for end in range(len(fault["loc"]))}
        faults = [
            fault_in_words(kind, fault, before) for fault in faults if fault["loc"] not in inner
        ]  # items before their list
        found, expected, do = (list(dict.fromkeys(filter(None, column))) for column in zip(*faults, strict=True))
        raise UsageError(", ".join(found), "; ".join(expected), "; ".join(do)) from error


def _path(recipe: Settings, name: str) -> list[str]:
    """Split a name into the keys that lead to its value; what follows a table, as simulation.mrna, is one key."""
    here, rest, path = recipe, name, []
    while rest and isinstance(here, Settings):
        key, _, rest = rest.partition(".")
        if key not in type(here).model_fields:
            break
        path.append(key)
        here = getattr(here, key)
    if isinstance(here, Settings) or (rest and not isinstance(here, dict)):
        raise UsageError(f"unknown setting {name}", proposals(name, names(type(recipe))), HELP)
    return [*path, rest] if rest else path


def _parse(text: str, rule: dict[str, Any]) -> Any:
    """Read a value as JSON where it can be; a whole number may be written 1e3, text stays as it is."""
    if rule.get("type") == "string":
        return text
    try:
        value = json.loads(text)
    except ValueError:  # a word, or more digits than Python reads
        return text
    whole = rule.get("type") == "integer" and isinstance(value, float) and value.is_integer()
    return int(value) if whole else value
