"""The schema of settings and the errors of pydantic, in words for a user."""

from __future__ import annotations

import difflib
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The largest whole number and the largest number that a setting may be: indices of 32 bits end at the one, the square
#: of the other is finite in float32. Ranges that end there are shown as "or more".
MOST, LARGEST = 2**31 - 1, 1e18
#: Where all settings of a method stand.
HELP = "unmix_methods.py --format json NAME lists all settings"
#: Characters of a value that a message repeats.
SHOWN = 80


def names(kind: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the dotted names of all settings of a recipe, in the order of their declaration."""
    found = []
    for name, field in kind.model_fields.items():
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        found += names(field.annotation, f"{prefix}{name}.") if nested else [prefix + name]
    return found


@cache
def schema(kind: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a recipe: types, ranges, defaults and descriptions, without titles or references."""
    made = kind.model_json_schema()
    return _plain(made, made.get("$defs", {}))


def schema_of(recipe: BaseModel) -> dict[str, Any]:
    """Return the JSON schema of changes of a recipe: nothing is required, and the defaults are its values."""
    return _changes(schema(type(recipe)), recipe.model_dump(mode="json"))


def _changes(rule: dict[str, Any], value: Any) -> dict[str, Any]:
    if "properties" not in rule:
        return rule | {"default": value}
    parts = {name: _changes(part, value[name]) for name, part in rule["properties"].items()}
    return {key: rule[key] for key in rule if key not in ("required", "default")} | {"properties": parts}


def schema_at(kind: type[BaseModel], path: Sequence[str | int]) -> dict[str, Any]:
    """Return the JSON schema of the setting at a path, as ``["nets", 0, "dropout"]``; of an unknown one, ``{}``."""
    here = schema(kind)
    for key in path:
        if isinstance(key, int):
            fixed = here.get("prefixItems", [])
            here = fixed[key] if key < len(fixed) else here.get("items", {})
        else:
            here = here.get("properties", {}).get(key) or here.get("additionalProperties") or {}
    return here if isinstance(here, dict) else {}


def in_words(rule: dict[str, Any], value: Any = None) -> str:
    """Return the type and range of a JSON schema in words; the largest number is named where `value` exceeds it."""
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
        return f"for each name {in_words(rule['additionalProperties'], value)}"
    if kind == "boolean":
        return "true or false"
    return "a regular expression" if rule.get("format") == "regex" else "text"


def _range(rule: dict[str, Any], value: Any) -> str:
    low, above = rule.get("minimum"), rule.get("exclusiveMinimum")
    high, below = rule.get("maximum"), rule.get("exclusiveMaximum")
    if high in (MOST, LARGEST) and not (isinstance(value, int | float) and value > high):
        high = None
    if low is not None and high is not None:
        return f"from {low:g} to {high:.10g}"
    if low is not None and below is not None:
        return f"from {low:g} to below {below:g}"
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
    dropped |= {"default"} if "properties" in part else set()  # that of a group stands with its settings
    part = {key: value if key == "default" else _plain(value, shared) for key, value in part.items()}
    if isinstance(part.get("description"), str):
        part["description"] = " ".join(part["description"].split())
    return {key: value for key, value in part.items() if key not in dropped}


def fault_in_words(kind: type[BaseModel], fault: Any, before: dict[str, Any]) -> tuple[str, str, str]:
    """Return found, expected and what to do, in words, of one error of pydantic."""
    path, given = fault["loc"], fault["input"]
    name = _dotted(path)
    if fault["type"] == "extra_forbidden":
        known = names(kind) if all(isinstance(key, str) for key in path) else _parts(kind, path)
        return f"unknown setting {name}", proposals(name, known), HELP
    if fault["type"] == "rule":
        prefix, rule = f"{name}." if name else "", fault["ctx"]
        found = ", ".join(f"{prefix}{one}={_shown(at(given, *one.split('.')))}" for one in rule["names"])
        return found, rule["expected"], "change one of them with --set" if len(rule["names"]) > 1 else ""
    if path[-1:] == ("[key]",):
        allowed = schema_at(kind, path[:-2]).get("propertyNames", {})
        return f"{_dotted(path[:-2])} names {path[-2]!r}", in_words(allowed), ""
    expected = in_words(schema_at(kind, path), given)
    if fault["type"] == "missing":
        return f"no {name}", f"{name}: {expected}", ""
    standing = at(before, *path)
    settable = standing not in (None, "") and not isinstance(standing, dict | list) and "[" not in name
    example = f"--set {name}={_shown(standing)}, as in this recipe" if settable else ""
    return f"{name}={_shown(given)}", f"{name}: {expected}", example


def at(data: Any, *path: str | int) -> Any:
    """Return what stands at a path of nested data or settings, None where nothing does."""
    for key in path:
        try:
            data = getattr(data, key) if isinstance(data, BaseModel) else data[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            return None
    return data


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=dict)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _dotted(path: Sequence[str | int]) -> str:
    """Return a path as a user writes it: ``nets[0].dropout[1]``."""
    return re.sub(r"\.(\[\d+\])", r"\1", ".".join(f"[{key}]" if isinstance(key, int) else key for key in path))


def _parts(kind: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Return the names that an item of a list may have, in full: ``nets[0].hidden``."""
    return [_dotted([*path[:-1], name]) for name in schema_at(kind, path[:-1]).get("properties", {})]


def proposals(name: str, known: list[str]) -> str:
    """Return the names nearest to an unknown one, in whole or in their last part."""
    last, ends = name.rsplit(".", 1)[-1], {one: one.rsplit(".", 1)[-1] for one in known}
    alike = difflib.get_close_matches(last, ends.values(), n=2)
    near = [one for one in known if one.startswith(f"{name}.") or ends[one] == last]
    near += difflib.get_close_matches(name, known, n=3) + [one for one in known if ends[one] in alike]
    return f"did you mean {', '.join(list(dict.fromkeys(near))[:3])}?" if near else ""
