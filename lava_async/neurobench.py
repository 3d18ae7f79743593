"""An adapter that lets NeuroBench 2 run and measure networks of this package (``pip install neurobench``).

::

    from neurobench.benchmarks import Benchmark
    from neurobench.metrics.static import ConnectionSparsity, Footprint
    from neurobench.metrics.workload import ActivationSparsity, ClassificationAccuracy, SynapticOperations
    from neurobench.processors.postprocessors import ChooseMaxCount

    model = NeuroBenchNetwork(netx.load("digits.net"), schedule=Random(8))
    metrics = [Footprint, ConnectionSparsity], [ClassificationAccuracy, ActivationSparsity, SynapticOperations]
    Benchmark(model, loader, [], [ChooseMaxCount()], metrics).run()

Spikes come from the engine of :func:`lava_async.simulate_batch`, under any schedule. For each time step NeuroBench is
shown what reached each set of synapses and what each layer emitted; what it makes of that is its own.
:mod:`lava_async.complexity` gives the same numbers without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lava_async.complexity import PER_NEURON
from lava_async.execution import BatchOptions
from lava_async.network import Network
from lava_async.simulation import simulate_batch
from lava_async.synapses import INPUT, Conv, Synapses

if TYPE_CHECKING:
    from typing_extensions import Unpack

try:
    from neurobench.models import NeuroBenchModel
except ImportError as error:
    raise ImportError(
        "lava_async.neurobench needs neurobench, which is not installed: pip install neurobench"
    ) from error


class Neurons(nn.Module):
    """The neurons of a layer, as NeuroBench sees them: what they emit; their parameters are buffers."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.register_buffer("parameters_of_neurons", torch.zeros(PER_NEURON, n))

    def forward(self, spikes: Tensor) -> Tensor:
        """Return the spikes, (B, n)."""
        return spikes


class NeuroBenchNetwork(NeuroBenchModel):
    """A network as a model of NeuroBench.

    Parameters
    ----------
    network : Network
        What is run.
    **how
        As in :func:`lava_async.simulate_batch`: schedule, stop rule, seed.

    Attributes
    ----------
    samples_seen : int
        Samples that ran: the next one has this number, which keys random schedules. Set it to 0 to begin again.

    Notes
    -----
    Sparse synapses, and those of one's own, are shown as a matrix. Membrane potentials are not shown, since neurons are
    updated whenever something reaches them: NeuroBench's MembraneUpdates is 0;
    :attr:`lava_async.BatchResult.neuron_updates` has the number.
    """

    def __init__(self, network: Network, **how: Unpack[BatchOptions]) -> None:
        super().__init__()
        self.network, self.how, self.samples_seen = network, how, 0
        self.add_activation_module(Neurons)
        self._synapses = nn.ModuleList([_module(s) for s in network.synapses])
        self._layers = nn.ModuleList([Neurons(layer.size) for layer in network.layers])
        self._net = nn.ModuleDict({"synapses": self._synapses, "layers": self._layers}).eval()

    def __net__(self) -> nn.Module:
        return self._net

    @torch.no_grad()
    def __call__(self, batch: Tensor) -> Tensor:
        """Run input counts (B, T, C), or (B, T, channels, height, width); return output counts (B, T, n_out)."""
        counts = batch.flatten(2).transpose(1, 2)
        samples = np.arange(self.samples_seen, self.samples_seen + len(counts))
        run = simulate_batch(self.network, counts.cpu(), samples=samples, **self.how)
        self.samples_seen += len(counts)
        emitted = {INPUT: counts.float().cpu()}
        for layer, here in enumerate(self.network.layer_slices):
            emitted[layer] = torch.from_numpy(run.counts[:, here].astype(np.float32))
        for t in range(counts.shape[2]):
            for synapses, module in zip(self.network.synapses, self._synapses, strict=True):
                now = emitted[synapses.source][:, :, t]
                module(now.unflatten(1, synapses.input_shape) if isinstance(synapses, Conv) else now)
            for layer, neurons in enumerate(self._layers):
                neurons(emitted[layer][:, :, t])
        return torch.from_numpy(run.output.astype(np.float32)).transpose(1, 2)


def _module(s: Synapses) -> nn.Module:
    """Return the layer of torch that a set of synapses is."""
    made: nn.Conv2d | nn.Linear
    if isinstance(s, Conv):
        (outputs, _, *kernel), inputs = s.weights.shape, s.input_shape[0]
        geometry: dict[str, Any] = {"stride": s.stride, "padding": s.padding, "dilation": s.dilation}
        made = nn.Conv2d(inputs, outputs, tuple(kernel), groups=s.groups, bias=False, **geometry)
        weights = s.weights
    else:
        made = nn.Linear(s.n_source, s.n_target, bias=False)
        columns = [s.fan_out(j) for j in range(s.n_source)]
        weights = np.stack([np.bincount(fan.target, fan.weight, s.n_target) for fan in columns], axis=1)
    made.weight.data = torch.from_numpy(np.asarray(weights, np.float32).copy())
    return made
