"""What the tests draw: any network, its input, every schedule and stop rule, every switch.

Hypothesis chooses what matters (graph, sizes, arithmetic, regime, rules) and shrinks it; the numbers inside come from
a generator whose seed it chooses, which is fast and keeps them varied. Networks are arbitrary graphs on purpose:
chains are too tame to tell a wrong engine from a right one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from lava_async import (
    AlifParams,
    CubaParams,
    DeltaParams,
    Fifo,
    FirstOutput,
    LoihiAlifParams,
    LoihiDeltaParams,
    LoihiParams,
    LoihiResonateParams,
    LoihiSigmaDeltaParams,
    Margin,
    MaxForwardSteps,
    Momentum,
    Network,
    NeuronModel,
    Quiescence,
    Replay,
    ResonateParams,
    SigmaDeltaParams,
    Timed,
)
from lava_async.hardware import PRESETS
from lava_async.hardware.machine import times_of
from lava_async.network import Layer
from lava_async.schedules import SCHEDULES, Schedule
from lava_async.schedules.timed import Times
from lava_async.synapses import INPUT, Conv, Dense, Sparse

QUEUES = [member for member in SCHEDULES.values() if "group_size" in member.options()]
"""Schedules that pick from a queue: a new one is drawn, and so tested, as soon as it is listed in SCHEDULES. `timed`
has no queue of the whole network: `timed_runs` draws it for test_timed.py."""

ARITHMETICS = ("float", "fixed")
SHAPES = {1: (1,), 2: (2, 1, 1), 3: (3,), 4: (1, 2, 2)}

seeds = st.integers(0, 2**32 - 1)
group_sizes = st.sampled_from([2, 1, 3, 4, 6, None])


def generators() -> st.SearchStrategy[np.random.Generator]:
    return seeds.map(np.random.default_rng)


# ------------------------------------------------------------------------------------------------ numbers


def _some(rng: np.random.Generator, values: Any, n: int) -> np.ndarray:
    return rng.choice(np.array(values), n)


def float_params(rng: np.random.Generator, n: int, *, memory: bool, bias: bool) -> CubaParams:
    """Float neurons; without memory the current is forgotten from one time step to the next."""
    decays = [0.0, 0.1, 0.5, 0.75, 1.0]
    du = _some(rng, decays, n) if memory else np.ones(n)
    return CubaParams(
        du,
        _some(rng, decays, n),
        _some(rng, [0.0, 0.25, 0.5, rng.random()], n),
        _some(rng, [0.0, 0.125, -0.25, rng.normal()], n) if bias else 0.0,
    )


def float_weights(rng: np.random.Generator, shape: Any) -> np.ndarray:
    """Weights around zero, mostly exciting; half of the time on a coarse grid, so that voltages tie."""
    weights = rng.normal(0.4, 0.6, shape)
    return np.round(weights * 8) / 8 if rng.random() < 0.5 else weights


def loihi_params(rng: np.random.Generator, n: int, *, memory: bool, bias: bool, extreme: bool) -> LoihiParams:
    """Integer neurons; `extreme` ones wrap their current and clip their voltage."""
    du = _some(rng, [-1, 0, 409, 2047, 4095], n) if memory else np.full(n, 4095)
    mant, exp = (rng.integers(-500, 501, n), rng.integers(-6, 7, n)) if bias else (0, 0)
    weight_exp = rng.integers(0, 16 if rng.random() < 0.2 else 10, n) if extreme else rng.integers(0, 3, n)
    vth = rng.integers(0, 2**17 if extreme else 400, n)
    return LoihiParams(du, _some(rng, [0, 410, 2048, 4095, 4096], n), vth, mant, exp, weight_exp)


def loihi_weights(rng: np.random.Generator, shape: Any) -> np.ndarray:
    return np.clip(rng.normal(60, 100, shape), -256, 255).astype(np.int64)


@dataclass(frozen=True)
class Arithmetic:
    """How to draw parameters and weights of one kind."""

    kind: str
    memory: bool = True
    bias: bool = True
    extreme: bool = False

    def params(self, rng: np.random.Generator, n: int) -> Any:
        if self.kind == "float":
            return float_params(rng, n, memory=self.memory, bias=self.bias)
        return loihi_params(rng, n, memory=self.memory, bias=self.bias, extreme=self.extreme)

    def weights(self, rng: np.random.Generator, shape: Any) -> np.ndarray:
        return (float_weights if self.kind == "float" else loihi_weights)(rng, shape)


@st.composite
def arithmetics(draw: st.DrawFn, *kinds: str) -> Arithmetic:
    return Arithmetic(
        draw(st.sampled_from(kinds or ARITHMETICS)), draw(st.booleans()), draw(st.booleans()), draw(st.booleans())
    )


# ----------------------------------------------------------------------------------------------- networks


@st.composite
def networks(draw: st.DrawFn, *kinds: str, delays: bool = True) -> Network:
    """Any network of one of the arithmetics: a matrix of any graph, or parts of any types with delays."""
    numbers = draw(arithmetics(*kinds))
    kinds_of_graph = chains(numbers), graphs(numbers), assemblies(numbers, delays=delays), pictures(numbers)
    return draw(st.one_of(kinds_of_graph))


@st.composite
def chains(draw: st.DrawFn, numbers: Arithmetic) -> Network:
    """Input, then all-to-all layers one after another."""
    sizes = draw(st.lists(st.sampled_from([4, 3, 5, 2, 1]), min_size=3, max_size=4))
    rng = draw(generators())
    weights = [numbers.weights(rng, (post, pre)) for pre, post in pairwise(sizes)]
    return Network.feedforward(weights, numbers.params(rng, sum(sizes[1:])))


@st.composite
def graphs(draw: st.DrawFn, numbers: Arithmetic) -> Network:
    """Layers with any synapses between any neurons: skips, loops, self-loops."""
    sizes = draw(st.lists(st.sampled_from([3, 4, 2, 1]), min_size=2, max_size=4))
    n_inputs, density = draw(st.sampled_from([3, 2, 4, 1, 2, 3, 0])), draw(st.sampled_from([0.8, 0.4, 0.15]))
    rng = draw(generators())
    n = sum(sizes)
    into, between = (numbers.weights(rng, (n, pre)) * (rng.random((n, pre)) < density) for pre in (n_inputs, n))
    return Network.from_matrix(
        into,
        between,
        numbers.params(rng, n),
        layer_of=np.repeat(np.arange(len(sizes)), sizes),
        outputs=rng.permutation(n)[: rng.integers(0, n + 1)],
    )


@st.composite
def assemblies(draw: st.DrawFn, numbers: Arithmetic, *, delays: bool = True) -> Network:
    """Parts of every type between any layers, several between the same two, with and without delays."""
    sizes = draw(st.lists(st.sampled_from([3, 4, 2, 1]), min_size=1, max_size=3))
    n_inputs = draw(st.sampled_from([3, 4, 2, 1]))
    ends = st.tuples(st.integers(INPUT, len(sizes) - 1), st.integers(0, len(sizes) - 1))
    kind_and_delay = st.tuples(st.sampled_from(["dense", "sparse"]), st.integers(0, 3))
    wanted = [((INPUT, 0), draw(kind_and_delay))] * draw(st.sampled_from([1, 1, 1, 0]))
    wanted += draw(st.lists(st.tuples(ends, kind_and_delay), min_size=1, max_size=6))
    rng = draw(generators())
    parts: list[Any] = []
    for (source, target), (kind, longest) in wanted:
        pre, post = n_inputs if source == INPUT else sizes[source], sizes[target]
        weights = numbers.weights(rng, (post, pre))
        shape = (pre,) if kind == "dense" else (post, pre)
        delay = rng.integers(0, longest + 1, shape) if delays and longest else None
        if kind == "dense":
            parts.append(Dense(source, target, weights, delay))
        else:
            mask = rng.random((post, pre)) < 0.5
            parts.append(Sparse.from_matrix(source, target, weights * mask, delay))
    n = sum(sizes)
    layers = tuple(Layer(SHAPES[size]) for size in sizes)
    return Network(
        SHAPES[n_inputs], layers, tuple(parts), numbers.params(rng, n), rng.permutation(n)[: rng.integers(0, n + 1)]
    )


@st.composite
def pictures(draw: st.DrawFn, numbers: Arithmetic) -> Network:
    """A convolution of any geometry from the input, one of a layer onto itself, all-to-all synapses to the outputs."""
    per_group, per_output, groups = (draw(st.integers(1, 2)) for _ in range(3))
    pairs = st.tuples(st.integers(1, 2), st.integers(1, 2))
    size, stride, dilation = draw(st.tuples(st.integers(3, 4), st.integers(3, 4))), draw(pairs), draw(pairs)
    kernel, padding = draw(pairs), draw(st.tuples(st.integers(0, 1), st.integers(0, 1)))
    rng = draw(generators())
    shape, channels = (per_group * groups, *size), per_output * groups
    delay = rng.integers(0, 3, int(np.prod(shape))) if draw(st.booleans()) else None
    weights = numbers.weights(rng, (channels, per_group, *kernel))
    first = Conv(INPUT, 0, weights, shape, stride, padding, dilation, groups, delay)
    loop = Conv(0, 0, numbers.weights(rng, (channels, 1, 3, 3)), first.output_shape, padding=1, groups=channels)
    onward = Dense(0, 1, numbers.weights(rng, (2, first.n_target)))
    parts, n = [first, onward, *[loop] * draw(st.integers(0, 1))], first.n_target + 2
    layers = (Layer(first.output_shape), Layer((2,)))
    params = numbers.params(rng, n)
    if isinstance(params, LoihiParams):  # a kernel has one exponent per channel
        exponents = np.repeat(params.weight_exp[:channels], first.n_target // channels)
        params = replace(params, weight_exp=np.append(exponents, params.weight_exp[-2:]))
    return Network(shape, layers, tuple(parts), params, [n - 2, n - 1])


@st.composite
def spikes(draw: st.DrawFn, n_inputs: int, *, min_steps: int = 1, max_steps: int = 5) -> np.ndarray:
    """Counts (C, T), from silence to graded spikes."""
    n_steps = draw(st.sampled_from([*range(min_steps + 1, max_steps + 1), min_steps]))
    density, most = draw(st.sampled_from([0.9, 0.5, 0.9, 0.1])), draw(st.sampled_from([3, 1, 200]))
    rng = draw(generators())
    shape = (n_inputs, n_steps)
    return rng.integers(1, most + 1, shape) * (rng.random(shape) < density)


# -------------------------------------------------------------------------------------------------- rules


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


# ---------------------------------------------------------------------------------------------- neuron models


def exact_model(model: NeuronModel) -> NeuronModel:
    """Round a float model to numbers that floats add exactly (but for the turn of resonators)."""
    if model.dtype is not np.float32:
        return model
    kept = (*model.choices, "refractory_steps", "sync_threshold", "period")
    rounded = {x: np.round(getattr(model, x) * 8) / 8 for x in model.names() if x not in kept}
    return replace(model, **rounded | {"vth": np.maximum(np.round(model.vth * 8), 1) / 8})


def exact_models(run: Run) -> Run:
    """Round a float network of any models so."""
    net = run.network
    params = [exact_model(net.params_of(layer)) for layer in range(len(net.layers))]
    if params[0].dtype is not np.float32:
        return run
    synapses = tuple(s.map_weights(lambda _, w: np.round(w * 8) / 8) for s in net.synapses)
    return replace(run, network=replace(net, params=params, synapses=synapses))


@st.composite
def trained_model_runs(draw: st.DrawFn, *kinds: str, models: tuple[str, ...] | None = None) -> Run:
    """As `model_runs`, with the dropouts of training."""
    run = exact_models(draw(model_runs(*kinds, models=models or MODEL_KINDS)))
    probabilities = st.sampled_from([0.0, 0.0, 0.5])
    drops = {"refractory_dropout": draw(probabilities), "input_dropout": draw(probabilities)}
    # Neurons that fire over and over again send numbers that grow with every forward step.
    limit = run.until.limit if run.refractory else min(run.until.limit, 6)
    spikes = np.minimum(run.spikes, 3)
    return replace(run, spikes=spikes, until=MaxForwardSteps(limit, truncate=True), dropout=drops)


def _of_every_model(rng: np.random.Generator, n: int, *, once: bool) -> dict[str, Any]:
    steps = _some(rng, [0, 0, 1, 2], n) if once and rng.random() < 0.5 else 0
    return {"refractory_steps": steps, "sync_threshold": _some(rng, [0, 0, 1, 3], n) if rng.random() < 0.5 else 0}


def float_model(rng: np.random.Generator, kind: str, n: int) -> NeuronModel:
    """Float neurons of a model, without what all models have."""
    decays, thresholds = [0.0, 0.1, 0.5, 0.75, 1.0], [0.125, 0.25, 0.5, 1.0 + rng.random()]
    du, dv, dth, drho = (_some(rng, decays, n) for _ in range(4))
    vth, bias = _some(rng, thresholds, n), _some(rng, [0.0, 0.0, 0.125, -0.25, rng.normal()], n)
    if kind in ("zero", "subtract"):
        return CubaParams(du, dv, vth, bias, reset=kind)
    if kind == "alif":
        return AlifParams(du, dv, dth, drho, vth, _some(rng, thresholds, n), bias)
    if kind in ("relu", "unit"):
        return SigmaDeltaParams(vth, bias, activation=kind)
    if kind == "delta":
        return DeltaParams(vth)
    return ResonateParams(_some(rng, [0.0, 0.1, 0.5], n), _some(rng, [2.5, 4.0, 7.0], n), vth, variant=kind)


def loihi_model(rng: np.random.Generator, kind: str, n: int) -> NeuronModel:
    """Integer neurons of a model, without what all models have."""
    decays = [0, 410, 2048, 4095, 4096]
    dv, dth, drho = (_some(rng, decays, n) for _ in range(3))
    du, vth = _some(rng, [-1, 409, 2047, 4095], n), rng.integers(1, 400, n)
    exp: Any = int(rng.integers(0, 3))
    bias = {"bias_mant": _some(rng, [0, 0, rng.integers(-500, 500)], n), "bias_exp": rng.integers(-2, 6, n)}
    if kind in ("zero", "subtract"):
        return LoihiParams(du, dv, vth, **bias, weight_exp=exp, reset=kind)
    if kind == "alif":
        return LoihiAlifParams(du, dv, dth, drho, vth, rng.integers(0, 200, n), **bias, weight_exp=exp)
    if kind in ("relu", "unit"):
        return LoihiSigmaDeltaParams(vth, **bias, weight_exp=exp, activation=kind)
    if kind == "delta":
        return LoihiDeltaParams(vth, weight_exp=exp)
    return LoihiResonateParams(_some(rng, [0.0, 0.1, 0.5], n), _some(rng, [2.5, 4.0, 7.0], n), vth, exp, variant=kind)


MODEL_KINDS = ("zero", "subtract", "alif", "relu", "unit", "delta", "rf", "rf_iz")
"""Every model of the package, its words included."""


@st.composite
def model_networks(draw: st.DrawFn, *kinds: str, once: bool = True, models: tuple[str, ...] = MODEL_KINDS) -> Network:
    """Any network with a model drawn for each layer; `once`: whether refractoriness is on."""
    net = draw(networks(*kinds))
    wanted = [draw(st.sampled_from(models)) for _ in net.layers]
    rng = draw(generators())
    make = float_model if net.params.dtype is np.float32 else loihi_model
    params = [
        replace(make(rng, kind, layer.size), **_of_every_model(rng, layer.size, once=once))
        for kind, layer in zip(wanted, net.layers, strict=True)
    ]

    def turned(_: str, weights: Any) -> Any:
        return weights + 1j * weights.ravel()[rng.permutation(weights.size)].reshape(weights.shape)

    synapses = [s.map_weights(turned) if wanted[s.target].startswith("rf") else s for s in net.synapses]
    return replace(net, params=params, synapses=tuple(synapses))


@st.composite
def model_runs(draw: st.DrawFn, *kinds: str, models: tuple[str, ...] = MODEL_KINDS, **options: Any) -> Run:
    """As `runs`, on networks of any models."""
    once = draw(st.sampled_from([True, True, False]))
    network = draw(model_networks(*kinds, once=once, models=models))
    return draw(runs(network=st.just(network), refractory=once, until=ending_rules, **options))


@st.composite
def timed_model_runs(draw: st.DrawFn, *kinds: str) -> Run:
    """As `model_runs`, under `timed` with any times and any mapping."""
    run = draw(model_runs(*kinds, members=(Fifo,), layered=False))
    return replace(run, schedule=Timed(preset=draw(times()), mapping=draw(mappings(run.network.n_neurons))))
