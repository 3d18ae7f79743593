"""A type of synapses that only this file knows: what runs it, and who says that it cannot be said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from lava_async import Layered, LoihiParams, Momentum, Network, Random, hardware, netx, nir, simulate
from lava_async.network import Layer
from lava_async.netx import NetxError
from lava_async.nir import NirError
from lava_async.synapses import INPUT, Dense, Fan, Synapses


@dataclass(frozen=True, eq=False)
class OneToOne(Synapses):
    """Neuron j of the source reaches neuron j of the target, and no other."""

    weights: Any

    @property
    def n_source(self) -> int:
        return len(self.weights)

    @property
    def n_target(self) -> int:
        return len(self.weights)

    @property
    def max_delay(self) -> int:
        return 0

    def fan_out(self, j: int) -> Fan:
        return Fan(np.array([j]), self.weights[j : j + 1], np.array([0]))

    def map_weights(self, function: Any) -> OneToOne:
        return replace(self, weights=function("OneToOne.weights", self.weights))


RNG = np.random.default_rng(0)
INTO = Dense(INPUT, 0, RNG.integers(-20, 60, (6, 6)))
PARTS = INTO, OneToOne(0, 1, RNG.integers(0, 60, 6)), OneToOne(1, 1, RNG.integers(-10, 30, 6))
NETWORK = Network((6,), (Layer((6,)), Layer((6,))), PARTS, LoihiParams(du=4095, dv=300, vth=50), np.arange(6, 12))
SPIKES = RNG.integers(0, 2, (6, 20))


@pytest.mark.parametrize("schedule", [Layered(), Random(2), Momentum(1)], ids=lambda s: s.name)
def test_both_engines_run_it_from_its_own_file(schedule):
    compiled, reference = (simulate(NETWORK, SPIKES, schedule=schedule, engine=e) for e in ("compiled", "reference"))
    assert compiled.output.any()
    for name in ("counts", "current", "voltage", "forward_steps"):
        np.testing.assert_array_equal(getattr(compiled, name), getattr(reference, name))
    assert compiled.synaptic_operations == reference.synaptic_operations


def test_it_is_placed_and_counted_as_the_matrix_that_it_stands_for():
    matrices = [s if isinstance(s, Dense) else Dense(s.source, s.target, np.diag(s.weights)) for s in NETWORK.synapses]
    same = replace(NETWORK, synapses=tuple(matrices))
    assert simulate(NETWORK, SPIKES).counts.tolist() == simulate(same, SPIKES).counts.tolist()
    assert hardware.check(NETWORK, "loihi1").verdict.startswith("fits Loihi 1")
    assert [c.synapses for c in hardware.summary.summarize(NETWORK)[1].incoming] == [6, 6]


def test_files_that_cannot_hold_it_say_so(tmp_path):
    with pytest.raises(NetxError, match=r"Network\.synapses\[1\] = OneToOne: files hold Conv, Dense, Sparse"):
        netx.save(NETWORK, tmp_path / "one.net")
    assert not list(tmp_path.iterdir())
    with pytest.raises(NirError, match=r"synapses 0 -> 1: OneToOne: must be Dense, Conv or Sparse"):
        nir.as_float(NETWORK)
