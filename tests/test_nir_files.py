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

from lava_async import Layered, nir, simulate
from lava_async.errors import InvalidValue
from lava_async.nir import files
from lava_async.nir.reading import NEURONS, open_file

COPY = Path(__file__).with_name("nir_files")
FOLDER = Path(os.environ.get("NIR_FILES", COPY))
FILES = sorted(path for path in FOLDER.glob("*.nir") if path.with_suffix(".npz").exists())


def types(path):
    """Return the types of the neurons in a file."""
    return {node.kind for node in files.load(path).nodes.values()} & {*NEURONS}


def options(path):
    """Return how a file of a framework is read, as docs/nir.md says."""
    if path.name.startswith("norse") and types(path) != {"IF"}:
        return {"dt": 1e-6}
    if path.name.startswith("sinabs") and types(path) != {"IF"}:
        return {"dt": 1.0, "decay": "exponential"}
    if path.name.startswith("spyx") and types(path) != {"IF"}:
        return {"dt": 1.0}
    if path.name.startswith("rockpool"):
        return {"dt": 1e-3, "decay": "exponential"}
    return {}


def reason(path):
    """Return why a file gives other spikes than its framework, None if it gives the same."""
    name = path.stem
    if name.startswith("rockpool"):
        return "rockpool subtracts the threshold, and a neuron emits several spikes in a time step: not supported yet"
    if "default_reset" in name or re.search("_sub(_|$)", name):
        return "this network was run with reset by subtraction: not supported yet"
    if name.startswith("spyx"):
        return "spyx subtracts the threshold, emits spikes one time step later, and notes r = 1 - dt / tau for LIF"
    if name.startswith("norse") and "CubaLIF" in types(path):
        return "norse's LIF adds the input to the current after the voltage, whole: the file says neither"
    return None


def case(path):
    why = reason(path)
    return pytest.param(path, id=path.stem, marks=[] if why is None else pytest.mark.xfail(strict=True, reason=why))


@pytest.mark.filterwarnings("ignore::lava_async.nir.NirWarning")
@pytest.mark.parametrize("path", [case(path) for path in FILES])
def test_every_layer_emits_the_spikes_of_the_framework_that_wrote_the_file(path):
    given = np.load(path.with_suffix(".npz"))
    network, bias_channel = open_file(path, reset="zero", **options(path))
    steps = len(given["x"])
    spikes = given["x"].reshape(steps, -1).T
    found = simulate(network, nir.add_bias_channel(spikes) if bias_channel else spikes, schedule=Layered()).counts
    differ = [
        int((found[here] != given[f"s{i}"].reshape(steps, -1).T).sum()) for i, here in enumerate(network.layer_slices)
    ]
    assert differ == [0] * int(given["n"])


@pytest.mark.skipif(FOLDER != COPY, reason="about the files of the copy")
def test_the_copy_holds_files_of_every_framework():
    assert len(FILES) == 28
    frameworks = {path.name.split("_")[0].rstrip("0123456789") for path in FILES}
    assert frameworks == {"norse", "rockpool", "sinabs", "snntorch", "spikingjelly", "spyx"}


# ----------------------------------------------------------------------------------- what a file does not say


def test_a_file_that_does_not_say_how_neurons_reset_is_read_with_a_sentence_about_it(caplog):
    path = COPY / "snntorch_lif_default_reset.nir"
    with caplog.at_level(logging.WARNING, "lava_async"):
        nir.read(path)
    (record,) = caplog.records
    assert record.message.startswith(f"{path} does not say how its neurons reset: v becomes 0 after a spike")
    assert "subtract the threshold instead give other spikes" in record.message


def test_nothing_is_said_about_resets_to_who_says_what_they_are_or_in_files_of_ours(caplog, tmp_path):
    nir.write(nir.read(COPY / "snntorch_lif_nobias.nir", reset="zero"), tmp_path / "a.nir")
    nir.read(tmp_path / "a.nir")
    assert not caplog.records


def test_reset_by_subtraction_is_refused_by_name():
    with pytest.raises(InvalidValue, match=r"nir reset = 'subtract': .* subtraction .* is not supported yet"):
        nir.read(COPY / "sinabs203_iaf_sub_multi.nir", reset="subtract")


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
