"""Files that other frameworks wrote: read here and run in layers, every neuron emits the spikes that it emitted there.

A file NAME.nir lies beside NAME.npz with what that framework computed: input spikes ``x`` (T, ...) and, for each of its
``n`` layers, spikes ``s0``, ``s1`` ... (T, ...). The environment variable NIR_FILES names a folder with other files of
that form, whose names begin with the framework; the default is the copy beside this file.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from lava_async import CubaParams, Layered, Network, nir, simulate
from lava_async.errors import InvalidValue
from lava_async.nir.frameworks import FRAMEWORKS
from lava_async.nir.reading import open_file

COPY = Path(__file__).with_name("nir_files")
FOLDER = Path(os.environ.get("NIR_FILES", COPY))
FILES = sorted(path for path in FOLDER.glob("*.nir") if path.with_suffix(".npz").exists())


def framework(path):
    """Return who wrote a file, as its name says."""
    return path.name.split("_")[0].rstrip("0123456789")


def options(path):
    """Return how a file of a framework is read, as docs/nir.md says."""
    how = {"framework": framework(path)}
    if framework(path) in ("snntorch", "sinabs"):  # Whose networks reset in several ways, of which files say nothing.
        how["reset"] = "subtract" if re.search("_sub(_|$)", path.stem) else "zero"
    if "default_reset" in path.stem:
        how["reset"] = "subtract_delayed"
    return how


@pytest.mark.filterwarnings("ignore::lava_async.nir.NirWarning")
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in FILES])
def test_every_layer_emits_the_spikes_of_the_framework_that_wrote_the_file(path):
    given = np.load(path.with_suffix(".npz"))
    network, bias_channel = open_file(path, **options(path))
    steps = len(given["x"])
    spikes = given["x"].reshape(steps, -1).T
    spikes = nir.add_bias_channel(spikes) if bias_channel else spikes
    # Neurons of sinabs' MultiSpike emit as many spikes in a time step as their voltage holds thresholds.
    several = {"refractory": False} if "_multi" in path.stem else {}
    found = simulate(network, spikes, schedule=Layered(), **several).counts
    differ = [
        int((found[here] != given[f"s{i}"].reshape(steps, -1).T).sum()) for i, here in enumerate(network.layer_slices)
    ]
    assert differ == [0] * int(given["n"])


@pytest.mark.skipif(FOLDER != COPY, reason="about the files of the copy")
def test_the_copy_holds_files_of_every_framework():
    assert len(FILES) == 30
    assert {framework(path) for path in FILES} == {*FRAMEWORKS}


# ----------------------------------------------------------------------------------- what a file does not say


def test_a_file_that_does_not_say_how_neurons_reset_is_read_with_a_sentence_about_it(caplog):
    path = COPY / "snntorch_lif_default_reset.nir"
    with caplog.at_level(logging.WARNING, "lava_async"):
        nir.read(path)
    (record,) = caplog.records
    assert record.message.startswith(f"{path} does not say how its neurons reset: v becomes 0 after a spike")
    assert "those of snnTorch with its default reset with reset='subtract_delayed'" in record.message


def test_nothing_is_said_about_resets_to_who_says_what_they_are_or_in_files_of_ours(caplog, tmp_path):
    nir.write(nir.read(COPY / "snntorch_lif_nobias.nir", reset="zero"), tmp_path / "a.nir")
    nir.read(tmp_path / "a.nir")
    assert not caplog.records


def test_what_is_given_overrides_what_the_framework_implies():
    path = COPY / "spyx_lif.nir"
    assert nir.read(path, framework="spyx").params.reset == "subtract"
    assert nir.read(path, framework="spyx", reset="zero").params.reset == "zero"
    dv = [nir.read(path, framework="spyx", **how).params.dv[0] for how in ({}, {"dt": 0.5}, {"decay": "exponential"})]
    np.testing.assert_allclose(dv, [0.1, 0.05, -np.expm1(-0.1)], rtol=1e-6)
    assert nir.read(COPY / "rockpool_lifneuron.nir", framework="rockpool").execution.refractory is False
    assert nir.read(COPY / "rockpool_lifneuron.nir", framework="rockpool", refractory=True).execution.refractory


def test_a_framework_that_there_is_not_is_refused_by_name():
    with pytest.raises(InvalidValue, match=r"nir framework = 'norsk': must be one of .*; did you mean 'norse'\?"):
        nir.read(COPY / "norse_lif.nir", framework="norsk")


def test_a_reset_that_there_is_not_is_refused_by_name():
    with pytest.raises(InvalidValue, match=r"nir reset = 'minus': must be one of zero, subtract, subtract_de"):
        nir.read(COPY / "sinabs203_iaf_sub_multi.nir", reset="minus")


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_a_file_of_ours_notes_its_reset(reset, tmp_path):
    network = Network.feedforward([np.eye(3)], CubaParams(1, 0.25, 0.5, reset=reset))
    nir.write(network, tmp_path / "a.nir")
    assert nir.read(tmp_path / "a.nir").params.reset == reset


@pytest.mark.parametrize("du", [1.0, 0.25])
def test_a_delayed_reset_takes_the_threshold_after_the_decay(du, tmp_path):
    """snnTorch's equation, step by step, in numbers that floats hold exactly."""
    dv, vth, rng = 0.25, 2.0, np.random.default_rng(0)
    x = (rng.random((4, 50)) < 0.4).astype(int)
    plain = Network.feedforward([np.diag([1.0, 2.0, 3.0, 1.5])], CubaParams(du, dv, vth))
    nir.write(plain, tmp_path / "a.nir", dt=1.0)
    network = nir.read(tmp_path / "a.nir", reset="subtract_delayed")
    found = simulate(network, x, schedule=Layered()).counts
    weights = network.synapses[0].weights.astype(float)
    u, v, fired = np.zeros(4), np.zeros(4), np.zeros(4, bool)
    for t in range(50):
        u = u * (1 - du) + weights @ x[:, t]
        v = v * (1 - dv) + u - vth * fired
        fired = v > vth
        np.testing.assert_array_equal(found[:, t], fired)
    assert found.sum() > 20


