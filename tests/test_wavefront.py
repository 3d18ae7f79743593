"""Wavefronts: what moves in the picture is what moved in the run, and the page works in a browser."""

import json
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from lava_async import CubaParams, FirstOutput, Layered, LoihiParams, Momentum, Network, Random, plots, simulate
from lava_async.errors import InvalidValue
from lava_async.plots.wavefronts import STATES, layout, states

#: Six neurons and one input: neuron 4 holds neuron 3 down, if it comes in time.
SIX = Network.feedforward(
    [[[1.0], [0.9], [0.8]], [[0.5, 0.4, -0.6], [0.3, 0.4, 0.5]], [[1.0, -0.4]]], CubaParams(1, 1, 0.6)
)
rng = np.random.default_rng(0)
INTEGERS = Network.feedforward(
    [rng.integers(-40, 90, (8, 5)), rng.integers(-40, 90, (6, 8))], LoihiParams(du=2000, dv=500, vth=60)
)
SPIKES = (rng.random((5, 4)) < 0.6).astype(int)


def recorded(network, spikes, schedule, t=0, **options):
    return plots.wave(network, simulate(network, spikes, schedule=schedule, record="trace", **options), t, spikes)


@pytest.mark.parametrize("schedule", [Layered(), Random(2), Momentum(3)], ids=lambda s: s.name)
@pytest.mark.parametrize("t", range(4))
def test_every_spike_of_the_time_step_is_emitted_once_and_delivered_later(schedule, t):
    result = simulate(INTEGERS, SPIKES, schedule=schedule, record="trace")
    wave = plots.wave(INTEGERS, result, t, SPIKES)
    assert sorted(s.neuron for s in wave.spikes if s.neuron >= 0) == np.flatnonzero(result.counts[:, t]).tolist()
    assert sum(s.neuron < 0 for s in wave.spikes) == SPIKES[:, t].sum()
    assert all(s.delivered > s.emitted for s in wave.spikes)
    assert [s.order for s in wave.spikes] == list(range(1, len(wave.spikes) + 1))


def test_the_momenta_are_those_by_which_the_schedule_picked():
    """In each forward step no spike that was picked had less momentum than one that had to wait."""
    for t in range(4):
        wave = recorded(INTEGERS, SPIKES, Momentum(1), t)
        for k in range(1, wave.n_steps):
            waiting = [s.momentum for s in wave.waiting(k) if s.emitted < k]
            assert min(s.momentum for s in wave.delivered(k)) >= max(waiting, default=0)
        assert all(s.momentum > 60 << 6 for s in wave.spikes if s.neuron >= 0)


def test_one_event_with_and_without_layers():
    """Worked by hand: with layers the inhibition arrives in time, by momentum it comes too late."""
    layered, momentum = recorded(SIX, [[1]], Layered()), recorded(SIX, [[1]], Momentum(1))
    assert [s.neuron for s in layered.spikes] == [-1, 0, 1, 2, 4]
    assert [s.neuron for s in momentum.spikes] == [-1, 0, 1, 3, 5, 2, 4]
    assert [round(s.momentum, 3) for s in momentum.spikes[1:]] == [1.0, 0.9, 0.9, 1.0, 0.8, 0.7]


def test_what_a_stop_rule_dropped_was_never_delivered():
    wave = recorded(SIX, [[1]], Momentum(1), until=FirstOutput())
    assert {s.neuron for s in wave.spikes if s.delivered is None} == {2, 4, 5}


def test_only_large_networks_hide_synapses_that_did_nothing():
    wave = recorded(SIX, [[1]], Momentum(1))
    assert wave.reached(wave.spikes[1]).tolist() == [3, 4]  # both stay silent in this forward step
    weights = [rng.normal(size=(40, 5)), rng.normal(size=(40, 40))]
    large = recorded(Network.feedforward(weights, CubaParams(1, 1, 0.5)), SPIKES, Random(2))
    for spike in large.spikes:
        assert set(large.reached(spike)) <= {s.neuron for s in large.fired(spike.delivered)}


def test_a_run_without_trace_and_a_time_step_that_was_not_run_are_refused():
    with pytest.raises(InvalidValue, match='record="trace"'):
        plots.wave(SIX, simulate(SIX, [[1]]), 0)
    with pytest.raises(InvalidValue, match=r"wave\.t = 7"):
        recorded(SIX, np.ones((1, 1), int), Layered(), 7)


def test_neurons_pass_from_firing_over_waiting_to_delivering():
    wave = recorded(SIX, [[1]], Momentum(1))
    life = [states(wave, k)[2] for k in range(wave.n_steps + 1)]
    assert life == ["fires", *["waiting"] * 4, "delivering", *["delivered"] * 2]


