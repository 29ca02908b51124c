"""NNICE: a network for every cell type and every quantile of its fraction (Jin et al. 2024).

Each network gives one quantile (.1, .25, .5, .75, .9) of one type by the pinball loss; all train side by side. The
quantiles of a type are then sorted. The medians, divided by their sum, are the estimate; the outer quantiles are the
bounds, which held-out pseudobulk corrects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from unmix.contract.blocks import in_blocks
from unmix.deep.recipe import ONE_NET, PREP, SIMULATION, TRAIN, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.methods import register
from unmix.settings import NonNegative, Rule
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.contract.model import Model
    from unmix.deep.trainer import Session


class Recipe(Deep):
    """Recipe of NNICE; `nets` contains one network; every cell type and quantile gets a copy."""

    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (0.1, 0.25, 0.5, 0.75, 0.9)
    """Code and paper; ascending, an odd number around the median."""
    apart: bool = True
    """Paper: a network for every type and quantile; False: for every type, whose quantiles share hidden layers."""
    bounded: bool = True
    """Our choice: outputs pass a logistic function; False: linear outputs, cut at 0 (code)."""
    nonnegative: bool = False
    """Code: biases of the (one) layer stay at 0 or above."""
    penalty: NonNegative = 0.0
    """Times the sum of squared weights, added to the loss of every network (L2 of Keras)."""

    rules = (
        ONE_NET,
        Rule(
            ("quantiles",),
            lambda s: (
                list(s.quantiles) == sorted({*s.quantiles}) and s.quantiles[len(s.quantiles) // 2 :][:1] == (0.5,)
            ),
            "ascending numbers with the median, 0.5, in their middle",
        ),
    )


@register
class Nnice(DeepMethod):
    """Pinball loss; the median is the estimate, the outer quantiles are its bounds."""

    name = "nnice"
    recipes = {
        "default": Recipe(
            prep=PREP,
            simulation=SIMULATION,
            nets=(Net(hidden=(64, 32)),),
            train=TRAIN,
        ),
        "published": Recipe(
            prep=Prep(genes="variance", top=3000, log="ln", sample="minmax"),
            simulation=Simulation(cells=500, samples=5000),
            nets=(Net(hidden=()),),
            train=Train(steps=500, batch=100, lr=1e-3),  # code: 10 epochs
            bounded=False,
            nonnegative=True,
            penalty=1e-4,
        ),
    }

    def network(self, recipe: Recipe, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build the networks of all types and quantiles."""
        from unmix.deep.nets.quantile import Quantiles

        return Quantiles(
            recipe.nets[0],
            apart=recipe.apart,
            bounded=recipe.bounded,
            nonnegative=recipe.nonnegative,
            inputs=inputs,
            types=outputs,
            quantiles=len(recipe.quantiles),
            generator=generator,
        )

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return the pinball loss, summed over the networks, and the penalty."""
        from unmix.deep.nets.quantile import pinball

        inputs, truth = batch
        recipe = session.recipe
        loss = pinball(net(inputs), truth, inputs.new_tensor(recipe.quantiles)).mean(0).sum()
        if recipe.penalty:
            loss = loss + recipe.penalty * sum(weight.square().sum() for weight in (net.first, *net.weights))
        return loss

    def infer(self, net: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Return the medians, divided by their sum."""
        quantiles = net(inputs)
        median = quantiles[..., quantiles.shape[-1] // 2].clamp(min=0)
        return median / median.sum(1, keepdim=True).clamp(min=1e-12)

    def estimate_with_bounds(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
        """Return the medians, and the lowest and the highest quantile."""
        import torch

        net, transform = self.restore(model, device)

        def of_block(block: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return net(torch.from_numpy(transform(block, present)).to(device)).float().cpu().numpy()

        quantiles = in_blocks(of_block, expression)
        lower, upper = (np.clip(quantiles[..., end], 0, 1) for end in (0, -1))
        return self.estimate(model, expression, present, device), (lower, upper)
