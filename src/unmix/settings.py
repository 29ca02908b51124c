"""Recipes: every number a method uses, as typed data with ranges that a user can read and override."""

from __future__ import annotations

import difflib
import json
import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from unmix.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: The largest number a setting may be: indices of 32 bits end here, and its square is finite in float32.
MOST = 2**31 - 1


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise PydanticCustomError("pattern", "not a regular expression") from error
    return pattern


Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[float, Field(gt=0, le=MOST)]
NonNegative = Annotated[float, Field(ge=0, le=MOST)]
Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
"""For shares of which something must remain, as dropout."""
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
        if not separator:
            raise UsageError(f"--set {setting}", "--set a.b=value", f"for example --set {_example(before)}")
        *groups, key = _path(recipe, name.strip())
        place = data
        for group in groups:
            place = place[group]
        place[key] = _parse(text, schema_at(type(recipe), [*groups, key]))
    return _validated(type(recipe), data, before)


def names(kind: type[Settings], prefix: str = "") -> list[str]:
    """Return the dotted names of all settings of a recipe, in the order of their declaration."""
    found = []
    for name, field in kind.model_fields.items():
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, Settings)
        found += names(field.annotation, f"{prefix}{name}.") if nested else [prefix + name]
    return found


def schema(kind: type[Settings]) -> dict[str, Any]:
    """Return the JSON schema of a recipe: types, ranges, defaults and descriptions, without titles or references."""
    made = kind.model_json_schema()
    return _plain(made, made.get("$defs", {}))


def schema_at(kind: type[Settings], path: Sequence[str | int]) -> dict[str, Any]:
    """Return the JSON schema of the setting at a path, as ``["nets", 0, "dropout"]``; of an unknown one, ``{}``."""
    here = schema(kind)
    for key in path:
        if isinstance(key, int):
            fixed = here.get("prefixItems", [])
            here = fixed[key] if key < len(fixed) else here.get("items", {})
        elif key == "[key]":  # what pydantic calls the name of an entry
            here = {"$keys": here}
        else:
            here = here.get("properties", {}).get(key) or here.get("additionalProperties") or {}
    return here if isinstance(here, dict) else {}


def in_words(rule: dict[str, Any], value: Any = None) -> str:
    """Return the type and range of a JSON schema in words; :data:`MOST` is named where `value` exceeds it."""
    if "enum" in rule or "const" in rule:
        return "one of " + ", ".join(map(str, rule.get("enum", [rule.get("const")])))
    kind = rule.get("type")
    if kind in ("integer", "number"):
        noun = "a whole number" if kind == "integer" else "a number"
        return f"{noun} {_range(rule, value)}".strip()
    if kind == "array":
        least = f" (at least {rule['minItems']})" if rule.get("minItems") and "prefixItems" not in rule else ""
        items = rule.get("items") or rule["prefixItems"][0]
        number = f"{rule['minItems']} values" if "prefixItems" in rule else "values"
        return f"a list of {number}{least}, each {in_words(items, value)}"
    if kind == "object" and "properties" in rule:
        return "{" + ", ".join(rule["properties"]) + "}"
    if kind == "object":
        return f"names with {in_words(rule['additionalProperties'], value)}"
    if kind == "boolean":
        return "true or false"
    return "a regular expression" if rule.get("format") == "regex" else "text"


def _range(rule: dict[str, Any], value: Any) -> str:
    low, above = rule.get("minimum"), rule.get("exclusiveMinimum")
    high, below = rule.get("maximum"), rule.get("exclusiveMaximum")
    if high == MOST and not (isinstance(value, int | float) and value > MOST):
        high = None
    if low is not None and high is not None:
        return f"from {low:g} to {high:.10g}"
    if low is not None and below is None:
        return f"of {low:g} or more"
    lower = f"above {above:g}" if low is None else f"of {low:g} or more"
    upper = f"at most {high:.10g}" if high is not None else f"below {below:g}" if below is not None else ""
    return " and ".join(filter(None, [lower, upper]))


