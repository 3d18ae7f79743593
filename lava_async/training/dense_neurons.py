"""The neurons of a network for the dense gradient engine: groups of one model, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lava_async.engine import Setup
from lava_async.training.dense_models import Cells, Check, TorchModel, torch_model
from lava_async.training.gradient import Gradient, ModelParameters, Parameters

Arriving = tuple[Tensor, Tensor]
"""Through real and imaginary parts of weights, (B, N) each."""


class NeuronGroups:
    """The neurons of a network, in groups of one model: states are one dict of (B, n) tensors per group."""

    def __init__(
        self,
        setup: Setup,
        gradient: Gradient,
        parameters: Parameters | ModelParameters,
        factors: NDArray[np.float64] | None = None,
    ) -> None:
        net, self.groups = setup.network, list[tuple[slice, TorchModel]]()
        once, layered = setup.execution.refractory, setup.execution.schedule.layered
        whole = isinstance(parameters, Parameters) and not layered
        for layer, rows in enumerate([slice(0, net.n_neurons)] if whole else net.layer_slices):
            if isinstance(parameters, Parameters):
                numbers = {name: x[rows] for name, x in parameters._asdict().items() if name != "weights"}
            else:
                numbers = parameters.numbers[layer]
            surrogate = gradient.surrogate if whole else gradient.surrogate.part(rows)
            self.groups.append((rows, torch_model(net.params_of(layer), numbers, surrogate, once)))

        def each(values: Sequence[Tensor]) -> Tensor:
            return torch.cat(list(values))

        self.alone = each([model.alone for _, model in self.groups])
        self.state_scale, self.payload_scale = (
            np.repeat([getattr(m, name) for _, m in self.groups], [m.size for _, m in self.groups]).astype(np.float64)
            for name in ("state_scale", "payload_scale")
        )
        like = next(iter(self.groups[0][1].p.values()))
        self.factors = None if factors is None else torch.from_numpy(factors).to(like)
        self.complex = any(model.model.complex_weights for _, model in self.groups)

    def start(self, like: Tensor, batch: int) -> list[Cells]:
        """Return the states at the start of a sample."""
        return [model.start(like, batch) for _, model in self.groups]

    def open(self, cells: list[Cells], held: Tensor) -> list[Cells]:
        """Leak, once per time step."""
        return [m.open(s, held[:, rows]) for (rows, m), s in zip(self.groups, cells, strict=True)]

    def integrate(self, cells: list[Cells], arriving: Arriving, refractory: Tensor, looked_at: Tensor) -> list[Cells]:
        """Add what a group brought."""
        return [
            m.integrate(s, self.arrived(m, (arriving[0][:, r], arriving[1][:, r])), refractory[:, r], looked_at[:, r])
            for (r, m), s in zip(self.groups, cells, strict=True)
        ]

    def arrived(self, model: TorchModel, arriving: Arriving) -> Arriving:
        """Return what a group brought as integers take it: dropout multiplies it by fractions, rounded toward zero."""
        if self.factors is None or not model.grid:
            return arriving
        rounded = [x + (torch.trunc(x * model.state_scale) / model.state_scale - x).detach() for x in arriving]
        return rounded[0], rounded[1]

    def sent(self, payload: Tensor, rows: slice = slice(None)) -> Tensor:
        """Return what neurons send, (B, n), after neuron dropout."""
        return payload if self.factors is None else payload * self.factors[:, rows]

    def over(self, cells: list[Cells]) -> tuple[Tensor, Tensor]:
        """Return which neurons are above their thresholds, and their momentum."""
        pairs = [(m.fires(s), m.momentum(s)) for (_, m), s in zip(self.groups, cells, strict=True)]
        return torch.cat([over for over, _ in pairs], 1), torch.cat([momentum for _, momentum in pairs], 1)

    def fire(self, cells: list[Cells], fired: Tensor, counted: Tensor, reset: str) -> tuple[list[Cells], Tensor]:
        """Return the states after a check, and what it sends."""
        after, sent = [], []
        for (rows, m), s in zip(self.groups, cells, strict=True):
            state, payload = m.fire(s, Check(fired[:, rows], counted[:, rows], reset))
            after.append(state)
            sent.append(payload)
        return after, self.sent(torch.cat(sent, 1))

    def field(self, cells: list[Cells], name: str) -> Tensor:
        """Return a number of all neurons (B, N); 0 where a model has none of the name."""
        like = next(iter(cells[0].values()))
        parts = zip(self.groups, cells, strict=True)
        return torch.cat([s.get(name, like.new_zeros(len(like), m.size)) for (_, m), s in parts], 1).detach()
