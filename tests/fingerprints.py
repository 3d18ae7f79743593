"""Digests of what the compiled engine computes: they are the same on every instruction set and for any threads.

Run as a program, it writes the digests of its process to its output, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import torch
from strategies import float_model, loihi_model

from lava_async import (
    CubaParams,
    Execution,
    Fifo,
    FirstOutput,
    Layered,
    LoihiParams,
    MaxForwardSteps,
    Momentum,
    Network,
    Random,
    Timed,
    simulate_batch,
)
from lava_async.engine import Setup
from lava_async.network import Layer
from lava_async.schedules import SCHEDULES
from lava_async.synapses import INPUT, Conv, Dense, Sparse
from lava_async.training import ATan, Exponential
from lava_async.training.compiled import CompiledEngine
from lava_async.training.gradient import CREDITS, RESETS, Gradient, ModelParameters, Parameters, is_plain
from lava_async.training.surrogates import PerLayer

BATCH, N_STEPS = 7, 5
#: Sizes that fill no block of lanes: the ends of loops are part of what is compared.
SHAPE, CHANNELS, SPARSE, OUTPUTS = (2, 9, 11), 5, 67, 13

QUEUED = [member(size) for member in SCHEDULES.values() if "group_size" in member.options() for size in (3, None)]
SCHEDULED = [Layered(), Momentum(2, noise=0.7), Timed(), *QUEUED]


def network(fixed: bool, *, delays: bool = True, seed: int = 0) -> Network:
    """Return a network with dense, sparse and convolutional synapses, feedback and delays."""
    rng = np.random.default_rng(seed)

    def weights(*shape: int, mean: float) -> Any:
        drawn = rng.normal(mean, 0.3, shape)
        return np.clip(np.round(64 * drawn), -256, 255).astype(int) if fixed else drawn

    def late(n: int) -> Any:
        return rng.integers(0, 3, n) if delays else None

    conv = Conv(INPUT, 0, weights(CHANNELS, 2, 3, 2, mean=0.3), SHAPE, (2, 1), (1, 0))
    grid = conv.output_shape
    n = int(np.prod(grid))
    loop = Conv(0, 0, weights(CHANNELS, 1, 3, 3, mean=-0.05), grid, padding=1, groups=CHANNELS)
    mask = rng.random((SPARSE, n)) < 0.15
    dense = weights(SPARSE, n, mean=0.15)
    layers = Layer(grid), Layer((SPARSE,)), Layer((OUTPUTS,))
    parts = (
        conv,
        loop,
        Sparse.from_matrix(0, 1, dense * mask, rng.integers(0, 3, dense.shape) if delays else None),
        Dense(1, 2, weights(OUTPUTS, SPARSE, mean=0.1), late(SPARSE)),
        Dense(2, 1, weights(SPARSE, OUTPUTS, mean=-0.1)),
        Dense(INPUT, 2, weights(OUTPUTS, int(np.prod(SHAPE)), mean=0.01), late(int(np.prod(SHAPE)))),
    )
    total = n + SPARSE + OUTPUTS
    du, dv, vth, bias = (
        rng.choice([0.25, 0.7, 1.0], total),
        rng.choice([0.1, 0.5, 1.0], total),
        rng.uniform(0.2, 0.6, total),
        rng.normal(0, 0.02, total),
    )
    params: Any = CubaParams(du, dv, vth, bias)
    if fixed:
        whole = [np.round(scale * x).astype(int) for scale, x in ((4095, du), (4096, dv), (64, vth), (64, bias))]
        params = LoihiParams(*whole, 6)
    return Network(SHAPE, layers, parts, params, np.arange(total - OUTPUTS, total))


def spikes() -> np.ndarray:
    """Return input counts, (B, C, T), some of them graded."""
    rng = np.random.default_rng(1)
    shape = BATCH, int(np.prod(SHAPE)), N_STEPS
    return rng.integers(1, 4, shape) * (rng.random(shape) < 0.1)


def forwards(threads: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run batches under every schedule, stop rule and switch."""
    for fixed in (False, True):
        nets = {delays: network(fixed, delays=delays) for delays in (True, False)}
        for schedule, delays in product(SCHEDULED, nets):
            yield f"{fixed=} {schedule} {delays=}", ran(nets[delays], threads, schedule=schedule)
        options: tuple[dict[str, Any], ...] = (
            {"refractory": False, "until": MaxForwardSteps(40, truncate=True)},
            {"input_first": False},
            {"until": FirstOutput(2)},
            {"until": MaxForwardSteps(5, truncate=True)},
        )
        for option in options:
            yield f"{fixed=} {option}", ran(nets[True], threads, schedule=Random(3), **option)
        for schedule in (Layered(), Random(3)):
            yield f"{fixed=} {schedule} models", ran(of_models(nets[True]), threads, schedule=schedule)


