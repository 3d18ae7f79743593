"""The page of one sample: what it shows is what was run, in a browser, by keyboard and by pointer."""

import base64
import json
import re

import numpy as np
import pytest

from lava_async import (
    AlifParams,
    CubaParams,
    Layered,
    LoihiParams,
    Margin,
    Momentum,
    Network,
    cli,
    models,
    plots,
    simulate,
)
from lava_async.data.digits import digits
from lava_async.errors import InvalidValue

rng = np.random.default_rng(0)
WEIGHTS = [rng.integers(-40, 90, (8, 5)), rng.integers(-40, 90, (6, 8))]
NETWORK = Network.feedforward(WEIGHTS, LoihiParams(du=2000, dv=500, vth=60))
SPIKES = (rng.random((5, 4)) < 0.6).astype(int)
SCHEDULES = {"layered": Layered(), "momentum, F = 2": Momentum(2)}


def run(network=NETWORK, **options):
    return {
        name: simulate(network, SPIKES, schedule=schedule, record="trace", **options)
        for name, schedule in SCHEDULES.items()
    }


def data_of(page):
    return json.loads(re.search(r'type="application/json">(.*?)</script>', page)[1])


def numbers(array, n):
    kinds = {"i2": "<i2", "i4": "<i4", "f4": "<f4", "f8": "<f8"}
    return np.frombuffer(base64.b64decode(array["data"]), kinds[array["type"]]).reshape(-1, n)


@pytest.mark.parametrize(
    "params",
    [
        LoihiParams(du=2000, dv=500, vth=60),
        CubaParams(du=0.5, dv=0.1, vth=60),
        CubaParams(du=0.5, dv=0.1, vth=60, reset="subtract"),
    ],
    ids=lambda p: p.describe(),
)
def test_the_voltages_are_those_of_the_trace_bit_for_bit(params):
    network = Network.feedforward(WEIGHTS, params)
    runs = run(network)
    shown = data_of(plots.sample_html(network, runs, SPIKES))["runs"]
    for (name, result), each in zip(runs.items(), shown, strict=True):
        assert each["name"] == name
        assert np.array_equal(numbers(each["voltages"], 14), np.array([check.voltage for check in result.trace]))
        assert np.array_equal(numbers(each["thresholds"], 14), np.broadcast_to(params.arrays().vth, (1, 14)))
        assert sum(step["n"] for step in each["steps"]) == len(result.trace)


def test_thresholds_that_move_are_shown_as_they_were():
    params = AlifParams(du=1, dv=0.1, dth=0.2, drho=0.5, vth=20, theta_step=30)
    network = Network.feedforward(WEIGHTS, params)
    result = run(network)["layered"]
    (shown,) = data_of(plots.sample_html(network, {"a": result}, SPIKES))["runs"]
    states = [check.state for check in result.trace]
    assert np.array_equal(numbers(shown["thresholds"], 14), np.array([state["theta"] for state in states]))
    assert np.array_equal(numbers(shown["voltages"], 14), np.array([state["v"] - state["rho"] for state in states]))
    assert np.ptp(numbers(shown["thresholds"], 14), axis=0).max() > 0


def test_chosen_time_steps_are_shown_and_no_others():
    runs = run()
    shown = data_of(plots.sample_html(NETWORK, runs, SPIKES, steps=[1, 3]))["runs"]
    for result, each in zip(runs.values(), shown, strict=True):
        assert [step["t"] for step in each["steps"]] == [1, 3]
        kept = [check.voltage for check in result.trace if check.t in (1, 3)]
        assert np.array_equal(numbers(each["voltages"], 14), np.array(kept))


def test_a_sample_that_a_stop_rule_ended_has_no_forward_steps_after_that():
    network = Network.feedforward([[[1.0] * 5, [0.1] * 5]], CubaParams(du=1, dv=1, vth=0.9))
    runs = {"all": run(network)["layered"], "margin": run(network, until=Margin(2))["layered"]}
    assert 0 < runs["margin"].decided < 4
    shown = data_of(plots.sample_html(network, runs, SPIKES))["runs"]
    assert [step["n"] > 0 for step in shown[1]["steps"]] == [t < runs["margin"].decided for t in range(4)]


def test_a_page_that_would_be_too_large_and_runs_that_cannot_be_shown_are_refused():
    runs = run()
    with pytest.raises(InvalidValue, match="at least one run"):
        plots.sample_html(NETWORK, {})
    with pytest.raises(InvalidValue, match='record="trace"'):
        plots.sample_html(NETWORK, {"a": simulate(NETWORK, SPIKES)})
    with pytest.raises(InvalidValue, match=r"wave\.t = 9"):
        plots.sample_html(NETWORK, runs, SPIKES, steps=[9])
    other = Network.feedforward([[[1]]], LoihiParams(du=0, dv=0, vth=1))
    with pytest.raises(InvalidValue, match="neurons"):
        plots.sample_html(other, runs)
    wide = Network.feedforward([np.ones((1000, 5), int)], LoihiParams(du=0, dv=0, vth=2**20))
    long = {"a": simulate(wide, np.ones((5, 500), int), record="trace")}
    with pytest.raises(InvalidValue, match=r"500 time steps.*try \d+") as error:
        plots.sample_html(wide, long)
    fits = int(re.search(r"try (\d+)", str(error.value))[1])
    assert len(plots.sample_html(wide, long, steps=range(fits))) < 2_000_000


