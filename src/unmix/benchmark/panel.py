"""The default answer as a row of the benchmark: the consensus of the panel, made of the fits of its members.

Nothing is trained. The fractions that the fits of the members keep in the store are combined by the function of
``unmix_consensus.py``, in the order of the panel, and compared with the known fractions as those of a method are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from unmix import __version__, methods
from unmix.benchmark import store
from unmix.benchmark.store import Record
from unmix.engine.consensus import consensus
from unmix.errors import UnmixError
from unmix.evaluation import pairing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

#: Its name, where those of methods stand.
NAME = "consensus"


def is_control(name: str) -> bool:
    """Return whether a row of the benchmark is of a control."""
    return name != NAME and methods.get(name).info.family == "control"


def fits(stores: Sequence[Path]) -> list[tuple[Record, pd.DataFrame | None]]:
    """Return every fit of some stores with its estimates, and the consensus of every case, recipe and seed.

    Where the store holds a fit of one member of the panel and not those of all, the record of the consensus says what
    is missing.
    """
    found, groups = [], {}
    for record, path in store.records(stores):
        found.append((record, store.estimates(path) if record.status == store.OK else None))
        if record.fit.method in methods.PANEL:
            members = groups.setdefault((record.fit.case, record.fit.recipe, record.fit.seed), {})
            members[record.fit.method] = record, path
    panels = [{name: members[name] for name in methods.PANEL if name in members} for members in groups.values()]
    return found + [_combined(members) for members in panels]


def _combined(members: dict[str, tuple[Record, Path]]) -> tuple[Record, pd.DataFrame | None]:
    """Return the consensus of the members of the panel that are there, by name, and its estimates."""
    import pandas as pd

    records = [record for record, _ in members.values()]
    first = records[0]
    whole = Record(
        replace(first.fit, method=NAME),
        store.NOT_APPLICABLE,
        first.case_digest,
        "-".join(record.settings_digest for record in records),
        __version__,
        _missing(members),
        train_cpu_seconds=round(sum(record.train_cpu_seconds for record in records), 2),
        cpu_seconds=round(sum(record.cpu_seconds for record in records), 2),
        peak_memory_mb=max(record.peak_memory_mb for record in records),
        case_said=first.case_said,
    )
    if whole.said:
        return whole, None
    applied = {name: given for name, given in members.items() if given[0].status == store.OK}
    tables, tests = [], {}
    for test, facts in next(iter(applied.values()))[0].tests.items():
        told = {name: facts[name] for name in ("scenario", "level", "counts")}
        try:
            pairs = _pairs(applied, test)
        except UnmixError as error:
            tests[test] = told | {"error": str(error)}
            continue
        tables.append(pairs.long().assign(test=test))
        tests[test] = told | {"quantity": pairs.quantity, "notes": pairs.notes}
    if not tables:
        return replace(whole, tests=tests, said=next(iter(tests.values()))["error"]), None
    quantity = next(facts["quantity"] for facts in tests.values() if "quantity" in facts)
    return replace(whole, status=store.OK, tests=tests, quantity=quantity), pd.concat(tables)


def _missing(members: dict[str, tuple[Record, Path]]) -> str:
    """Return why there is no consensus of these members of the panel; empty if there is one."""
    lacking = [name for name in methods.PANEL if name not in members]
    failed = [name for name, (record, _) in members.items() if record.status == store.FAILED]
    applied = [path for record, path in members.values() if record.status == store.OK]
    if lacking:
        return f"the consensus is made of {', '.join(methods.PANEL)}, and the store has no fit of {', '.join(lacking)}"
    if failed:
        return f"a member of the consensus failed: {', '.join(failed)}"
    if len({record.case_digest for record, _ in members.values()}) > 1:
        return "the members of the consensus were fitted on different data; repeat unmix_benchmark.py fit"
    if not all(store.members(path).is_dir() for path in applied):
        return "the fractions of its members are not in the store; repeat unmix_benchmark.py fit"
    if len(applied) < 2:
        return f"of the members of the consensus, {len(applied)} can be applied"
    return ""


def _pairs(members: dict[str, tuple[Record, Path]], test: str) -> pairing.Pairs:
    """Return the consensus of a test beside the truth.

    Raises
    ------
    UnmixError
        If a member has no estimates of the test, or the members cannot be combined.
    """
    for name, (record, _) in members.items():
        if "error" in record.tests[test]:
            raise UnmixError(f"no estimates of {name}: {record.tests[test]['error']}")
    notes: list[str] = []
    fractions, how = zip(*(store.member(path, test) for _, path in members.values()), strict=True)
    found = consensus(fractions, say=notes.append)
    record, path = next(iter(members.values()))
    known = store.estimates(path).query("test == @test")
    samples, types = (list(dict.fromkeys(known[name])) for name in ("sample", "cell_type"))
    truth = known.pivot(index="sample", columns="cell_type", values="truth").loc[samples, types]
    pairs = pairing.pair(found.values, truth, quantity=record.tests[test]["quantity"], long=found.long(), **how[0])
    return replace(pairs, notes=[*notes, *pairs.notes])
