"""The samplesheet of the pipeline, checked before anything runs.

What is allowed stands in two JSON schemas that Nextflow's users and tools read too:
``assets/schema_input.json`` (a row of the samplesheet) and ``nextflow_schema.json`` (the parameters).
"""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError
from unmix.io import registry
from unmix.pipeline.jobs import SORTS, entries
from unmix.pipeline.words import correction, errors, instead, listed, reason, wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


#: What makes two rows share one prepared reference, and its models.
REFERENCE = (
    *("reference", "reference_kind", "cells", "cell_type_key", "cell_state_key", "donor_key", "label_map"),
    *("cell_type_tree", "malignant", *SORTS, "ontology"),
)


def read(path: Path, schema: Mapping[str, Any]) -> list[dict[str, str]]:
    """Read a samplesheet and check every row.

    A byte-order mark, Windows line ends, tabs or semicolons for commas, blank lines and blanks around
    cells are corrected.

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
    lines = [line for line in re.split(r"\r\n|\r|\n", _text(path)) if line.strip(" \t,;")]
    if not lines:
        raise DataError(f"{path.name} is empty.", f"a samplesheet with the columns {listed(columns)}", "write one row")
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


def resolve(rows: Iterable[Mapping[str, str]], folder: str, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows with paths resolved against the samplesheet's folder and references named.

    Parameters
    ----------
    rows
        As :func:`read` returns them.
    folder
        Folder (or URL) in which the samplesheet lies; absolute paths and URLs are left alone. A reference of the
        registry (``registry:NAME``) becomes its path on this machine.
    schema
        JSON schema of one row; its ``format: file-path`` says which columns are paths, and `words` and `prefix` what
        may stand there instead; columns of published files hold several paths.

    Returns
    -------
    list of dict
        The rows, with ``reference_name``: the reference's file name without extensions, the same for rows
        that share all of :data:`REFERENCE`, and numbered (``pbmc-2``) where others have that name. A column of
        published files holds pairs of method ("" for all) and path.
    """
    columns = schema["properties"].items()
    paths = {name: rule for name, rule in columns if rule.get("format") == "file-path"}
    names: dict[tuple[Any, ...], str] = {}
    resolved = []
    for row in rows:
        files = {name: row[name] for name, rule in paths.items() if not _is_word(row[name], rule)}
        if row["reference"].startswith(registry.PREFIX):
            files["reference"] = str(registry.local(row["reference"], "references"))
        values: dict[str, Any] = {**row, **{name: _absolute(path, folder) for name, path in files.items()}}
        for sort in SORTS:
            values[sort] = tuple((name, _absolute(path, folder)) for name, path in entries(row[sort]))
        key = tuple(values[name] for name in REFERENCE)
        if key not in names:
            stem = reference_name(values["reference"])
            taken = {name.casefold() for name in names.values()}
            tries = (stem if i == 1 else f"{stem}-{i}" for i in range(1, len(taken) + 2))
            names[key] = next(name for name in tries if name.casefold() not in taken)
        resolved.append({**values, "reference_name": names[key]})
    return resolved


def _is_word(cell: str, rule: Mapping[str, Any]) -> bool:
    """Say whether a cell names no file, by the schema of its column."""
    return cell in rule.get("words", []) or ("prefix" in rule and cell.startswith(rule["prefix"]))


def reference_name(path: str) -> str:
    """Return the name of a reference and its models: the file name without extensions, in letters, digits, _ and -."""
    file = re.split(r"[/\\]", path)[-1].split(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]", "_", file)[:100].lstrip("-") or "reference"


def write_json(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows for Nextflow, as JSON: its reader of CSV leaves doubled quotation marks doubled."""
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


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
            f"{sheet} has no column {listed(missing)}; it has {listed(header)}.",
            f"the columns {listed(schema['required'])}; also known: {listed(set(columns) - set(schema['required']))}",
            f"add {listed(missing)} to the header, with a value in every row",
        )
    for name in header:
        if name not in columns:
            raise DataError(f"{sheet} has an unknown column {name!r}.", *instead(name, columns))
        if header.count(name) > 1:
            raise DataError(f"{sheet} has the column {name} twice.", "every column once", "remove one of them")


def _check_row(where: str, values: dict[str, str], schema: Mapping[str, Any]) -> None:
    for error in errors(values, schema):
        if not error.path:  # the row as a whole: a cell that must not be empty
            columns = schema["properties"]
            empty = sorted(name for name in columns if repr(name) in error.message.split(" is a ")[0])
            raise DataError(
                f"{where} has nothing in {listed(empty)}.",
                f"{empty[0]}: {columns[empty[0]]['description']}",
                "fill the cell" + (f", or empty {listed(values)}" if error.validator == "dependentRequired" else ""),
            )
        name = str(error.path[0])
        raise DataError(
            f"{where}, column {name}: {reason(error)}.",
            wanted(schema["properties"][name]),
            correction(error, f"correct {name}"),
        )


def _check_unique(sheet: str, ids: list[str]) -> None:
    folded = [name.casefold() for name in ids]
    for number, name in enumerate(ids, start=1):
        if (first := folded.index(name.casefold()) + 1) < number:
            raise DataError(
                f"{sheet}, rows {first} and {number} have the same id {name!r}.",
                "an id of its own for every row: it names the folder of results (A and a are one folder on some disks)",
                f"rename one, for example {name}-2",
            )


def _absolute(path: str, folder: str) -> str:
    if not path or path.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", path):
        return path
    return f"{folder.rstrip('/')}/{path.removeprefix('./')}"