def test_layers_of_images_are_drawn_as_images_and_nothing_overlaps():
    network = Network.from_matrix(
        np.ones((70, 2)), np.zeros((70, 70)), CubaParams(1, 1, 1), layer_of=[0] * 40 + [1] * 30
    )
    for shape in ((40,), (4, 2, 5)):
        layers = (type(network.layers[0])(shape), network.layers[1])
        place = layout(Network(network.input_shape, layers, network.synapses, network.params, network.outputs))
        assert len(np.unique(place.round(6), axis=0)) == 72
        assert 0 <= place[:, 1].min() <= place[:, 1].max() <= 1


def test_the_animation_has_a_frame_for_each_forward_step(tmp_path):
    figure = Figure(figsize=(4, 2))
    FigureCanvasAgg(figure)
    waves = {s.name: recorded(SIX, [[1]], s) for s in (Layered(), Momentum(1))}
    plots.animate(figure, waves).save(tmp_path / "wave.gif", writer="pillow", dpi=40)
    with Image.open(tmp_path / "wave.gif") as image:
        assert image.n_frames == waves["momentum"].n_steps + 1
    assert [axes.get_title() for axes in figure.axes] == ["layered: done", "momentum: done"]
    assert len({look.marker + str(look.size) for look in STATES.values()}) == len(STATES)


# ------------------------------------------------------------------------------------------------------- the page


def page():
    runs = {s.name: [recorded(INTEGERS, SPIKES, s, t) for t in (0, 2)] for s in (Layered(), Momentum(2))}
    return runs, plots.wavefront_html(runs, title="A <title> & more")


def test_the_page_is_one_file_that_loads_nothing():
    _, html = page()
    assert "A &lt;title&gt; &amp; more" in html
    assert not re.findall(r"(?:src|href)=\"(?!data:)", html)
    assert "@@" not in html
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")


def test_a_name_cannot_break_out_of_the_data():
    runs, _ = page()
    html = plots.wavefront_html({"<!--<script></script><b>": runs["layered"]})
    assert html.count("</script>") == html.count("<script") == 2
    assert "<!--" not in html.partition("application/json")[2]
    data = re.search(r'type="application/json">(.*?)</script>', html)[1]
    assert json.loads(data)["runs"][0]["name"] == "<!--<script></script><b>"


def test_waves_that_do_not_belong_together_are_refused():
    runs, _ = page()
    with pytest.raises(InvalidValue, match="same time steps"):
        plots.wavefront_html({"a": runs["layered"], "b": runs["layered"][:1]})
    with pytest.raises(InvalidValue, match="at least one wave"):
        plots.wavefront_html({})


@pytest.mark.parametrize("width", [390, 1200])
def test_the_page_works_in_a_browser_by_keyboard_pointer_and_on_a_phone(browser, tmp_path, width):
    runs, html = page()
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    tab = browser.open(tmp_path / "page.html", width)

    def look():
        numbers = [tab.ask(f"document.querySelectorAll('#panels .{kind}').length") for kind in ("mark", "fires")]
        return [tab.ask("document.getElementById('where').textContent"), *numbers]

    neurons = 2 * (INTEGERS.n_inputs + INTEGERS.n_neurons)
    fires = [sum(len(run[0].fired(k)) for run in runs.values()) for k in (0, 1)]
    start, second = ([f"time step 0, forward step {k}", neurons, fires[k]] for k in (0, 1))
    assert look() == start
    tab.press("ArrowRight")
    assert look() == second
    tab.press("ArrowLeft")
    assert look() == start
    tab.press("End", "ArrowRight")
    assert look() == ["time step 2, all done", neurons, 0]
    tab.press("Home")
    tab.ask("document.getElementById('next').click()")
    assert look() == second

    tab.press(" ")
    assert tab.ask("document.getElementById('play').getAttribute('aria-pressed')") == "true"
    tab.press(" ", "Home")
    assert tab.ask("document.getElementById('play').getAttribute('aria-pressed')") == "false"

    first = runs["layered"][0].fired(0)[0]
    facts = f"order {first.order}; momentum {first.momentum} (threshold {60 << 6})."
    told = f"layered: dense 0, neuron {first.neuron}; emitted in forward step 0; delivered in forward step 1, {facts}"
    tab.point("#panels .fires")
    assert tab.ask("tip.textContent") == told
    while tab.ask("document.activeElement.getAttribute('class')") != "mark delivering":
        tab.press("Tab")
    assert "an input spike; delivered in forward step 0, order 1" in tab.ask("tip.textContent")
    who = "document.activeElement.dataset.who"
    tab.ask("document.querySelector('#panels .fires').focus()")
    before = tab.ask(who)
    tab.press("ArrowRight")
    assert tab.ask(who) == before is not None

    assert tab.ask("document.documentElement.scrollWidth <= innerWidth && innerWidth") == width
    assert tab.ask("[...document.querySelectorAll('button')].every(b => b.offsetHeight >= 40)")
    assert not tab.said
