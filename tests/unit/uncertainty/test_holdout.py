"""What is held out: donors that stop, donors that calibrate, and pseudobulk of one donor each."""

from __future__ import annotations

import numpy as np
import pytest

from unmix import engine, methods
from unmix.io.fractions import normalised
from unmix.reference import Reference
from unmix.simulate.pseudobulk import Simulator
from unmix.simulate.recipe import Simulation
from unmix.simulate.toy import toy
from unmix.uncertainty import conformal, holdout, single_donors


def unlike(seed: int, donors: int, deviation: float = 0.5):
    """Return a toy reference whose donors differ in every gene of every type."""
    from scipy.sparse import csr_matrix

    reference, rng = toy(seed, genes=400, donors=donors)[0], np.random.default_rng(seed)
    counts = reference.X.toarray()
    for group in reference.obs.groupby(["donor", "cell_type"], observed=True).indices.values():
        counts[group] = rng.poisson(counts[group] * np.exp(rng.normal(0, deviation, counts.shape[1])))
    reference.X = csr_matrix(counts, dtype=np.float32)
    return reference


def test_intervals_hold_the_level_in_donors_that_are_single():
    """A patient is one donor, further from the reference than pseudobulk of several donors is."""
    reference, method, inside = unlike(0, 32), methods.get("nnls"), []
    known = reference.obs["donor"].isin([f"donor{i + 1}" for i in range(16)]).to_numpy()
    model = engine.train("nnls", reference[known].copy(), device="cpu")
    unseen, rng = Reference.from_anndata(reference[~known].copy()), np.random.default_rng(1)
    recipe = Simulation(sparse=0.5, cells=500, platform=0.5, subtypes="dirichlet", donors="same")
    drawn = Simulator(unseen, recipe, rng).draw(400, rng)
    places = np.searchsorted(unseen.genes, model.genes)
    estimate = method.estimate(model, drawn.expression[:, places], np.ones(len(places), bool), "cpu")
    estimate = normalised(estimate)
    bounds = conformal.interval(estimate, estimate, model.arrays["intervals.scores"], 0.9)
    inside = conformal.coverage(*bounds, drawn.truth(model.quantity)).mean()
    assert 0.88 < inside < 0.95  # pseudobulk of pooled donors: 0.82


def test_a_type_that_a_donor_lacks_is_lent_by_the_others():
    cells = Reference.from_anndata(toy()[0])
    first = cells.cell_types[0]
    own = cells.select(~((cells.donor_of == 1) & (cells.type_of == 0)))
    lent = single_donors.donors(own)
    assert len(lent) == 4
    assert set(lent[1].donor_of[lent[1].type_of == 0]) == {0, 2, 3}
    assert set(lent[1].donor_of[lent[1].type_of != 0]) == {1}
    assert set(lent[0].donor_of) == {0}
    drawn = single_donors.draw(own, Simulation(cells=50), 10, np.random.default_rng(0))
    assert drawn.cell_fractions.shape == (10, 6)
    assert drawn.cell_fractions[:, own.cell_types.index(first)].any()


def test_donors_of_few_types_are_pooled_and_it_is_said():
    reference, _ = toy(donors=6)
    types = np.unique(reference.obs["cell_type"].astype(str))
    donor = reference.obs["donor"].astype(str).str.removeprefix("donor").astype(int).to_numpy() - 1
    # every donor has one type of its own and no other
    few = reference[reference.obs["cell_type"].astype(str).to_numpy() == types[donor]].copy()
    for given, pooled in ((few, True), (reference, False)):
        said = []
        model = engine.train("nnls", given, device="cpu", say=said.append)
        assert model.facts["intervals"]["pooled"] == pooled
        assert sum("pooled donors" in sentence for sentence in said) == pooled


@pytest.mark.parametrize("donors", [2, 8, 12])
def test_stopping_and_intervals_see_other_donors_or_cells(donors, monkeypatch):
    """A network is stopped where its error on some donors is least, which makes it look better on these."""
    from unmix.methods.scaden import Scaden

    reference, tasks, calibrating = toy(donors=donors)[0], [], []
    reference.X.data[:] = np.arange(1, 1 + len(reference.X.data))  # so that cells can be told apart
    fit, scores = Scaden.fit, holdout.scores
    monkeypatch.setattr(Scaden, "fit", lambda self, task: tasks.append(task) or fit(self, task))
    monkeypatch.setattr(holdout, "scores", lambda *given: calibrating.append(given[2]) or scores(*given))
    engine.train("scaden", reference, quick=True, device="cpu", settings=["train.steps=1"])
    parts = [tasks[0].train, tasks[0].validation, calibrating[0]]
    for tell in (lambda part: set(part.total_counts), lambda part: set(part.donor_of)):
        if donors == 2 and tell(parts[0]) <= {0, 1}:
            continue  # too few donors to hold one out
        known = [tell(part) for part in parts]
        assert all(known)
        assert not known[0] & known[1]
        assert not known[0] & known[2]
        assert not known[1] & known[2]
    assert all(part.cells_per_type().all() for part in parts)
