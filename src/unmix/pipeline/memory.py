"""Bulk and reference to results in Python: the run of ``unmix_run.py``, in a temporary folder."""

from __future__ import annotations

import contextlib
import difflib
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix.contract.method import silent
from unmix.errors import UsageError
from unmix.io import registry
from unmix.io.in_memory import as_file
from unmix.pipeline import run as one_run
from unmix.pipeline.results import Results
from unmix.pipeline.row import Options, Row
from unmix.pipeline.threads import limit_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pandas as pd

    from unmix.io.in_memory import Data

#: Arguments that may be data in memory, and what their temporary file is called.
_DATA = {
    "truth": "known fractions in memory",
    "calibration_bulk": "calibration samples in memory",
    "calibration_fractions": "calibration fractions in memory",
}
#: Arguments that may be a mapping, and the columns of their table.
_MAPS = {
    "label_map": ("from", "to"),
    "truth_map": ("from", "to"),
    "mrna_per_cell": ("cell_type", "mrna"),
    "prior": ("cell_type", "fraction"),
}
#: Arguments that are paths.
_PATHS = ("cells", "label_map", "truth_map", "gene_map", "ontology", "samples", "contrasts")
#: Arguments that may be lists, and what stands between their entries.
_LISTS = {"malignant": ",", "signature": ";", "gene_sets": ";", "pretrained": ";"}


def deconvolve(
    bulk: Data,
    reference: Data,
    methods: str | Sequence[str] = Options.methods,
    *,
    cell_type_key: str | None = None,
    donor_key: str = Row.donor_key,
    truth: Data | None = None,
    unit: str = Row.unit,
    label_map: Mapping[str, str] | Path | str | None = None,
    mrna_per_cell: pd.Series | Mapping[str, float] | str = Row.mrna_per_cell,
    controls: str | Sequence[str] = Options.controls,
    level: float = Options.level,
    seed: int = Options.seed,
    quick: bool = False,
    device: str = "auto",
    say: Callable[[str], None] = silent,
    progress: Callable[[int, int, str], None] = silent,
    **options: Any,
) -> Results:
    """Estimate cell-type fractions of bulk samples by several methods.

    Parameters
    ----------
    bulk
        Samples: a file, an AnnData (samples x genes) or a table (genes x samples, or transposed).
    reference
        Single cells with cell types, of a file or in memory, what :func:`unmix.prepare_reference` returns, or
        ``registry:NAME``.
    methods
        Names; ``default`` stands for four unlike methods and their consensus.
    cell_type_key, donor_key
        Columns of cell types and donors in the annotation of the cells; ``none``: the data name no donors. A prepared
        reference needs neither.
    truth
        Known fractions (samples x cell types), to evaluate the estimates.
    unit
        Of the bulk: ``auto``, ``counts``, ``tpm``, ``log2tpm``, ...
    label_map
        Other names of the cell types of the reference; ``""`` drops a type.
    mrna_per_cell
        Source of the mRNA per cell, or values by cell type (docs/mrna_per_cell.md).
    controls
        Controls that run beside the methods, or ``none``.
    level, seed
        Nominal coverage of the intervals; seed of every draw.
    quick
        Train for seconds only, to try things out; not for results.
    device
        ``auto``, ``cpu`` or ``cuda``.
    say, progress
        Take sentences (``say=print`` shows them), and what is done, the total and what these are.
    options
        Further columns of the samplesheet and parameters (docs/parameters.md), among them ``prior`` (docs/prior.md),
        and ``samples`` and ``contrasts``, which compare groups; ``recipe``, ``settings`` and ``truth_map`` as for
        ``unmix_run.py``.

    Returns
    -------
    Results
        The same fractions as those of ``unmix_run.py`` and the pipeline, to the byte.

    Raises
    ------
    DataError
        The bulk or the reference cannot be used.
    NotApplicable
        None of the methods can be applied.
    UsageError
        An argument that does not exist or cannot be used.

    Examples
    --------
    >>> import unmix
    >>> reference, bulk = unmix.toy()
    >>> results = unmix.deconvolve(bulk, reference, methods=["nnls", "dtangle"], truth=bulk)
    >>> results.fractions.shape
    (24, 6)
    >>> results.plot.bars().get_title()
    'Non-negative least squares'
    """
    given = dict(
        cell_type_key=cell_type_key,
        donor_key=donor_key,
        truth=truth,
        unit=unit,
        label_map=label_map,
        mrna_per_cell=mrna_per_cell,
        methods=methods,
        controls=controls,
        level=level,
        seed=seed,
        quick=quick,
        **options,
    )
    of_options, of_row = ({one.name for one in fields(kind)} for kind in (Options, Row))
    for name in given.keys() - of_options - of_row:
        near = difflib.get_close_matches(name, of_options | of_row, n=1)
        raise UsageError(
            f"unmix.deconvolve has no argument {name!r}",
            "columns of the samplesheet and parameters (docs/parameters.md)",
            f"did you mean {near[0]}?" if near else "remove it",
        )
    limit_threads(None)
    place = tempfile.TemporaryDirectory(prefix="unmix-")
    with contextlib.ExitStack() as stack:
        files = {name: _as_given(name, value, stack) for name, value in given.items()}
        files["bulk"] = stack.enter_context(as_file(bulk, "bulk in memory"))
        known = registry.local(reference, "references") if isinstance(reference, (str, Path)) else reference
        files["reference"] = stack.enter_context(as_file(known, "reference in memory"))
        machine = one_run.Machine(
            device=device,
            threads=None,
            say=say,
            progress=progress,
            command=_command(bulk, reference, given),
            pages=False,
        )
        row = Row(**{name: value for name, value in files.items() if name in of_row})
        settings = Options(**{name: value for name, value in files.items() if name in of_options})
        one_run.run(row, settings, Path(place.name), machine)
    return Results(place.name, place)