@pytest.mark.parametrize("kind", ["LI", "CubaLI", "I"])
def test_integrators_never_fire_and_answer_with_their_voltage(kind, tmp_path, caplog):
    package = pytest.importorskip("nir")
    one, hidden = np.ones(2), package.LIF(np.full(3, 1e-3), np.ones(3), np.zeros(3), np.full(3, 0.5), np.zeros(3))
    last = {
        "LI": lambda: package.LI(4e-4 * one, one, 0 * one),
        "CubaLI": lambda: package.CubaLI(2e-4 * one, 4e-4 * one, one, 0 * one, one),
        "I": lambda: package.I(1e4 * one),
    }[kind]()
    nodes = {
        "input": package.Input(np.array([4])),
        "a": package.Linear(np.full((3, 4), 5.0)),
        "lif": hidden,
        "b": package.Linear(np.arange(6.0).reshape(2, 3)),
        "out": last,
        "output": package.Output(np.array([2])),
    }
    graph = package.NIRGraph(nodes, [*zip(list(nodes)[:-1], list(nodes)[1:], strict=True)])
    with caplog.at_level(logging.WARNING, "lava_async"):
        network = nir.convert(graph, reset="zero")
    assert not caplog.records
    x = (np.random.default_rng(1).random((4, 30)) < 0.5).astype(int)
    result = simulate(network, x, schedule=Layered())
    assert not result.output.any()
    assert (result.voltage[network.outputs] > 0).all()
    assert type(nir.export(network).nodes["layer_1"]).__name__ == kind
    nir.write(network, tmp_path / "a.nir")
    again = nir.read(tmp_path / "a.nir")
    np.testing.assert_allclose(simulate(again, x, schedule=Layered()).voltage, result.voltage, rtol=1e-5)


def test_a_dt_with_which_no_neuron_can_reach_its_threshold_is_warned_about_with_file_and_layer():
    path = COPY / "spyx_lif.nir"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nir.read(path, reset="zero")
    sentences = [str(w.message) for w in caught if w.category is nir.NirWarning]
    assert sentences
    for sentence in sentences:
        assert re.fullmatch(rf"{path}: layer layer_\d: no neuron can reach its threshold .* another dt\?", sentence)


def test_integrate_and_fire_with_r_1_counts_in_time_steps_unless_a_dt_is_given():
    path = COPY / "sinabs203_conv_iaf_sumpool_bias.nir"
    per_step, per_second = nir.read(path, reset="zero"), nir.read(path, reset="zero", dt=1.0)
    assert list(per_step.synapses) == list(per_second.synapses)
    with pytest.warns(nir.NirWarning, match="no neuron can reach its threshold"):
        assert np.abs(nir.read(path, reset="zero", dt=1e-4).synapses[0].weights).max() < 1e-4
