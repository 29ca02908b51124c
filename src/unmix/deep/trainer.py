"""The engine of every deep method: pseudobulk on the fly, one training loop, three hooks.

A method declares a recipe and may override `batch` (how a training batch is made), `loss`, and `infer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unmix.contract.blocks import in_blocks
from unmix.contract.layout import damaged
from unmix.contract.method import Fit, Method, Needs, Task
from unmix.deep.output import fractions
from unmix.deep.preprocessing import Transform, arranged, select_genes
from unmix.deep.recipe import Dense
from unmix.errors import DataError
from unmix.simulate.pseudobulk import Simulator

if TYPE_CHECKING:
    import torch

    from unmix.contract.attributions import Attributions
    from unmix.contract.model import Model
    from unmix.deep.adam import Adam
    from unmix.deep.recipe import Train
    from unmix.reference import Reference

#: Pseudobulk samples for selecting genes and fitting the preprocessing.
PROBE = 1000
#: Held-out pseudobulk of each validation.
VALIDATION = 256


@dataclass
class Session:
    """What the hooks see of a running training."""

    task: Task
    recipe: Any
    simulator: Simulator
    transform: Transform
    pool: tuple[np.ndarray, np.ndarray] | None
    device: str
    genes: np.ndarray
    """Indices of the model's genes into those of `task.train` and the columns of `task.bulk`."""
    held_out: Simulator
    """Of cells that are not trained on."""
    step: int = 0
    """Steps taken so far."""

    def pseudobulk(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return network inputs and truth of `number` training pseudobulk, new ones or from the stored pool."""
        rng = self.task.rng
        if self.pool is not None:
            chosen = rng.integers(0, len(self.pool[0]), number)
            return self.pool[0][chosen], self.pool[1][chosen]
        return self.new_pseudobulk(self.simulator, number)

    def new_pseudobulk(self, simulator: Simulator, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return network inputs and truth of `number` new pseudobulk."""
        drawn = simulator.draw(number, self.task.rng)
        return self.transform(drawn.expression), drawn.truth(self.recipe.simulation.target).astype(np.float32)

    def tensor(self, values: np.ndarray) -> torch.Tensor:
        """Move an array to where the network runs."""
        import torch

        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


class DeepMethod(Method):
    """Base of the deep methods."""

    layout = {
        **{f"prep.{name}": "genes" for name in ("share", "neutral", "mean", "deviation", "idf")},
        **{"net.*": "", "cells?": "types genes"},
    }
    needs = Needs(cells=True)
    quantity = "cell"
    refit = False  # a second training would double the cost; held-out donors stop the first

    # -- the three hooks ---------------------------------------------------------------------------------

    def batch(self, session: Session) -> tuple[torch.Tensor, ...]:
        """Make one training batch; by default network inputs and fractions of new pseudobulk."""
        return tuple(session.tensor(part) for part in session.pseudobulk(session.recipe.train.batch))

    def loss(self, net: Any, batch: tuple[torch.Tensor, ...], session: Session) -> torch.Tensor:
        """Return the loss of a batch; by default the mean over members of the squared error."""
        inputs, truth = batch
        return ((fractions(net(inputs), net.output) - truth) ** 2).mean((1, 2)).sum()

    def infer(self, net: Any, inputs: torch.Tensor) -> torch.Tensor:
        """Return fractions, samples x types; by default the mean of the members."""
        return fractions(net(inputs), net.output).mean(0)

    # -- the engine --------------------------------------------------------------------------------------

    def network(self, recipe: Any, inputs: int, outputs: int, generator: torch.Generator) -> Any:
        """Build the network that the recipe declares."""
        from unmix.deep.nets.dense import Ensemble

        return Ensemble(recipe.nets, inputs, outputs, generator)

    def build(self, recipe: Any, transform: Transform, outputs: int, generator: torch.Generator, device: str) -> Any:
        """Build the network where it shall run; with inputs centred before it where the recipe says so."""
        import torch

        net = self.network(recipe, len(transform.neutral), outputs, generator).to(device)
        if isinstance(recipe, Dense):
            net.output = recipe.output
        if recipe.train.centered:
            means = torch.from_numpy(transform.neutral)
            net.register_forward_pre_hook(lambda _, inputs: (inputs[0] - means.to(inputs[0].device), *inputs[1:]))
        return net

    def prepare(self, task: Task, genes: np.ndarray, simulator: Simulator) -> Transform:
        """Fit the preprocessing on training pseudobulk, which have the model's `genes`."""
        return Transform.fit(task.recipe.prep, simulator.draw(PROBE, task.rng).expression)

    def frozen(self, recipe: Any, arrays: dict[str, np.ndarray]) -> Transform:
        """Rebuild the preprocessing that :meth:`prepare` fitted."""
        return Transform.from_arrays(recipe.prep, arrays)

    def pool(self, session: Session, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what a recipe with stored pseudobulk keeps of them, and their truth; by default network inputs."""
        return session.new_pseudobulk(session.simulator, number)

    def fit(self, task: Task) -> Fit:
        """Train on pseudobulk of `task.train`, validated on pseudobulk of `task.validation`."""
        import torch

        recipe = task.recipe
        genes = _choose_genes(task)
        cells = task.train.select(genes=genes)
        simulator = Simulator(cells, recipe.simulation, task.rng)
        transform = self.prepare(task, genes, simulator)
        held_out = _validation_simulator(task, recipe, genes)
        session = Session(task, recipe, simulator, transform, None, task.device, genes, held_out)
        if recipe.simulation.samples:
            session.pool = self.pool(session, recipe.simulation.samples)
        validation = session.new_pseudobulk(held_out, VALIDATION)
        generator = torch.Generator().manual_seed(int(task.rng.integers(0, 2**63)))
        net = self.build(recipe, transform, len(cells.cell_types), generator, task.device)
        net.generator = generator  # its state is part of a checkpoint, whatever the network draws
        if task.device != "cpu":  # dropout masks are drawn where the network runs
            net.generator = torch.Generator(task.device).manual_seed(generator.initial_seed())
        facts = self._train(net, session, validation)
        arrays = {f"net.{name}": value.cpu().numpy() for name, value in net.state_dict().items()}
        if self.expresses:  # the mean cell of each type, from which expression starts
            arrays["cells"] = cells.profiles("counts_per_cell").astype(np.float32)
        target = recipe.simulation.target if self.quantity in ("cell", "mrna") else ""
        seen = task.bulk is not None and recipe.prep.genes != "markers"  # genes chosen by the bulk's values
        return Fit(genes, {**arrays, **transform.arrays()}, facts, target, bulk_values=seen)

    def _train(self, net: Any, session: Session, validation: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
        """Run the loop; return what the model shall remember of it."""
        from unmix.deep.adam import Adam
        from unmix.deep.checkpoint import Checkpoint

        plan, task = session.recipe.train, session.task
        optimiser = Adam(net.parameters(), plan.lr, plan.eps, plan.weight_decay)
        best: dict[str, Any] = {"error": float("inf"), "step": 0, "weights": None}
        checkpoint = Checkpoint(self.name, task)
        step = checkpoint.resume(net, optimiser, best)
        error = float("nan")
        while step < plan.steps:
            optimiser.lr = _learning_rate(plan, step)
            net.train()
            session.step = step
            self._step(net, optimiser, session)
            step += 1
            if step % plan.validate_every == 0 or step == plan.steps:
                error = self._error(net, session, validation)
                if not np.isfinite(error):
                    raise DataError(
                        f"{self.name}: training diverged; the held-out error is {error} at step {step}.",
                        "weights that stay finite",
                        f"a lower rate (--set train.lr={plan.lr / 10:g}), or look for extreme values in the reference",
                    )
                if error < best["error"]:
                    best.update(error=error, step=step)
                    if plan.patience:
                        best["weights"] = {n: v.detach().clone() for n, v in net.state_dict().items()}
                if plan.patience and step - best["step"] >= plan.patience * plan.validate_every:
                    break
                checkpoint.write(step, net, optimiser, best)
            known = "" if np.isnan(error) else f", held-out error {error:.4f}"
            task.progress(step, plan.steps, f"training steps{known}")
        if best["weights"] is not None:
            net.load_state_dict(best["weights"])
        kept = step if best["weights"] is None else best["step"]
        return {"steps": step, "kept_step": kept, "held_out_rmse": round(self._error(net, session, validation), 5)}

    def _step(self, net: Any, optimiser: Adam, session: Session) -> None:
        """Take one optimiser step; on a full GPU, halve the batch until it fits."""
        import torch

        batch = self.batch(session)
        pieces = 1
        while True:
            optimiser.zero_grad()
            try:
                for piece in zip(*(part.chunk(pieces) for part in batch), strict=True):
                    loss = self.loss(net, piece, session)
                    (loss * (len(piece[0]) / len(batch[0]))).backward()
                break
            except torch.cuda.OutOfMemoryError:
                if pieces >= len(batch[0]):
                    raise
                pieces *= 2
                torch.cuda.empty_cache()
        optimiser.step()

    def _error(self, net: Any, session: Session, validation: tuple[np.ndarray, np.ndarray]) -> float:
        """Return the RMSE on held-out pseudobulk."""
        estimates = self._infer(net, validation[0], session.device)
        return float(np.sqrt(((estimates - validation[1]) ** 2).mean()))

    def _infer(self, net: Any, inputs: np.ndarray, device: str) -> np.ndarray:
        import torch

        net.eval()
        with torch.no_grad():
            return self.infer(net, torch.from_numpy(inputs).to(device)).float().cpu().numpy()

    def restore(self, model: Model, device: str) -> tuple[Any, Transform]:
        """Rebuild the network, in evaluation mode, and the preprocessing of a model."""
        import torch

        recipe = self.recipe_of(model)
        transform = self.frozen(recipe, model.arrays)
        weights = {n[4:]: torch.tensor(v, device=device) for n, v in model.arrays.items() if n.startswith("net.")}
        with torch.device("meta"):  # shapes only: a recipe from a stranger takes no memory
            net = self.build(recipe, transform, len(model.cell_types), None, "meta")
        wanted, found = ({n: (tuple(v.shape), v.dtype) for n, v in d.items()} for d in (net.state_dict(), weights))
        if differ := sorted(n for n in wanted.keys() | found.keys() if wanted.get(n) != found.get(n)):
            raise damaged(model, f"the network of its recipe has other weights, first net.{differ[0]}")
        net.load_state_dict(weights, assign=True)
        net.generator = torch.Generator(device).manual_seed(0)
        return net.eval(), transform

    def attribute(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> Attributions:
        """Attribute by integrated gradients, from the mean input of the training pseudobulk to the sample's."""
        from unmix.deep.attribution import integrated

        net, transform = self.restore(model, device)
        inputs = in_blocks(lambda block: transform(block, present), expression)
        return integrated(lambda values: self.infer(net, values), inputs, transform.neutral, device)

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Run the network on blocks of samples."""
        net, transform = self.restore(model, device)
        return in_blocks(lambda block: self._infer(net, transform(block, present), device), expression)


def _choose_genes(task: Task) -> np.ndarray:
    """Select genes by the training pseudobulk, or by the bulk where the task has one, and put them in order."""
    recipe = task.recipe
    pseudobulk = np.empty((0, 0))
    if recipe.prep.genes != "markers" or recipe.prep.order == "correlation":
        pseudobulk = Simulator(task.train, recipe.simulation, task.rng).draw(PROBE, task.rng).expression
    measured = task.measured
    if measured is None:
        chosen = select_genes(recipe.prep, task.train, pseudobulk)
    else:
        values = pseudobulk if recipe.prep.genes == "markers" else task.bulk[:, measured]  # a copy of all samples
        chosen = measured[select_genes(recipe.prep, task.train.select(genes=measured), values)]
    return arranged(recipe.prep.order, chosen, task.train.genes, pseudobulk)


def _validation_simulator(task: Task, recipe: Any, genes: np.ndarray) -> Simulator:
    held_out: Reference = task.validation if len(task.validation.type_of) else task.train
    simulation = recipe.simulation
    present = np.zeros((len(held_out.donors), len(held_out.cell_types)), bool)
    present[held_out.donor_of, held_out.type_of] = True
    if simulation.donors == "same" and not present.all(1).any():  # no held-out donor has all types: mixed over donors
        simulation = simulation.changed(donors="pooled")
    return Simulator(held_out.select(genes=genes), simulation, task.rng)


def _learning_rate(plan: Train, step: int) -> float:
    if plan.schedule == "cosine":
        return plan.lr * 0.5 * (1 + np.cos(np.pi * step / plan.steps))
    if plan.schedule == "decay":
        return plan.lr * max(0.1, 0.9 ** (step // plan.validate_every))
    return plan.lr