def test_names_cannot_break_out_of_the_page():
    bad = "</script><img src=x onerror=alert(1)><!--<script>"
    page = plots.sample_html(NETWORK, {bad: run()["layered"]}, title=bad, text=bad)
    assert page.count("<script") == page.count("</script>") == 3
    assert "<img" not in page
    assert data_of(page)["runs"][0]["name"] == bad
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.parametrize("width", [390, 1200])
def test_two_schedules_side_by_side_in_a_browser(browser, tmp_path, width):
    runs = run()
    (tmp_path / "page.html").write_text(plots.sample_html(NETWORK, runs, SPIKES, title="<b>"), encoding="utf-8")
    tab = browser.open(tmp_path / "page.html", width)
    waves = {name: plots.wave(NETWORK, result, 0, SPIKES) for name, result in runs.items()}

    def told(selector):
        return tab.ask(f"[...document.querySelectorAll('{selector}')].map(e => e.textContent)")

    def queues(k):
        found = []
        for wave in waves.values():
            now, later = wave.delivered(k), wave.waiting(k)
            found.append(f"Queue: {len(now)} delivered now, {len(later)} waiting")
            named = [("input", s.neuron + 5) if s.neuron < 0 else divmod(s.neuron, 8) for s in (*now, *later)]
            found += [f"{layer if layer == 'input' else f'dense {layer}'} #{i}" for layer, i in named]
        return found

    assert told(".queue h2, .queue li") == queues(0)
    tab.press("ArrowRight", "ArrowRight")
    assert told(".queue h2, .queue li") == queues(2)
    tops = tab.ask("[...document.querySelectorAll('figure')].map(f => f.getBoundingClientRect().top)")
    assert (tops[0] == tops[1]) == (width > 600)

    tab.press("Home", "ArrowRight")
    shown = [int(re.search(r"voltage (-?[\d,]+)", text)[1].replace(",", "")) for text in told(".numbers")]
    most = int(np.argmax(sum(result.output.sum(axis=1) for result in runs.values())))
    assert shown == [result.trace[1].voltage[NETWORK.outputs[most]] for result in runs.values()]
    assert all(text.startswith(f"dense 1, neuron {most}: ") for text in told(".numbers"))

    tab.ask("document.getElementById('neuron').focus()")
    tab.press("Home")
    assert told(".numbers")[0].startswith("dense 0, neuron 0: ")
    tab.ask("document.querySelector('[data-neuron=\"3\"]').dispatchEvent(new Event('click', { bubbles: true }))")
    assert told(".numbers")[0].startswith("dense 0, neuron 3: ")
    assert tab.ask("document.getElementById('neuron').value") == "3"
    assert tab.ask("document.getElementById('where').textContent") == "time step 0, forward step 1"
    assert tab.ask("document.documentElement.scrollWidth <= innerWidth && innerWidth") == width
    assert tab.ask("[...document.querySelectorAll('button, select')].every(b => b.offsetHeight >= 40)")
    assert not tab.said


def test_the_command_writes_the_page(tmp_path, capsys):
    out = tmp_path / "view.html"
    options = ["--sample", "1", "--first", "2", "--last", "4", "--out", str(out)]
    assert cli.main(["view", "digits_robust", "--schedule", "layered", "random", *options]) == 0
    assert "random, F = 8" in capsys.readouterr().out
    data = data_of(out.read_text(encoding="utf-8"))
    assert [each["name"] for each in data["runs"]] == ["layered", "random, F = 8"]
    result = simulate(models.load("digits_robust"), digits("test").spikes[1], schedule=Layered(), record="trace")
    voltages = np.array([check.voltage for check in result.trace if 2 <= check.t <= 4])
    assert np.array_equal(numbers(data["runs"][0]["voltages"], 138), voltages)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--sample", "9999"], "--sample = 9999: must be less than 355"),
        (["--last", "10"], "must be in 0 .. 9"),
        (["--first", "3", "--last", "2"], "must be in 0 .. 9"),
        (["--schedule", "random", "random"], "given once"),
    ],
)
def test_the_command_says_what_it_cannot_show(tmp_path, capsys, options, says):
    assert cli.main(["view", "digits_robust", *options, "--out", str(tmp_path / "view.html")]) != 0
    assert says in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