def _as_given(name: str, value: Any, stack: contextlib.ExitStack) -> Any:
    """Return an argument as a row of a samplesheet and the parameters have it: data as paths, lists as text."""
    import pandas as pd

    if value is None or isinstance(value, (bool, int, float)):
        return value
    if name in _DATA:
        return stack.enter_context(as_file(value, _DATA[name]))
    if name in _MAPS and not isinstance(value, (str, Path)):
        path = stack.enter_context(_table(pd.DataFrame(dict(value).items(), columns=list(_MAPS[name]))))
        return str(path) if name in ("mrna_per_cell", "prior") else path
    if name in _LISTS:
        return value if isinstance(value, str) else _LISTS[name].join(map(str, value))
    if name in ("methods", "controls"):
        return value if isinstance(value, str) else ",".join(value)
    if name == "settings":
        return (value,) if isinstance(value, str) else tuple(value)
    if name in ("samples", "contrasts") and not isinstance(value, (str, Path)):
        return stack.enter_context(_table(value if "sample" in value or name == "contrasts" else value.reset_index()))
    return Path(value) if name in _PATHS else value


@contextlib.contextmanager
def _table(values: pd.DataFrame) -> Iterator[Path]:
    """Yield the path of a table, a temporary file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table in memory.tsv"
        values.to_csv(path, sep="\t", index=False)
        yield path


def _command(bulk: Data, reference: Data, given: Mapping[str, Any]) -> list[str]:
    """Return the call as the record shows it: paths and settings, and the names of data in memory."""
    data = {"bulk": bulk, "reference": reference}
    first = [repr(str(value)) if isinstance(value, (str, Path)) else name for name, value in data.items()]
    plain = {name: value for name, value in given.items() if isinstance(value, (str, int, float, list, tuple, Path))}
    named = [f"{name}={str(value) if isinstance(value, Path) else value!r}" for name, value in plain.items()]
    return [f"unmix.deconvolve({', '.join([*first, *named])})"]
