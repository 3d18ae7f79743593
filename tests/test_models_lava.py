"""Neurons of every model beside Lava's own ProcessModels, whose run_spk is called as it is, time step by time step.

One neuron per input channel, layered: what Lava gets through its port `a_in` is what the network gets as graded input.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lava.proc.atrlif.models import PyATRLIFModelFixed, PyATRLIFModelFloat
from lava.proc.lif.models import PyLifRefractoryModelFloat
from lava.proc.rf.models import PyRFModelFixed, PyRFModelFloat
from lava.proc.rf_iz.models import PyRF_IZModelFixed, PyRF_IZModelFloat
from lava.proc.sdn.models import (
    PyDeltaModelFixed,
    PyDeltaModelFloat,
    PySigmaDeltaModelFixed,
    PySigmaDeltaModelFloat,
)
from lava.proc.sdn.process import ActivationMode

from lava_async import (
    AlifParams,
    CubaParams,
    DeltaParams,
    LoihiAlifParams,
    LoihiDeltaParams,
    LoihiResonateParams,
    LoihiSigmaDeltaParams,
    Network,
    ResonateParams,
    SigmaDeltaParams,
    simulate,
)

N, STEPS = 24, 60
ENGINES = ["compiled", "reference"]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


class Port:
    """A port that gives one row after another, and keeps what is sent."""

    def __init__(self, rows: Any = ()) -> None:
        self.rows, self.sent = iter(rows), []

    def recv(self) -> Any:
        return next(self.rows).copy()

    def send(self, values: Any) -> None:
        self.sent.append(np.array(values, copy=True))


def lava(model: Any, *, ports: dict[str, Any], state: dict[str, Any], before: Any = None, **proc_params: Any) -> Any:
    """Run a ProcessModel of Lava on (T, N) input; return what it sent, (N, T)."""
    found = model.__new__(model)
    try:
        model.__init__(found, proc_params)
    except AttributeError:  # those of RF look at the precision of a Var that only a compiler sets
        found.neg_voltage_limit, found.pos_voltage_limit = 1 - 2**23, 2**23 - 1
    vars(found).update(state, s_out=Port(), **{name: Port(rows) for name, rows in ports.items()})
    if before:
        before(found)
    for t in range(STEPS):
        found.time_step = t + 1
        found.run_spk()
    return np.array(found.s_out.sent).T


def ours(params: Any, given: np.ndarray, engine: str, weight: Any = 1) -> Any:
    """The same number of neurons, one per channel."""
    return simulate(Network.feedforward([np.eye(N) * weight], params), given.T, engine=engine).emitted


def zeros(*names: str, dtype: Any = float) -> dict[str, Any]:
    return {name: np.zeros(N, dtype) for name in names}


def graded(rng: np.random.Generator, scale: float) -> np.ndarray:
    """Multiples of 1/8, (T, N), half of them 0: float32 and float64 add them alike."""
    return np.round(rng.normal(0, scale, (STEPS, N)) * 8) / 8 * (rng.random((STEPS, N)) < 0.5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("variant", ["rf", "rf_iz"])
def test_resonators_fire_as_lavas(variant, fixed, engine, rng):
    real, imag = (rng.integers(-3, 4, (STEPS, N)) * (rng.random((STEPS, N)) < 0.4) for _ in range(2))
    alpha, period, vth = 0.07, 9.0, 2
    sin, cos = (1 - alpha) * np.sin(np.pi * 2 * 1 / period), (1 - alpha) * np.cos(np.pi * 2 * 1 / period)
    bits, exp = (12, 6) if fixed else (0, 0)
    state = zeros("real", "imag", dtype=np.int64 if fixed else float) | {
        "sin_decay": np.int32(sin * 4096) if fixed else sin,
        "cos_decay": np.int32(cos * 4096) if fixed else cos,
        "state_exp": exp,
        "decay_bits": bits,
        "vth": vth << exp,
    }
    models = {
        ("rf", False): PyRFModelFloat,
        ("rf", True): PyRFModelFixed,
        ("rf_iz", False): PyRF_IZModelFloat,
        ("rf_iz", True): PyRF_IZModelFixed,
    }
    sent = lava(models[variant, fixed], ports={"a_real_in": real, "a_imag_in": imag}, state=state)
    kind = LoihiResonateParams if fixed else ResonateParams
    weights = np.concatenate([np.eye(N), 1j * np.eye(N)], axis=1)
    net = Network.feedforward([weights], kind(alpha=alpha, period=period, vth=vth, variant=variant))
    found = simulate(net, np.concatenate([real, imag], axis=1).T, engine=engine).counts
    assert sent.sum() > 20
    np.testing.assert_array_equal(found, sent)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize("activation", ["relu", "unit"])
def test_sigma_delta_neurons_send_as_lavas(activation, fixed, engine, rng):
    vth, bias = (100, 37) if fixed else (1.5, 0.25)
    given = rng.integers(-200, 220, (STEPS, N)) if fixed else graded(rng, 1.0)
    mode = ActivationMode.RELU if activation == "relu" else ActivationMode.UNIT
    state = zeros("sigma", "act", "residue", "error", dtype=np.int64 if fixed else float)
    state |= {"vth": vth, "bias": bias, "spike_exp": 0, "state_exp": 6 if fixed else 0, "cum_error": False}
    model = PySigmaDeltaModelFixed if fixed else PySigmaDeltaModelFloat
    sent = lava(model, ports={"a_in": given}, state=state, act_mode=mode)
    params = (
        LoihiSigmaDeltaParams(vth, bias, activation=activation)
        if fixed
        else SigmaDeltaParams(vth, bias, activation=activation)
    )
    assert (sent != 0).sum() > 40
    np.testing.assert_array_equal(ours(params, given, engine), sent)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fixed", [False, True])
def test_delta_neurons_send_as_lavas(fixed, engine, rng):
    """Lava shifts the input by spike_exp + 6 itself; here it arrives so."""
    vth = 300 if fixed else 1.5
    given = rng.integers(-20, 21, (STEPS, N)) if fixed else graded(rng, 1.5)
    state = zeros("sigma", "act", "residue", "error", dtype=np.int64 if fixed else float)
    state |= {"vth": vth, "spike_exp": 0, "state_exp": 6 if fixed else 0, "cum_error": False}
    sent = lava(PyDeltaModelFixed if fixed else PyDeltaModelFloat, ports={"a_in": given}, state=state)
    params = LoihiDeltaParams(vth) if fixed else DeltaParams(vth)
    assert (sent != 0).sum() > 40
    np.testing.assert_array_equal(ours(params, given << 6 if fixed else given, engine), sent)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fixed", [False, True])
def test_adaptive_neurons_fire_as_lavas(fixed, engine, rng):
    """Decays that are exact in binary, so that Lava's float64 and float32 agree."""
    given = rng.integers(-2, 9, (STEPS, N)) if fixed else graded(rng, 2.0)
    state = {"bias_mant": np.full(N, 3 if fixed else 0.125), "bias_exp": 0, "s": np.zeros(N, bool)}
    names = ("delta_i", "delta_v", "delta_theta", "delta_r")
    decays = [0.5, 0.25, 0.125, 0.5]
    state |= dict(zip(names, decays, strict=True)) | {
        "theta_0": 5 if fixed else 1.5,
        "theta_step": 3 if fixed else 0.75,
    }
    dtype = np.int64 if fixed else float
    state |= {"i": np.zeros(N, dtype), "v": np.zeros(N, dtype), "r": np.zeros(N, dtype)}
    state["theta"] = np.full(N, state["theta_0"], dtype)
    if fixed:
        state["bias_mant"] = np.full(N, 3)
        sent = lava(PyATRLIFModelFixed, ports={"a_in": given}, state=state)
        params = LoihiAlifParams(2048, 1024, 512, 2048, 5, 3, bias_mant=3)
    else:
        sent = lava(PyATRLIFModelFloat, ports={"a_in": given}, state=state)
        params = AlifParams(*decays, 1.5, 0.75, 0.125)
    assert sent.sum() > 50
    np.testing.assert_array_equal(ours(params, given, engine), sent)


@pytest.mark.parametrize("engine", ENGINES)
def test_neurons_wait_out_their_refractory_steps_as_lavas(engine, rng):
    given = graded(rng, 1.0)
    state = zeros("u", "v") | {"du": 0.5, "dv": 0.25, "vth": 1.0, "bias_mant": np.full(N, 0.125), "bias_exp": 0}
    state["refractory_period_end"] = np.zeros(N, int)
    sent = lava(PyLifRefractoryModelFloat, ports={"a_in": given}, state=state, refractory_period=2)
    assert sent.sum() > 50
    np.testing.assert_array_equal(ours(CubaParams(0.5, 0.25, 1.0, 0.125, refractory_steps=2), given, engine), sent)