def of_models(net: Network) -> Network:
    """Return a network with other models: resonating, adaptive and sigma-delta neurons."""
    make = float_model if isinstance(net.params, CubaParams) else loihi_model
    rng = np.random.default_rng(3)
    params = [make(rng, kind, layer.size) for kind, layer in zip(("alif", "rf", "relu"), net.layers, strict=True)]
    synapses = [s.map_weights(lambda _, w: w + 1j * w) if s.target == 1 else s for s in net.synapses]
    return replace(net, params=params, synapses=tuple(synapses))


def ran(net: Network, threads: int | None, **options: Any) -> dict[str, Any]:
    """Return all that a batch did."""
    found = simulate_batch(net, spikes(), threads=threads, seed=5, **options)
    arrays = {name: value for name, value in vars(found).items() if name != "state" and value is not None}
    return arrays | {f"state {name}": value for name, value in found.state.items()}


def gradients(threads: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Run and differentiate batches under every rule of the gradient, by everything that has one."""
    for fixed, double in product((False, True), repeat=2):
        net = network(fixed)
        cases = [(Random(3), Gradient(*rule), {}) for rule in product(CREDITS, (True, False), RESETS)]
        cases += [(schedule, Gradient(), {}) for schedule in (Layered(), Fifo(2), Momentum(None))]
        cases += [
            (Random(3), Gradient(surrogate=Exponential(0.7, 0.9)), {}),
            (Random(3), Gradient(), {"input_first": False}),
            (
                Random(3),
                Gradient(surrogate=ATan(1.5)),
                {"refractory_dropout": 0.4, "input_dropout": 0.3, "until": MaxForwardSteps(60, truncate=True)},
            ),
        ]
        # Double precision is one engine on all instruction sets: a few cases do. Gradients of everything take turns,
        # since that of the weights alone has a backward pass of its own.
        for n, (schedule, gradient, options) in enumerate(cases[:: 5 if double else 1]):
            dropout = {key: options[key] for key in options if key.endswith("_dropout")}
            rules = {key: options[key] for key in options if key not in dropout}
            setup = Setup(net, Execution(schedule, seed=5, **rules), **dropout)
            for everything in (False, True)[n % 2 :]:
                name = f"{fixed=} {double=} {everything=} {schedule} {gradient} {options}"
                yield name, differentiated(net, threads, double, everything, gradient, setup)


def gradients_of_models(threads: int | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same of networks of any models."""
    for fixed, double in product((False, True), repeat=2):
        net = of_models(network(fixed))
        surrogate = PerLayer(tuple((layer.size, Exponential(0.7, 0.9)) for layer in net.layers))
        rules = [
            (Random(3), Gradient(surrogate=surrogate)),
            (Random(3), Gradient("keep", peak=False, reset="differentiated", surrogate=surrogate)),
            (Layered(), Gradient(surrogate=surrogate)),
        ]
        for schedule, gradient in rules[:1] if double else rules:
            for everything in (False, True):
                setup = Setup(net, Execution(schedule, seed=5))
                name = f"models {fixed=} {double=} {everything=} {schedule} {gradient.credit}"
                yield name, differentiated(net, threads, double, everything, gradient, setup)


def differentiated(
    net: Network, threads: int | None, double: bool, everything: bool, gradient: Gradient, setup: Setup
) -> dict[str, Any]:
    """Return the counts, the state and the gradients of a batch: of the weights, or of everything that has one."""
    dtype = torch.float64 if double else torch.float32
    given = torch.tensor(spikes(), dtype=dtype)
    parameters: Any = Parameters.of(net, dtype) if is_plain(net) else ModelParameters.of(net, dtype)
    numbers = parameters[1:] if is_plain(net) else [x for each in parameters.numbers for x in each.values()]
    wanted = [*parameters.weights, *([*numbers, given] if everything else [])]
    for tensor in wanted:
        tensor.requires_grad_()
    run = CompiledEngine(net, threads).run(setup, gradient, parameters, given, np.arange(BATCH))
    cotangent = torch.tensor(np.random.default_rng(2).normal(size=run.counts.shape), dtype=dtype)
    found = torch.autograd.grad((run.counts * cotangent).sum(), wanted)
    named = {f"gradient {i}": g.resolve_conj().numpy() for i, g in enumerate(found)}
    return {
        "counts": run.counts.detach().numpy(),
        "u": run.current.numpy(),
        "v": run.voltage.numpy(),
        "forward steps": run.forward_steps,
        **named,
    }


def digests(threads: int | None = None) -> dict[str, str]:
    """Return a digest of every array of every case."""
    cases = [*forwards(threads), *gradients(threads), *gradients_of_models(threads)]
    return {f"{name}: {field}": digest(value) for name, fields in cases for field, value in fields.items()}


def digest(value: Any) -> str:
    """Return the digest of an array, its type and shape included."""
    array = np.ascontiguousarray(value)
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes()).hexdigest()[:16]


if __name__ == "__main__":
    json.dump(digests(), sys.stdout)
