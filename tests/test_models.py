"""Networks of any neuron models, mixed by layer: both engines, all schedules, and the laws of section 8."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import strategies
from compare import complains, differences, execute
from hypothesis import given
from hypothesis import strategies as st

from lava_async import (
    AlifParams,
    CubaParams,
    DeltaParams,
    Layered,
    LoihiParams,
    Network,
    Random,
    SigmaDeltaParams,
    simulate,
    simulate_batch,
)
from lava_async.neurons import MODELS, MixedParams
from lava_async.simulation import Stepper


@pytest.mark.parametrize("kind", strategies.MODEL_KINDS)
@given(data=st.data())
def test_both_engines_run_every_model_alike(kind, data):
    """Each by itself, on any graph, under any rule."""
    run = data.draw(strategies.model_runs(models=(kind,)))
    assert differences(execute(run, "compiled"), execute(run, "reference")) == []


@given(strategies.model_runs())
def test_both_engines_run_mixed_networks_alike(run):
    assert differences(execute(run, "compiled"), execute(run, "reference")) == []


@given(strategies.timed_model_runs())
def test_both_engines_run_them_alike_in_timed_execution(run):
    assert differences(execute(run, "compiled"), execute(run, "reference")) == []


@given(strategies.model_runs(min_steps=2), st.sampled_from(["compiled", "reference"]))
def test_single_time_steps_carry_all_of_the_state(run, engine):
    """A Stepper gives what one run over all time steps gives: thresholds, and what was sent or held back, live on."""
    whole = execute(run, engine, record="counts")
    if whole is None:
        return
    stepper = Stepper(run.network, **run.rules, engine=engine)
    stepper.reset(run.sample)
    steps = [stepper.step(frame) for frame in run.spikes.T]
    np.testing.assert_array_equal(np.concatenate([s.counts for s in steps], axis=1), whole.counts)
    np.testing.assert_array_equal(np.concatenate([s.emitted for s in steps], axis=1), whole.emitted)
    for name, values in whole.state.items():
        np.testing.assert_array_equal(steps[-1].state[name], values)


@given(strategies.model_runs())
def test_a_sample_of_a_batch_is_the_sample_alone(run):
    one = execute(run, "compiled", record="counts")
    if one is None:
        return
    batch = np.stack([run.spikes, 0 * run.spikes, run.spikes])
    many = simulate_batch(run.network, batch, samples=[run.sample, 0, run.sample], threads=2, **run.rules)
    for b in (0, 2):
        assert differences(many[b], one) == []


# ------------------------------------------------------------------------------------------ the laws of section 8


def one(params, weight=1.0):
    """One neuron behind one input channel."""
    return Network.feedforward([[[weight]]], params)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_what_a_neuron_that_subtracts_holds_does_not_depend_on_the_order(engine):
    """At quiescence its voltage is what arrived, less the threshold for each spike."""
    rng = np.random.default_rng(3)
    weights = [rng.integers(0, 4, (6, 3)) / 4, rng.integers(0, 4, (4, 6)) / 4]
    net = Network.feedforward(weights, CubaParams(1, 0, 0.5, reset="subtract"))
    spikes = rng.integers(0, 3, (3, 8))
    runs = [
        simulate(net, spikes, schedule=s, refractory=False, engine=engine) for s in (Random(1), Random(3), Layered())
    ]
    assert runs[0].counts.sum() > 20
    for run in runs[1:]:
        np.testing.assert_array_equal(run.voltage, runs[0].voltage)
        np.testing.assert_array_equal(run.counts.sum(axis=1), runs[0].counts.sum(axis=1))


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_at_quiescence_a_sigma_delta_network_is_within_its_thresholds_of_the_analog_one(engine):
    """And it is the analog network itself where thresholds are 0 and nothing rounds."""
    rng = np.random.default_rng(5)
    weights = [rng.integers(-4, 5, (5, 3)) / 4, rng.integers(-4, 5, (2, 5)) / 4]
    x = rng.integers(-8, 9, (3, 10))
    analog = np.maximum(weights[1] @ np.maximum(weights[0] @ x, 0), 0)
    steps = np.diff(x, axis=1, prepend=0)
    for vth in (2.0**-10, 0.5):
        net = Network.feedforward(weights, SigmaDeltaParams(vth))
        for schedule in (Layered(), Random(1)):
            sent = simulate(net, steps, schedule=schedule, refractory=schedule == Layered(), engine=engine).emitted
            error = np.abs(np.cumsum(sent, axis=1)[-2:] - analog)
            assert error.max() <= vth + np.abs(weights[1]).sum(1).max() * vth


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_neuron_waits_out_its_refractory_steps(engine):
    for params in (CubaParams(1, 1, 0.5, refractory_steps=2), LoihiParams(4095, 4096, 0, refractory_steps=2)):
        assert simulate(one(params, 1), np.ones((1, 8), int), engine=engine).counts.tolist() == [[1, 0, 0] * 2 + [1, 0]]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_neuron_fires_only_after_so_many_synaptic_operations(engine):
    """Three sources; a threshold of 0 on the voltage, and of 2 on the operations of a time step."""
    net = Network.feedforward([[[1.0, 1.0, 1.0]]], CubaParams(1, 0, 0.5, sync_threshold=2))
    spikes = [[1, 0, 5, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert simulate(net, spikes, engine=engine).counts.tolist() == [[0, 0, 0, 1]]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("params", [CubaParams(1, 1, 0.25), DeltaParams(0.5), AlifParams(1, 1, 1, 1, 0.25, 1)])
def test_graded_input_is_a_payload_times_a_weight(params, engine):
    """Signed integers and real numbers, into any model; what arrives is the voltage that is compared."""
    net = one(params, 0.5)
    given = np.array([[0.25, -3.0, 1.5, 0.0, 7.0]])
    run = simulate(net, given, engine=engine, record="trace")
    name = "x" if isinstance(params, DeltaParams) else "u"
    np.testing.assert_array_equal([c.state[name][0] for c in run.trace], np.float32(0.5 * given[0]))
    assert run.synaptic_operations == 4
    batch = simulate_batch(net, np.stack([given, -given, given]), engine=engine)
    assert differences(replace(batch[2], trace=None, groups=None), simulate(net, given, engine=engine)) == []


def test_integers_take_no_fractions():
    net = one(LoihiParams(4095, 0, 5), 3)
    assert simulate(net, [[-2, 4]]).current.tolist() == [4 * 3 * 64]
    with pytest.raises(ValueError, match=r"spikes = 0\.5: must be integers for a network that computes in integers"):
        simulate(net, [[0.5]])


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_threshold_that_does_not_change_a_voltage_is_no_endless_loop(engine):
    net = one(CubaParams(1, 0, 1e-9, reset="subtract"), 1.0)
    complains(
        lambda: simulate(net, [[100]], refractory=False, engine=engine),
        f"CubaParams.vth = {np.float32(1e-9).item()}: must be large enough to change the voltage that it is taken from",
    )


def test_layers_of_different_models_are_mixed_parameters_and_those_of_one_model_are_not():
    weights = [np.ones((2, 1)), np.ones((1, 2))]
    same = Network.feedforward(weights, [CubaParams(1, 1, 1), CubaParams(0.5, 1, [2])])
    assert isinstance(same.params, CubaParams)
    net = Network.feedforward(weights, [CubaParams(1, 1, 1), SigmaDeltaParams(1)])
    assert isinstance(net.params, MixedParams)
    assert [type(net.params_of(layer)) for layer in (0, 1)] == [CubaParams, SigmaDeltaParams]
    with pytest.raises(TypeError, match="of one arithmetic in all layers"):
        Network.feedforward(weights, [CubaParams(1, 1, 1), LoihiParams(1, 1, 1)])


def test_refractory_steps_need_refractoriness():
    net = one(CubaParams(1, 1, 1, refractory_steps=1))
    with pytest.raises(ValueError, match="True for a network whose neurons have refractory_steps"):
        simulate(net, [[1]], refractory=False)


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_every_model_of_the_package_is_in_the_core_and_a_subclass_is_not(kind):
    assert kind.core
    assert vars(type("Own", (kind,), {})).get("core") is None
