"""Sweetwater: an autoencoder of pseudobulk and of the bulk, and fractions from its code (de la Fuente et al. 2023).

Three phases: rebuild pseudobulk; rebuild samples of the bulk; learn the fractions of pseudobulk. In the last phase the
decoder is not trained any more (code). `weight` keeps rebuilding the bulk, so that the code does not forget it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unmix.contract.method import Needs
from unmix.deep.output import fractions
from unmix.deep.recipe import ONE_NET, PREP, SIMULATION, Dense, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.settings import NonNegative, Rule, Share
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.deep.trainer import Session


class Recipe(Dense):
    """Recipe of Sweetwater."""

    until: tuple[Share, Share] = (0.2, 0.4)
    """Our choice: shares of the steps after which the first and the second phase end (code: early stopping)."""
    weight: NonNegative = 0.0
    """Of the squared error of the rebuilt bulk beside that of the fractions, in the last phase (code: 0)."""

    rules = (
        ONE_NET,
        Rule(("nets",), lambda s: s.nets[0].hidden, "a network with hidden layers, the last of which is the code"),
        Rule(("until",), lambda s: s.until[0] <= s.until[1] < 1, "ascending shares below 1"),
        Rule(
            ("train.patience",),
            lambda s: s.train.patience == 0,
            "0, because held-out pseudobulk would end the training before its last phase",
        ),
    )


@register
class Sweetwater(DeepMethod):
    """Squared error of the rebuilt expression, then of the fractions."""

    name = "sweetwater"
    needs = Needs(cells=True, bulk=True)
    transductive = True
    recipes = {
        "default": Recipe(
            prep=PREP,
            simulation=SIMULATION,
            nets=(Net(hidden=(256, 128)),),
            train=Train(steps=1000, batch=64, lr=1e-3, schedule="cosine"),
            weight=0.1,
        ),
        "published": Recipe(
            prep=Prep(genes="variance", top=3000, depth=0, sample="minmax"),
            simulation=Simulation(sparse=0.5, cells=100, cells_max=500, rounding="floor", samples=5000),
            nets=(Net(hidden=(1500, 750)),),  # code: a half and a quarter of the genes
            train=Train(steps=3000, batch=128, lr=1e-3),  # code: 1e-2, up to 1,000 epochs each
        ),
    }

    def network(self, recipe: Recipe, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build encoder, decoder and head."""
        from unmix.deep.nets.latent import Latent

        return Latent(recipe.nets[0], inputs, outputs, generator)

    def batch(self, session: Session) -> tuple[torch.Tensor, ...]:
        """Return what the phase needs: inputs of pseudobulk, or of the bulk, or of both and fractions."""
        now, number = phase(session), session.recipe.train.batch
        parts = session.pseudobulk(number)
        if now == 0:
            return (session.tensor(parts[0]),)
        bulk = session.task.bulk
        chosen = session.task.rng.integers(0, len(bulk), number)
        real = session.tensor(session.transform(bulk[chosen][:, session.genes]))
        return (real,) if now == 1 else (*map(session.tensor, parts), real)

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return the squared error of the phase."""
        *known, seen = batch
        if not known:
            return _squared(net.rebuilt(seen), seen)
        inputs, truth = known
        error, weight = _squared(fractions(net(inputs), net.output), truth), session.recipe.weight
        return error + weight * _squared(net.rebuilt(seen), seen) if weight else error

    def infer(self, net: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Return the fractions."""
        return fractions(net(inputs), net.output)


def phase(session: Session) -> int:
    """Return the number of the phase of this step, from 0."""
    recipe, done = session.recipe, session.step / session.recipe.train.steps
    return sum(done >= end for end in recipe.until)


def _squared(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return (one - other).square().mean()
