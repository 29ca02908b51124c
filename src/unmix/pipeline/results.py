"""Results in Python: tables of every method, figures, AnnData; of a run in memory or of a folder of results."""

from __future__ import annotations

import shutil
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmix import report
from unmix.errors import DataError
from unmix.io import tables
from unmix.io.fractions import QUANTITIES, read_fractions
from unmix.io.long_tables import read_long
from unmix.pipeline.start import make_room
from unmix.report.beside import write_beside
from unmix.report.plots import Plots
from unmix.report.words import count

if TYPE_CHECKING:
    import tempfile

    import anndata as ad
    import pandas as pd

    from unmix.comparison import Comparison
    from unmix.io.in_memory import Data
    from unmix.report.results import Result


class Estimates:
    """What one method estimated.

    Attributes
    ----------
    name, title
        Of the method, in unmix and as people write it.
    quantity
        What the estimates are: a key of :data:`unmix.io.fractions.QUANTITIES`.
    fractions, lower, upper
        Samples x cell types; the estimates and the ends of their intervals.
    flags
        One text per sample: ``ok`` or reasons joined by ``;``.
    metrics
        Accuracy against known fractions, as ``metrics.tsv``; None without them.
    messages
        What was told of it, in sentences.
    """

    def __init__(self, result: Result, folder: Path, kept: object = None) -> None:
        self._result, self._folder, self._kept = result, folder, kept  # a temporary folder lives as long as its readers
        self.name, self.title, self.quantity = result.name, result.title, result.quantity
        self.fractions, self.lower, self.upper = result.values, result.lower, result.upper
        self.flags, self.metrics = result.flags, result.metrics
        self.messages: list[str] = list(result.run.get("messages", []))

    @cached_property
    def mrna(self) -> pd.DataFrame | None:
        """The same estimates as fractions of mRNA (samples x cell types); None where they are not known."""
        path = self._folder / "fractions_mrna.tsv"
        return read_fractions(path)[0] if path.exists() else None

    @cached_property
    def states(self) -> pd.DataFrame | None:
        """A row per sample and cell state, with its interval; None where the reference has no states."""
        path = self._folder / "states.tsv"
        return read_long(path, ("sample", "cell_state", "cell_type")) if path.exists() else None

    @cached_property
    def levels(self) -> pd.DataFrame | None:
        """A row per level, sample and group of cell types, with its interval; None without levels of cell types."""
        path = self._folder / "levels.tsv"
        return read_long(path, ("sample", "level", "cell_type", "members", "flag")) if path.exists() else None

    def __repr__(self) -> str:
        samples, types = self.fractions.shape
        return f"{self.title}: {count(samples, 'sample')} x {count(types, 'cell type')} ({QUANTITIES[self.quantity]})"


