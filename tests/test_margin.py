"""`Margin`: a sample ends where it is decided, in every engine, in batches, step by step; what that took.

That both engines do what section 5 says is tested with all other rules (test_engines.py, test_timed.py).
"""

from __future__ import annotations

import numpy as np
import pytest
from compare import complains, differences, execute
from hypothesis import given
from hypothesis import strategies as st
from strategies import Run, runs, timed_runs

from lava_async import (
    CubaParams,
    Fifo,
    Layered,
    LoihiParams,
    Margin,
    Network,
    Quiescence,
    Random,
    Timed,
    simulate,
    simulate_batch,
)
from lava_async.decisions import Decisions
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments.config import Config
from lava_async.metrics import ps_to_end, time_steps_run
from lava_async.simulation import Stepper
from lava_async.stopping import stop_rule
from lava_async.tally import Tally

ENGINES = ["compiled", "reference"]
margins = st.integers(1, 4)
quiet = {"until": st.just(Quiescence()), "refractory": True}
any_run = st.one_of(runs(**quiet), timed_runs(**quiet))
"""Runs in which every sample comes to its end by itself."""


def race(weights: list[list[float]]) -> Network:
    """Outputs that fire for channels of their own."""
    return Network.feedforward([weights], CubaParams(du=1, dv=1, vth=0.5))


def first_lead(output: np.ndarray, margin: int) -> int:
    """Return after which time step the best output (n_out, T) leads by a margin, 0 if after none: from the words."""
    for t in range(output.shape[1]):
        second, best = sorted([0, 0, *output[:, : t + 1].sum(axis=1).tolist()])[-2:]
        if best - second >= margin:
            return t + 1
    return 0


@given(any_run, margins)
def test_at_the_end_of_a_step_it_is_the_run_without_it_cut_where_the_margin_is_first_there(run: Run, margin: int):
    whole, cut = execute(run), execute(run, until=Margin(margin, at="step"))
    end = first_lead(whole.output, margin)
    assert cut.decided == end
    kept = end or whole.counts.shape[1]
    np.testing.assert_array_equal(cut.counts[:, :kept], whole.counts[:, :kept])
    np.testing.assert_array_equal(cut.forward_steps[:kept], whole.forward_steps[:kept])
    assert not cut.counts[:, kept:].any()
    assert not cut.forward_steps[kept:].any()


@given(any_run, margins)
def test_at_a_spike_no_sample_ends_later_and_what_was_before_is_as_without_it(run: Run, margin: int):
    whole, at_step, at_spike = (execute(run, until=u) for u in (Quiescence(), Margin(margin, "step"), Margin(margin)))
    assert at_spike.decided <= at_step.decided or not at_step.decided
    before = (at_spike.decided or whole.counts.shape[1] + 1) - 1
    np.testing.assert_array_equal(at_spike.counts[:, :before], whole.counts[:, :before])
    if at_spike.decided:
        assert first_lead(at_spike.output, margin) == at_spike.decided
        assert not at_spike.counts[:, at_spike.decided :].any()
        assert at_spike.synaptic_operations <= at_step.synaptic_operations or not at_step.decided


@given(any_run, margins, st.sampled_from(["spike", "step"]), st.sampled_from(ENGINES))
def test_single_steps_are_the_whole_and_know_when_it_is_over(run: Run, margin: int, at: str, engine: str):
    rules = {**run.rules, "until": Margin(margin, at)}
    whole = simulate(run.network, run.spikes, sample=run.sample, engine=engine, **rules)
    stepper = Stepper(run.network, engine=engine, **rules)
    for _ in range(2):  # a sample leaves nothing to the next one
        stepper.reset(run.sample)
        steps = [stepper.step(frame) for frame in run.spikes.T]
        np.testing.assert_array_equal(np.concatenate([s.counts for s in steps], axis=1), whole.counts)
        assert steps[-1].decided == whole.decided
        np.testing.assert_array_equal(steps[-1].voltage, whole.voltage)


@given(any_run, margins)
def test_batches_are_their_samples(run: Run, margin: int):
    rules = {**run.rules, "until": Margin(margin)}
    samples = np.stack([run.spikes, run.spikes[:, ::-1], 0 * run.spikes])
    batch = simulate_batch(run.network, samples, threads=2, **rules)
    for b, spikes in enumerate(samples):
        assert differences(batch[b], simulate(run.network, spikes, sample=b, **rules)) == []


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("schedule", [Fifo(1), Layered(), Timed()], ids=lambda s: s.name)
def test_by_hand(engine, schedule):
    """Output 1 fires in steps 0, 1, 3; output 0 in step 1: 1 - 0, 2 - 1, 2 - 1, 3 - 1."""
    network, spikes = race([[1, 0], [0, 1]]), [[0, 1, 0, 0, 0], [1, 1, 0, 1, 1]]
    result = simulate(network, spikes, schedule=schedule, until=Margin(2), engine=engine)
    assert result.output.tolist() == [[0, 1, 0, 0, 0], [1, 1, 0, 1, 0]]
    assert result.decided == 4
    assert (result.forward_steps > 0).tolist() == [True] * 4 + [False]
    undecided = simulate(network, spikes, schedule=schedule, until=Margin(4), engine=engine)
    assert (undecided.decided, undecided.output[1].tolist()) == (0, spikes[1])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_pending_is_dropped_at_the_spike_and_not_at_the_step(engine):
    """A chain 0 -> 1 -> 2 whose output is neuron 0: what it would set off never happens."""
    chain = Network.feedforward([[[1.0]], [[1.0]], [[1.0]]], CubaParams(du=1, dv=1, vth=0.5))
    early = Network(chain.input_shape, chain.layers, chain.synapses, chain.params, [0])
    rules = {"schedule": Random(1), "engine": engine}
    assert simulate(early, [[1, 1]], until=Margin(1), **rules).counts.tolist() == [[1, 0], [0, 0], [0, 0]]
    assert simulate(early, [[1, 1]], until=Margin(1), **rules).dropped == 1
    assert simulate(early, [[1, 1]], until=Margin(1, "step"), **rules).counts.tolist() == [[1, 0]] * 3


def test_without_it_nothing_is_said_about_decisions():
    assert simulate(race([[1.0]]), [[1]]).decided is None
    assert simulate(race([[1.0]]), [[1]], until=Margin(1)).decided_ps is None
    assert simulate(race([[1.0]]), [[1]], schedule=Timed(), until=Margin(1, "step")).decided_ps == -1


# ------------------------------------------------------------------------------------------------ what it took


def test_a_sample_that_a_spike_ends_took_until_that_spike_and_others_their_barriers():
    network, spikes = race([[1, 0], [0, 1]]), np.array([[[0, 1, 1], [0, 0, 0]], [[1, 0, 0], [1, 0, 0]]])
    run = simulate_batch(network, spikes, schedule=Timed(), until=Margin(2))
    assert (run.decided.tolist(), time_steps_run(run).tolist()) == ([3, 0], [3, 3])
    assert 0 < run.decided_ps[0] < run.step_ps[0, 2]
    assert ps_to_end(run).tolist() == [run.step_ps[0, :2].sum() + run.decided_ps[0], run.step_ps[1].sum()]
    at_step = simulate_batch(network, spikes, schedule=Timed(), until=Margin(2, "step"))
    assert ps_to_end(at_step).tolist() == at_step.step_ps.sum(axis=1).tolist()
    with pytest.raises(InvalidValue, match="Timed"):
        ps_to_end(simulate_batch(network, spikes))


def test_decisions_are_those_of_all_samples():
    network, spikes = race([[1, 0], [0, 1]]), np.array([[[0, 1, 1], [0, 0, 0]], [[1, 0, 0], [1, 0, 0]]])
    how = {"schedule": Timed(), "until": Margin(2)}
    run, labels = simulate_batch(network, spikes, **how), np.array([1, 1])
    ends, tally = Decisions(), Tally()
    ends.add(network, spikes, labels, np.arange(2), run, how)
    tally.add(run, labels)
    means = ends.means()
    assert (means["time_steps_to_decision"], tally.decisions["share_decided"], tally.accuracy) == (3, 0.5, 0)
    assert means["synaptic_operations_to_decision"] == run.synaptic_operations.mean()
    assert means["nanoseconds_to_decision"] == ps_to_end(run).mean() / 1000
    assert means["forward_steps_to_decision"] == run.forward_steps.sum(axis=1).mean()


# -------------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Margin(0), "Margin.margin = 0: must be >= 1"),
        (lambda: Margin(2, "end"), "Margin.at = 'end': must be one of spike, step"),
    ],
)
def test_errors_name_what_is_allowed(make, message):
    complains(make, message)


def test_it_is_plain_data_and_back():
    assert stop_rule(**Margin(3, at="step").config()) == Margin(3, at="step")


def test_training_refuses_it_by_name():
    torch_training = pytest.importorskip("lava_async.training")
    with pytest.raises(InvalidType, match=r"UnlayeredNetwork\.until = 'Margin'"):
        torch_training.UnlayeredNetwork(torch_training.dense_blocks([2, 2]), schedule=Random(1), until=Margin(1))
    text = '[network]\nsizes = [200, 10]\n[data]\nname = "digits"\n[until]\nname = "Margin"\n'
    with pytest.raises(InvalidValue, match=r"until.name = 'Margin'.*Quiescence"):
        Config.from_toml(text)


def test_integers_too():
    network = Network.feedforward([[[80], [90]]], LoihiParams(du=4095, dv=4096, vth=85))
    assert simulate(network, [[1, 1, 1]], until=Margin(2)).decided == 2
