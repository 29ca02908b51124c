"""Mutations of every file that a stranger can give, and what becomes of them.

A case is made of a kind, a number (its seed) and the good files of :func:`kinds.make_files`: a copy of one of them is
changed, and the library reads it as a step would. A case ends ``ok``, ``refused`` (a sentence) or, which must not be,
with the name of another exception. Cases run in forked processes, so that one that dies is counted and not the end.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path
from typing import NoReturn

import numpy as np
from tests.hostile.changes import pick
from tests.hostile.kinds import KINDS

from unmix.errors import UnmixError

#: Of a case and of a process.
SECONDS, BYTES = 60, 12 << 30
#: Kinds of which a case takes half a second: a whole page is made.
SLOW = ("results", "run record", "tables of a report", "groups of a report", "compared fractions")


def case(kind: str, number: int, files: Path, work: Path) -> str:
    """Run one case; return how it ends."""
    names, change, read = KINDS[kind]
    rng = np.random.default_rng([number, list(KINDS).index(kind)])
    good = files / pick(rng, names)
    path = work / good.name
    shutil.copy(good, path)
    said = change(path, rng)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path, files, rng)
    except UnmixError as error:
        return "refused" if error.found and error.exit_code in (2, 65, 99) else f"without a sentence: {error!r}"
    except Exception as error:  # noqa: BLE001 - what is looked for
        last = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in last if "/unmix/" in frame.filename] or list(last)
        where = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
        return f"{type(error).__name__} at {where} ({good.name}, {said}): {str(error)[:150]}"
    return "ok"


def run(kind: str, numbers: range, files: Path) -> tuple[Counter[str], dict[int, str]]:
    """Run cases in a forked process each time one has died; return the ends, and the bad ones by their number."""
    ends: Counter[str] = Counter()
    bad: dict[int, str] = {}
    left = list(numbers)
    while left:
        ended = Path(tempfile.mkstemp()[1])
        child = os.fork()
        if not child:
            _run_here(kind, left, files, ended)
        status = os.waitpid(child, 0)[1]
        found = [json.loads(line) for line in ended.read_text().splitlines()]
        ended.unlink()
        for number, end in found:
            ends[end if end in ("ok", "refused") else "other"] += 1
            if end not in ("ok", "refused"):
                bad[number] = end
        left = left[len(found) :]
        failed = ended.with_suffix(".failed")
        if failed.exists():
            text = failed.read_text()
            failed.unlink()
            raise RuntimeError(f"the attack {left[0]} on {kind} failed:\n{text}")
        if left and status:
            bad[left[0]] = f"died: {os.waitstatus_to_exitcode(status)}"
            ends["died"] += 1
            left = left[1:]
    return ends, bad


def _run_here(kind: str, numbers: list[int], files: Path, ended: Path) -> NoReturn:
    """Run cases in this forked process, and leave it without what its parent would do at its end."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a case that hangs is killed
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        with ended.open("w") as sheet:
            for number in numbers:
                signal.alarm(SECONDS)
                with tempfile.TemporaryDirectory() as work:
                    end = case(kind, number, files, Path(work))
                sheet.write(json.dumps([number, end]) + "\n")
                sheet.flush()
    except BaseException:  # noqa: BLE001 - of the attack itself
        ended.with_suffix(".failed").write_text(traceback.format_exc())
    finally:
        os._exit(ended.with_suffix(".failed").exists())
