"""The store: one record and one table of estimates for every fit, each written whole.

``STORE/CASE/METHOD-RECIPE-SEED.json`` says what was fitted (:class:`Record`); the table beside it (``.tsv``) holds
known and estimated fractions of every sample and cell type of every test. A fit whose record names the same case,
settings and seed is finished and not repeated, unless it failed. For members of the panel, the folder of that name has
the fractions of every test as ``unmix_predict.py`` writes them, of which a consensus can be made.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError
from unmix.io.fractions import write_fractions
from unmix.io.levels import Levels
from unmix.io.outputs import Outputs, standing
from unmix.methods import PANEL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from unmix.io.fractions import Fractions

COLUMNS = ["test", "sample", "cell_type", "truth", "estimate", "lower", "upper"]
OK, NOT_APPLICABLE, FAILED = "ok", "not applicable", "failed"


@dataclass(frozen=True)
class Fit:
    """What is trained: a method by a recipe with a seed, on a case."""

    case: str
    method: str
    recipe: str
    """Name of the recipe; of a file with settings, its name without the ending."""
    seed: int

    def path(self, store: Path) -> Path:
        """Return where the record of the fit stands in a store."""
        return store / self.case / f"{self.method}-{self.recipe}-{self.seed}.json"


@dataclass(frozen=True)
class Record:
    """What became of a fit.

    Attributes
    ----------
    fit
        What was trained.
    status
        ``ok``, ``not applicable`` or ``failed``.
    said
        Why it is not ``ok``.
    case_digest, settings_digest
        What identifies data and settings.
    version
        Of unmix.
    quantity
        What the method estimates.
    train_cpu_seconds, cpu_seconds
        Of user and system, of the training and of the whole fit with reading and estimating.
    peak_memory_mb
        Of the process of the fit.
    tests
        By test: ``scenario``, ``level`` and ``counts`` of the case, ``quantity`` of the estimates that were compared,
        ``notes`` on how, or the ``error``.
    case_said
        What the data are.
    """

    fit: Fit
    status: str
    case_digest: str
    settings_digest: str
    version: str
    said: str = ""
    quantity: str = ""
    train_cpu_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: int = 0
    tests: dict[str, dict[str, Any]] = field(default_factory=dict)
    case_said: str = ""


@dataclass(frozen=True)
class Done:
    """A fit that was done.

    Attributes
    ----------
    record
        What became of it.
    estimates
        Beside the truth; columns :data:`COLUMNS`. None where there are none.
    members
        Of a member of the panel: by test, its fractions as a consensus combines them, and how they are paired with the
        truth (arguments of :func:`unmix.evaluation.pairing.pair`).
    """

    record: Record
    estimates: pd.DataFrame | None = None
    members: Mapping[str, tuple[Fractions, dict[str, Any]]] = field(default_factory=dict)


def write(store: Path, done: Done) -> None:
    """Put a fit into the store. The record comes last."""
    record, estimates = done.record, done.estimates
    path, outputs = record.fit.path(store), Outputs()
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(members(path), ignore_errors=True)
    try:
        for test, (fractions, how) in done.members.items():
            _write_member(outputs, members(path) / test, fractions, how)
        if estimates is None:
            path.with_suffix(".tsv").unlink(missing_ok=True)
        else:
            place = outputs.add(path.with_suffix(".tsv"))
            estimates[COLUMNS].to_csv(place, sep="\t", index=False, lineterminator="\n")
        outputs.add(path).write_text(json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n", "utf-8")
        outputs.commit()
    finally:
        outputs.clean()


def read(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    DataError
        If it is none.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        return Record(**{**data, "fit": Fit(**data["fit"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        expected = "a store that unmix_benchmark.py fit has written"
        raise DataError(f"{path} is no record of a fit ({error})", expected, "remove this file") from error


def members(path: Path) -> Path:
    """Return the folder beside a record that has the fractions of its tests."""
    return path.with_suffix("")


def _write_member(outputs: Outputs, folder: Path, fractions: Fractions, how: dict[str, Any]) -> None:
    """Write what a consensus takes of fractions: as :func:`unmix.io.long_tables.read_estimates` reads it."""
    bare = replace(fractions, mrna=None, tables={}, levels=Levels(), sums=())
    write_fractions(bare, lambda name: outputs.add(folder / name))
    facts = {"level": bare.level, "mrna_per_cell": bare.mrna_per_cell, "prior": bare.prior}
    run = {"method": {"name": bare.method}, "model": {}, **facts, "paired": how}
    outputs.add(folder / "run.json").write_text(json.dumps(run, ensure_ascii=False) + "\n", "utf-8")


def member(path: Path, test: str) -> tuple[Fractions, dict[str, Any]]:
    """Return the fractions of a test of a member of the panel, and how they are paired with the truth.

    Parameters
    ----------
    path
        Of the record.

    Raises
    ------
    DataError
        If they are not there, or were changed.
    """
    from unmix.io.long_tables import read_estimates

    fractions, run = read_estimates(members(path) / test / "fractions_long.tsv")
    return fractions, run["paired"]


def finished(store: Path, fit: Fit, case_digest: str, settings_digest: str) -> bool:
    """Return whether the store holds a fit of the same data, settings and seed.

    One that failed is done again, and so is one of a member of the panel whose fractions are not there.
    """
    path = fit.path(store)
    if not path.exists():
        return False
    record = read(path)
    same = (record.case_digest, record.settings_digest) == (case_digest, settings_digest)
    whole = path.with_suffix(".tsv").exists() and (fit.method not in PANEL or members(path).is_dir())
    return same and (record.status == NOT_APPLICABLE or (record.status == OK and whole))


def records(stores: Sequence[Path]) -> Iterator[tuple[Record, Path]]:
    """Yield every record of some stores, with its path, sorted by path."""
    for store in stores:
        for path in standing(store, "*/*.json"):
            yield read(path), path


def estimates(path: Path) -> pd.DataFrame:
    """Return the estimates beside a record; columns :data:`COLUMNS`."""
    import pandas as pd

    text = dict.fromkeys(("test", "sample", "cell_type"), str)
    exact = {"float_precision": "round_trip", "keep_default_na": False, "na_values": [""]}
    return pd.read_csv(path.with_suffix(".tsv"), sep="\t", dtype=text, **exact)
