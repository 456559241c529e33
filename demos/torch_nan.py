"""A nan in a network of PyTorch: where it comes from, number by number.

Two views of the same flower are pushed together, two flowers apart: a siamese network with a contrastive loss. Its loss
looks healthy, and its gradient is nan. PyTorch names the function; the recorded network names the numbers, the line and
the way to the loss. Then the line is mended, and the gradients of both are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from autodiff import NonFiniteError, detect_anomaly, draw, explain, leaves, render, trace
from autodiff.bridges.torch import record
from demos._common import folder, parser


class Siamese(nn.Module):
    """The distance of two views in a space of features, as a loss."""

    def __init__(self, smallest: float) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
        self.smallest = smallest

    def forward(self, first: Tensor, second: Tensor, same: Tensor) -> Tensor:
        apart = self.features(first) - self.features(second)
        squares = (apart**2).sum(dim=1)
        distance = torch.sqrt(squares + self.smallest)
        return torch.where(same, distance, torch.relu(1 - distance)).mean()


FIRST = torch.tensor([[1.4, 0.2], [1.4, 0.2]], dtype=torch.float64)
SECOND = torch.tensor([[1.4, 0.2], [4.7, 1.4]], dtype=torch.float64)
SAME = torch.tensor([True, False])
"""Petals of the first flower twice, and of the first and the 51st of Fisher's Iris data."""


def network(smallest: float, seed: int) -> Siamese:
    """The network with its initial weights."""
    torch.manual_seed(seed)
    return Siamese(smallest).double()


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "", "torch_nan").parse_args(arguments)
    out = folder(options.out)

    net = network(0.0, options.seed)
    loss = net(FIRST, SECOND, SAME)
    loss.backward()
    spoilt = sum(int(parameter.grad.isnan().sum()) for parameter in net.parameters() if parameter.grad is not None)
    count = sum(parameter.numel() for parameter in net.parameters())
    print(f"1. In PyTorch: the loss is {loss.item():.4f}, and {spoilt} of {count} gradients are nan.\n")

    print("2. The same network, recorded:\n")
    with detect_anomaly():
        recorded = record(net, FIRST, SECOND, SAME)
        try:
            recorded.backward()
        except NonFiniteError as error:
            message = str(error)
    print(message)
    (out / "nan.txt").write_text(message + "\n", encoding="utf-8")

    print("\nTwo equal views have the distance 0, where the root has an infinite slope. With 1e-12 under it:\n")
    net = network(1e-12, options.seed)
    net(FIRST, SECOND, SAME).backward()
    recorded = record(net, FIRST, SECOND, SAME)
    recorded.backward()
    ours = {leaf.label: leaf.grad for leaf in leaves(recorded)}
    theirs = {
        f"{name}[{','.join(map(str, at))}]": parameter.grad[at].item()
        for name, parameter in net.named_parameters()
        for at in np.ndindex(*parameter.shape)
    }
    worst = max(abs(ours[name] - gradient) for name, gradient in theirs.items())
    print(f"3. All {len(theirs)} gradients are finite, and PyTorch's to {worst:.0e}.\n")
    largest = max((leaf for leaf in leaves(recorded) if leaf.label in theirs), key=lambda leaf: abs(leaf.grad))
    print("\n".join(str(explain(recorded, largest)).splitlines()[:5]))

    picture = render(draw(recorded), out / "network.svg")
    trace(recorded).to_html(out / "pass.html")
    print(f"\nThe picture is in {picture}, the pass to step through in {(out / 'pass.html').resolve()}")


if __name__ == "__main__":
    main()
