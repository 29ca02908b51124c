"""Our Adam takes the steps of torch's, and continues where it stopped."""

from __future__ import annotations

import torch

from unmix.deep.adam import Adam


def trained(optimiser, parameters: list[torch.Tensor], steps: range) -> list[torch.Tensor]:
    """Take steps on a loss that leaves the last parameter out; the rate falls."""
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        optimiser.zero_grad()
        loss = sum((one * torch.randn(one.shape, generator=generator)).square().sum() for one in parameters[:-1])
        loss.backward()
        if isinstance(optimiser, Adam):
            optimiser.lr = 0.1 / (1 + step)
        else:
            optimiser.param_groups[0]["lr"] = 0.1 / (1 + step)
        optimiser.step()
    return [one.detach().clone() for one in parameters]


def parameters() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in ((5, 7), (7,), (3,))]


def test_steps_are_those_of_torch_to_the_last_bit():
    ours, theirs = parameters(), parameters()
    moved = trained(Adam(ours, 0.1, eps=1e-7, weight_decay=0.01), ours, range(6))
    expected = trained(torch.optim.Adam(theirs, lr=0.1, eps=1e-7, weight_decay=0.01, fused=True), theirs, range(6))
    assert all(map(torch.equal, moved, expected))
    assert torch.equal(moved[2], parameters()[2])  # without a gradient it stays


def test_a_restored_optimiser_continues():
    whole, parted = parameters(), parameters()
    expected = trained(Adam(whole, 0.1), whole, range(6))
    first = Adam(parted, 0.1)
    trained(first, parted, range(3))
    second = Adam(parted, 0.1)
    second.restore({name: value.clone() for name, value in first.state().items()})
    assert all(map(torch.equal, trained(second, parted, range(3, 6)), expected))
