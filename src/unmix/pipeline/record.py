"""One step: what it read, said and wrote, with the record of it (run.json)."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix import __version__
from unmix.errors import DataError, NotApplicable, UnmixError, UsageError
from unmix.io.outputs import Outputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Packages whose versions can change a number; they stand in every run.json.
PACKAGES = ("numpy", "scipy", "pandas", "anndata", "scanpy", "scikit-learn", "torch")


class Run:
    """One step from start to end: what it read, said and wrote.

    Outputs are written into a hidden folder beside their destination and renamed when the step
    has succeeded, so that a failed or interrupted step leaves nothing behind.

    Parameters
    ----------
    step
        Name of the step, as in ``bin/unmix_<step>.py``.
    seed, device, threads
        Of the step; None: all threads.
    tell
        Takes every sentence that is recorded.
    progress
        Takes what is done, the total and what these are, while waiting.
    command
        What the user typed; by default the command line of this process.
    """

    def __init__(
        self,
        step: str,
        *,
        seed: int,
        device: str,
        threads: int | None,
        tell: Callable[[str], None],
        progress: Callable[[int, int, str], None],
        command: Sequence[str] | None = None,
    ) -> None:
        self.step, self.seed, self.device = step, seed, device
        self.threads = threads or len(os.sched_getaffinity(0))
        self.progress = progress
        self.messages: list[str] = []
        self.facts: dict[str, Any] = {}
        self._tell = tell
        self.command = list(command or [Path(sys.argv[0]).name, *sys.argv[1:]])
        self.folder = Path.cwd()
        self._inputs: dict[str, Path] = {}
        self._kept: list[tuple[str, Path]] = []
        self._reason: Path | None = None
        self._outputs = Outputs()
        self._started = time.time()

    def say(self, sentence: str) -> None:
        """Record a sentence for run.json and tell it."""
        self.messages.append(sentence)
        self._tell(sentence)

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
        self.refuse_inputs(path)
        if self._reason is not None and path.resolve() == self._reason.resolve():
            raise UsageError(f"two outputs are {path}", "a path of its own for every output", "rename one of them")
        return self._outputs.add(path)

    def keep(self, name: str, path: Path) -> None:
        """Name a file or folder that the step may read, and must not write."""
        self._kept.append((name, path))

    def reserve(self, reason: Path) -> None:
        """Name where the reason goes if the step cannot be done; it is no input, and no output."""
        self.refuse_inputs(reason)
        self._reason = reason

    def refuse_inputs(self, path: Path) -> None:
        """Refuse to write to a path that is an input, or part of one.

        Raises
        ------
        UsageError
            If it is.
        """
        for name, given in [*self._inputs.items(), *self._kept]:
            inside = given.is_dir() and given.resolve() in path.resolve().parents
            if path.exists() and given.exists() and (inside or path.samefile(given)):
                raise UsageError(
                    f"{path} is {'part of ' * inside}the {name} and an output",
                    "outputs beside the inputs",
                    "give another path for the output",
                )

    def origin(self) -> dict[str, Any]:
        """Return what is given, and where it is done: what ``unmix_repeat.py`` starts from."""
        given = {name: {"given": str(path)} for name, path in self._inputs.items()}
        return {
            "command": self.command,
            "folder": str(self.folder),
            "unmix": __version__,
            "seed": self.seed,
            "device": self.device,
            "threads": self.threads,
            "inputs": {name: told | given[name] for name, told in self.fingerprints().items()},
            "versions": versions(),
            "machine": machine(),
        }

    def record(self) -> dict[str, Any]:
        """Return the contents of run.json: enough to repeat this step exactly."""
        return {
            "step": self.step,
            **self.origin(),
            "outputs": {path.name: _fingerprint(path) for path in self._outputs.waiting()},
            **self.facts,
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
        self._reason = None
        self.commit(record)

    def clean(self) -> None:
        """Remove the hidden folders."""
        self._outputs.clean()


@contextlib.contextmanager
def recorded(job: Run, record: Path | None = None, skipped: Path | None = None) -> Iterator[Run]:
    """Do a step: on success its outputs appear, on an error there are none.

    Parameters
    ----------
    job
        The step.
    record
        Where run.json goes; None writes none.
    skipped
        Where the reason goes, if the step cannot be done (a data or usage error, or not applicable). That of an
        earlier attempt is removed on success.
    """
    try:
        if skipped is not None:
            job.reserve(skipped)
    except UsageError:
        job.clean()
        raise
    try:
        yield job
        job.commit(record)
        if skipped is not None:
            skipped.unlink(missing_ok=True)
    except (DataError, UsageError, NotApplicable) as error:
        if skipped is not None:
            job.skip(error, skipped)
        raise
    finally:
        job.clean()


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


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that can change a number."""
    return {"python": platform.python_version()} | {name: importlib.metadata.version(name) for name in PACKAGES}


def machine() -> dict[str, str]:
    """Return what of a machine can change the last digits: its kind, its processor, and a GPU where one is used."""
    found = {"system": platform.system(), "architecture": platform.machine(), "processor": _processor()}
    torch = sys.modules.get("torch")  # a step that has not loaded it uses no GPU
    used = torch is not None and torch.cuda.is_initialized()
    return found | ({"gpu": torch.cuda.get_device_name()} if used else {})


def _processor() -> str:
    """Return the name of the processor; the system's own word for it where /proc does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