class Results(Estimates):
    """The estimates of the consensus, else of the first method that could be applied, with those of all methods.

    Attributes
    ----------
    methods
        :class:`Estimates` of every method by name, controls last.
    skipped
        Name of a method that could not be applied or failed, to the reason.
    messages
        What was found in the bulk and in the reference, and told of the estimates, in sentences.

    Examples
    --------
    >>> import unmix
    >>> reference, bulk = unmix.toy()
    >>> results = unmix.deconvolve(bulk, reference, methods="nnls", controls="uniform")
    >>> results
    Results of Non-negative least squares: 24 samples x 6 cell types (cell fraction)
      methods: nnls, uniform
    >>> results.methods["uniform"].fractions.iloc[0, 0].round(3).item()
    0.167
    >>> results.to_anndata().obsm["fractions"].shape
    (24, 6)
    """

    def __init__(self, folder: Path | str, kept: tempfile.TemporaryDirectory[str] | None = None) -> None:
        place = Path(folder)
        self._read, self._place = report.read_results(place), place
        if not self._read.methods:
            first = self._read.skipped[0]
            raise DataError(f"{place} holds no fractions: {first.error['found']}", "fractions", first.error["do"])

        def of(result: Result) -> Estimates:
            own = place / result.name
            return Estimates(result, own if own.is_dir() else place, kept)

        self.methods = {result.name: of(result) for result in self._read.methods}
        lead = self.methods[self._read.headline.name]
        super().__init__(lead._result, lead._folder, kept)
        self.skipped = {one.name: one.error["found"] for one in self._read.skipped if not one.part}
        found = [row["sentence"] for row in self._read.checks]
        self.messages = list(dict.fromkeys([*self._read.reference, *found, *self.messages]))

    @property
    def plot(self) -> Plots:
        """Figures by ``plot.bars()``, ``plot.heatmap()`` and ``plot.agreement()``."""
        return Plots(self._read)

    def to_anndata(self, bulk: ad.AnnData | None = None) -> ad.AnnData:
        """Return the bulk with the estimates.

        Parameters
        ----------
        bulk
            Samples x genes, which are copied; by default the checked bulk (linear values). Samples without estimates
            get missing values.

        Returns
        -------
        AnnData
            ``obsm["fractions"]``, ``obsm["fractions_lower"]``, ``obsm["fractions_upper"]`` and, where it is known,
            ``obsm["fractions_mrna"]`` (samples x cell types), ``obs["fractions_flag"]``, and in
            ``uns["unmix_results"]`` the method and the quantity.
        """
        data = tables.read_h5ad(self._place / "check" / "bulk.h5ad") if bulk is None else bulk.copy()
        parts = {"": self.fractions, "_lower": self.lower, "_upper": self.upper, "_mrna": self.mrna}
        for name, table in parts.items():
            if table is not None:
                data.obsm[f"fractions{name}"] = table.reindex(data.obs_names)
        if self.flags is not None:
            data.obs["fractions_flag"] = self.flags.reindex(data.obs_names)
        data.uns["unmix_results"] = {"method": self.name, "quantity": self.quantity}
        return data

    def compare(self, samples: Data, contrasts: Data | None = None, **options: Any) -> Comparison:
        """Compare groups of samples (see :func:`unmix.compare`)."""
        from unmix.comparison import compare

        return compare(self._folder / "fractions_long.tsv", samples, contrasts, **options)

    def write(self, folder: Path | str, title: str = "") -> Path:
        """Write all tables and the report to a folder, laid out as ``unmix_run.py`` and the pipeline do; return it.

        Raises
        ------
        UsageError
            If the folder holds results of other methods.
        """
        out = Path(folder)
        make_room(out, [*self.methods, *self.skipped])
        shutil.copytree(self._place, out, dirs_exist_ok=True)
        page = out / "report.html"
        if title or not page.exists():
            results = report.read_results(out)
            page.write_text(report.render(results, title), encoding="utf-8")
            write_beside(results, title, lambda name: out / name)
        return out

    def __repr__(self) -> str:
        lines = [f"Results of {super().__repr__()}", f"  methods: {', '.join(self.methods)}"]
        if self.skipped:
            lines.append(f"  skipped: {', '.join(self.skipped)}")
        flagged = 0 if self.flags is None else int((self.flags != "ok").sum())
        if flagged:
            lines.append(f"  flagged: {flagged} of {count(len(self.flags), 'sample')} (see .flags)")
        return "\n".join(lines)


def read_results(folder: Path | str) -> Results:
    """Read a folder of results: of ``unmix_run.py``, of a row of the pipeline, or of :meth:`Results.write`.

    Raises
    ------
    DataError
        No folder of results, or no method could be applied.

    Examples
    --------
    >>> import tempfile, unmix
    >>> reference, bulk = unmix.toy()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place = unmix.deconvolve(bulk, reference, methods="nnls", controls="none").write(folder)
    ...     unmix.read_results(place).fractions.shape
    (24, 6)
    """
    return Results(folder)
