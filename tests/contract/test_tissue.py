"""Every method on a tissue that is no blood: no published mRNA per cell, cells of unlike size, one type of few cells.

The types have names that are no cells of blood, with blanks and slashes, one is malignant, and the bulk has other genes
than the reference. It is mixed of the reference's cells without noise, so that all that is left is a bias: fractions of
cells are those of the mixture by every method, whichever quantity it estimates itself.
"""

from __future__ import annotations

import functools
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scipy.sparse import csr_matrix

import unmix
from unmix import engine, methods
from unmix.errors import NotApplicable
from unmix.simulate.pseudobulk import pseudobulk
from unmix.simulate.recipe import Simulation
from unmix.simulate.toy import as_profiles, toy

METHODS = methods.all_methods()
#: mRNA of a cell by type, relative to the first; cells of the fifth are few.
SIZES = {
    "acinar": 1.0,
    "Ex_L2/3": 0.15,
    "cluster 7": 0.4,
    "ductal cell": 0.25,
    "stellate": 0.6,
    "tumour": 0.8,
}
FEW, MALIGNANT = "stellate", "tumour"
SAMPLES = 20
#: Largest mean error of a type, in fractions of cells. A wrong mRNA per cell gives .1 to .3. Networks train briefly.
CLASSICAL, NETWORK = 0.04, 0.09
#: Further off by what they are: one expects the noise of a platform and takes none for fewer cells of more mRNA, the
#: divergence of the other draws to the middle.
BOUNDS = {"rnasieve": 0.08, "digitaldlsorter": 0.14}


@functools.cache
def tissue() -> tuple[ad.AnnData, ad.AnnData]:
    """Return a reference of four donors, and a bulk of its cells that lacks a tenth of its genes and has others."""
    rng, cells = np.random.default_rng(0), toy(cell_types=tuple(SIZES))[0]
    of = cells.obs["cell_type"].astype(str)
    kept = rng.binomial(cells.X.toarray().astype(int), of.map(SIZES).to_numpy()[:, None])
    cells.X = csr_matrix(kept, dtype=np.float32)
    few = (of == FEW) & (np.arange(cells.n_obs) % 15 > 1)
    reference = cells[~few.to_numpy()].copy()
    mixed = pseudobulk(reference, Simulation(cells=500), SAMPLES, 1)
    genes = np.sort(rng.permutation(mixed.n_vars)[mixed.n_vars // 10 :])
    others = rng.poisson(100, (SAMPLES, 50))
    bulk = ad.AnnData(np.hstack([mixed.X[:, genes], others]).astype(float), mixed.obs, uns=dict(mixed.uns))
    bulk.var_names = [*mixed.var_names[genes], *(f"OTHER{i}" for i in range(50))]
    bulk.obsm.update({name: mixed.obsm[name] for name in mixed.obsm})
    return reference, bulk


def train(name, tmp_path_factory):
    reference, bulk = tissue()
    needs, given = METHODS[name].needs, {}
    if needs.bulk:
        given["bulk"] = bulk
    if needs.calibration:
        given["calibration"] = bulk, bulk.obsm["cell_fractions"]
    if needs.malignant:
        given["malignant"] = [MALIGNANT]
    if needs.prior:
        given["prior"] = dict.fromkeys(SIZES, 1 / len(SIZES))
    if needs.gene_sets:
        sets = Path(tmp_path_factory.mktemp("sets")) / "sets.gmt"
        sets.write_text("".join(f"{name}\t\t" + "\t".join(reference.var_names[at : at + 40]) + "\n"
                                for name, at in {"StromalSignature": 0, "ImmuneSignature": 40}.items()))  # fmt: skip
        given["gene_sets"] = [sets]
    cells = as_profiles(reference) if needs.profiles else reference
    return engine.train(name, cells, device="cpu", quick=True, **given)


@pytest.fixture(scope="session")
def found(tmp_path_factory):
    """Return a function that gives the fractions of cells by a method, and what was said; each is trained once."""

    @functools.cache
    def estimate(name):
        said = []
        fractions = engine.predict(
            train(name, tmp_path_factory), tissue()[1], device="cpu", mrna_per_cell="auto", say=said.append
        )
        return fractions, " ".join(said)

    return estimate


def gives_levels(name):
    method = METHODS[name]
    return method.info.family != "control" and method.quantity in ("cell", "mrna") and not method.needs.profiles


@pytest.mark.parametrize("name", METHODS)
def test_it_estimates_or_says_why_not(name, found):
    try:
        fractions, said = found(name)
    except NotApplicable as error:
        if all((error.found, error.expected, error.do)):
            return
        raise
    values = fractions.values
    assert np.isfinite(values.to_numpy()).all()
    if METHODS[name].needs.malignant:
        assert set(values) == {"malignant", "normal"}
    elif not METHODS[name].needs.gene_sets:
        assert set(values) == set(SIZES)
    if fractions.mrna_per_cell:
        assert fractions.quantity == "cell"
    elif METHODS[name].info.family != "control" and fractions.quantity != "score":
        assert "mRNA per cell" in said, "why these are no fractions of cells is not said"


@pytest.mark.parametrize("name", [name for name in METHODS if gives_levels(name)])
def test_fractions_of_cells_are_those_of_the_mixture(name, found):
    truth = tissue()[1].obsm["cell_fractions"]
    fractions = found(name)[0]
    off = (fractions.values[list(truth)] - truth.to_numpy()).mean().abs().max()
    network = METHODS[name].info.family == "deep"
    assert off < BOUNDS.get(name, NETWORK if network else CLASSICAL), f"{off:.3f}"
    if not METHODS[name].needs.calibration:
        counts = tissue()[0].obs.assign(sum=tissue()[0].X.sum(1).A1).groupby("cell_type", observed=True)["sum"].mean()
        assert fractions.quantity == "cell"
        assert fractions.mrna_per_cell["values"] == pytest.approx(counts.to_dict(), abs=0.01)


def test_the_default_consensus_gives_an_answer(found):
    said, truth = [], tissue()[1].obsm["cell_fractions"]
    fractions = unmix.consensus([found(name)[0] for name in methods.PANEL], say=said.append)
    assert list(fractions.tables["members"].columns[3:]) == list(methods.PANEL)
    assert not [sentence for sentence in said if "left out" in sentence or "no intervals" in sentence]
    assert fractions.quantity == "cell"
    assert np.abs(fractions.values[list(truth)] - truth.to_numpy()).to_numpy().mean() < 0.05
    inside = (fractions.lower[list(truth)] <= truth.to_numpy()) & (truth.to_numpy() <= fractions.upper[list(truth)])
    assert inside.to_numpy().mean() > 0.85
