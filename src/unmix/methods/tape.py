"""TAPE: an autoencoder whose latent space is the fractions and whose decoder is a signature (Chen et al. 2022).

loss = |fractions - truth| + weight x |decoder(fractions) - input|
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from unmix.deep.output import fractions
from unmix.deep.preprocessing import Transform
from unmix.deep.profiles import attributed
from unmix.deep.recipe import ONE_NET, PREP, SIMULATION, TRAIN, Deep, Net, Prep, Train
from unmix.deep.trainer import DeepMethod
from unmix.io.units import per_million
from unmix.methods import register
from unmix.settings import Count, LearningRate, NonNegative
from unmix.simulate.recipe import Simulation

if TYPE_CHECKING:
    import torch

    from unmix.contract.model import Model
    from unmix.deep.trainer import Session

HIDDEN = (512, 256, 128, 64)  # code


class Recipe(Deep):
    """Recipe of TAPE."""

    weight: NonNegative = 1.0
    """Of the error of the rebuilt expression beside that of the fractions (code: 1)."""
    adaptive: Literal["none", "overall", "high_resolution"] = "none"
    """Whether the trained network adapts to the bulk: not, to all samples at once, or to each sample on its own."""
    rounds: Count = 3
    """Code: rounds of the adaptive stage."""
    steps: Count = 300
    """Code: steps of the decoder, and as many of the encoder, in each round of the adaptive stage."""
    lr: LearningRate = 1e-4
    """Code: learning rate of the adaptive stage."""
    expression: Literal["adapted", "attributed"] = "adapted"
    """From the decoder adapted to each sample (code), or from the reference's profiles and the fractions."""

    rules = (ONE_NET,)


@register
class TAPE(DeepMethod):
    """Absolute error of the fractions plus absolute error of the rebuilt expression."""

    name = "tape"
    expresses = True
    recipes = {
        "default": Recipe(
            prep=PREP.changed(sample="minmax"),
            simulation=SIMULATION,
            nets=(Net(hidden=HIDDEN, activation="celu"),),
            train=TRAIN,
            weight=0.1,
            expression="attributed",
        ),
        "published": (
            published := Recipe(
                prep=Prep(genes="variance", depth=0, log="ln", sample="minmax"),
                simulation=Simulation(sparse=0.5, cells=500, rounding="floor", samples=5000),
                nets=(Net(hidden=HIDDEN, activation="celu", input_dropout=0.5, dropout=(0.5, 0.5, 0.5, 0.0)),),
                # code: 128 epochs (5120 steps) at 1e-4, inputs as they are, and torch's Adam
                train=Train(steps=1900, batch=128, lr=1e-3, schedule="cosine", eps=1e-8, centered=True),
            )
        ),
        "published_adaptive": published.changed(adaptive="overall"),
    }

    @classmethod
    def transductive_of(cls, recipe: Recipe) -> bool:
        """Return whether the network adapts to all samples at once."""
        return recipe.adaptive == "overall"

    def network(self, recipe: Recipe, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build the autoencoder."""
        from unmix.deep.nets.autoencoder import AutoEncoder

        return AutoEncoder(recipe.nets[0], inputs, outputs, generator)

    def pool(self, session: Session, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return stored pseudobulk as the code makes them: in the first half, half of the types are absent."""
        rng, types = session.task.rng, len(session.simulator.cells.cell_types)
        fractions = rng.dirichlet(np.ones(types), number)
        sparse = fractions[: number // 2]
        sparse *= rng.random(sparse.shape).argsort(1).argsort(1) >= types // 2
        drawn = session.simulator.draw(number, rng, fractions / fractions.sum(1, keepdims=True))
        return session.transform(drawn.expression), drawn.truth(session.recipe.simulation.target).astype(np.float32)

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return both absolute errors; fractions enter as the encoder gives them."""
        inputs, truth = batch
        encoded = net(inputs)
        rebuilt = (encoded @ net.signature() - inputs).abs().mean()
        return (encoded - truth).abs().mean() + session.recipe.weight * rebuilt

    def infer(self, net: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Return what is positive, divided by its sum."""
        return fractions(net(inputs), "relu_sum")

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Run the network as trained, or adapted to the samples as the recipe says."""
        adaptive = self.recipe_of(model).adaptive
        if adaptive == "none":
            return super().estimate(model, expression, present, device)
        samples = [expression] if adaptive == "overall" else np.split(expression, len(expression))
        return np.concatenate([self._adapted(model, part, present, device)[0] for part in samples])

    def express(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Return the profiles of every sample on its own."""
        recipe = self.recipe_of(model)
        if recipe.expression == "attributed":
            fractions = self.estimate(model, expression, present, device)
            return attributed(fractions, model.arrays["cells"], expression, present)
        scaled = Transform.from_arrays(recipe.prep, model.arrays)
        logs = dataclasses.replace(scaled, prep=recipe.prep.changed(sample="none"))
        base, profiles = 2.0 if recipe.prep.log == "log2" else np.e, []
        for row in np.split(expression, len(expression)):  # the scaling of a sample is a shift and a width of its logs
            plain, inside = (transform(row, present)[0, present] for transform in (logs, scaled))
            width = plain.std() / max(inside.std(), 1e-12)
            adapted = plain.mean() + width * (self._adapted(model, row, present, device)[1] - inside.mean())
            profiles.append(per_million(np.maximum(base**adapted - recipe.prep.pseudocount, 0)))
        return np.stack(profiles)

    def _adapted(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Adapt the trained network to samples; return their fractions and the signature."""
        import torch

        from unmix.deep.nets.autoencoder import adapt

        recipe = self.recipe_of(model)
        net, transform = self.restore(model, device)
        inputs = torch.from_numpy(np.concatenate([transform(row[None], present) for row in expression])).to(device)
        return tuple(part.cpu().numpy() for part in adapt(net, inputs, recipe.rounds, recipe.steps, recipe.lr))
