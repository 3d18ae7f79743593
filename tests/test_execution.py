"""`Execution`: the one noun for how a network runs. Who takes one runs it; keywords override its fields."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
import strategies
from compare import complains, differences
from hypothesis import given
from hypothesis import strategies as st

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
    Quiescence,
    Random,
    netx,
    simulate,
    simulate_batch,
)
from lava_async.simulation import Stepper

FIELDS = [f.name for f in fields(Execution)]
OTHER = Execution(Momentum(2, noise=0.25), FirstOutput(3), refractory=False, input_first=False, seed=9)
"""Differs from the default in every field."""


def network(execution: Execution | None = None) -> Network:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(6, 4)), rng.normal(size=(3, 6))]
    return replace(Network.feedforward(weights, CubaParams(1, 0.5, 0.3)), execution=execution)


# ------------------------------------------------------------------------------------------------ the noun itself


def test_the_default_is_layer_by_layer_until_nothing_is_pending():
    assert Execution() == Execution(Layered(), Quiescence(), refractory=True, input_first=True, seed=0)


def test_it_is_frozen_hashed_by_content_and_pickled():
    with pytest.raises(FrozenInstanceError):
        OTHER.seed = 1
    assert {OTHER: 1}[replace(OTHER)] == 1
    assert pickle.loads(pickle.dumps(OTHER)) == OTHER


@pytest.mark.parametrize("name", FIELDS)
def test_another_execution_differs_in_what_was_given(name):
    changed = Execution().but(**{name: getattr(OTHER, name)})
    assert [each for each in FIELDS if getattr(changed, each) != getattr(Execution(), each)] == [name]
    assert OTHER.but(**{name: None}) is OTHER


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            {"schedule": "random"},
            "schedule = 'random': must be a Schedule, such as Random(group_size=8); "
            "lava_async.schedules.schedule('random') makes one by its name",
        ),
        ({"until": 3}, "until = 3: must be a StopRule, such as Quiescence()"),
        ({"refractory": 1}, "refractory = 1: must be True or False"),
        ({"input_first": "no"}, "input_first = 'no': must be True or False"),
        ({"seed": -1}, "seed = -1: must be >= 0"),
        ({"seed": 2**63}, f"seed = {2**63}: must be <= {2**63 - 1}"),
        ({"seed": 0.5}, "seed = 0.5: must be an integer >= 0"),
    ],
)
def test_what_cannot_be_run_is_named(field, message):
    complains(lambda: Execution(**field), message)
    complains(lambda: simulate(network(), np.zeros((4, 1), int), **field), message)


def test_numbers_and_switches_of_numpy_are_plain_inside():
    found = Execution(refractory=np.bool_(False), seed=np.int64(7))
    assert (found.refractory, type(found.refractory)) == (False, bool)
    assert (found.seed, type(found.seed)) == (7, int)


# ------------------------------------------------------------------------------------------------- who takes one


@given(run=strategies.runs(), engine=st.sampled_from(["compiled", "reference"]))
def test_an_execution_is_its_keywords(run, engine):
    bounded = Execution(**run.rules)
    if isinstance(bounded.until, MaxForwardSteps) or not bounded.refractory:
        bounded = bounded.but(until=MaxForwardSteps(40, truncate=True))
    spelled = {name: getattr(bounded, name) for name in FIELDS}
    one = simulate(run.network, run.spikes, execution=bounded, sample=run.sample, record="groups", engine=engine)
    other = simulate(run.network, run.spikes, **spelled, sample=run.sample, record="groups", engine=engine)
    assert differences(one, other) == []


def test_a_keyword_overrides_one_field():
    spikes = np.ones((4, 5), int)
    for name in FIELDS:
        mixed = simulate(network(), spikes, execution=OTHER, record="groups", **{name: getattr(Execution(), name)})
        whole = OTHER.but(**{name: getattr(Execution(), name)})
        assert differences(mixed, simulate(network(), spikes, execution=whole, record="groups")) == []


def test_batches_and_single_steps_take_one_too():
    spikes = np.ones((2, 4, 5), int)
    batch = simulate_batch(network(), spikes, execution=OTHER)
    stepper = Stepper(network(), execution=OTHER)
    for b in range(2):
        one = simulate(network(), spikes[b], execution=OTHER, sample=b)
        np.testing.assert_array_equal(batch.counts[b], one.counts)
        stepper.reset(b)
        steps = [stepper.step(frame).counts for frame in spikes[b].T]
        np.testing.assert_array_equal(np.concatenate(steps, 1), one.counts)


def test_anything_else_is_refused():
    message = "execution = 'random': must be an Execution, such as Execution(Random(8), seed=3)"
    complains(lambda: simulate(network(), np.zeros((4, 1), int), execution="random"), message)
    complains(lambda: network("random"), "Network.execution = 'random': must be an Execution or None")


# ------------------------------------------------------------------------------- a network that knows how it runs


def test_a_network_runs_as_it_knows_unless_an_argument_says_otherwise():
    spikes, known = np.ones((4, 5), int), network(OTHER)
    as_known = simulate(known, spikes, record="groups")
    assert differences(as_known, simulate(network(), spikes, execution=OTHER, record="groups")) == []
    assert differences(as_known, simulate(network(), spikes, record="groups")) != []
    otherwise = Execution(Fifo(1))
    given_one = simulate(known, spikes, execution=otherwise, record="groups")
    assert differences(given_one, simulate(network(), spikes, execution=otherwise, record="groups")) == []
    one_field = simulate(known, spikes, schedule=Random(1), record="groups")
    assert (
        differences(one_field, simulate(network(), spikes, execution=OTHER.but(schedule=Random(1)), record="groups"))
        == []
    )


def test_networks_are_equal_whatever_their_executions():
    assert network(OTHER) == network(Execution()) == network()
    assert pickle.loads(pickle.dumps(network(OTHER))).execution == OTHER


# --------------------------------------------------------------------------------- everywhere a network is executed


def integers(execution: Execution | None = None) -> Network:
    rng = np.random.default_rng(0)
    weights = [rng.integers(-60, 120, (12, 8)), rng.integers(-60, 120, (3, 12))]
    return replace(Network.feedforward(weights, LoihiParams(2048, 512, 90)), execution=execution)


#: Each field alone, and all of them: whoever drops one gives other spikes.
TOLD = [Execution().but(**{name: getattr(OTHER, name)}) for name in FIELDS if name != "seed"]
TOLD += [Execution(Random(2), seed=9), OTHER]


@pytest.mark.parametrize("how", TOLD, ids=lambda how: how.title)
def test_a_graph_of_nir_carries_the_execution(tmp_path, how):
    """In other units of the voltage, the noise of momentum is in other units too: the same neurons are picked."""
    pytest.importorskip("nir")
    from lava_async import nir

    # No decay, so that integers do not round: the spikes are the same.
    net = replace(integers(how), params=LoihiParams(*(np.full(15, x) for x in (4095, 0, 90))))
    nir.write(nir.as_float(net), tmp_path / "a.nir")
    there = nir.read(tmp_path / "a.nir")
    spikes = np.random.default_rng(1).integers(0, 2, (8, 9))
    here, again = (simulate(each, spikes, record="groups") for each in (net, there))
    assert here.groups == again.groups
    np.testing.assert_array_equal(here.counts, again.counts)
    assert nir.read(tmp_path / "a.nir", execution=Execution(Fifo(2))).execution == Execution(Fifo(2))


def test_a_graph_of_nir_that_notes_what_cannot_run_is_an_error_that_names_the_field(tmp_path):
    NIR = pytest.importorskip("nir")
    from lava_async import nir

    graph = nir.export(nir.as_float(integers(Execution(Random(2)))))
    graph.metadata["execution"] = '{"seed": -1}'
    NIR.write(tmp_path / "a.nir", graph)
    with pytest.raises(nir.NirError, match=r"a\.nir: metadata: execution: seed = -1: must be .* give seed"):
        nir.read(tmp_path / "a.nir")
    assert nir.read(tmp_path / "a.nir", seed=4).execution == Execution(seed=4)


@pytest.mark.parametrize("how", TOLD, ids=lambda how: how.title)
def test_evaluate_and_measure_run_what_is_noted(tmp_path, how):
    pytest.importorskip("torch")
    from lava_async.data import SpikeDataset
    from lava_async.experiments.measure import measure
    from lava_async.training import evaluate

    netx.save(integers(), tmp_path / "a.net", execution=how)
    loaded = netx.load(tmp_path / "a.net")
    spikes = np.random.default_rng(1).integers(0, 2, (6, 8, 9)).astype(np.uint8)
    data = SpikeDataset(spikes, np.arange(6) % 3, (1, 2, 4), "made up", 3)
    expected = simulate_batch(integers(), spikes, execution=how)
    assert evaluate(loaded, data).spikes_per_sample == expected.counts.sum() / 6
    assert measure(loaded, data)["numbers"]["dropped"] == expected.dropped.sum() / 6
    assert evaluate(loaded, data, schedule=Fifo(1)) == evaluate(integers(), data, execution=how.but(schedule=Fifo(1)))


@pytest.mark.parametrize("how", TOLD, ids=lambda how: how.title)
def test_a_network_is_trained_exported_and_run_under_one_execution(tmp_path, how):
    torch = pytest.importorskip("torch")
    from lava_async.training import UnlayeredNetwork, dense_blocks

    how = how.but(until=MaxForwardSteps(30, truncate=True)) if how.until == Quiescence() else how
    net = UnlayeredNetwork(dense_blocks([8, 12, 3], gain=4.0), execution=how).eval()
    spikes = np.random.default_rng(1).integers(0, 2, (4, 8, 9))
    net.export_hdf5(tmp_path / "a.net")
    deployed = netx.load(tmp_path / "a.net")
    assert deployed.execution == net.execution == how
    counts = net.run(torch.tensor(spikes)).counts.detach().numpy()
    np.testing.assert_array_equal(counts, simulate_batch(deployed, spikes).counts)
    assert counts.any()


def test_a_network_is_not_trained_under_an_execution_that_nobody_chose():
    pytest.importorskip("torch")
    from lava_async.training import UnlayeredNetwork, dense_blocks

    complains(
        lambda: UnlayeredNetwork(dense_blocks([4, 3])),
        "UnlayeredNetwork.schedule = None: must be given, as Random(8), or an execution instead",
    )


@pytest.mark.lava
@pytest.mark.parametrize("how", TOLD, ids=lambda how: how.title)
def test_lava_runs_what_is_noted(tmp_path, how):
    pytest.importorskip("lava.magma")
    from lava_async.proc.async_network.process import AsyncNetwork

    netx.save(integers(), tmp_path / "a.net", execution=how)
    process = AsyncNetwork(net_config=tmp_path / "a.net")
    assert process.execution == how
    steps = process.proc_params["execution"], process.proc_params["network"].execution
    assert steps == (how, how)
    assert AsyncNetwork(net_config=tmp_path / "a.net", seed=4).execution == how.but(seed=4)
    assert AsyncNetwork(net_config=tmp_path / "a.net", execution=Execution()).execution == Execution()
