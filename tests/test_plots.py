"""Pictures: what is drawn is what was run, and can be read without colours."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lava_async import CubaParams, Layered, Network, Random, plots, simulate
from lava_async.errors import InvalidValue

rng = np.random.default_rng(0)
NETWORK = Network.feedforward(
    [rng.normal(size=(8, 5)), rng.normal(size=(8, 8)), rng.normal(size=(3, 8))], CubaParams(1, 1, 0.3)
)
SPIKES = (rng.random((5, 4)) < 0.6).astype(int)


@pytest.fixture
def axes():
    figure = Figure()
    FigureCanvasAgg(figure)
    yield figure.add_subplot()
    figure.canvas.draw()


@pytest.mark.parametrize("schedule", [Layered(), Random(2)], ids=lambda s: s.name)
def test_every_spike_is_delivered_once_in_the_order_of_time(schedule):
    result = simulate(NETWORK, SPIKES, schedule=schedule, record="trace")
    order = plots.delivery_order(result)
    delivered = np.zeros_like(result.counts)
    np.add.at(delivered, (order[:, 2], order[:, 0]), 1)
    assert np.array_equal(delivered, result.counts)
    assert order[:, :2].tolist() == sorted(order[:, :2].tolist())


def test_the_layered_schedule_delivers_layer_by_layer():
    order = plots.delivery_order(simulate(NETWORK, SPIKES, schedule=Layered(), record="trace"))
    assert np.array_equal(order[:, 1], NETWORK.layer_of[order[:, 2]])


def test_an_order_that_was_not_recorded_is_refused():
    with pytest.raises(InvalidValue, match=r'Result\.trace.*record="trace"'):
        plots.delivery_order(simulate(NETWORK, SPIKES))


def test_the_raster_shows_every_spike_with_a_marker_per_layer(axes):
    result = simulate(NETWORK, SPIKES, schedule=Random(2), record="trace")
    assert plots.raster(axes, result, NETWORK) is axes
    drawn = np.concatenate([c.get_offsets() for c in axes.collections])
    assert sorted(drawn[:, 1].astype(int)) == sorted(plots.delivery_order(result)[:, 2])
    assert len({c.get_paths()[0].vertices.tobytes() for c in axes.collections}) == len(NETWORK.layers)


def test_the_raster_shows_chosen_time_steps(axes):
    result = simulate(NETWORK, SPIKES, schedule=Random(2), record="trace")
    plots.raster(axes, result, NETWORK, steps=range(1, 3))
    drawn = np.concatenate([c.get_offsets() for c in axes.collections])
    assert len(drawn) == result.counts[:, 1:3].sum()
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "2"]


def test_a_network_that_stays_silent_can_be_drawn(axes):
    plots.raster(axes, simulate(NETWORK, np.zeros((5, 4), int), record="trace"), NETWORK)


def test_the_matrix_writes_every_number_legibly_and_leaves_gaps_empty(axes):
    plots.mismatch_matrix(axes, [[0.5, 1.0], [np.nan, 0.9]], ["a", "b"], ["x", "y"])
    assert {t.get_text(): t.get_color() for t in axes.texts} == {"50.0%": "white", "100.0%": "black", "90.0%": "black"}


def test_a_matrix_of_another_shape_is_refused(axes):
    with pytest.raises(InvalidValue, match=r"values\.shape = \(1, 2\): must be \(2, 2\)"):
        plots.mismatch_matrix(axes, [[0.5, 1.0]], ["a", "b"], ["x", "y"])


def test_curves_differ_in_line_and_marker(axes):
    plots.latency_curve(axes, {name: (range(3), [0.1, 0.5, 0.9]) for name in "abc"})
    assert len({(line.get_linestyle(), line.get_marker()) for line in axes.lines}) == 3
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b", "c"]


def test_the_histogram_counts_every_sample(axes):
    counts = rng.integers(0, 3, size=(20, 6, 4))
    plots.activity_histogram(axes, {"a": counts, "b": counts + 1}, bins=5)
    assert f"a (mean {counts.sum() / 20:.0f})" in axes.get_legend().get_texts()[0].get_text()
    assert len(axes.patches) == 2


def test_colours_of_the_order_grow_lighter():
    red, green, blue = plots.ORDER_COLOURS(np.linspace(0, 1, 16))[:, :3].T
    assert (np.diff(0.299 * red + 0.587 * green + 0.114 * blue) > 0).all()
