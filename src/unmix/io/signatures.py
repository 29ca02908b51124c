"""Published signatures and gene sets in a user's files, each file recognised by its content.

unmix contains none of them: most may not be passed on. docs/signatures.md says where each comes from.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError, NotApplicable, UsageError
from unmix.io import gene_sets
from unmix.io.pretrained import READABLE
from unmix.io.recognition import GENE_COLUMNS, RECOGNISED, SET_COLUMNS, File, Published

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What the files of an option may hold: attributes of :class:`Published`.
BELONGS = {
    "signature": ("signature", "variance", "size", "genes"),
    "gene_sets": ("sets", "genes", "curves", "spillover"),
}
#: How a message names what a file holds.
CALLED = {
    "signature": "a signature (genes x cell types)",
    "variance": "variances of a signature",
    "size": "one number for each name, as the mRNA of a cell",
    "genes": "a list of genes",
    "sets": "gene sets",
    "curves": "curves of scores (V1, V2, V3)",
    "spillover": "spillover between cell types",
}
#: Sorts of published files that the name of a file shows, and how such a name ends.
BY_NAME = {"pretrained": READABLE, "gene_sets": gene_sets.ENDS}


def read(paths: Iterable[Path], option: str = "") -> Published:
    """Read the files of a published method.

    Parameters
    ----------
    paths
        ``.gmt``: gene sets. TSV or CSV, plain or gzip: genes x types (a signature); type and one number (mRNA of a
        cell); a column of sets and one of genes (gene sets); a column of genes (a list); xCell's two tables. A second
        table of the signature's types holds its variances.
    option
        A key of :data:`BELONGS`: the files must hold what belongs there. Empty: anything.

    Raises
    ------
    DataError
        A file that is none of these, holds no number where one must be, or a negative one; a second file of what can
        be given once.
    UsageError
        A file that belongs to another option.
    """
    found = Published()
    for path in map(Path, paths):
        file = File(path)
        kind = next((kind for kind in RECOGNISED if kind.fits(file, found)), None)
        if kind is None:
            raise DataError(
                f"{path.name}: column {file.words[0]!r} holds text, and no column is named as one of genes",
                f"a signature (genes x types, numbers), or gene sets: columns {SET_COLUMNS[0]}, {GENE_COLUMNS[0]}, or "
                "GMT",
                "head the columns so, or save the sets as GMT",
            )
        if option and kind.name not in BELONGS[option]:
            raise wrong_option(path, option, CALLED[kind.name], next(o for o in BELONGS if kind.name in BELONGS[o]))
        _put(found, kind.name, kind.content(file, found), path)
    return found


def wrong_option(path: Path, option: str, holds: str, right: str) -> UsageError:
    """Return the error for a file that was given under the wrong option.

    Parameters
    ----------
    path
        Of the file.
    option, right
        ``signature``, ``gene_sets`` or ``pretrained``: the one it was given under, and the one that it belongs to.
    holds
        What the file holds, in words.
    """
    given, other = (f"--{name.replace('_', '-')}" for name in (option, right))
    wanted = ", ".join(CALLED[name] for name in BELONGS[option]) if option in BELONGS else "a network of its authors"
    return UsageError(
        f"{path.name}, given under {given}, holds {holds}",
        f"{given}: {wanted}",
        f"give it as {other} {path} (in a samplesheet: column {right})",
    )


def check_name(path: Path, option: str) -> None:
    """Check that the name of a file does not show that it belongs to another option.

    Raises
    ------
    UsageError
        If it does: a network (``.pt``, ``.npz``, ...) or a GMT.
    """
    for right, ends in BY_NAME.items():
        if right != option and path.name.endswith(ends):
            raise wrong_option(path, option, "a network" if right == "pretrained" else "gene sets", right)


def signature_of(paths: Iterable[Path], fractions: str) -> Published:
    """Read files that must hold a signature, and sizes too where fractions of another kind are asked for.

    Raises
    ------
    NotApplicable
        Without a signature.
    UsageError
        If `fractions` asks for a conversion and the sizes of some types are not known.
    """
    found = read(paths, "signature")
    if found.signature is None:
        raise NotApplicable(
            "no file of --signature holds a signature",
            "a table of genes x cell types, linear",
            "give the signature as TSV, or no file to build one from the reference",
        )
    if found.size is not None:
        found.size = found.size.reindex(found.signature.columns)
    unknown = found.signature.columns if found.size is None else found.size.index[found.size.isna()]
    if fractions != "own" and len(unknown):
        raise UsageError(
            f"fractions={fractions}, but how much mRNA a cell of {unknown[0]!r} has is not known",
            "a second file: cell type and mRNA content",
            "add --signature SIZES, or take fractions=own",
        )
    return found


def _put(found: Published, name: str, value: Any, path: Path) -> None:
    """Put what a file holds into its place; lists of genes and gene sets of several files are joined."""
    known = getattr(found, name)
    if name == "genes":
        value = known + value
    elif name == "sets":
        if twice := sorted(set(known) & set(value)):
            raise DataError(
                f"{path.name}: another file has a set {twice[0]!r} too", "sets of different names", "rename"
            )
        value = known | value
    elif known is not None:
        raise DataError(
            f"{path.name} is the second file that holds {CALLED[name]}",
            "one such file; a second table of the same cell types as the signature holds its variances",
            "leave one of them out",
        )
    setattr(found, name, value)
