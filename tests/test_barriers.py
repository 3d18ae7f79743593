"""Layered execution with a barrier per layer: its times word by word, and what schedules, files and commands say."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from compare import differences
from hypothesis import given
from hypothesis import strategies as st
from naive_barriers import naive_layered_times
from strategies import mappings, runs, times

from lava_async import (
    CubaParams,
    Execution,
    Layered,
    LoihiParams,
    Margin,
    Network,
    Quiescence,
    Timed,
    cli,
    hardware,
    netx,
    schedule,
    simulate,
    simulate_batch,
)
from lava_async.chips.targets import LOIHI1
from lava_async.data.digits import digits
from lava_async.errors import InvalidType, InvalidValue
from lava_async.hardware.mapping import tile_axes
from lava_async.metrics import ps_to_end
from lava_async.spikes import SpikeBatch

layered_runs = runs(members=(Layered,), until=st.just(Quiescence()), refractory=True)


@given(layered_runs, st.data())
def test_times_are_those_of_the_definition_and_spikes_do_not_depend_on_them(run, data):
    net, preset = run.network, data.draw(times())
    chip = Timed(preset=preset, mapping=data.draw(mappings(net.n_neurons)))
    core_of = chip.mapping or hardware.place(net).core_of.tolist()

    def way(a, b):
        (xa, xb), (ya, yb), (ta, tb) = (axis.tolist() for axis in tile_axes(LOIHI1, np.array([a, b])))
        if ta == tb:
            return preset.within_tile
        return abs(xa - xb) * preset.east_west + abs(ya - yb) * preset.north_south

    plain = simulate(net, run.spikes, schedule=Layered())
    found = simulate(net, run.spikes, schedule=Layered(chip=chip))
    assert differences(plain, found, but=("step_ps", "first_output_ps")) == []
    steps, firsts = naive_layered_times(net, run.spikes.tolist(), plain.counts.tolist(), core_of, preset._asdict(), way)
    assert found.step_ps.tolist() == steps
    assert found.first_output_ps.tolist() == firsts
    assert plain.step_ps is None


def test_by_hand():
    """The chain of section 7: two neurons of core 0, an output a tile further; times of sanafe."""
    net = Network.feedforward([np.ones((2, 1)), [[0.3, 0.3]]], CubaParams(du=1, dv=1, vth=0.5))
    found = simulate(net, [[1, 0]], schedule=Layered(chip=Timed(mapping=[0, 0, 4])))
    first = 125_200 + 4_100  # core 0 is free, and the second message is a tile further
    second = 6_000 + 2 * 16_000 + 2 * 3_800 + 9_700 + 30_000
    assert found.step_ps.tolist() == [first + second + 2 * 1_000_000, 12_000 + 6_000 + 2 * 1_000_000]
    assert found.first_output_ps.tolist() == [first + 1_000_000 + second, -1]


def test_batches_are_their_samples_and_margins_end_them():
    rng = np.random.default_rng(0)
    net = Network.feedforward(
        [rng.integers(-90, 99, (20, 9)), rng.integers(-90, 99, (4, 20))], LoihiParams(4095, 9, 60)
    )
    spikes, order = rng.integers(0, 2, (5, 9, 6)), Layered(chip=Timed(neurons_per_core=4))
    for until in (Quiescence(), Margin(1)):
        batch = simulate_batch(net, spikes, schedule=order, until=until)
        for b in range(5):
            assert differences(batch[b], simulate(net, spikes[b], schedule=order, until=until, sample=b)) == []
    ended = batch.decided > 0
    assert ended.any()
    assert (batch.step_ps[np.arange(6) >= np.where(ended, batch.decided, 6)[:, None]] == 0).all()
    np.testing.assert_array_equal(ps_to_end(batch), batch.step_ps.sum(axis=1))


def test_it_is_plain_data_and_back_and_files_note_it(tmp_path):
    order = Layered(chip=Timed(neurons_per_core=16))
    assert schedule(**order.config()) == order
    assert Layered(chip={"neurons_per_core": 16}) == order
    assert Layered().config() == {"name": "layered"}
    assert order.title == "layered, barriers sanafe, 16 per core"
    net = Network.feedforward(
        [[[90]]],
        LoihiParams(4095, 0, 60),
    )
    netx.save(net, tmp_path / "a.net", execution=Execution(order))
    assert netx.load(tmp_path / "a.net").execution.schedule == order


@pytest.mark.parametrize("chip", ["sanafe", 3, Timed(messages=[])], ids=str)
def test_what_is_no_chip_is_refused(chip):
    with pytest.raises(InvalidType, match=r"Layered\.chip"):
        Layered(chip=chip)


def test_the_command_tells_it_beside_the_times_without_barriers(tmp_path, capsys):
    file = tmp_path / "a.net"
    rng = np.random.default_rng(0)
    netx.save(Network.feedforward([rng.integers(-90, 99, (10, 200))], LoihiParams(4095, 9, 600)), file)
    found = {}
    for name in ("layered", "timed"):
        assert cli.main(["run", str(file), "--samples", "2", "--schedule", name, "--barriers", "--json"]) == 0
        found[name] = [run["microseconds"] for run in json.loads(capsys.readouterr().out)["runs"]]
    assert all(a >= b > 0 for a, b in zip(found["layered"], found["timed"], strict=True))


def recorded_in_sanafe():
    """A chain in integers, three samples of the digits and what SANA-FE 2.2.9 says of it.

    ``chip.sim(14, timing_model="detailed")`` with its own file of Loihi: LIF with hard reset and without memory, dense
    synapses, 16 neurons per core, inputs in a core beside the output's. Spikes and microseconds of 14 ticks.
    """
    rng, sizes = np.random.default_rng(0), [200, 64, 64, 10]
    weights = [rng.integers(-20, 40, (b, a)) for a, b in itertools.pairwise(sizes)]
    network = Network.feedforward(weights, LoihiParams(du=4095, dv=4096, vth=np.repeat([60, 120, 120], sizes[1:])))
    return network, digits("test").dense()[:3], [1364, 1376, 1369], [70.35368, 71.52186, 70.58168]


def test_lockstep_is_within_a_percent_of_sanafe():
    network, samples, spikes, microseconds = recorded_in_sanafe()
    counts = simulate_batch(network, samples, schedule=Layered()).counts
    assert counts.sum((1, 2)).tolist() == spikes
    ticks = hardware.lockstep_ticks(network, SpikeBatch.of(samples), counts, Timed(neurons_per_core=16))
    assert ticks.shape == (3, 13)
    # A tick after the last spike, in which every neuron leaks.
    idle = hardware.lockstep_ticks(network, SpikeBatch.of(samples * 0), counts * 0, Timed(neurons_per_core=16))[:, 0]
    np.testing.assert_allclose((ticks.sum(1) + idle) / 1e6, microseconds, rtol=0.01)


def test_lockstep_is_for_chains():
    network = Network.from_matrix(np.ones((2, 1)), [[0, 1], [1, 0]], CubaParams(1, 1, 0.5), layer_of=[0, 1])
    batch = SpikeBatch.of(np.ones((1, 1, 2), int))
    with pytest.raises(InvalidValue, match="must be from each layer to the next"):
        hardware.lockstep_ticks(network, batch, np.zeros((1, 2, 2), int), Timed())
