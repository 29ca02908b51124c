"""The pipeline's inputs: the samplesheet, the parameters and the methods, checked before anything runs.

What is allowed stands in two JSON schemas that Nextflow's users and tools read too:
``assets/schema_input.json`` (a row of the samplesheet) and ``nextflow_schema.json`` (the parameters).
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError, UsageError
from unmix.io.pretrained import READABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from unmix.contract.method import Method

#: What makes two rows share one prepared reference, and its models.
REFERENCE = (
    *("reference", "reference_kind", "cell_type_key", "donor_key", "label_map"),
    *("malignant", "weights", "ontology"),
)


def read(path: Path, schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """Read a samplesheet and check every row.

    A byte-order mark, Windows line ends, tabs or semicolons for commas, blank lines and blanks around
    cells are mended.

    Parameters
    ----------
    path
        Table with a header.
    schema
        JSON schema of one row (``assets/schema_input.json``).

    Returns
    -------
    list of dict
        Every row with all columns of the schema, in its order; an empty cell has the schema's default, or is "".

    Raises
    ------
    DataError
        Not a text table, no rows, a missing, doubled or unknown column, a cell that the schema does not
        allow, a doubled id.
    """
    columns = schema["properties"]
    lines = [line for line in _text(path).splitlines() if line.strip(" \t,;")]
    if not lines:
        raise DataError(f"{path.name} is empty.", f"a samplesheet with the columns {_names(columns)}", "write one row")
    table = csv.reader(io.StringIO("\n".join(lines)), delimiter=max(",;\t", key=lines[0].count), strict=True)
    try:
        header, *cells = [[cell.strip() for cell in row] for row in table]
    except csv.Error as error:
        raise DataError(f"{path.name}: {error}.", "every quotation mark closed", "check the quotes") from error
    while header and not header[-1]:
        header.pop()
    _check_header(path.name, header, schema)
    if not cells:
        raise DataError(f"{path.name} has a header but no row.", "one row per bulk data set", "add a row")
    rows = []
    for number, row in enumerate(cells, start=1):
        if any(row[len(header) :]):
            raise DataError(
                f"{path.name}, row {number} has {len(row)} cells, the header has {len(header)}.",
                "as many cells as columns",
                "put quotes around a cell that holds a comma or a semicolon",
            )
        values = {name: cell for name, cell in zip(header, row, strict=False) if cell}
        _check_row(f"{path.name}, row {number}", values, schema)
        rows.append({name: values.get(name, rule.get("default", "")) for name, rule in columns.items()})
    _check_unique(path.name, [row["id"] for row in rows])
    return rows


def resolve(rows: Iterable[Mapping[str, str]], folder: str, schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the rows with paths resolved against the samplesheet's folder and references named.

    Parameters
    ----------
    rows
        As :func:`read` returns them.
    folder
        Folder (or URL) in which the samplesheet lies; absolute paths and URLs are left alone.
    schema
        JSON schema of one row; its ``format: file-path`` says which columns are paths. `weights` holds several.

    Returns
    -------
    list of dict
        The rows, with ``reference_name``: the reference's file name without extensions, the same for rows
        that share all of :data:`REFERENCE`, and numbered (``pbmc-2``) where others have that name.
    """
    paths = [name for name, rule in schema["properties"].items() if rule.get("format") == "file-path"]
    names: dict[tuple[str, ...], str] = {}
    resolved = []
    for row in rows:
        values = {**row, **{name: _absolute(row[name], folder) for name in paths}}
        named = [(name, _absolute(path, folder)) for name, path in _entries(row["weights"])]
        values["weights"] = ";".join(f"{name}={path}" if name else path for name, path in named)
        key = tuple(values[name] for name in REFERENCE)
        if key not in names:
            stem = re.sub(r"[^A-Za-z0-9_-]", "_", re.split(r"[/\\]", values["reference"])[-1].split(".")[0])
            taken = set(names.values())
            tries = (stem if i == 1 else f"{stem}-{i}" for i in range(1, len(taken) + 2))
            names[key] = next(name for name in tries if name not in taken)
        resolved.append({**values, "reference_name": names[key]})
    return resolved


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
        The parameters that are set, with their types.

    Raises
    ------
    UsageError
        A parameter that does not exist or whose value is not allowed.
    """
    from jsonschema import Draft202012Validator

    rules = {name: rule for group in schema["$defs"].values() for name, rule in group["properties"].items()}
    typed = {}
    for name, value in params.items():
        if name not in rules:
            raise UsageError(f"there is no parameter --{name}.", *_instead(name, rules, prefix="--"))
        if value is None:
            continue
        typed[name] = _typed(value, rules[name]["type"])
        if error := next(Draft202012Validator(rules[name]).iter_errors(typed[name]), None):
            raise UsageError(
                f"--{name} {value}: {_reason(error)}.", rules[name]["description"], f"give another value to --{name}"
            )
    for group in schema["$defs"].values():
        for name in group.get("required", []):
            if name not in typed:
                raise UsageError(f"--{name} is not given.", rules[name]["description"], f"add --{name} to the command")
    return typed


def check_methods(named: str, known: Collection[str]) -> list[str]:
    """Return the methods of a comma-separated list, each once and in its order; ``none`` stands for no method.

    Raises
    ------
    UsageError
        A method that does not exist, or none at all.
    """
    methods = dict.fromkeys(name.strip() for name in named.split(","))
    methods.pop("none", None)
    for name in methods:
        if name not in known:
            raise UsageError(f"no method {name!r}.", *_instead(name, known))
    if not methods:
        raise UsageError("no method is named.", f"one or more of {_names(known)}", "add --methods scaden,nnls")
    return list(methods)


def jobs(
    rows: Iterable[Mapping[str, str]], methods: Collection[str], known: Mapping[str, type[Method]]
) -> list[dict[str, Any]]:
    """Return every row by every method: what the pipeline must know of the method, and what files the row gives it.

    Parameters
    ----------
    rows
        As :func:`resolve` returns them.
    methods
        Names of the methods of the run.
    known
        Every method by name.

    Raises
    ------
    UsageError
        If `weights` names a method that does not exist or takes no files, or holds a network of no method.
    """
    table = []
    for row in rows:
        given = _entries(row["weights"])
        _check_takers(f"samplesheet row {row['id']}, column weights", given, known)
        for name in methods:
            method = known[name]
            own, shared = ([path for whose, path in given if whose == wanted] for wanted in (name, ""))
            files = own or (shared if method.weights == "tables" else [])
            table.append(
                {
                    "id": row["id"],
                    "method": name,
                    "deep": method.info.family == "deep",
                    "control": method.info.family == "control",
                    "expresses": method.expresses,
                    "needs_bulk": method.needs.bulk,
                    "needs_calibration": method.needs.calibration,
                    "needs_malignant": method.needs.malignant,
                    "weights": ";".join(files),
                }
            )
    return table


def write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows as the plain CSV that Nextflow reads: commas, double quotes, line feeds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _text(path: Path) -> str:
    """Return the text of a file; the byte-order mark that Excel writes goes."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}).", "a samplesheet", "check the path") from error
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name} is not text (byte {error.start} is not UTF-8).",
            "a samplesheet in CSV",
            "in a spreadsheet, save as 'CSV UTF-8'",
        ) from error


