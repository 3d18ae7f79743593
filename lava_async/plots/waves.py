"""What a wavefront is: the spikes of one time step, with when each was emitted and delivered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lava_async.engine import Result, StepRecord
from lava_async.errors import InvalidValue
from lava_async.network import Network
from lava_async.neurons import CubaParams, LoihiParams, NeuronModel, unknown
from lava_async.synapses import INPUT

#: Networks of at most so many synapses are drawn with all of them; larger ones with those that made a neuron fire.
MANY_SYNAPSES = 400


class Spike(NamedTuple):
    """A spike of one time step.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> from lava_async.plots import wave
    >>> network = Network.feedforward([[[2.0]], [[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(network, [[1]], schedule=Random(group_size=1), record="trace")
    >>> wave(network, run, 0).spikes[0]
    Spike(neuron=0, emitted=0, delivered=1, order=1, momentum=2.0)
    """

    neuron: int
    """Its neuron; an input channel c is c - C."""
    emitted: int
    """Forward step in which its neuron emitted it; -1: input."""
    delivered: int | None
    """Forward step in which it was delivered; None: not in this time step (dropped or delayed)."""
    order: int | None
    """Its place in the order of delivery of the time step, from 1; spikes of one group go by index."""
    momentum: float | None
    """Voltage of its neuron just before the reset; None: input, or a model that is not plainly CUBA or Loihi's."""


@dataclass(frozen=True)
class Wave:
    """The spikes of one time step.

    Parameters
    ----------
    network : Network
        What ran.
    t : int
        The time step.
    n_steps : int
        Its forward steps.
    spikes : list of Spike
        In the order of delivery, then those that were never delivered.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> from lava_async.plots import wave
    >>> network = Network.feedforward([[[2.0]], [[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> found = wave(network, simulate(network, [[1]], schedule=Random(group_size=1), record="trace"), 0)
    >>> found.n_steps, [spike.neuron for spike in found.fired(0)], [spike.neuron for spike in found.delivered(1)]
    (3, [0], [0])
    """

    network: Network
    t: int
    n_steps: int
    spikes: list[Spike]

    def fired(self, k: int) -> list[Spike]:
        """Return the spikes that forward step k made."""
        return [s for s in self.spikes if s.emitted == k]

    def delivered(self, k: int) -> list[Spike]:
        """Return the spikes that were delivered in forward step k."""
        return [s for s in self.spikes if s.delivered == k]

    def waiting(self, k: int) -> list[Spike]:
        """Return the spikes that were emitted before forward step k and are still pending after its delivery."""
        return [s for s in self.spikes if s.emitted < k and (s.delivered is None or s.delivered > k)]

    def reached(self, spike: Spike) -> NDArray[np.int64]:
        """Return the neurons to which a delivered spike is drawn: all it reaches, in large networks those that fired.

        Parameters
        ----------
        spike : Spike
            One that was delivered.
        """
        fan = self.network.fan_out(spike.neuron)
        now = fan.delay == 0
        if self.network.n_synapses > MANY_SYNAPSES:
            fired = [s.neuron for s in self.spikes if s.emitted == spike.delivered]
            now &= np.isin(fan.target, fired) & (fan.weight > 0)
        return fan.target[now]


def wave(network: Network, result: Result, t: int, spikes: ArrayLike | None = None) -> Wave:
    """Return the spikes of one time step of a run.

    Parameters
    ----------
    network : Network
        What ran.
    result : Result
        Of one sample, with ``record="trace"``.
    t : int
        Time step.
    spikes : (C, T) int, optional
        What the network was given, to see its input as well.

    Raises
    ------
    InvalidValue
        If the run was not recorded, or has no such time step.

    Notes
    -----
    The trace holds u and v after each check. Momenta are worked out from it: what arrived at a neuron is the growth of
    u, which no reset touches, and the voltage just before the reset is the one before plus that. In floating point this
    may differ from the momentum in the run by rounding.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Random, simulate
    >>> from lava_async.plots import wave
    >>> network = Network.feedforward([[[2.0], [2.0]], [[2.0, 2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(network, [[1]], schedule=Random(group_size=1), record="trace")
    >>> [(spike.neuron, spike.emitted, spike.delivered) for spike in wave(network, run, 0, [[1]]).spikes]
    [(-1, -1, 0), (0, 0, 1), (2, 1, 2), (1, 0, 3)]
    """
    if result.trace is None or result.groups is None:
        raise InvalidValue("Result.trace", None, 'recorded: simulate(..., record="trace")')
    checks = [c for c in result.trace if c.t == t]
    if not checks:
        raise InvalidValue("wave.t", t, "a time step of the run")
    # The layered schedule queues nothing: its forward step k is layer k.
    layered = not result.groups and len(checks) == len(network.layers)
    input_queues = any(i < 0 for _, _, ids in result.groups for i in ids)
    picked: dict[int, list[int]] = {}
    for _, k, ids in (group for group in result.groups if group[0] == t):
        for i in ids:
            picked.setdefault(int(i), []).append(k + 1)
    momenta = _momenta(network, result.trace, checks)
    emitted: list[tuple[int, int, float | None]] = []
    if spikes is not None:
        channels = np.flatnonzero(np.asarray(spikes)[:, t]) - network.n_inputs
        emitted += [(int(c), INPUT, None) for c in channels]
    emitted += [(int(i), c.k, momenta.get((c.k, int(i)))) for c in checks for i in c.fired]
    found = []
    for i, k, momentum in emitted:
        when: int | None
        if layered:
            when = k + 1
        else:
            later = [at for at in picked.get(i, ()) if at > k]
            when = min(later, default=0 if i < 0 and not input_queues else None)
        found.append(Spike(i, k, when, None, momentum))
    found.sort(key=lambda s: (s.delivered is None, s.delivered if s.delivered is not None else s.emitted, s.neuron))
    ranked = [s._replace(order=None if s.delivered is None else n + 1) for n, s in enumerate(found)]
    return Wave(network, t, len(checks), ranked)


def _momenta(network: Network, trace: list[StepRecord], checks: list[StepRecord]) -> dict[tuple[int, int], float]:
    """Return the voltage before the reset of each (forward step, neuron) that fired; nothing of other models."""
    first = next(n for n, c in enumerate(trace) if c is checks[0])
    dtype: Any = network.params.dtype
    if first:
        u, v = trace[first - 1].current.astype(dtype), trace[first - 1].voltage.astype(dtype)
    else:
        u, v = np.zeros((2, network.n_neurons), dtype)
    params = network.params
    if not isinstance(params, NeuronModel) or unknown(params, CubaParams, LoihiParams):
        return {}
    leaked = params.open(params.arrays(), {"u": u, "v": v}, np.zeros(network.n_neurons, bool))
    u, v = leaked["u"], leaked["v"]
    momenta: dict[tuple[int, int], float] = {}
    for c in checks:
        before = v + (c.current.astype(dtype) - u)
        momenta |= {(c.k, int(i)): before[i].item() for i in c.fired}
        u, v = c.current.astype(dtype), c.voltage.astype(dtype)
    return momenta
