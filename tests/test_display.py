"""How networks, results and wrong values are shown: a few lines whatever the size, a small table in a notebook."""

from __future__ import annotations

import html.parser
import subprocess
import sys

import numpy as np
import pytest

import lava_async
from lava_async import (
    CubaParams,
    Execution,
    Layer,
    LoihiParams,
    Network,
    Replay,
    SpikeTrain,
    Timed,
    hardware,
    simulate,
    simulate_batch,
)
from lava_async.data import SpikeDataset
from lava_async.display import ROWS, WIDTH
from lava_async.errors import InvalidValue
from lava_async.neurons.loihi import MAX_WEIGHT
from lava_async.spikes import SpikeBatch
from lava_async.synapses import Conv, Dense, Sparse

N_LAYERS = 300
SPIKES = np.ones((2, 4, 3), np.int64)


def deep() -> Network:
    """Return a network of many layers with names that a notebook must not take for HTML."""
    layers = tuple(Layer((4,), f"<b>{i}</b>") for i in range(N_LAYERS))
    synapses = tuple(Dense(i - 1, i, np.full((4, 4), 100)) for i in range(N_LAYERS))
    params = LoihiParams(du=4095, dv=np.arange(4 * N_LAYERS) % 4096, vth=1)
    return Network((4,), layers, synapses, params, [4 * N_LAYERS - 1])


def shown() -> list[object]:
    """Return one of everything that holds arrays."""
    network = deep()
    mapping = hardware.place(network, "loihi1")
    result = simulate(network, SPIKES[0], record="trace")
    return [
        network,
        network.params,
        CubaParams(du=np.linspace(0, 1, 1000), dv=1, vth=1),
        *network.synapses[:1],
        Sparse(0, 1, np.arange(999), np.arange(999), np.arange(999), (999, 999)),
        Conv(0, 1, np.ones((64, 8, 5, 5)), (8, 200, 200), delay=np.arange(8 * 200 * 200) % 60),
        SpikeTrain.from_dense(np.ones((100, 100), np.int64)),
        SpikeBatch.of(SPIKES),
        SpikeDataset(SPIKES, [0, 1], (1, 2, 2), "two", 2),
        result,
        result.trace[0],
        simulate_batch(network, SPIKES, record="groups"),
        mapping,
        hardware.check(network, "loihi1"),
        hardware.cost(network, result, "davies2018", layered=True, mapping=mapping),
        Replay([(t, 0, range(50)) for t in range(1000)]),
        Timed(messages=[(0, k, 0, 0) for k in range(1, 1000)]),
        Execution(Replay([(t, 0, range(50)) for t in range(1000)])),
    ]


@pytest.mark.parametrize("thing", shown(), ids=lambda thing: type(thing).__name__)
def test_a_repr_names_the_type_and_fits_in_three_lines(thing):
    lines = repr(thing).splitlines()
    assert lines[0].startswith(f"{type(thing).__name__}(")
    assert sum(-(-len(line) // WIDTH) for line in lines) <= 3


@pytest.mark.parametrize("thing", shown(), ids=lambda thing: type(thing).__name__)
def test_a_notebook_shows_a_small_table(thing):
    class Tags(html.parser.HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.rows, self.open = 0, []

        def handle_starttag(self, tag, attrs):
            self.rows += tag == "tr"
            self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    tags = Tags()
    tags.feed(thing._repr_html_())
    assert not tags.open
    assert 1 <= tags.rows <= ROWS + 2


def test_a_network_and_a_result_say_how_large_they_are():
    weights = np.full((2, 4), 100)
    network = Network.feedforward([weights, np.full((3, 2), 100)], LoihiParams(du=4095, dv=4095, vth=1))
    assert repr(network).splitlines() == [
        "Network(4 inputs, 2 layers, 5 neurons, 3 outputs, LoihiParams)",
        "  layers: dense 0 (2,), dense 1 (3,)",
        "  synapses: input -> 0 Dense (2, 4), 0 -> 1 Dense (3, 2)",
    ]
    result = simulate(network, SPIKES[0])
    facts = f"spikes={result.counts.sum()}, output_spikes={result.output.sum()}, forward_steps=6"
    assert f"neurons=5, time_steps=3, {facts}" in repr(result)
    assert "samples=2, neurons=5" in repr(simulate_batch(network, SPIKES))
    assert f"and {N_LAYERS - ROWS} more" in deep()._repr_html_()


def test_an_error_says_where_in_an_array_a_value_is():
    weights = np.zeros((5, 20), int)
    weights[3, 17] = 300
    with pytest.raises(InvalidValue, match=rf"^Dense.weights \[3, 17\] = 300: must be in -256 .. {MAX_WEIGHT}$"):
        Network.feedforward([weights], LoihiParams(du=0, dv=0, vth=1))
    with pytest.raises(InvalidValue, match=r"^CubaParams.vth \[1\] = nan: must be finite$"):
        CubaParams(du=0, dv=0, vth=[1, np.nan])
    with pytest.raises(InvalidValue, match=r"^Dense.weights \[0, 2\] = 0.5: must be integers"):
        Network.feedforward([[[0, 0, 0.5]]], LoihiParams(du=0, dv=0, vth=1))
    with pytest.raises(InvalidValue, match=r"^CubaParams.vth = -1.0: must be in 0"):  # A number has no position.
        CubaParams(du=0, dv=0, vth=-1)


# ------------------------------------------------------------------------------------------- parts of the package


@pytest.mark.parametrize("name", lava_async.LAZY)
def test_a_part_is_reached_after_importing_the_package_alone(name):
    code = f"import lava_async; assert {name!r} in dir(lava_async); print(lava_async.{name}.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, f"lava_async.{name}\n"), done.stderr


def test_completion_loads_nothing_and_unknown_names_are_named():
    code = "import sys, lava_async; dir(lava_async); print(*{'torch', 'lava.magma', 'h5py'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "\n"
    with pytest.raises(AttributeError, match="no attribute 'trainin'; did you mean 'training'"):
        lava_async.trainin  # noqa: B018
