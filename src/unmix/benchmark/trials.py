"""Trials of a search that other processes measure: a file for each, ``NUMBER.json``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def read_trials(folder: Path) -> Callable[[int, list[str]], float | None]:
    """Return what gives the error of a trial that another process has measured (its file ``NUMBER.json``), else None.

    It raises DataError for a trial that was measured with other settings, or a file that is none.
    """

    def measure(number: int, wanted: list[str]) -> float | None:
        path = folder / f"{number}.json"
        if not path.exists():
            return None
        trial = read_trial(path)
        if trial.get("settings") != wanted or not isinstance(trial.get("error"), float):
            expected = f"the error with the settings {', '.join(wanted) or 'of the recipe'}"
            raise DataError(f"{path} is of another search", expected, "remove the measured trials, and begin again")
        return trial["error"]

    return measure


def read_trial(path: Path) -> dict[str, Any]:
    """Return a trial: its ``settings``, and its ``error`` where it was measured.

    Raises
    ------
    DataError
        If the file is none.
    """
    try:
        trial = json.loads(path.read_text("utf-8"))
        if not isinstance(trial, dict) or not isinstance(trial["settings"], list):
            raise ValueError("it has no settings")
    except (OSError, ValueError, KeyError) as fault:
        raise DataError(f"{path} is no trial ({fault})", "a file of unmix_tune.py --pending", "make it anew") from fault
    return trial