def _check_header(sheet: str, header: list[str], schema: Mapping[str, Any]) -> None:
    columns = schema["properties"]
    if missing := [name for name in schema["required"] if name not in header]:
        raise DataError(
            f"{sheet} has no column {_names(missing)}; it has {_names(header)}.",
            f"the columns {_names(schema['required'])}; also known: {_names(set(columns) - set(schema['required']))}",
            f"add {_names(missing)} to the header, with a value in every row",
        )
    for name in header:
        if name not in columns:
            raise DataError(f"{sheet} has an unknown column {name!r}.", *_instead(name, columns))
        if header.count(name) > 1:
            raise DataError(f"{sheet} has the column {name} twice.", "every column once", "remove one of them")


def _check_row(where: str, values: dict[str, str], schema: Mapping[str, Any]) -> None:
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(schema).iter_errors(values):
        if not error.path:  # the row as a whole: a cell that must not be empty
            columns = schema["properties"]
            empty = sorted(name for name in columns if repr(name) in error.message.split(" is a ")[0])
            raise DataError(
                f"{where} has nothing in {_names(empty)}.",
                f"{empty[0]}: {columns[empty[0]]['description']}",
                "fill the cell" + (f", or empty {_names(values)}" if error.validator == "dependentRequired" else ""),
            )
        name = str(error.path[0])
        raise DataError(
            f"{where}, column {name}: {_reason(error)}.",
            schema["properties"][name]["description"],
            f"correct {name}",
        )


def _check_unique(sheet: str, ids: list[str]) -> None:
    for number, name in enumerate(ids, start=1):
        if (first := ids.index(name) + 1) < number:
            raise DataError(
                f"{sheet}, rows {first} and {number} have the same id {name!r}.",
                "an id of its own for every row: it names the folder of results",
                f"rename one, for example {name}-2",
            )


def _check_takers(where: str, entries: Iterable[tuple[str, str]], known: Mapping[str, type[Method]]) -> None:
    takers = [name for name, method in known.items() if method.weights]
    networks = [name for name in takers if known[name].weights == "network"]
    for name, path in entries:
        if name and name not in known:
            raise UsageError(f"{where}: no method {name!r}.", *_instead(name, known))
        if name and name not in takers:
            raise UsageError(f"{where}: {name} takes no published files.", f"one of {_names(takers)}", f"remove {path}")
        if not name and path.endswith(READABLE):
            raise UsageError(
                f"{where}: {path} holds a network, and which method it is for is not said.",
                f"method=path, the method one of {_names(networks)}",
                f"write {networks[0]}={path}",
            )


def _entries(cell: str) -> list[tuple[str, str]]:
    """Return the entries of a cell of `weights`, between semicolons: whose a file is ("" for all) and its path."""
    entries = [entry.strip() for entry in cell.split(";") if entry.strip()]
    return [re.fullmatch(r"(?:([\w-]+)\s*=\s*)?(.+)", entry).groups("") for entry in entries]


def _absolute(path: str, folder: str) -> str:
    if not path or path.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path):
        return path
    return f"{folder.rstrip('/')}/{path.removeprefix('./')}"


def _typed(value: Any, kind: str) -> Any:
    """Return a command line's text as the type that the schema asks for, where that can be done."""
    if kind == "string" or not isinstance(value, str):
        return str(value) if kind == "string" else value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value)
    try:
        return int(value) if kind == "integer" else float(value)
    except ValueError:
        return value


def _reason(error: Any) -> str:
    """Return what a schema's rule has against a value, in words."""
    if error.validator == "enum":
        return f"{error.instance!r} is not one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "pattern":
        return f"{error.instance!r} is not allowed"
    return error.message


def _instead(name: str, known: Collection[str], prefix: str = "") -> tuple[str, str]:
    """Return what is expected and what to do for a name that does not exist."""
    near = difflib.get_close_matches(name, known, n=1)
    do = f"did you mean {prefix}{near[0]}?" if near else f"remove {prefix}{name}, or take one of these names"
    return f"one of {_names(known)}", do


def _names(names: Collection[str]) -> str:
    return ", ".join(sorted(names) if isinstance(names, set) else names)
