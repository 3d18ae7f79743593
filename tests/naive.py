"""semantics.md word by word: every neuron is looked at in every forward step, one number at a time.

Written from the page alone and sharing no code with the engines, so that an error has to be made twice to pass. In
plain Python: integers of any size, `np.float32` scalars, dictionaries. Only what users write is read from a Network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lava_async import CubaParams
from lava_async.errors import ForwardStepLimit
from lava_async.stopping import FirstOutput, Margin, MaxForwardSteps
from lava_async.synapses import Conv, Dense

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(z: int) -> int:
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 & MASK
    z ^= z >> 27
    z = z * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


def key(seed: int, stream: int, sample: int, t: int, k: int, i: int) -> int:
    h = mix(seed + GOLDEN & MASK)
    for x in (stream, sample, t, k, i):
        h = mix(h ^ (x & MASK) * GOLDEN & MASK)
    return h


def unit(h: int) -> float:
    return (h >> 11) * 2.0**-53


class Floats:
    """Section 2, floating_pt."""

    zero = np.float32(0)

    def __init__(self, params: Any, n: int) -> None:
        self.du, self.dv, self.vth, self.bias = (
            np.broadcast_to(getattr(params, name), n) for name in ("du", "dv", "vth", "bias")
        )

    def decay(self, x: Any, d: float) -> Any:
        return np.float32(x * np.float32(1 - d))

    def leak(self, i: int, u: Any, v: Any) -> Any:
        u = self.decay(u, self.du[i])
        return u, np.float32(np.float32(self.decay(v, self.dv[i]) + u) + np.float32(self.bias[i]))

    def arrival(self, i: int, payload: int, w: Any) -> Any:
        return np.float32(payload) * np.float32(w)

    def bound(self, u: Any, v: Any, free: bool) -> Any:
        return u, v

    def fires(self, i: int, v: Any) -> bool:
        return bool(v > np.float32(self.vth[i]))


class Integers:
    """Section 2, fixed_pt."""

    zero = 0

    def __init__(self, params: Any, n: int) -> None:
        self.du, self.dv, self.vth, self.mant, self.exp, self.weight_exp = (
            np.broadcast_to(getattr(params, name), n).tolist()
            for name in ("du", "dv", "vth", "bias_mant", "bias_exp", "weight_exp")
        )

    def decay(self, x: int, d: int) -> int:
        size = abs(x) * (4096 - d) >> 12
        return size if x >= 0 else -size

    def leak(self, i: int, u: int, v: int) -> tuple[int, int]:
        u = self.decay(u, self.du[i] + 1)
        bias = self.mant[i] << self.exp[i] if self.exp[i] >= 0 else self.mant[i] >> -self.exp[i]
        return u, self.decay(v, self.dv[i]) + u + bias

    def arrival(self, i: int, payload: int, w: Any) -> int:
        return payload * ((int(w) << self.weight_exp[i]) << 6)

    def bound(self, u: int, v: int, free: bool) -> tuple[int, int]:
        turn = -(2**24) if u > 2**23 else 2**24 if u <= -(2**23) else 0
        v = v + turn if free else v
        return u + turn, max(-(2**23) + 1, min(2**23 - 1, v))

    def fires(self, i: int, v: int) -> bool:
        return v > self.vth[i] << 6


@dataclass
class Pending:
    """What a schedule may look at: a neuron with spikes that wait."""

    j: int
    m: float
    emitted: int
    layer: int
    draw: Callable[[int], int]


RANKS: dict[str, Callable[[Any, Pending], Any]] = {
    "random": lambda schedule, x: (x.draw(0), x.j),
    "momentum": lambda schedule, x: (-(x.m + schedule.noise * unit(x.draw(3))), x.j),
    "fifo": lambda schedule, x: (x.emitted, x.j),
    "lifo": lambda schedule, x: (-x.emitted, x.j),
    "shallow": lambda schedule, x: (x.layer, x.emitted, x.j),
    "deep": lambda schedule, x: (-x.layer, x.emitted, x.j),
}
"""Section 4: what comes first in ascending order."""


def synapses_of(network: Any) -> dict[int, list[tuple[int, Any, int]]]:
    """Return the (target, weight, delay) of every source; input channels are -C .. -1."""
    first = np.cumsum([0] + [layer.size for layer in network.layers]).tolist()
    out: dict[int, list[tuple[int, Any, int]]] = {j: [] for j in range(-network.n_inputs, first[-1])}
    for s in network.synapses:
        pre = first[s.source] if s.source >= 0 else -network.n_inputs
        post = first[s.target]
        if isinstance(s, Dense):
            for i, j in np.ndindex(*s.weights.shape):
                out[pre + j].append((post + i, s.weights[i, j], 0 if s.delay is None else int(s.delay[j])))
        elif isinstance(s, Conv):
            for i, j, w in taps(s):
                out[pre + j].append((post + i, w, 0 if s.delay is None else int(s.delay[j])))
        else:
            for j, i, w, d in zip(s.pre, s.post, s.weights, s.delay, strict=True):
                out[pre + int(j)].append((post + int(i), w, int(d)))
    return out


def taps(s: Conv) -> Iterator[tuple[int, int, Any]]:
    """Return (target, source, weight) of a convolution, from its definition: padding is silent."""
    per_group, outputs = s.weights.shape[1], s.weights.shape[0] // s.groups
    (s_y, s_x), (p_y, p_x), (d_y, d_x) = s.stride, s.padding, s.dilation
    for o, y, x in np.ndindex(*s.output_shape):
        for c, i, j in np.ndindex(*s.weights.shape[1:]):
            place = o // outputs * per_group + c, s_y * y - p_y + d_y * i, s_x * x - p_x + d_x * j
            if all(0 <= at < size for at, size in zip(place, s.input_shape, strict=True)):
                target = np.ravel_multi_index((o, y, x), s.output_shape)
                yield int(target), int(np.ravel_multi_index(place, s.input_shape)), s.weights[o, c, i, j]


class Naive:
    """Sections 3 to 5: one sample, run from rest. Arguments as those of `simulate`, results named as in `Result`."""

    def __init__(
        self,
        network: Any,
        spikes: Any,
        *,
        schedule: Any,
        until: Any,
        refractory: bool,
        input_first: bool,
        seed: int = 0,
        sample: int = 0,
        refractory_dropout: float = 0.0,
        input_dropout: float = 0.0,
    ) -> None:
        self.schedule, self.until, self.refractory, self.input_first = schedule, until, refractory, input_first
        self.seed, self.sample = seed, sample
        self.refractory_dropout, self.input_dropout = refractory_dropout, input_dropout
        self.inputs, self.neurons = range(-network.n_inputs, 0), range(network.n_neurons)
        self.sources = [*self.inputs, *self.neurons]
        self.synapses = synapses_of(network)
        self.queued = {j: not out or any(d == 0 for _, _, d in out) for j, out in self.synapses.items()}
        self.n_layers = len(network.layers)
        self.layer = {j: -1 if j < 0 else int(network.layer_of[j]) for j in self.sources}
        self.outputs = set(network.outputs.tolist())
        self.numbers = (Floats if isinstance(network.params, CubaParams) else Integers)(
            network.params, len(self.neurons)
        )
        self.current = [self.numbers.zero for _ in self.neurons]
        self.voltage = [self.numbers.zero for _ in self.neurons]
        self.n_steps = len(spikes[0]) if len(spikes) else np.shape(spikes)[1]
        self.emitted = [dict.fromkeys(self.sources, 0) for _ in range(self.n_steps)]
        self.forward_steps, self.first_output = [0] * self.n_steps, [0] * self.n_steps
        self.synaptic_operations = self.neuron_updates = self.dropped = 0
        self.groups: list[Any] = []
        self.trace: list[Any] = []
        self.decided = 0
        for t in range(self.n_steps):
            if self.decided:
                break
            self.time_step(t, {c: int(counts[t]) for c, counts in zip(self.inputs, spikes, strict=True)})

    @property
    def counts(self) -> list[list[int]]:
        """Spikes of each neuron in each time step."""
        return [[then[i] for then in self.emitted] for i in self.neurons]

    def draw(self, stream: int, t: int, k: int, i: int) -> int:
        return key(self.seed, stream, self.sample, t, k, i)

    def time_step(self, t: int, spikes: dict[int, int]) -> None:
        """3.1, then the forward steps."""
        for c, count in spikes.items():
            lost = self.input_dropout > unit(self.draw(2, t, 0, c + len(self.inputs)))
            self.emitted[t][c] = 0 if lost else count
        for i in self.neurons:
            self.current[i], self.voltage[i] = self.numbers.leak(i, self.current[i], self.voltage[i])
        self.free = set(self.neurons)
        if self.schedule.name == "layered":
            self.layer_by_layer(t)
        else:
            self.spike_by_spike(t)
        if isinstance(self.until, Margin) and self.lead() >= self.until.margin:
            self.decided = t + 1

    def lead(self) -> int:
        """Section 5: by how many spikes of the sample so far the best output is ahead of the next one."""
        totals = sorted((sum(then[i] for then in self.emitted) for i in self.outputs), reverse=True)
        return totals[0] - totals[1] if len(totals) > 1 else sum(totals)

    def ends_sample(self, fired: Any) -> bool:
        """Section 5: whether the output spikes of a forward step decide the sample."""
        until = self.until
        return (
            isinstance(until, Margin)
            and until.at == "spike"
            and any(i in self.outputs for i in fired)
            and self.lead() >= until.margin
        )

    def layer_by_layer(self, t: int) -> None:
        """Section 4, `layered`."""
        for k in range(self.n_layers):
            arrivals = []
            for j in self.sources:
                for i, w, d in self.synapses[j]:
                    if self.layer[i] == k:
                        then = t - max(d, 1 if self.layer[j] >= k else 0)
                        arrivals.append((self.emitted[then][j] if then >= 0 else 0, i, w))
            self.deliver(arrivals, [i for i in self.neurons if self.layer[i] == k], everyone=True)
            self.check(t, k, [i for i in self.neurons if self.layer[i] == k])
        self.forward_steps[t] = self.n_layers
        self.neuron_updates += len(self.neurons)

    def spike_by_spike(self, t: int) -> None:
        """3.2 to 3.7 and section 5."""
        until = self.until
        p, about = dict.fromkeys(self.sources, 0), {}
        arrivals = []
        for j in self.sources:
            for i, w, d in self.synapses[j]:
                if d > 0 or (j < 0 and self.input_first):
                    arrivals.append((self.emitted[t - d][j] if t >= d else 0, i, w))
        if not self.input_first:
            for j in self.inputs:
                if self.queued[j]:
                    p[j], about[j] = self.emitted[t][j], (math.inf, -1)
        k = 0
        while True:
            self.neuron_updates += self.deliver(arrivals, self.neurons, everyone=k == 0)
            fired = self.check(t, k, self.neurons)
            for i, momentum in fired:
                if self.queued[i]:
                    if p[i] == 0:
                        about[i] = (momentum, k)
                    p[i] += 1
            pending = [j for j in self.sources if p[j] > 0]
            if not pending or self.ends_sample([i for i, _ in fired]):
                break
            answered = isinstance(until, FirstOutput) and self.first_output[t] > 0
            if answered and k + 1 == self.first_output[t] + until.extra_steps:
                break
            if isinstance(until, MaxForwardSteps) and k + 1 == until.limit:
                if not until.truncate:
                    raise ForwardStepLimit
                break
            waiting = [
                Pending(j, *about[j], self.layer[j], lambda stream, j=j, k=k: self.draw(stream, t, k, j))
                for j in pending
            ]
            waiting.sort(key=lambda x: RANKS[self.schedule.name](self.schedule, x))
            group = sorted(x.j for x in waiting[: self.schedule.group_size])
            self.groups.append([t, k, group])
            arrivals = [(p[j], i, w) for j in group for i, w, d in self.synapses[j] if d == 0]
            for j in group:
                p[j] = 0
            k += 1
        self.forward_steps[t] = k + 1
        self.dropped += sum(p.values())

    def deliver(self, arrivals: list[Any], targets: Any, *, everyone: bool) -> int:
        """3.3, for (payload, target, weight) in ascending order of the sources; return how many neurons it reached."""
        u, v = self.current, self.voltage
        arrivals = [(payload, i, w) for payload, i, w in arrivals if payload > 0]
        total = [self.numbers.zero for _ in self.neurons]
        for payload, i, w in arrivals:
            total[i] = total[i] + self.numbers.arrival(i, payload, w)
        reached = {i for _, i, _ in arrivals}
        for i in targets:
            u[i] = u[i] + total[i]
            v[i] = v[i] + total[i] if i in self.free else v[i]
            if everyone or i in reached:
                u[i], v[i] = self.numbers.bound(u[i], v[i], i in self.free)
        self.synaptic_operations += len(arrivals)
        return len(reached)

    def check(self, t: int, k: int, who: Any) -> list[tuple[int, float]]:
        """3.4; return who emitted, and with which momentum."""
        fired = [(i, float(self.voltage[i])) for i in who if i in self.free and self.numbers.fires(i, self.voltage[i])]
        for i, _ in fired:
            self.voltage[i] = self.numbers.zero
            self.emitted[t][i] += 1
            if self.refractory and not self.refractory_dropout > unit(self.draw(1, t, k, i)):
                self.free.remove(i)
        if self.first_output[t] == 0 and self.outputs.intersection(i for i, _ in fired):
            self.first_output[t] = k + 1
        self.trace.append((t, k, list(self.current), list(self.voltage), [i for i, _ in fired]))
        return fired
