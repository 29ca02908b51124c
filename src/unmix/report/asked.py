"""What was asked for: methods, and steps that could not be done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from unmix.errors import NotApplicable

#: Input-independent estimates, for results that do not say so themselves.
CONTROLS = ("uniform", "reference_mean", "random", "oracle", "prior", "constant_of_calibration", "ridge_on_calibration")
#: What is missing of a method that a step could not be applied to; training and prediction leave nothing of it.
PARTS = {"evaluate": "accuracy", "compare": "groups", "explain": "genes", "express": "expression"}
#: What cannot be used where a step fails that precedes all methods.
PRECEDING = {"samplesheet": "row of the samplesheet", "reference": "reference", "check": "bulk"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A method that was asked for.

    Attributes
    ----------
    name
        Name of its folder.
    run
        Run record of its last step; empty where absent.
    """

    name: str
    run: dict[str, Any] = field(default_factory=dict)

    @property
    def method(self) -> dict[str, Any]:
        """Literature of the method, as the record gives it."""
        method = self.run.get("method", {})
        return method if isinstance(method, dict) else {"name": str(method)}

    @property
    def title(self) -> str:
        """Name of the method as people write it."""
        title = self.method.get("title") or self.method.get("name") or self.name
        return title.removesuffix(" (control)")  # the page marks controls itself

    @property
    def control(self) -> bool:
        """Whether this is a control."""
        return self.method.get("family") == "control" or self.method.get("name", self.name) in CONTROLS


@dataclass(frozen=True, kw_only=True)
class Skipped(Asked):
    """A method that could not be applied, or not in one step; or a step that precedes all methods and failed."""

    @property
    def preceding(self) -> str:
        """What cannot be used, where the step precedes all methods; empty for a method."""
        return PRECEDING.get(self.run["step"], "") if self.name in PRECEDING else ""

    @property
    def title(self) -> str:
        """Name of the method as people write it, or what cannot be used."""
        return self.preceding.capitalize() or super().title

    @property
    def failed(self) -> bool:
        """Whether this is an error of the input (a method that is not applicable is none)."""
        return self.error.get("exit_code", NotApplicable.exit_code) != NotApplicable.exit_code

    @property
    def part(self) -> str:
        """What of the method is missing; empty where all is."""
        return PARTS.get(self.run["step"], "")

    @property
    def error(self) -> dict[str, str]:
        """What was `found`, what was `expected`, what to `do`."""
        return self.run["error"]
