"""What is wrong with a value, what was expected, and the nearest name: words of the pipeline's errors."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping


def errors(value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the errors of jsonschema. A pattern covers the whole text: `$` alone would let a last line feed pass."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
        if isinstance(instance, str) and not re.fullmatch(pattern, instance):
            yield ValidationError("is not allowed")

    return validators.extend(Draft202012Validator, {"pattern": pattern})(schema).iter_errors(value)


def reason(error: Any) -> str:
    """Return what a schema's rule has against a value, in words."""
    if error.validator == "enum":
        return f"{error.instance!r} is not one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "pattern":
        return f"{error.instance!r} is not allowed"
    return error.message


def wanted(rule: Mapping[str, Any]) -> str:
    """Return what a schema's rule asks of a value, in words."""
    return "; ".join(rule[name] for name in ("description", "errorMessage") if name in rule)


def correction(error: Any, do: str) -> str:
    """Return what to do about a value that a schema does not allow: the word that it is near to, or `do`."""
    words = error.validator_value if error.validator == "enum" else ()
    near = _near(str(error.instance), [str(word) for word in words], cutoff=0.8)  # rpkm is no misspelt fpkm
    return f"did you mean {near}?" if near else do


def _near(name: str, known: Collection[str], cutoff: float = 0.6) -> str:
    """Return the name that is nearest, in capitals or not; "" if none is near."""
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=cutoff)
    return folded[near[0]] if near else ""


def instead(name: str, known: Collection[str], prefix: str = "") -> tuple[str, str]:
    """Return what is expected and what to do for a name that does not exist."""
    near = _near(name, known)
    do = f"did you mean {prefix}{near}?" if near else f"remove {prefix}{name}, or take one of these names"
    return f"one of {listed(known)}", do


def listed(names: Collection[str]) -> str:
    """List names; those of a set in alphabetical order."""
    return ", ".join(sorted(names) if isinstance(names, set) else names)
