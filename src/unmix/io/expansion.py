"""How much a compressed file may hold: a small one must not fill the memory.

Deflate packs zeros a thousandfold; real tables and h5ad hold 2 to 7 times their size.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from typing import TYPE_CHECKING

from unmix.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

#: Times its own size that a file may hold, and what any file may hold, in bytes.
RATIO = 200
LEAST = 1 << 29
_STEP = 1 << 24


def limit(size: int) -> int:
    """Return how many bytes a file of `size` bytes may hold."""
    return max(LEAST, RATIO * size)


def check(name: str, size: int, held: int) -> None:
    """Check what a file declares to hold.

    Parameters
    ----------
    name
        Name of the file, for the error.
    size, held
        Bytes of the file, and of its contents.

    Raises
    ------
    DataError
        More than `limit`.
    """
    if held > limit(size):
        raise DataError(
            f"{name} has {size:,} bytes and expands to {held:,} or more.",
            f"a file that holds at most {RATIO} times its size (or {LEAST >> 20} MB)",
            "check where the file comes from; if it is right, write it with less compression",
        )


def gunzip(raw: bytes, name: str) -> bytes:
    """Return the contents of a gzip file.

    Raises
    ------
    DataError
        More than `limit`.
    EOFError, OSError, zlib.error
        Damaged, as of :func:`gzip.decompress`.
    """
    with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
        held = file.read(limit(len(raw)) + 1)
    check(name, len(raw), len(held))
    return held


def measure_gzip(path: Path) -> int:
    """Return the size of the contents of a gzip file, read without keeping them, up to `limit`.

    Raises
    ------
    DataError
        More than `limit`.
    """
    size, held = path.stat().st_size, 0
    with gzip.open(path) as file:
        while block := file.read(_STEP):
            held += len(block)
            check(path.name, size, held)
    return held


def check_zip(path: Path) -> None:
    """Check what a zip file (.npz, .pt) declares to hold; zipfile and numpy read no more than that.

    Raises
    ------
    DataError
        More than `limit`.
    zipfile.BadZipFile
        Damaged.
    """
    with zipfile.ZipFile(path) as file:
        check(path.name, path.stat().st_size, sum(entry.file_size for entry in file.infolist()))
