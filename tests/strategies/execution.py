"""Networks with their input, a schedule, a stop rule and every switch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from lava_async import (
    CubaParams,
    Fifo,
    FirstOutput,
    LoihiParams,
    Margin,
    MaxForwardSteps,
    Momentum,
    Network,
    Quiescence,
    Replay,
    Timed,
)
from lava_async.hardware import PRESETS
from lava_async.hardware.machine import times_of
from lava_async.schedules import SCHEDULES, Schedule
from lava_async.schedules.timed import Times
from strategies.topology import generators, networks, seeds

QUEUES = [member for member in SCHEDULES.values() if "group_size" in member.options()]
"""Schedules that pick from a queue: a new one is drawn, and so tested, as soon as it is listed in SCHEDULES. `timed`
has no queue of the whole network: `timed_runs` draws it for test_timed.py."""


group_sizes = st.sampled_from([2, 1, 3, 4, 6, None])


@st.composite
def spikes(draw: st.DrawFn, n_inputs: int, *, min_steps: int = 1, max_steps: int = 5) -> np.ndarray:
    """Counts (C, T), from silence to graded spikes."""
    n_steps = draw(st.sampled_from([*range(min_steps + 1, max_steps + 1), min_steps]))
    density, most = draw(st.sampled_from([0.9, 0.5, 0.9, 0.1])), draw(st.sampled_from([3, 1, 200]))
    rng = draw(generators())
    shape = (n_inputs, n_steps)
    return rng.integers(1, most + 1, shape) * (rng.random(shape) < density)


@st.composite
def schedules(draw: st.DrawFn, *members: type[Schedule], layered: bool = True) -> Schedule:
    """Every schedule that needs no recording, with any group size."""
    member = draw(st.sampled_from(members or [*([SCHEDULES["layered"]] if layered else []), *QUEUES]))
    if member is SCHEDULES["layered"]:
        return member()
    if member is Momentum:
        return Momentum(draw(group_sizes), noise=draw(st.sampled_from([0.5, 0.0, 5000.0])))
    return member(draw(group_sizes))


mostly = st.sampled_from([True, True, True, False])
stop_rules = st.one_of(
    st.just(Quiescence()),
    st.builds(FirstOutput, st.integers(0, 3)),
    st.builds(Margin, st.integers(1, 3), st.sampled_from(["spike", "step"])),
    st.builds(MaxForwardSteps, st.integers(1, 12), truncate=mostly),
)
ending_rules = st.builds(MaxForwardSteps, st.integers(1, 25), truncate=mostly)
"""Rules under which every network comes to an end."""
cutting_rules = st.builds(MaxForwardSteps, st.integers(1, 25), truncate=st.just(True))
"""Rules under which none ends in an error."""


@dataclass(frozen=True)
class Run:
    """Everything that `simulate` takes, and what training adds."""

    network: Network
    spikes: np.ndarray
    schedule: Schedule
    until: Any
    refractory: bool
    input_first: bool
    seed: int
    sample: int
    dropout: dict[str, float] = field(default_factory=dict)

    @property
    def rules(self) -> dict[str, Any]:
        """Keywords of `simulate` and `Stepper` but the sample."""
        names = ("schedule", "until", "refractory", "input_first", "seed")
        return {name: getattr(self, name) for name in names}

    def replayed(self, groups: Any) -> dict[str, Any]:
        return self.rules | {"schedule": Replay(groups)}


@st.composite
def runs(
    draw: st.DrawFn,
    *kinds: str,
    network: Any = None,
    layered: bool = True,
    until: Any = None,
    refractory: bool | None = None,
    min_steps: int = 1,
    delays: bool = True,
    members: tuple[type[Schedule], ...] = (),
) -> Run:
    """Any network under any rules; one that need not come to rest gets a rule that ends it."""
    net = draw(networks(*kinds, delays=delays) if network is None else network)
    once = draw(st.sampled_from([False, True])) if refractory is None else refractory
    rule = draw((stop_rules if once else ending_rules) if until is None else until)
    counts, order = draw(spikes(net.n_inputs, min_steps=min_steps)), draw(schedules(*members, layered=layered))
    return Run(net, counts, order, rule, once, draw(st.booleans()), draw(seeds), draw(st.integers(0, 50)))


@st.composite
def times(draw: st.DrawFn) -> Times:
    """How long operations take: a preset rounded for one tile, or anything, many of them the same or nothing."""
    if draw(st.booleans()):
        return times_of(draw(st.sampled_from(sorted(PRESETS))), 1)
    rng, most = draw(generators()), draw(st.sampled_from([1, 5, 40_000]))
    return Times(*rng.integers(0, most + 1, len(Times._fields)).tolist())


@st.composite
def mappings(draw: st.DrawFn, n_neurons: int) -> tuple[int, ...] | None:
    """A core for each neuron: as placed, all in one, each in its own, any in a few of one to many tiles."""
    kind = draw(st.sampled_from(["some", "placed", "one", "own"]))
    if kind == "some":
        numbers = draw(st.lists(st.sampled_from([0, 1, 3, 4, 9, 33, 200]), min_size=2, max_size=4, unique=True))
        return tuple(draw(generators()).choice(numbers, n_neurons).tolist())
    return {"placed": None, "one": (7,) * n_neurons, "own": tuple(range(n_neurons))}[kind]


@st.composite
def timed_runs(draw: st.DrawFn, *kinds: str, dropout: bool = False, **options: Any) -> Run:
    """As `runs`, or `training_runs`, under `timed` with any times and any mapping."""
    run = draw((training_runs if dropout else runs)(*kinds, members=(Fifo,), **options))
    return replace(run, schedule=Timed(preset=draw(times()), mapping=draw(mappings(run.network.n_neurons))))


@st.composite
def training_runs(draw: st.DrawFn, *kinds: str, **options: Any) -> Run:
    """As `runs`, with refractory and input dropout."""
    run = draw(runs(*kinds, refractory=True, until=ending_rules, **options))
    probabilities = st.sampled_from([0.0, 0.3, 1.0])
    return Run(
        **{**vars(run), "dropout": {"refractory_dropout": draw(probabilities), "input_dropout": draw(probabilities)}}
    )


def deep(schedule: Schedule | Timed, *, n_layers: int = 70, params: Any = None) -> Run:
    """Return a chain of more layers than a word has bits, through all of which spikes go."""
    rng = np.random.default_rng(n_layers)
    weights = [np.full((2, 2), 0.5) + np.round(rng.uniform(0, 0.5, (2, 2)) * 8) / 8 for _ in range(n_layers)]
    net = Network.feedforward(weights, CubaParams(0.5, 0.75, 0.375) if params is None else [params] * n_layers)
    return Run(net, np.array([[1, 0, 1], [1, 1, 0]]), schedule, MaxForwardSteps(500, truncate=True), True, True, 0, 0)


def exact(run: Run) -> Run:
    """Round a float network to numbers that float32 adds exactly: records are in float32, gradients in float64."""
    net, p = run.network, run.network.params
    if isinstance(p, LoihiParams):
        return run
    params = CubaParams(*(np.round(x * n) / n for x, n in ((p.du, 4), (p.dv, 4), (p.vth, 8), (p.bias, 8))))
    synapses = tuple(s.map_weights(lambda _, w: np.round(w * 8) / 8) for s in net.synapses)
    return replace(run, network=replace(net, params=params, synapses=synapses))


@st.composite
def busy_runs(draw):
    """Small networks of any graph in which most neurons fire, and go on firing: where credit rules tell apart."""
    rng = draw(generators())
    sizes = rng.integers(1, 4, size=rng.integers(2, 4))
    C, N, T = int(rng.integers(1, 4)), int(sizes.sum()), int(rng.integers(1, 4))
    weights = np.round(rng.normal(0.3, 0.5, (N, C + N)) * 64) * (rng.random((N, C + N)) < 0.7)
    vth, bias = np.round(64 * rng.uniform(0.2, 0.9, N)), np.round(8 * rng.normal(size=N)) * (rng.random(N) < 0.2)
    du, dv = rng.choice([0.25, 0.75, 1.0], size=(2, N))
    if draw(st.booleans()):
        params, weights = CubaParams(du, dv, vth / 64, bias / 64), weights / 64
    else:
        du, dv, vth, bias = (x.astype(int) for x in (4096 * du - 1, 4096 * dv, vth, bias))
        params, weights = LoihiParams(du, dv, vth, bias, 6), weights.astype(int)
    net = Network.from_matrix(weights[:, :C], weights[:, C:], params, layer_of=np.repeat(np.arange(len(sizes)), sizes))
    counts = rng.integers(1, 3, (C, T)) * (rng.random((C, T)) < 0.8)
    rule = draw(st.sampled_from([MaxForwardSteps(12, truncate=True), FirstOutput(2)]))
    order = draw(schedules(layered=False).filter(lambda s: s.group_size in (1, 2, 3)))
    dropout = {"refractory_dropout": draw(st.sampled_from([0.0, 0.5]))}
    return Run(net, counts, order, rule, True, draw(mostly), int(rng.integers(99)), 3, dropout)


@st.composite
def batches(draw):
    """A run, B inputs of its network, and the order in which they come."""
    run = draw(runs(until=st.just(Quiescence()), refractory=True))
    n = draw(st.integers(1, 7))
    rng = draw(generators())
    inputs = rng.integers(0, 3, (n, run.network.n_inputs, run.spikes.shape[1]))
    return run, inputs, rng.integers(0, 1000, n), rng.permutation(n)
