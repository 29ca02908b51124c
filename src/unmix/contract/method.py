"""What a method is: a declaration (card, needs, output, recipes) and two functions, fit and estimate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from unmix.contract.card import Card
from unmix.errors import DataError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import numpy as np

    from unmix.contract.attributions import Attributions
    from unmix.contract.model import Model
    from unmix.reference import Reference


def silent(*_: object) -> None:
    """Take a sentence, or progress, and drop it."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Inputs beyond profiles of the cell types that a method cannot do without."""

    cells: bool = False
    """Single cells: how they vary, how many there are of a type, or how much mRNA each holds."""
    profiles: bool = False
    """Not single cells but bulk samples of pure types: a reference of the kind ``profiles``."""
    bulk: bool = False
    calibration: bool = False
    """Bulk samples with known fractions."""
    malignant: bool = False
    """Which cell types are malignant; the method then sees two types, ``malignant`` and ``normal``."""
    gene_sets: bool = False
    """Published gene sets, without which the method has nothing to score."""
    prior: bool = False
    """A declared prior on the mean composition of the samples."""
    donors: int = 0
    """Donors, or replicates of the profiles."""


@dataclass(frozen=True)
class Calibration:
    """Bulk samples with known fractions.

    Attributes
    ----------
    expression
        Samples x genes, linear, aligned to the genes of `Task.train` (NaN where the samples lack a gene).
    fractions
        Samples x types, aligned to the types of `Task.train`; rows need not sum to 1.
    """

    expression: np.ndarray
    fractions: np.ndarray


@dataclass(frozen=True)
class Task:
    """All that a fit may use.

    Attributes
    ----------
    train, validation
        Reference to learn from, and cells of other donors (or other cells where donors are not known) to stop
        training by. `validation` is empty for methods that are refitted on all cells. The cells that calibrate
        intervals are neither: no fit sees them.
    bulk
        Samples x genes, linear, aligned to `train.genes` (NaN where the bulk lacks a gene); None if not given.
    calibration
        Bulk samples with known fractions; None if not given.
    malignant
        Names of the malignant cell types, where the user said which.
    prior
        Fractions of the types of `train` that a declared prior gives; None if none was declared.
    published, ontology
        Published files of the sort that the method takes, and an ontology of the cell types (OBO).
    recipe
        Of the method's own type.
    rng
        The generator every draw comes from.
    device, checkpoint
        Where networks run; where an interrupted training continues from.
    say, progress
        Take a sentence for the record; take what is done, the total and what these are, while waiting.
    """

    train: Reference
    validation: Reference
    recipe: Any
    rng: np.random.Generator
    device: str
    say: Callable[[str], None]
    progress: Callable[[int, int, str], None]
    bulk: np.ndarray | None = None
    calibration: Calibration | None = None
    malignant: tuple[str, ...] = ()
    prior: np.ndarray | None = None
    published: tuple[Path, ...] = ()
    ontology: Path | None = None
    checkpoint: Path | None = None

    @property
    def measured(self) -> np.ndarray | None:
        """Indices of the genes of `train` that the bulk has in every sample; None where no bulk was given."""
        import numpy as np

        return None if self.bulk is None else np.flatnonzero(~np.isnan(self.bulk).any(0))


@dataclass(frozen=True)
class Fit:
    """What a fit returns: the genes it uses and its arrays.

    `genes` are indices into those of `Task.train`, or names where a published signature brings genes of its own.
    `quantity` is for methods whose recipe decides what they estimate; empty is the method's own. `cell_types` names
    what the columns of the estimates are where these are not the types of the reference; types that the reference lacks
    get no intervals. `recipe` is for fits that settle a part of it, as pretrained networks settle their layers.
    `left_out` are estimates and known fractions (samples x types) of calibration samples that were held out; where a
    method has them, its intervals follow these and not pseudobulk of held-out cells. `bulk_values` says that
    more than the list of genes was learned from `Task.bulk`, so that a sample's result depends on the samples in it.
    """

    genes: np.ndarray
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]
    quantity: str = ""
    cell_types: tuple[str, ...] = ()
    recipe: Any = None
    left_out: tuple[np.ndarray, np.ndarray] | None = None
    bulk_values: bool = False


