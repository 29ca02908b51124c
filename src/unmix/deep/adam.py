"""Adam by torch's own fused kernel (Kingma & Ba 2015).

``torch.optim.Adam(fused=True)`` takes the same steps to the last bit, but imports torch's compiler before the first
one, which takes more than a second of every training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Decay of the two moments, as in the paper.
BETAS = 0.9, 0.999


class Adam:
    """The optimiser of some parameters, all on one device and of one type.

    Parameters
    ----------
    parameters
        To be trained.
    lr
        Learning rate; may be changed between steps.
    eps, weight_decay
        Added to the root of the second moment; weight of the squared parameters.
    """

    def __init__(
        self, parameters: Iterable[torch.Tensor], lr: float, eps: float = 1e-8, weight_decay: float = 0.0
    ) -> None:
        self.lr, self._eps, self._weight_decay = lr, eps, weight_decay
        self._parameters = list(parameters)
        self._state = [
            {
                "step": torch.zeros((), dtype=torch.float32, device=one.device),
                "exp_avg": torch.zeros_like(one, requires_grad=False),
                "exp_avg_sq": torch.zeros_like(one, requires_grad=False),
            }
            for one in self._parameters
        ]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for one in self._parameters:
            one.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient."""
        used = [(one, state) for one, state in zip(self._parameters, self._state, strict=True) if one.grad is not None]
        steps, first, second = ([state[name] for _, state in used] for name in ("step", "exp_avg", "exp_avg_sq"))
        torch._foreach_add_(steps, 1)
        torch._fused_adam_(
            [one for one, _ in used],
            [one.grad for one, _ in used],
            first,
            second,
            [],
            steps,
            amsgrad=False,
            lr=self.lr,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=self._weight_decay,
            eps=self._eps,
            maximize=False,
        )

    def state(self) -> dict[str, torch.Tensor]:
        """Return what a continued training needs, by number and name."""
        return {f"{number}.{name}": value for number, own in enumerate(self._state) for name, value in own.items()}

    @torch.no_grad()
    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what :meth:`state` gave."""
        for name, value in self.state().items():
            value.copy_(state[name])
