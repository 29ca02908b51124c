"""One step from start to end: exit codes of errors, outputs by rename, run.json."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from unmix import __version__
from unmix.cli.progress import Progress
from unmix.errors import DataError, NotApplicable, UnmixError, UsageError
from unmix.io.outputs import SIGNALS, Outputs, refused, say_once

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Packages whose versions can change a number; they stand in every run.json.
PACKAGES = ("numpy", "scipy", "pandas", "anndata", "scanpy", "scikit-learn", "torch")


class Run:
    """One step from start to end: what it read, said and wrote.

    Outputs are written into a hidden folder beside their destination and renamed when the step
    has succeeded, so that a failed or interrupted step leaves nothing behind.
    """

    def __init__(self, step: str, *, seed: int, device: str, threads: int | None, quiet: bool) -> None:
        self.step, self.seed, self.device, self.quiet = step, seed, device, quiet
        self.threads = threads or len(os.sched_getaffinity(0))
        self.messages: list[str] = []
        self.facts: dict[str, Any] = {}
        self._inputs: dict[str, Path] = {}
        self._outputs = Outputs()
        self._started = time.time()
        self._waiting = Progress()

    def say(self, sentence: str) -> None:
        """Record a sentence for run.json and print it to stderr."""
        self.messages.append(sentence)
        if not self.quiet:
            click.echo(sentence, err=True)

    def progress(self, done: int, total: int, note: str) -> None:
        """Show how much of a long step is done: a bar on a terminal, else a line now and then."""
        if not self.quiet:
            self._waiting.show(done, total, note)

    def input(self, name: str, path: Path | None) -> None:
        """Name an input file whose checksum run.json shall carry; a folder or a missing file has none."""
        if path is not None and path.is_file():
            self._inputs[name] = path

    def fingerprints(self) -> dict[str, Any]:
        """Return name, size and sha256 of every input."""
        return {name: _fingerprint(path) for name, path in self._inputs.items()}

    def output(self, path: Path) -> Path:
        """Return where to write the output `path` until the step succeeds.

        Raises
        ------
        UsageError
            If it is also an input, or the path of another output.
        """
        for name, given in self._inputs.items():
            if path.exists() and given.exists() and path.samefile(given):
                raise UsageError(
                    f"{path} is the {name} and an output",
                    "outputs beside the inputs",
                    "give another path for the output",
                )
        return self._outputs.add(path)

    def record(self) -> dict[str, Any]:
        """Return the contents of run.json: enough to repeat this step exactly."""
        return {
            "step": self.step,
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "unmix": __version__,
            "seed": self.seed,
            "device": self.device,
            "threads": self.threads,
            "inputs": self.fingerprints(),
            "outputs": {path.name: _fingerprint(path) for path in self._outputs.waiting()},
            **self.facts,
            "versions": {"python": platform.python_version(), **_versions()},
            "messages": self.messages,
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
            "seconds": round(time.time() - self._started, 2),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }

    def commit(self, record: Path | None) -> None:
        """Write the record and move every output to its place."""
        if record is not None:
            text = json.dumps(_finite(self.record()), indent=2, ensure_ascii=False, allow_nan=False)
            self.output(record).write_text(text + "\n", encoding="utf-8")
        self._outputs.commit()

    def skip(self, error: UnmixError, record: Path) -> None:
        """Write the record with the reason why the step cannot be done, and no output."""
        self.facts["error"] = {
            "exit_code": error.exit_code,
            "found": error.found,
            "expected": error.expected,
            "do": error.do,
        }
        self._outputs.drop()
        self.commit(record)

    def clean(self) -> None:
        """Remove the bar and the hidden folders."""
        self._waiting.stop()
        self._outputs.clean()


@contextlib.contextmanager
def run(step: str, record: Path | None = None, skipped: Path | None = None, **options: Any) -> Iterator[Run]:
    """Run one step; on success its outputs appear, on an error it exits with the error's code.

    Parameters
    ----------
    step
        Name of the step, as in ``bin/unmix_<step>.py``.
    record
        Where run.json goes; None writes none.
    skipped
        The value of the option :data:`skipped`.
    options
        The values of :func:`common`.
    """
    _limit_threads(options.get("threads"))
    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # nohup ignores one
    before = {number: signal.signal(number, _stop) for number in heard}
    say_once()
    job = Run(step, **options)
    try:
        yield job
        job.commit(record)
    except UnmixError as error:
        click.echo(f"unmix {step}: error: {error}", err=True)
        if skipped and isinstance(error, (DataError, UsageError, NotApplicable)):
            job.skip(error, skipped)
        sys.exit(error.exit_code)
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:
        if found := refused(error):
            click.echo(f"unmix {step}: error: {found}", err=True)
            job.clean()
            os._exit(found.exit_code)  # HDF5 ends in SIGSEGV where it closes, at exit, what a full disk left open
        if not isinstance(error, BrokenPipeError):  # a reader such as head has closed the pipe
            click.echo(
                f"unmix {step}: this is a bug in unmix {__version__} "
                f"(Python {platform.python_version()}); please report it with the lines below.",
                err=True,
            )
        raise
    finally:
        job.clean()
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, _: object) -> None:
    """End the step in answer to a signal, after its temporary files are removed."""
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def record_beside(out: Path) -> Path:
    """Return where the run record of a step with one output file goes: model.run.json."""
    return out.with_suffix(".run.json")


def _limit_threads(threads: int | None) -> None:
    """Bound the threads of numerical libraries; works because they are imported later."""
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")  # matrix products give the same bytes by any number of threads
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads that spin double the CPU time
    if threads:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ[name] = str(threads)


def _finite(value: Any) -> Any:
    """Return data with None for numbers that JSON does not have: not a number, infinite."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _fingerprint(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": path.name, "sha256": digest, "bytes": path.stat().st_size}


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in PACKAGES}
