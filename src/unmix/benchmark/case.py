"""A case of the benchmark: a folder with a reference and tests, which are samples of known composition.

``case.json`` describes it (:class:`Case`), ``reference.h5ad`` is a prepared reference, and ``tests/`` holds the bulk
and the known fractions of each test.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from unmix.errors import DataError
from unmix.io.outputs import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

CASE, REFERENCE = "case.json", "reference.h5ad"
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""Names of files in the store are made of these."""
#: What of a case is for readers and changes no estimate.
_WORDS = {"title", "said"}


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Test(_Part):
    """Samples of known composition, which every model of the case estimates."""

    __test__ = False  # no class of pytest
    name: Name
    bulk: str
    """File with the expression; paths are relative to the folder of the case."""
    truth: str
    """File with the known fractions, samples x cell types; may be the bulk itself where that is pseudobulk."""
    scenario: str = "real"
    """What was simulated, or ``real``."""
    level: str = ""
    """How much of it."""
    unit: str = "auto"
    """Unit of the bulk (:data:`unmix.io.units.UNITS`)."""
    counts: Literal["cells", "RNA"] = "cells"
    """What the known fractions count. Estimates are converted to it."""
    mrna_per_cell: str = "auto"
    """Source of the mRNA per cell where they count cells; ``reference`` for pseudobulk without a factor of its own."""
    sums: dict[str, tuple[str, ...]] = {}
    """Cell type of the truth to the types of the reference that belong to it; if empty, names are the same in both."""
    renormalise: bool = True
    """Whether truth and estimates are scaled to sum 1 over the types of the truth."""


class Calibration(_Part):
    """Further samples with known fractions, for methods that learn from some."""

    bulk: str
    fractions: str
    unit: str = "auto"


class Case(_Part):
    """A reference, tests, and what there is beside them."""

    name: Name
    title: str
    said: str
    """What the data are, in a paragraph."""
    tests: Annotated[tuple[Test, ...], Field(min_length=1)]
    calibration: Calibration | None = None
    malignant: tuple[str, ...] = ()
    """Malignant cell types of the reference. Tests then have the cell types ``malignant`` and ``normal``."""
    prior: str = "none"
    """Declared prior on the mean composition, for the control of this name."""
    orthologs: bool = False
    """Whether the species of bulk and reference differ."""
    folder: Annotated[Path, Field(exclude=True)] = Path()

    def path(self, name: str) -> Path:
        """Return the path of a file of the case."""
        return self.folder / name

    def files(self) -> Iterator[str]:
        """Yield the names of the files that estimates depend on."""
        yield REFERENCE
        for test in self.tests:
            yield from (test.bulk, test.truth)
        if self.calibration:
            yield from (self.calibration.bulk, self.calibration.fractions)

    def digest(self) -> str:
        """Return what identifies the case: its description without words for readers, and the bytes of its files."""
        facts = self.model_dump(mode="json", exclude=_WORDS)
        total = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
        for name in self.files():
            with self.path(name).open("rb") as file:
                total.update(hashlib.file_digest(file, "sha256").digest())
        return total.hexdigest()[:16]

    def text(self) -> str:
        """Return what ``case.json`` holds."""
        return self.model_dump_json(indent=2, exclude_defaults=True) + "\n"

    def save(self, folder: Path) -> Case:
        """Write ``case.json`` into a folder, beside the files that the case names; return the case of that folder."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / CASE, self.text().encode())
        return self.model_copy(update={"folder": folder})


def read_case(folder: Path) -> Case:
    """Read a case.

    Raises
    ------
    DataError
        If the folder holds no case, its description is wrong, or a file that it names is missing.
    """
    expected, path = f"a folder with {CASE}, {REFERENCE} and tests", folder / CASE
    do = "make cases with unmix_benchmark.py cases, or see docs/data_contracts.md"
    try:
        case = Case.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}", expected, do) from error
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "JSON"
        raise DataError(f"{path}: {where}: {fault['msg']}", expected, do) from error
    case = case.model_copy(update={"folder": folder})
    names = [test.name for test in case.tests]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise DataError(f"{path}: two tests are named {twice!r}", "a name of its own for every test", do)
    if missing := next((name for name in case.files() if not case.path(name).is_file()), None):
        raise DataError(f"{path} names {missing}, which is not there", expected, do)
    return case
