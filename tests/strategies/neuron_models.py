"""Networks of every neuron model, and runs of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from lava_async import (
    AlifParams,
    CubaParams,
    DeltaParams,
    Fifo,
    LoihiAlifParams,
    LoihiDeltaParams,
    LoihiParams,
    LoihiResonateParams,
    LoihiSigmaDeltaParams,
    MaxForwardSteps,
    Network,
    NeuronModel,
    ResonateParams,
    SigmaDeltaParams,
    Timed,
)
from strategies.execution import Run, ending_rules, mappings, runs, times
from strategies.topology import (
    generators,
    networks,
    some,
)


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
    steps = some(rng, [0, 0, 1, 2], n) if once and rng.random() < 0.5 else 0
    return {"refractory_steps": steps, "sync_threshold": some(rng, [0, 0, 1, 3], n) if rng.random() < 0.5 else 0}


def float_model(rng: np.random.Generator, kind: str, n: int) -> NeuronModel:
    """Float neurons of a model, without what all models have."""
    decays, thresholds = [0.0, 0.1, 0.5, 0.75, 1.0], [0.125, 0.25, 0.5, 1.0 + rng.random()]
    du, dv, dth, drho = (some(rng, decays, n) for _ in range(4))
    vth, bias = some(rng, thresholds, n), some(rng, [0.0, 0.0, 0.125, -0.25, rng.normal()], n)
    if kind in ("zero", "subtract"):
        return CubaParams(du, dv, vth, bias, reset=kind)
    if kind == "alif":
        return AlifParams(du, dv, dth, drho, vth, some(rng, thresholds, n), bias)
    if kind in ("relu", "unit"):
        return SigmaDeltaParams(vth, bias, activation=kind)
    if kind == "delta":
        return DeltaParams(vth)
    return ResonateParams(some(rng, [0.0, 0.1, 0.5], n), some(rng, [2.5, 4.0, 7.0], n), vth, variant=kind)


def loihi_model(rng: np.random.Generator, kind: str, n: int) -> NeuronModel:
    """Integer neurons of a model, without what all models have."""
    decays = [0, 410, 2048, 4095, 4096]
    dv, dth, drho = (some(rng, decays, n) for _ in range(3))
    du, vth = some(rng, [-1, 409, 2047, 4095], n), rng.integers(1, 400, n)
    exp: Any = int(rng.integers(0, 3))
    bias = {"bias_mant": some(rng, [0, 0, rng.integers(-500, 500)], n), "bias_exp": rng.integers(-2, 6, n)}
    if kind in ("zero", "subtract"):
        return LoihiParams(du, dv, vth, **bias, weight_exp=exp, reset=kind)
    if kind == "alif":
        return LoihiAlifParams(du, dv, dth, drho, vth, rng.integers(0, 200, n), **bias, weight_exp=exp)
    if kind in ("relu", "unit"):
        return LoihiSigmaDeltaParams(vth, **bias, weight_exp=exp, activation=kind)
    if kind == "delta":
        return LoihiDeltaParams(vth, weight_exp=exp)
    return LoihiResonateParams(some(rng, [0.0, 0.1, 0.5], n), some(rng, [2.5, 4.0, 7.0], n), vth, exp, variant=kind)


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
