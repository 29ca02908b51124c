"""Steps in forked processes: what they need is imported once, so that a hundred of them take no minute."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: What the steps import late.
PARTS = (
    *("captum.attr", "matplotlib.figure", "scanpy", "torch", "safetensors.torch", "unmix.deep.checkpoint"),
    *(
        "unmix.deep.trainer",
        "unmix.deep.nets.dense",
        "unmix.deep.nets.expression",
        "unmix.engine.expression",
        "unmix.engine.explanation",
    ),
    *("unmix.evaluation.pairing", "unmix.io.check", "unmix.methods.scaden", "unmix.report"),
    "unmix.deep.nets.expression",
)
BIN = Path(__file__).resolve().parents[2] / "bin"


def start(name: str, *arguments: object, before: Callable[[], None] = lambda: None) -> tuple[int, Path]:
    """Fork a process that runs a step; return its id and the file of what it says.

    Parameters
    ----------
    name
        Of the step, as in ``bin/unmix_<name>.py``.
    arguments
        Of its command line.
    before
        Called in the new process first.
    """
    _import_all()
    said = Path(tempfile.mkstemp(suffix=".said")[1])
    if child := os.fork():
        return child, said
    code = 1
    try:
        sheet = os.open(said, os.O_WRONLY)
        os.dup2(sheet, 1)
        os.dup2(sheet, 2)
        sys.stdout, sys.stderr = (os.fdopen(number, "w", closefd=False) for number in (1, 2))
        path = BIN / f"unmix_{name}.py"
        spec = importlib.util.spec_from_file_location(f"step_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.argv = [str(path), *map(str, arguments)]
        before()
        module.main()
    except SystemExit as error:
        code = error.code or 0
    except BaseException:  # noqa: BLE001 - what a user would see
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def end(child: int, said: Path) -> tuple[int, str]:
    """Wait for a process; return its exit code (less than 0: of a signal) and what it said."""
    status = os.waitpid(child, 0)[1]
    text = said.read_text(errors="replace")
    said.unlink()
    return os.waitstatus_to_exitcode(status), text


def run(name: str, *arguments: object, before: Callable[[], None] = lambda: None) -> tuple[int, str]:
    """Run a step to its end; parameters as for :func:`start`, result as of :func:`end`."""
    return end(*start(name, *arguments, before=before))


def _import_all() -> None:
    for name in PARTS:
        importlib.import_module(name)
