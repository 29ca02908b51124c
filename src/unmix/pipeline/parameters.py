"""The parameters of the pipeline, checked against nextflow_schema.json."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unmix.errors import UsageError
from unmix.methods import unknown
from unmix.pipeline.words import correction, errors, instead, listed, reason, wanted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: What ``--methods`` names the panel of methods and their consensus.
DEFAULT = "default"


def check_params(params: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Check the pipeline's parameters.

    Parameters
    ----------
    params
        Parameters as Nextflow hands them over; numbers and booleans may be text.
    schema
        JSON schema in groups (``nextflow_schema.json``).

    Returns
    -------
    dict
        The parameters that are set, with their types; of those that a run needs, also the defaults of the schema.

    Raises
    ------
    UsageError
        A parameter that does not exist or whose value is not allowed.
    """
    rules = {name: rule for group in schema["$defs"].values() for name, rule in group["properties"].items()}
    needed = [name for group in schema["$defs"].values() for name in group.get("required", [])]
    typed = {name: rules[name]["default"] for name in needed if "default" in rules[name]}
    for name, value in params.items():
        if name not in rules:
            raise UsageError(f"there is no parameter --{name}.", *instead(name, rules, prefix="--"))
        if value is None:
            continue
        typed[name] = _typed(value, rules[name]["type"])
        if error := next(errors(typed[name], rules[name]), None):
            raise UsageError(
                f"--{name} {value}: {reason(error)}.",
                wanted(rules[name]),
                correction(error, f"give another value to --{name}"),
            )
    for name in needed:
        if name not in typed:
            raise UsageError(f"--{name} is not given.", rules[name]["description"], f"add --{name} to the command")
    return typed


def check_methods(named: str, known: Collection[str], panel: Collection[str] = ()) -> list[str]:
    """Return the methods of a comma-separated list, each once and in its order.

    ``none`` stands for no method, and ``default`` for those of `panel`.

    Raises
    ------
    UsageError
        A method that does not exist, or none at all.
    """
    names = [name.strip() for name in named.split(",")]
    methods = dict.fromkeys(one for name in names for one in (panel if name == DEFAULT else [name]))
    methods.pop("none", None)
    for name in methods:
        if name not in known:
            raise unknown(name)
    if not methods:
        raise UsageError("no method is named.", f"one or more of {listed(known)}", "add --methods default")
    return list(methods)


def choose(
    methods: str, controls: str, known: Collection[str], panel: Collection[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Return all methods of a run, controls last, and those of the consensus where it is asked for.

    Parameters
    ----------
    methods, controls
        Comma-separated lists, as for :func:`check_methods`.
    known
        Names of every method.
    panel
        Methods of the consensus.
    """
    named = f"{methods},{controls}"
    asked = DEFAULT in {name.strip() for name in named.split(",")}
    return check_methods(named, known, panel), tuple(panel) if asked else ()


def _typed(value: Any, kind: str) -> Any:
    """Return a command line's text as the type that the schema asks for, where that can be done."""
    if kind == "string" and isinstance(value, list):  # of a YAML file of parameters
        return ",".join(map(str, value))
    if not isinstance(value, str):
        return str(value) if kind == "string" and not isinstance(value, bool) else value
    if kind == "string":
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value)
    try:
        return int(value) if kind == "integer" else float(value)
    except ValueError:
        return value
