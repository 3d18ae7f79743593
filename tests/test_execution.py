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
    MaxForwardSteps,
    Momentum,
    Network,
    Quiescence,
    Random,
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
        ({"schedule": "random"}, "schedule = 'random': must be a Schedule"),
        ({"until": 3}, "until = 3: must be a StopRule"),
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
