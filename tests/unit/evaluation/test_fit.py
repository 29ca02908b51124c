"""The fit of a sample: good where the reference explains it, worst where it does not, and the genes are named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from unmix import engine, report
from unmix.evaluation.fit import SHOWN, fit
from unmix.io.fractions import write_fractions
from unmix.simulate.toy import toy


@pytest.fixture(scope="module")
def data():
    reference, bulk = toy(samples=12)
    model = engine.train("nnls", reference, device="cpu", quick=True)
    return model, bulk


def test_a_strange_sample_is_the_worst_and_its_genes_are_named(data):
    model, bulk = data
    bulk = bulk.copy()
    whole = fit(model, bulk, engine.predict(model, bulk, device="cpu"))["fit"]
    assert (whole["correlation"] > 0.9).all()
    markers = fit(model, bulk, engine.predict(model, bulk, device="cpu"))["fit_markers"]["gene"].unique()
    raised, silenced = list(markers[:3]), list(markers[5:8])
    strange = bulk.obs_names[4]
    bulk[strange, raised].X *= 30
    bulk[strange, silenced].X *= 0
    bulk.X[7] = np.random.default_rng(0).permutation(bulk.X[7])
    found = fit(model, bulk, engine.predict(model, bulk, device="cpu"))
    rows = found["fit"]
    assert rows["correlation"].idxmin() == bulk.obs_names[7]
    assert rows["correlation"].nsmallest(2).index[1] == strange
    assert set(raised) <= set(rows.loc[strange, "higher"].split(","))
    assert set(silenced) & set(rows.loc[strange, "lower"].split(","))
    shown = found["fit_markers"]
    assert list(dict.fromkeys(shown.index))[:2] == [bulk.obs_names[7], strange]
    assert shown.index.nunique() == SHOWN
    own = shown.loc[strange].set_index("gene")
    assert (own.loc[raised, "observed"] > 4 * own.loc[raised, "fitted"]).all()


def test_another_platform_that_all_samples_share_is_not_a_poor_fit(data):
    model, bulk = data
    factors = np.random.default_rng(1).lognormal(0, 1, bulk.n_vars)
    other = bulk.copy()
    other.X = other.X * factors
    fractions = engine.predict(model, bulk, device="cpu")
    here, there = (fit(model, one, fractions)["fit"]["correlation"] for one in (bulk, other))
    assert (there > here - 0.1).all()


def test_scores_have_no_fit(data):
    model, bulk = data
    fractions = replace(engine.predict(model, bulk, device="cpu"), mrna=None, quantity="score")
    assert fit(model, bulk, fractions) == {}


def test_the_page_shows_the_worst_sample_first(data, tmp_path):
    model, bulk = data
    bulk = bulk.copy()
    bulk.X[7] = np.random.default_rng(0).permutation(bulk.X[7])
    fractions = engine.predict(model, bulk, device="cpu")
    write_fractions(replace(fractions, tables=fit(model, bulk, fractions)), lambda name: tmp_path / name)
    page = report.render(report.read_results(tmp_path))
    section = page[page.index('<section id="fit">') :]
    section = section[: section.index("</section>")]
    names = [name for name in bulk.obs_names if f'<th scope="row">{name}</th>' in section]
    assert len(names) == 12
    first = section.index(f'<th scope="row">{bulk.obs_names[7]}</th>')
    assert all(first <= section.index(f'<th scope="row">{name}</th>') for name in names)
    assert section.count("<svg") == SHOWN