class Method:
    """Base of every method; subclasses are stateless, all they learn is in the model."""

    name: ClassVar[str]
    info = Card()
    """Literature and advice: the card NAME.toml beside the method's module."""
    needs: ClassVar[Needs] = Needs()
    quantity: ClassVar[Literal["cell", "mrna", "purity", "score"]]
    recipes: ClassVar[Mapping[str, Any]]
    """At least ``default``; ``published`` reproduces the settings of the paper where they differ."""
    transductive: ClassVar[bool] = False
    """Whether the result of one sample depends on the others in the file, here or at training."""
    refit: ClassVar[bool] = True
    """Whether the model learns from all cells once its intervals are calibrated on held-out ones."""
    takes: ClassVar[Literal["", "signature", "gene_sets", "pretrained"]] = ""
    """Published files that it can start from: a signature with what belongs to it (variances, mRNA per cell, a list of
    genes), gene sets with theirs, or networks in the authors' format."""
    layout: ClassVar[Mapping[str, str]] = {}
    """Arrays of its models beside those of every model (see :mod:`unmix.contract.layout`); those of the base classes
    count too."""
    needs_every_set: ClassVar[bool] = False
    """Whether its result needs genes of every set that it scores (see :meth:`unseen`)."""
    expresses: ClassVar[bool] = False
    """Whether :meth:`express` gives the expression of every cell type in every sample."""

    @classmethod
    def suited(cls, recipe: Any, cells: Reference, say: Callable[[str], None]) -> Any:
        """Return the recipe as far as a reference allows it, and say what was changed; by default as it is."""
        return recipe

    @classmethod
    def transductive_of(cls, recipe: Any) -> bool:
        """Return whether a recipe makes the result of one sample depend on the others; by default `transductive`."""
        return cls.transductive

    def fit(self, task: Task) -> Fit:
        """Learn from the reference."""
        raise NotImplementedError

    def check(self, model: Model) -> None:
        """Verify a model from a file, which may come from a stranger.

        Raises
        ------
        DataError
            If its arrays are not those that :meth:`fit` makes.
        """
        from unmix.contract import layout

        layouts = [vars(kind).get("layout", {}) for kind in reversed(type(self).__mro__)]
        layout.check(model, {name: axes for one in layouts for name, axes in one.items()})

    def recipe_of(self, model: Model) -> Any:
        """Return the recipe a model was trained with.

        Raises
        ------
        DataError
            If this version of the method has other settings.
        """
        from unmix.settings import fromdict

        try:
            return fromdict(type(self.recipes["default"]), model.recipe)
        except UsageError as error:
            raise DataError(
                f"the model's recipe is not one of {self.name} in this version of unmix ({error.found})",
                f"a model of {self.name} trained with this version; this one is of {model.facts.get('unmix', '?')}",
                f"train it again: unmix_train.py REFERENCE --method {self.name}",
            ) from error

    def estimate(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Estimate samples x types from linear expression.

        Parameters
        ----------
        model
            What :meth:`fit` learned.
        expression
            Samples x the model's genes, linear; zeros where a gene is missing.
        present
            Mask of the model's genes that the bulk has.
        device
            ``cpu`` or ``cuda``.
        """
        raise NotImplementedError

    def decisive(self, model: Model) -> np.ndarray:
        """Return the mask of the model's genes that decide the estimate; others only give the scale. By default all."""
        import numpy as np

        return np.ones(len(model.genes), bool)

    def unseen(self, model: Model, present: np.ndarray) -> list[str]:
        """Return the sets of genes, of a method that scores some, of which a bulk has no gene (`present` as above)."""
        return []

    def estimate_with_bounds(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray] | None]:
        """Return what :meth:`estimate` does, and from the same fit lower and upper bounds of the fractions.

        Bounds are samples x types, and None of a method that has none of its own: the fractions themselves then take
        their place. Calibration on held-out pseudobulk widens or narrows them until they hold what the level says
        (conformalised quantile regression; Romano et al. 2019).
        """
        return self.estimate(model, expression, present, device), None

    def tables(
        self, model: Model, expression: np.ndarray, present: np.ndarray, device: str, estimate: np.ndarray
    ) -> dict[str, list[list[dict[str, Any]]]]:
        """Return further results for every sample, as tables: name to the rows of each sample.

        The step predict writes each as NAME.tsv, the sample in its first column.
        """
        return {}

    def attribute(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> Attributions:
        """Return how much every gene contributes to every type; parameters as for :meth:`estimate`.

        By default the expression that the estimated fractions explain, for the solvers of classical methods.
        """
        from unmix.contract.attributions import explained

        return explained(model, self.estimate(model, expression, present, device), present)

    def express(self, model: Model, expression: np.ndarray, present: np.ndarray, device: str) -> np.ndarray:
        """Return the expression of every type in every sample, samples x types x genes of the model, per million.

        Each sample x type sums to one million over the model's genes: it is the profile of the type there, not its
        share of the sample. For methods that declare `expresses`; parameters as for :meth:`estimate`.
        """
        raise NotImplementedError
