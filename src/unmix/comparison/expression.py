"""Expression of every cell type from a model, or from given fractions with the differences between groups."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import pandas as pd

from unmix.comparison.contrasts import contrasts_of, read_contrasts
from unmix.comparison.differential import compared
from unmix.comparison.samples import column, match, read_samples
from unmix.contract.method import silent
from unmix.engine import expression, given_fractions
from unmix.engine.reading import checked, checked_for, model_of
from unmix.errors import UsageError
from unmix.io.fractions import read_fractions
from unmix.io.in_memory import as_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import anndata as ad

    from unmix.comparison.contrasts import Contrast
    from unmix.contract.model import Model
    from unmix.io.fractions import Fractions
    from unmix.io.in_memory import Data
    from unmix.io.layers import Layered


@dataclass(frozen=True)
class TypeExpression:
    """Expression from given fractions.

    Attributes
    ----------
    expression
        Samples x genes, two layers per cell type (docs/data_contracts.md).
    groups
        ``group cell_type gene expression informed measured reference``.
    differential
        ``contrast cell_type gene ...`` of :func:`unmix.comparison.differential.compared`; None without groups.
    """

    expression: Layered
    groups: pd.DataFrame
    differential: pd.DataFrame | None


def express(
    model: Model | Path | str,
    bulk: Data,
    *,
    unit: str = "auto",
    orthologs: bool = False,
    gene_map: Mapping[str, str] | Path | str | None = None,
    fractions: Fractions | Data | None = None,
    samples: Path | str | pd.DataFrame | None = None,
    contrasts: Path | str | pd.DataFrame | None = None,
    condition: str | None = None,
    reference: str | None = None,
    seed: int = 0,
    say: Callable[[str], None] = silent,
    **options: Any,
) -> ad.AnnData:
    """Estimate the expression of every cell type (see :func:`unmix.engine.expression.express`).

    Parameters
    ----------
    model
        Of a method that estimates expression; with `fractions` of any method, for the profiles of its reference.
    bulk, unit
        A file or data in memory, and its unit.
    orthologs, gene_map
        As for :func:`unmix.io.check.read_bulk`.
    fractions
        Given fractions: what :func:`unmix.predict` or :func:`unmix.deconvolve` returns, or ``fractions_mrna.tsv``, as a
        file or a table of that form (samples x types, the index named ``sample (mRNA fraction)``).
    samples, contrasts, condition, reference
        Groups of the samples, as for :func:`unmix.compare`.
    seed
        Of the permutations.
    say
        Takes sentences.
    options
        ``device``, without `fractions`.

    Returns
    -------
    AnnData
        Samples x genes, a layer per cell type (docs/data_contracts.md). From given fractions also ``uns["groups"]``,
        the profiles of the groups, and with `samples` ``uns["differential"]``, what differs within the types.

    Examples
    --------
    >>> import unmix
    >>> reference, bulk = unmix.toy(samples=4)
    >>> found = unmix.express(unmix.train("bayesprism", reference, quick=True), bulk)
    >>> len(found.layers), found.n_obs
    (6, 4)

    From the fractions of any method:

    >>> model = unmix.train("nnls", reference)
    >>> found = unmix.express(model, bulk, fractions=unmix.predict(model, bulk))
    >>> found.uns["groups"].columns[:4].tolist()
    ['group', 'cell_type', 'gene', 'expression']
    """
    check_questions(fractions, samples, contrasts, condition, reference)
    trained, named = model_of(model), {"orthologs": orthologs, "gene_map": gene_map}
    if fractions is None:
        data = checked_for([trained], bulk, unit, say, **named)
        return expression.express(trained, data, say=say, **options).in_memory()
    asked = {"samples": samples, "contrasts": contrasts, "condition": condition, "reference": reference}
    found = from_fractions(trained, bulk, fractions, unit=unit, seed=seed, say=say, **named, **asked, **options)
    tables = {"groups": found.groups, "differential": found.differential}
    made = found.expression.in_memory()
    made.uns.update({name: table for name, table in tables.items() if table is not None})
    return made


def check_questions(fractions: object, samples: object, contrasts: object, *of_groups: str | None) -> None:
    """Refuse options that would be ignored.

    Raises
    ------
    UsageError
        Groups without given fractions, contrasts and a condition or a reference both, or these without samples.
    """
    if samples is not None and fractions is None:
        raise UsageError("--samples without --fractions", "given fractions", "add --fractions fractions_mrna.tsv")
    if samples is None and (contrasts is not None or any(of_groups)):
        raise UsageError(
            "--contrasts, --condition or --reference without --samples", "a table of samples", "add --samples"
        )
    if contrasts is not None and any(of_groups):
        raise UsageError(
            "--contrasts with --condition or --reference", "one of them: contrasts name both", "remove one of them"
        )


def from_fractions(
    model: Model,
    bulk: Data,
    fractions: Fractions | Data,
    *,
    unit: str = "auto",
    samples: Path | str | pd.DataFrame | None = None,
    contrasts: Path | str | pd.DataFrame | None = None,
    condition: str | None = None,
    reference: str | None = None,
    seed: int = 0,
    say: Callable[[str], None] = silent,
    **named: Any,
) -> TypeExpression:
    """Estimate expression from given fractions, and what differs within the types between groups of samples.

    Parameters as for :func:`express`.

    Raises
    ------
    DataError
        Bulk, fractions, model and samples do not belong together.
    UsageError
        The fractions are not of mRNA, or a column is not there.
    """
    table, quantity = _of_mrna(fractions)
    data = checked(bulk, unit, model.facts["reference_genes"], say, **named)
    found = given_fractions.prepare(data, table, quantity, model)
    if lost := sorted({*data.obs_names.astype(str)} ^ {*table.index.astype(str)}):
        say(f"Left out, because bulk or fractions lack them: {', '.join(lost[:5])} ({len(lost):,}).")
    if samples is None:
        groups, differences = pd.Series("all samples", index=found.samples), None
    else:
        known, questions = asked(samples, contrasts, found.samples, condition, reference, say)
        groups = known[questions[0].variable]
        groups = groups[groups != ""]
        differences = compared(found, known, questions, say, seed)
    expression_of, by_group = given_fractions.by_sample_and_group(found.of(list(groups.index)), groups)
    measured = by_group.groupby("cell_type", sort=False)["measured"].mean()
    told = ", ".join(f"{name} {share:.0%}" for name, share in measured.items())
    say(f"Genes whose profile in a group is a measurement rather than that of the reference: {told}.")
    return TypeExpression(expression_of, by_group, differences)


def asked(
    samples: Path | str | pd.DataFrame,
    contrasts: Path | str | pd.DataFrame | None,
    measured: Sequence[str],
    condition: str | None,
    reference: str | None,
    say: Callable[[str], None],
) -> tuple[pd.DataFrame, list[Contrast]]:
    """Return the table of the samples that were measured, and the contrasts of groups.

    Raises
    ------
    DataError
        Samples of one side are not those of the other; or a group is not there; or no contrast is of groups.
    UsageError
        There is no column of this name.
    """
    table = read_samples(samples)
    if contrasts is None:
        column(table, condition or "condition", "--condition")
    shared = match(measured, list(table.index), say)
    known = table.loc[shared]
    if contrasts is None:
        return known, contrasts_of(known, condition or "condition", reference, (), False, say)
    given = read_contrasts(contrasts, table)
    questions = [one for one in given if not one.continuous]
    if len(questions) < len(given):
        amounts = ", ".join(one.id for one in given if one.continuous)
        say(f"Not tested within cell types, because their variable is an amount: {amounts}.")
    if not questions:
        raise UsageError("no contrast is of groups", "a contrast with reference and target", "add one to --contrasts")
    if blocked := [one.id for one in questions if one.blocking]:
        say(f"Blocks and covariates are not taken out of the differences within cell types: {', '.join(blocked)}.")
    if len({one.variable for one in questions}) > 1:
        say(f"The profiles by group are those of the column {questions[0].variable!r}.")
    return known, questions


def _of_mrna(fractions: Fractions | Data) -> tuple[pd.DataFrame, str]:
    """Return given fractions (samples x types) and their quantity; of an answer those of mRNA, where it has them."""
    if isinstance(fractions, (str, PathLike, pd.DataFrame)):
        with as_file(fractions, "given fractions in memory") as path:
            return read_fractions(path)
    if fractions.mrna is not None:
        return fractions.mrna, "mrna"
    return getattr(fractions, "values" if hasattr(fractions, "sums") else "fractions"), fractions.quantity
