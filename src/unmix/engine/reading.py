"""Bulk, reference and calibration samples of files or in memory, checked and as models need them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix.errors import DataError, UsageError
from unmix.io import check, registry
from unmix.io.in_memory import as_file
from unmix.io.truth import read_truth
from unmix.reference import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import anndata as ad
    import pandas as pd

    from unmix.contract.model import Model
    from unmix.io.in_memory import Data


def read_bulk(bulk: Data, unit: str = "auto", genes: Any = None, **options: Any) -> ad.AnnData:
    """Check bulk expression, of a file or in memory (see :func:`unmix.io.check.read_bulk`).

    Parameters
    ----------
    bulk
        A file, an AnnData, or a table of genes x samples or samples x genes. What was checked before stays as it is.
    unit, genes, options
        As for :func:`unmix.io.check.read_bulk`.

    Returns
    -------
    AnnData
        Samples x genes, linear; ``uns["unmix"]["messages"]`` lists what was found and corrected.

    Raises
    ------
    DataError
        The data cannot be used; the message says why and what to do.

    Examples
    --------
    >>> import unmix
    >>> table = unmix.toy()[1].to_df().T  # genes x samples
    >>> bulk = unmix.read_bulk(table)
    >>> bulk.shape, bulk.uns["unmix"]["unit"]
    ((24, 600), 'counts')
    """
    with as_file(bulk, "bulk in memory") as path:
        return check.read_bulk(path, unit, genes, **options)


def read_reference(reference: Path | str | ad.AnnData) -> ad.AnnData:
    """Return a prepared reference, of a file, of the registry (``registry:NAME``) or in memory.

    Raises
    ------
    DataError
        It was not prepared.

    Examples
    --------
    >>> import unmix
    >>> unmix.read_reference(unmix.toy()[0]).obs["cell_type"].nunique()
    6
    """
    if isinstance(reference, (str, Path)):
        return prepare.read_reference(registry.local(reference, "references"))
    found = getattr(reference, "uns", {}).get("unmix", {})
    lost = [name for name in ("cell_type", "donor") if name not in getattr(reference, "obs", ())]
    if found.get("kind") not in ("reference", "profiles") or "log1p" in reference.uns or lost:
        raise DataError(
            f"the reference in memory ({type(reference).__name__}) is not a prepared reference"
            + (f": its obs has no column {lost[0]!r}" if found and lost else ""),
            "what unmix.prepare_reference returns",
            "unmix.prepare_reference(data, cell_type_key=..., donor_key=...) checks labels and counts",
        )
    return reference


def checked(bulk: Data, unit: str, genes: Iterable[str], say: Callable[[str], None], **named: Any) -> ad.AnnData:
    """Return a checked bulk, and say what was found; `named` is how its genes are named (:func:`read_bulk`)."""
    found = read_bulk(bulk, unit, list(genes) or None, **named)
    for sentence in found.uns["unmix"]["messages"]:
        say(sentence)
    return found


def checked_for(models: Sequence[Model], bulk: Data, unit: str, say: Callable[[str], None], **named: Any) -> ad.AnnData:
    """Return a bulk checked for models (see :func:`checked`): its names meet all genes of their references.

    Flags and distances look at genes beyond those from which a method estimates.
    """
    genes = dict.fromkeys(gene for one in models for gene in (*one.genes, *one.facts.get("reference_genes", ())))
    return checked(bulk, unit, genes, say, **named)


def read_calibration(
    bulk: Data, fractions: Data, unit: str, genes: Iterable[str], say: Callable[[str], None], **named: Any
) -> tuple[ad.AnnData, pd.DataFrame]:
    """Return checked calibration samples and their known fractions (samples x types), and say what was found.

    Parameters as of :func:`checked`; `fractions` is a file or in memory.
    """
    samples = checked(bulk, unit, genes, say, **named, of_others=True)
    with as_file(fractions, "known fractions in memory") as path:
        known = read_truth(path, samples=list(samples.obs_names))
    for sentence in known.attrs.get("messages", []):
        say(sentence)
    return samples, known


def model_of(given: Model | Path | str) -> Model:
    """Return a model in memory, of a file or of the registry (``registry:NAME``).

    Raises
    ------
    UsageError
        Something else is given.
    """
    from unmix.contract.model import Model

    if isinstance(given, Model):
        return given
    if isinstance(given, (str, Path)):
        return Model.load(registry.local(given, "models"))
    raise UsageError(f"a model of the type {type(given).__name__}", "what unmix.train returns, or its file")