def _plain(part: Any, shared: dict[str, Any]) -> Any:
    """Return a schema with its references resolved and its titles dropped."""
    if isinstance(part, list):
        return [_plain(item, shared) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = shared[part["$ref"].rsplit("/", 1)[-1]] | {k: v for k, v in part.items() if k != "$ref"}
    dropped = {"$defs", "additionalProperties"} if part.get("additionalProperties") is False else {"$defs"}
    dropped |= {"title"} if isinstance(part.get("title"), str) else set()
    return {key: value if key == "default" else _plain(value, shared) for key, value in part.items() if key not in dropped}


def _validated(kind: type[R], data: dict[str, Any], before: dict[str, Any]) -> R:
    """Build a recipe; `before` holds the values of the recipe that was changed, as examples."""
    try:
        return kind.model_validate_json(json.dumps(data))
    except ValidationError as error:
        faults = [_fault(kind, fault, before) for fault in error.errors(include_url=False)]
        found, expected, do = (list(dict.fromkeys(filter(None, column))) for column in zip(*faults, strict=True))
        raise UsageError(", ".join(found), "; ".join(expected), "; ".join(do)) from error


def _fault(kind: type[Settings], fault: Any, before: dict[str, Any]) -> tuple[str, str, str]:
    """Return found, expected and what to do, in words, of one error of pydantic."""
    path, given = fault["loc"], fault["input"]
    name = _dotted(path)
    if fault["type"] == "extra_forbidden":
        refused = _unknown(kind, name)
        return refused.found, refused.expected, refused.do
    if fault["type"] == "rule":
        prefix = f"{name}." if name else ""
        rule = fault["ctx"]
        found = ", ".join(f"{prefix}{one}={_shown(_at(given, one))}" for one in rule["names"])
        return found, f"{prefix and 'in ' + name + ': '}{rule['expected']}", "change one of them with --set"
    if path and path[-1] == "[key]":
        allowed = schema_at(kind, path[:-2]).get("propertyNames", {})
        return f"{_dotted(path[:-2])} names {path[-2]!r}", in_words(allowed), ""
    expected = in_words(schema_at(kind, path), given)
    if fault["type"] == "missing":
        return f"no {name}", f"{name}: {expected}", ""
    standing = _at(before, *path)
    example = "" if isinstance(standing, dict | list | None) else f"--set {name}={_shown(standing)}, as in this recipe"
    return f"{name}={_shown(given)}", f"{name}: {expected}", example


def _at(data: Any, *path: str | int) -> Any:
    """Return what stands at a path of nested data or settings, None where nothing does."""
    for key in path:
        try:
            data = getattr(data, key) if isinstance(data, Settings) else data[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            return None
    return data


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=lambda part: dict(part))


def _dotted(path: Sequence[str | int]) -> str:
    """Return a path as a user writes it: ``nets[0].dropout[1]``."""
    return re.sub(r"\.(\[\d+\])", r"\1", ".".join(f"[{key}]" if isinstance(key, int) else key for key in path))


def _path(recipe: Settings, name: str) -> list[str]:
    """Split a name into the keys that lead to its value; what follows a table, as simulation.mrna, is one key."""
    here, rest, path = recipe, name, []
    while rest and isinstance(here, Settings):
        key, _, rest = rest.partition(".")
        if key not in type(here).model_fields:
            raise _unknown(type(recipe), name)
        path.append(key)
        here = getattr(here, key)
    if isinstance(here, Settings) or (rest and not isinstance(here, dict)):
        raise _unknown(type(recipe), name)
    return [*path, rest] if rest else path


def _parse(text: str, rule: dict[str, Any]) -> Any:
    """Read a value as JSON where it can be; whole numbers may be written 1e3; text stays as it is."""
    if rule.get("type") == "string":
        return text
    try:
        return json.loads(text, parse_float=lambda number: _whole(float(number)))
    except ValueError:
        return text


def _whole(number: float) -> int | float:
    return int(number) if number.is_integer() else number


def _example(data: dict[str, Any], prefix: str = "") -> str:
    """Return the first number of a recipe as a setting."""
    for key, value in data.items():
        if isinstance(value, dict) and (found := _example(value, f"{prefix}{key}.")):
            return found
        if isinstance(value, int | float):
            return f"{prefix}{key}={_shown(value)}"
    return ""


def _unknown(kind: type[Settings], name: str) -> UsageError:
    """Return the error of an unknown name, with the names nearest to it."""
    known, last = names(kind), name.rsplit(".", 1)[-1]
    ends = {one: one.rsplit(".", 1)[-1] for one in known}
    near = [one for one in known if one.startswith(f"{name}.")]
    near += [one for one, end in ends.items() if end == last]
    near += difflib.get_close_matches(name, known, n=3)
    near += [one for one, end in ends.items() if end in difflib.get_close_matches(last, ends.values(), n=2)]
    expected = f"did you mean {', '.join(list(dict.fromkeys(near))[:3])}?" if near else ""
    return UsageError(f"unknown setting {name}", expected, "unmix_methods.py --format json NAME lists all settings")
