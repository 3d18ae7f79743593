"""With the layered schedule, neurons are Lava's own: LIFRefractory, ATRLIF, SigmaDelta, Delta, RF, RF_IZ run beside.

Each Process is driven by what arrives at its neurons, integers (or reals) of both signs, and sends what a layer of the
same neurons emits.
"""

from __future__ import annotations

import numpy as np
import pytest
from netx_files import parts

from lava_async import (
    AlifParams,
    CubaParams,
    DeltaParams,
    Layered,
    LoihiAlifParams,
    LoihiDeltaParams,
    LoihiResonateParams,
    LoihiSigmaDeltaParams,
    Network,
    ResonateParams,
    SigmaDeltaParams,
    simulate,
)

pytestmark = pytest.mark.lava
N, STEPS = 12, 60


def arriving(seed, size, density=0.3, n=N):
    """Return what arrives at each neuron in each time step: integers of both signs, (n, T)."""
    rng = np.random.default_rng(seed)
    return rng.integers(-size // 3, size, (n, STEPS)) * (rng.random((n, STEPS)) < density)


def lavas(process, fixed, **driven):
    """Run a Process whose ports are driven by arrays (n, T); return what it sends, (n, T)."""
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc import io

    from lava_async.proc import runtime

    n, steps = next(iter(driven.values())).shape
    for port, data in driven.items():
        io.source.RingBuffer(data=data if fixed else data.astype(float)).s_out.connect(getattr(process, port))
    sink = io.sink.RingBuffer(shape=(n,), buffer=steps)
    process.s_out.connect(sink.a_in)
    runtime.run(process, steps, Loihi2SimCfg(select_tag="fixed_pt" if fixed else "floating_pt"), timeout=60)
    return np.asarray(sink.data.get())


def ours(params, data):
    """Run a layer of neurons that what arrives reaches as it is; return the sums of their payloads, (n, T)."""
    one = np.eye(len(data))
    network = Network.feedforward([np.concatenate([one, -one], 1)], params)
    return simulate(network, parts(data), schedule=Layered(), engine="reference").emitted


@pytest.mark.parametrize("period", [1, 3])
def test_refractory_steps_are_lavas_refractory_period(period):
    from lava.proc.lif.process import LIFRefractory

    data = arriving(0, 12)
    process = LIFRefractory(shape=(N,), du=0.25, dv=0.125, vth=4.0, bias_mant=0.5, refractory_period=period)
    found = ours(CubaParams(0.25, 0.125, 4.0, 0.5, refractory_steps=period), data)
    assert found.sum() > 20
    np.testing.assert_array_equal(found, lavas(process, False, a_in=data))


ALIF = {"vth": 5, "theta_step": 3}


def test_alif_in_floats_is_lavas_atrlif():
    from lava.proc.atrlif.process import ATRLIF

    data, decays = arriving(1, 20), (0.25, 0.5, 0.125, 0.25)
    names = dict(zip(("delta_i", "delta_v", "delta_theta", "delta_r"), decays, strict=True))
    process = ATRLIF(shape=(N,), theta=5, theta_0=5, theta_step=3, bias_mant=0.25, **names)
    found = ours(AlifParams(*decays, **ALIF, bias=0.25), data)
    assert found.sum() > 20
    np.testing.assert_array_equal(found, lavas(process, False, a_in=data))


def test_alif_in_integers_is_lavas_atrlif():
    from lava.proc.atrlif.process import ATRLIF

    data, decays = arriving(2, 20), (400, 900, 500, 300)
    # Lava takes decays as fractions and adds one to that of the current.
    names = zip(("delta_i", "delta_v", "delta_theta", "delta_r"), np.array(decays) / 4096, strict=True)
    process = ATRLIF(shape=(N,), theta=5, theta_0=5, theta_step=3, bias_mant=3, bias_exp=2, **dict(names))
    found = ours(LoihiAlifParams(*decays, **ALIF, bias_mant=3, bias_exp=2), data)
    assert found.sum() > 20
    np.testing.assert_array_equal(found, lavas(process, True, a_in=data))


def test_delta_neurons_are_lavas():
    from lava.proc.sdn.process import Delta

    data = arriving(3, 40, density=1.0)
    integers = ours(LoihiDeltaParams(10 << 12, weight_exp=12), data)
    np.testing.assert_array_equal(integers, lavas(Delta(shape=(N,), vth=10, spike_exp=6, state_exp=6), True, a_in=data))
    assert np.count_nonzero(integers) > 20
    assert (integers < 0).any()
    np.testing.assert_array_equal(ours(DeltaParams(10), data), lavas(Delta(shape=(N,), vth=10), False, a_in=data))


@pytest.mark.parametrize("activation", ["relu", "unit"])
def test_sigma_delta_neurons_are_lavas(activation):
    from lava.proc.sdn.process import ActivationMode, SigmaDelta

    data, mode = arriving(4, 40, density=0.5), ActivationMode[activation.upper()]
    numbers = {"shape": (N,), "vth": 7, "bias": 5, "act_mode": mode}
    process = SigmaDelta(spike_exp=3, state_exp=6, **numbers)
    params = LoihiSigmaDeltaParams(7 << 9, bias_mant=5, bias_exp=9, activation=activation)
    # What arrives in Lava's fixed point is in the units of the state.
    integers = ours(params, 200 * data)
    np.testing.assert_array_equal(integers, lavas(process, True, a_in=200 * data))
    assert np.count_nonzero(integers) > 20
    assert (integers < 0).any()
    floats = ours(SigmaDeltaParams(7, 5, activation=activation), data)
    np.testing.assert_array_equal(floats, lavas(SigmaDelta(**numbers), False, a_in=data))


@pytest.mark.parametrize("variant", ["rf", "rf_iz"])
@pytest.mark.parametrize("fixed", [False, True], ids=["floats", "integers"])
def test_resonators_are_lavas(variant, fixed):
    from lava.proc.rf.process import RF
    from lava.proc.rf_iz.process import RF_IZ

    real, imag = arriving(5, 60, 0.1), arriving(6, 60, 0.1)
    numbers = {"period": 7.0, "alpha": 0.01, "vth": 5}
    exponents = {"state_exp": 6, "decay_bits": 12} if fixed else {}
    process = (RF if variant == "rf" else RF_IZ)(shape=(N,), **numbers, **exponents)
    kind = LoihiResonateParams if fixed else ResonateParams
    turns = np.concatenate([np.eye(N), 1j * np.eye(N)], 1)
    network = Network.feedforward([np.concatenate([turns, -turns], 1)], kind(**numbers, variant=variant))
    x = parts(np.concatenate([real, imag]))
    found = simulate(network, x, schedule=Layered(), engine="reference").counts
    assert found.sum() > 20
    np.testing.assert_array_equal(found, lavas(process, fixed, a_real_in=real, a_imag_in=imag))
