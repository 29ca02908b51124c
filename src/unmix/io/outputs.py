"""Where outputs go: written beside their destination, and renamed when all of them are complete.

Nothing else in unmix decides how a file comes to its place. A symlink is followed, and the file it names is replaced;
devices, pipes and folders are refused. What a killed process has left is removed by the next one that writes there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shlex
import shutil
import signal
import stat
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from unmix.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Names of the hidden folders in which outputs wait.
PREFIX = ".unmix-partial-"
_STREAM = re.compile(r"/dev/(stdin|stdout|stderr|fd/.*)|/proc/.*")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATH = "a path at which a file can be written"
#: Errors that only writing raises, and how to go on.
_DISK = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some space, or write to another disk",
    errno.EFBIG: "raise the limit of the size of files (ulimit -f), or write to another disk",
    errno.EROFS: "write to another folder",
}
#: What HDF5 says where it closes a file that it could not write, without an error number of Python.
_HDF5 = re.compile(r"write failed.*errno = (\d+)", re.DOTALL)


def check(path: Path) -> None:
    """Refuse a destination to which no file can be renamed, before anything is computed.

    Raises
    ------
    UsageError
        A folder, a device, a pipe, a stream of this process, or a loop of symlinks.
    OutputError
        A file that is write-protected, or a folder that cannot be written.
    """
    do = "give the path of a file, new or to be replaced"
    if _STREAM.fullmatch(os.path.abspath(path)):  # noqa: PTH100 - links are not followed here
        raise UsageError(f"{path} is a stream and not a file", _PATH, do)
    with _told(path):
        if path.exists():
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode):
                kind = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
                raise UsageError(f"{path} is {kind}", _PATH, do)
            if not os.access(path, os.W_OK):
                raise OutputError(
                    f"{path} is write-protected", _PATH, f"chmod +w {shlex.quote(str(path))}, or give another path"
                )
        folder = _existing(_target(path).parent)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        why = "permission denied" if folder.is_dir() else "it is a file"
        raise OutputError(f"{folder} is no folder in which {path.name} can be written ({why})", _PATH, do)


def refused(error: BaseException) -> OutputError | None:
    """Return the error of a disk that cannot be written, with the next step; None for another error.

    HDF5 raises a further error while it closes a file on a full disk, so that the causes of `error` count too.
    """
    seen: BaseException | None = error
    while seen is not None:
        told = _HDF5.search(str(seen))
        number = int(told[1]) if told else getattr(seen, "errno", None)
        if number in _DISK:
            name = Path(str(seen.filename)).name if getattr(seen, "filename", None) else "an output"
            return OutputError(f"{name} cannot be written ({os.strerror(number)})", _PATH, _DISK[number])
        seen = seen.__cause__ or seen.__context__
    return None


def say_once() -> None:
    """Keep HDF5 from printing a traceback for every object that it cannot close on a full disk: the step says it."""
    shown, unraisable = sys.excepthook, sys.unraisablehook

    def closing(error: BaseException | None) -> bool:
        return "decrement id ref count" in str(error) or bool(_HDF5.search(str(error)))

    sys.excepthook = lambda kind, error, trace: None if closing(error) else shown(kind, error, trace)
    sys.unraisablehook = lambda raised: None if closing(raised.exc_value) else unraisable(raised)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the system says of a path into an error with the next step."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise refused(error) or OutputError(f"{path} cannot be written ({why})", _PATH, "give another path") from error


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Hold signals back, and deliver them at the end. Only the main thread may; in others nothing is held back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {number: signal.signal(number, lambda number, _: arrived.append(number)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number in arrived:
            signal.raise_signal(number)


class Outputs:
    """Files that appear together, each whole, when :meth:`commit` is called."""

    def __init__(self) -> None:
        self._waiting: dict[Path, Path] = {}
        self._folders: list[tuple[Path, int]] = []

    def add(self, path: Path) -> Path:
        """Return where to write the output `path` until then.

        Raises
        ------
        UsageError, OutputError
            As for :func:`check`; or two outputs are the same file.
        """
        check(path)
        target = _target(path)
        if target in self._waiting:
            raise UsageError(f"two outputs are {path}", "a path of its own for every output", "rename one of them")
        parent = _existing(target.parent)
        remove_abandoned(parent)
        with _told(path):
            folder, lock = _locked_folder(parent)
        self._folders.append((folder, lock))
        self._waiting[target] = folder / path.name
        return self._waiting[target]

    def waiting(self) -> Iterable[Path]:
        """Return the files that wait, under their last names."""
        return self._waiting.values()

    def drop(self) -> None:
        """Forget the outputs so far."""
        self._waiting.clear()

    def commit(self) -> None:
        """Move every output to its place; a signal waits until all are there."""
        for waiting in self._waiting.values():  # a full quota of a network file system is told here at the latest
            with waiting.open("rb") as file:
                os.fsync(file.fileno())
        with _signals_wait():
            for target, waiting in self._waiting.items():
                with _told(target):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(waiting, target)
        self._waiting.clear()

    def clean(self) -> None:
        """Remove the hidden folders."""
        for folder, lock in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
        self._folders.clear()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by rename: its readers, and other writers, see it whole or not at all."""
    outputs = Outputs()
    try:
        outputs.add(path).write_bytes(data)
        outputs.commit()
    finally:
        outputs.clean()


def standing(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a pattern that are complete, sorted; without what waits in hidden folders of this module."""
    found = (path for path in folder.glob(pattern) if path.is_file())
    return sorted(path for path in found if not any(part.startswith(PREFIX) for part in path.relative_to(folder).parts))


def remove_abandoned(parent: Path) -> None:
    """Remove the hidden folders of processes that were killed: those that nobody holds any more."""
    for folder in parent.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # of another user, or gone already
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """Make a hidden folder, held until the process ends; without locks on that file system, none is ever removed."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # another process took it for abandoned before it was opened
            continue
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else the same before it was held
            return folder, lock
        os.close(lock)


def _target(path: Path) -> Path:
    """Return the file that a path names, behind all symlinks."""
    try:
        return path.resolve()
    except RuntimeError as error:
        raise UsageError(f"{path} is a loop of symlinks", _PATH, "give another path") from error


def _existing(folder: Path) -> Path:
    """Return the nearest folder above that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder
