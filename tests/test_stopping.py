"""When a time step ends: the paper's 'on spiking done', 'on output', 'forward steps after output', and a guard."""

from __future__ import annotations

import numpy as np
import pytest
from compare import complains

from lava_async import CubaParams, Fifo, FirstOutput, MaxForwardSteps, Network, Quiescence, simulate
from lava_async.errors import ForwardStepLimit
from lava_async.stopping import STOP_RULES, stop_rule

relay = Network.feedforward([np.eye(1)] * 5, CubaParams(du=1, dv=1, vth=0.5))
"""One spike passes five neurons, one forward step each; the fifth is the output."""
early = Network(relay.input_shape, relay.layers, relay.synapses, relay.params, [1, 4])


def run(net, until, engine):
    return simulate(net, [[1]], schedule=Fifo(1), until=until, record="groups", engine=engine)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
class TestRelay:
    def test_quiescence_waits_until_the_last_spike_was_delivered(self, engine):
        """The output's own spike is queued and picked like all others: five checks fire, one more does not."""
        result = run(relay, Quiescence(), engine)
        assert (result.forward_steps.tolist(), result.first_output.tolist(), result.dropped) == ([6], [5], 0)
        assert result.groups == [[0, k, [k]] for k in range(5)]

    def test_on_output_stops_in_the_forward_step_in_which_the_output_fired(self, engine):
        result = run(relay, FirstOutput(), engine)
        assert (result.forward_steps.tolist(), result.first_output.tolist(), result.dropped) == ([5], [5], 1)

    @pytest.mark.parametrize(
        ("extra", "steps", "dropped", "spikes"), [(0, 2, 1, 2), (2, 4, 1, 4), (4, 6, 0, 5), (9, 6, 0, 5)]
    )
    def test_steps_after_output_are_counted_from_the_first_output(self, engine, extra, steps, dropped, spikes):
        """The second neuron is an output too; later outputs do not prolong the time step."""
        result = run(early, FirstOutput(extra), engine)
        assert result.first_output.tolist() == [2]
        assert (result.forward_steps.tolist(), result.dropped, result.counts.sum()) == ([steps], dropped, spikes)

    def test_a_limit_truncates_or_raises(self, engine):
        cut = run(relay, MaxForwardSteps(3, truncate=True), engine)
        assert (cut.forward_steps.tolist(), cut.dropped, cut.counts.sum()) == ([3], 1, 3)
        assert run(relay, MaxForwardSteps(6), engine).dropped == 0
        with pytest.raises(ForwardStepLimit, match="time step 0 of sample 0 did not end in 5 forward steps"):
            run(relay, MaxForwardSteps(5), engine)

    def test_what_was_dropped_does_not_come_back(self, engine):
        result = simulate(relay, [[1, 0, 1]], schedule=Fifo(1), until=MaxForwardSteps(3, truncate=True), engine=engine)
        assert result.counts.tolist() == [[1, 0, 1]] * 3 + [[0, 0, 0]] * 2
        assert (result.forward_steps.tolist(), result.dropped) == ([3, 1, 3], 2)

    def test_without_output_neurons_the_first_output_never_comes(self, engine):
        deaf = Network(relay.input_shape, relay.layers, relay.synapses, relay.params, [])
        result = run(deaf, FirstOutput(), engine)
        assert (result.forward_steps.tolist(), result.first_output.tolist(), result.output.shape) == ([6], [0], (0, 1))


@pytest.mark.parametrize(
    "rule", [Quiescence(), FirstOutput(), FirstOutput(3), MaxForwardSteps(5), MaxForwardSteps(5, True)]
)
def test_a_rule_is_plain_data_and_back(rule):
    config = rule.config()
    assert stop_rule(**config) == rule
    assert config["name"] in STOP_RULES
    assert all(type(value) in (str, int, bool) for value in config.values())


def test_numpy_numbers_become_plain_ones():
    """Kernels are compiled for plain numbers; another type would compile them again."""
    assert FirstOutput(np.int8(3)).config() == FirstOutput(3).config()
    rule = MaxForwardSteps(np.int16(3), truncate=np.bool_(True))
    assert (type(rule.limit), type(rule.truncate)) == (int, bool)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MaxForwardSteps(0), "MaxForwardSteps.limit = 0: must be >= 1"),
        (lambda: MaxForwardSteps(2.0), "MaxForwardSteps.limit = 2.0: must be an integer >= 1"),
        (lambda: MaxForwardSteps(2**40), "MaxForwardSteps.limit = 1099511627776: must be <= 2147483647"),
        (lambda: MaxForwardSteps(2, truncate="no"), "MaxForwardSteps.truncate = 'no': must be True or False"),
        (lambda: FirstOutput(-1), "FirstOutput.extra_steps = -1: must be >= 0"),
        (lambda: FirstOutput(True), "FirstOutput.extra_steps = True: must be an integer >= 0"),
        (
            lambda: stop_rule("never"),
            "stop_rule.name = 'never': must be one of Quiescence, FirstOutput, MaxForwardSteps, Margin",
        ),
        (
            lambda: stop_rule("Quiescence", limit=3),
            "stop_rule('Quiescence') options = {'limit': 3}: must be options of its own: nothing",
        ),
        (
            lambda: stop_rule("MaxForwardSteps"),
            "stop_rule('MaxForwardSteps') options = {}: must be options of its own: limit, truncate",
        ),
        (lambda: simulate(relay, [[1]], until=5), "until = 5: must be a StopRule, such as Quiescence()"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_errors_name_object_field_value_and_what_is_allowed(call, message):
    complains(call, message)
