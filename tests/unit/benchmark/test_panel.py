"""The consensus of the panel as a row of the benchmark: what unmix_consensus.py gives, of the fits in the store."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from unmix import engine, methods
from unmix.benchmark import figures, fitting, panel, store, stress
from unmix.report.benchmark import benchmark


@pytest.fixture(scope="module")
def quick():
    """Train networks for a few steps only."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("dissect", "hascad"):
            kind = methods.get(name)
            patch.setitem(kind.recipes, "default", engine.resolve(kind, "default", ["train.steps=20"]))
        yield


@pytest.fixture(scope="module")
def whole(case, quick, tmp_path_factory):
    """Return a store with the fits of the panel and of a control; cells by the mRNA per cell of the reference."""
    folder = tmp_path_factory.mktemp("store")
    for name in (*methods.PANEL, "uniform"):
        store.write(folder, fitting.fit(case, name, "default", 0))
    return folder


def of(folder):
    """Return the consensus of a store: record and estimates."""
    (found,) = [(record, table) for record, table in panel.fits([folder]) if record.fit.method == "consensus"]
    return found


def copied(whole, folder, **changes):
    """Copy a store with changed records; None: without that fit."""
    for record, path in store.records([whole]):
        name = record.fit.method
        if changes.get(name, record) is None:
            continue
        members = {} if name == "uniform" else {test: store.member(path, test) for test in record.tests}
        new = changes.get(name, record)
        done = store.Done(new, store.estimates(path), members) if new.status == store.OK else store.Done(new)
        store.write(folder, done)
    return folder


def test_the_row_is_what_unmix_consensus_gives(whole, root, tmp_path):
    record, table = of(whole)
    assert record.status == "ok"
    longs = []
    for name in methods.PANEL:
        path = store.Fit("toy", name, "default", 0).path(whole)
        longs.append(store.members(path) / "cells" / "fractions_long.tsv")
    command = [sys.executable, root / "bin" / "unmix_consensus.py", *longs, "--out-dir", tmp_path, "--quiet"]
    subprocess.run(command, check=True)
    given = pd.read_csv(tmp_path / "fractions_long.tsv", sep="\t", float_precision="round_trip")
    found = table[table["test"] == "cells"]
    both = found.merge(given, on=["sample", "cell_type"], suffixes=("", "_given"))
    assert len(both) == len(found) == len(given)
    for column, other in (("estimate", "fraction"), ("lower", "lower_given"), ("upper", "upper_given")):
        # scaled to the sum of the compared types, which is 1
        np.testing.assert_allclose(both[column], both[other], rtol=0, atol=1e-12)
    assert both["lower"].notna().all()


def test_types_are_summed_after_the_mean_and_rna_is_compared_with_rna(whole):
    record, table = of(whole)
    assert record.tests["rna"]["quantity"] == "mrna"
    own = table[table["test"] == "rna"].pivot(index="sample", columns="cell_type", values="estimate")
    each = [store.estimates(store.Fit("toy", name, "default", 0).path(whole)) for name in methods.PANEL]
    wide = [t[t["test"] == "rna"].pivot(index="sample", columns="cell_type", values="estimate") for t in each]
    np.testing.assert_allclose(own, sum(wide) / len(wide), atol=1e-9)


def test_it_stands_in_every_table_and_on_the_page(whole):
    assert "consensus" in set(figures.overview(figures.table([whole]))["method"])
    row = figures.status([whole]).set_index("method").loc["consensus"]
    rest = figures.status([whole]).set_index("method").loc[list(methods.PANEL)]
    assert row["cpu_seconds"] == pytest.approx(rest["cpu_seconds"].sum(), abs=0.01)
    found, records = stress.gathered([whole])
    assert "consensus" in set(stress.tidy(found)["method"])
    assert not found.loc[found["method"] == "consensus", "control"].any()
    assert "consensus" in benchmark(found, records)


def test_without_a_member_there_is_no_row_and_it_says_so(whole, tmp_path):
    record, table = of(copied(whole, tmp_path, hascad=None))
    assert table is None
    assert record.said.endswith("the store has no fit of hascad")
    assert "the store has no fit of hascad" in benchmark(*stress.gathered([tmp_path]))


def test_a_member_that_does_not_apply_is_left_out_and_one_that_failed_is_not(whole, tmp_path):
    first = next(record for record, _ in store.records([whole]) if record.fit.method == "hascad")
    for status, said in ((store.NOT_APPLICABLE, "profiles"), (store.FAILED, "out of memory")):
        folder = copied(whole, tmp_path / status, hascad=replace(first, status=status, said=said, tests={}))
        record, table = of(folder)
        assert (record.status == "ok") == (status == store.NOT_APPLICABLE), record.said
    assert record.said == "a member of the consensus failed: hascad"
    assert table is None


def test_members_on_other_data_and_stores_without_fractions_give_none(whole, tmp_path):
    first = next(record for record, _ in store.records([whole]) if record.fit.method == "nnls")
    other, _ = of(copied(whole, tmp_path / "other", nnls=replace(first, case_digest="another")))
    assert "different data" in other.said
    folder = copied(whole, tmp_path / "before")
    path = first.fit.path(folder)
    digests = first.case_digest, first.settings_digest
    assert store.finished(folder, first.fit, *digests)
    for file in sorted(store.members(path).rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    store.members(path).rmdir()
    assert "not in the store" in of(folder)[0].said
    assert not store.finished(folder, first.fit, *digests)  # done again, so that there is a consensus
