"""The functions of `import unmix`: data in memory are read and checked as files are, with the same sentences.

An AnnData or a table in memory is written to a temporary file, which the readers of files read. So there is one way to
a checked bulk and a prepared reference, and memory and files give the same fractions.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix.contract.method import silent
from unmix.engine import answer, explanation, training
from unmix.engine.consensus import consensus as combine
from unmix.engine.mrna_per_cell import read_source
from unmix.engine.reading import checked, checked_for, model_of, read_calibration, read_reference
from unmix.io.in_memory import as_file
from unmix.io.long_tables import read_estimates
from unmix.reference import prepare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import anndata as ad

    from unmix.contract.attributions import Attributions
    from unmix.contract.model import Model
    from unmix.io.fractions import Fractions
    from unmix.io.in_memory import Data

#: Arguments of a training that are lists, and may be given as one text or path.
_LISTS = ("malignant", "signature", "gene_sets", "pretrained", "settings")


def prepare_reference(
    references: Data | Sequence[Data], cell_type_key: str = "cell_type", **options: Any
) -> ad.AnnData:
    """Prepare a reference from files or from data in memory (see :func:`unmix.reference.prepare.prepare_reference`).

    Parameters
    ----------
    references
        One or several.
    cell_type_key, options
        As for :func:`unmix.reference.prepare.prepare_reference`.

    Examples
    --------
    >>> import unmix
    >>> cells = unmix.toy()[0]
    >>> reference = unmix.prepare_reference(cells, cell_type_key="cell_type", donor_key="donor")
    >>> sorted(reference.obs)
    ['cell_type', 'donor']
    """
    with contextlib.ExitStack() as stack:
        several = references if isinstance(references, (list, tuple)) else [references]
        paths = [
            stack.enter_context(as_file(one, f"reference in memory {number}")) for number, one in enumerate(several, 1)
        ]
        return prepare.prepare_reference(paths, cell_type_key, **options)


def train(
    name: str,
    reference: Path | str | ad.AnnData,
    *,
    bulk: Data | None = None,
    unit: str = "auto",
    calibration: tuple[Data, Data] | None = None,
    calibration_unit: str = "auto",
    orthologs: bool = False,
    gene_map: Mapping[str, str] | Path | str | None = None,
    **options: Any,
) -> Model:
    """Train a method (see :func:`unmix.engine.training.train`).

    Parameters
    ----------
    name
        Of the method.
    reference
        Prepared, in memory or a file.
    bulk, unit
        The bulk to be estimated, for methods that learn from it, and its unit.
    calibration, calibration_unit
        Bulk samples and their known fractions (samples x types), and the unit of the samples.
    orthologs, gene_map
        As for :func:`unmix.io.check.read_bulk`, for both.
    options
        As for :func:`unmix.engine.training.train`.

    Examples
    --------
    >>> import unmix
    >>> reference, bulk = unmix.toy()
    >>> model = unmix.train("nnls", reference, seed=1)
    >>> model.method, len(model.cell_types)
    ('nnls', 6)
    """
    cells = read_reference(reference)
    genes, say = list(cells.var_names), options.get("say", silent)
    for word in _LISTS:
        if isinstance(options.get(word), (str, Path)):
            options[word] = [options[word]]
    matched = {"orthologs": orthologs, "gene_map": gene_map}
    if calibration is not None:
        calibration = read_calibration(*calibration, calibration_unit, genes, say, **matched)
    if bulk is not None:
        bulk = checked(bulk, unit, genes, say, **matched)
    return training.train(name, cells, bulk=bulk, calibration=calibration, **options)


def predict(
    models: Model | Path | str | Sequence[Model | Path | str],
    bulk: Data,
    *,
    unit: str = "auto",
    orthologs: bool = False,
    gene_map: Mapping[str, str] | Path | str | None = None,
    **options: Any,
) -> Fractions:
    """Estimate the fractions of bulk samples (see :func:`unmix.engine.answer.predict`).

    Parameters
    ----------
    models
        One, or several of the same cell types from several references; in memory, files, or ``registry:NAME``.
    bulk, unit
        A file or data in memory, and its unit.
    orthologs, gene_map
        As for :func:`unmix.io.check.read_bulk`.
    options
        As for :func:`unmix.engine.answer.predict`; ``mrna_per_cell`` may also be the path of a table.

    Examples
    --------
    >>> import unmix
    >>> reference, bulk = unmix.toy()
    >>> fractions = unmix.predict(unmix.train("nnls", reference), bulk)
    >>> fractions.values.sum(axis=1).round(6).unique().tolist()
    [1.0]
    """
    several = [model_of(one) for one in (models if isinstance(models, (list, tuple)) else [models])]
    named = {"orthologs": orthologs, "gene_map": gene_map}
    if isinstance(source := options.get("mrna_per_cell"), (str, Path)):
        options["mrna_per_cell"] = read_source(str(source))
    return answer.predict(several, checked_for(several, bulk, unit, options.get("say", silent), **named), **options)


def explain(
    model: Model | Path | str,
    bulk: Data,
    *,
    unit: str = "auto",
    orthologs: bool = False,
    gene_map: Mapping[str, str] | Path | str | None = None,
    **options: Any,
) -> Attributions:
    """Attribute fractions to genes (see :func:`unmix.engine.explanation.explain`).

    Parameters
    ----------
    model
        In memory, a file, or ``registry:NAME``.
    bulk, unit
        A file or data in memory, and its unit.
    orthologs, gene_map
        As for :func:`unmix.io.check.read_bulk`.
    options
        As for :func:`unmix.engine.explanation.explain`.

    Examples
    --------
    >>> import unmix
    >>> reference, bulk = unmix.toy(samples=4)
    >>> model = unmix.train("nnls", reference)
    >>> found = unmix.explain(model, bulk)
    >>> found.values.shape == (4, 6, len(model.genes))  # samples x cell types x genes
    True
    """
    trained = model_of(model)
    named = {"orthologs": orthologs, "gene_map": gene_map}
    samples = checked_for([trained], bulk, unit, options.get("say", silent), **named)
    return explanation.explain(trained, samples, **options)


def consensus(members: Sequence[Fractions | Path | str], **options: Any) -> Fractions:
    """Combine the fractions of several methods into one answer (see :func:`unmix.engine.consensus.consensus`).

    Parameters
    ----------
    members
        Of :func:`predict`, or their ``fractions_long.tsv`` (or its folder).
    options
        As for :func:`unmix.engine.consensus.consensus`.

    Examples
    --------
    >>> import unmix
    >>> reference, bulk = unmix.toy()
    >>> members = [unmix.predict(unmix.train(name, reference), bulk) for name in ("nnls", "dtangle")]
    >>> unmix.consensus(members).values.shape
    (24, 6)
    """
    return combine([_estimates(member) for member in members], **options)


def _estimates(given: Fractions | Path | str) -> Fractions:
    if not isinstance(given, (str, Path)):
        return given
    path = Path(given)
    return read_estimates(path / "fractions_long.tsv" if path.is_dir() else path)[0]
