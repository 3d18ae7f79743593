"""Studies: what is trained and measured, what is not done twice, and what a lost worker costs."""

from __future__ import annotations

import itertools
import shutil
from functools import partial

import numpy as np
import pytest
from compare import complains
from study_cases import TINY
from study_cases import done as done

from lava_async import CubaParams, Execution, Layered, Margin, Network, Random, Timed, netx, simulate
from lava_async.calibration import Objective, calibrate, scale_thresholds
from lava_async.data import SpikeDataset
from lava_async.data.digits import digits
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments import cells
from lava_async.experiments import measure as measuring
from lava_async.experiments.cells import name_of, run_cell
from lava_async.experiments.report import write_report
from lava_async.experiments.study import StudyConfig, shipped, summary
from lava_async.hardware import cost
from lava_async.metrics import decided
from lava_async.stopping import FirstOutput, Quiescence


def network() -> Network:
    rng = np.random.default_rng(0)
    sizes = (6, 8, 8, 3)
    weights = [rng.normal(0.3, 0.5, (n, m)).astype(np.float32) for m, n in itertools.pairwise(sizes)]
    return Network.feedforward(weights, CubaParams(du=1, dv=0.2, vth=0.5))


def samples(n: int = 20) -> SpikeDataset:
    rng = np.random.default_rng(1)
    spikes = (rng.random((n, 6, 5)) < 0.4).astype(np.uint8)
    return SpikeDataset(spikes, rng.integers(0, 3, n), (1, 2, 3), "noise", n_classes=3)


# ------------------------------------------------------------------------------------------------- the config


def test_a_study_written_as_toml_is_read_as_the_same_study():
    study = StudyConfig.from_toml(TINY)
    assert StudyConfig.from_toml(study.to_toml()) == study


@pytest.mark.parametrize("name", shipped())
def test_shipped_studies_can_be_read(name):
    study = StudyConfig.load(shipped()[name])
    assert len(study.seeds) == 3
    assert study.split == "test"


def test_cells_are_all_settings_trainings_and_seeds_seed_by_seed():
    study = StudyConfig.from_toml(TINY)
    assert [(c.training, c.seed) for c in study.cells()] == [
        ("layered", 0),
        ("random", 0),
        ("layered", 1),
        ("random", 1),
    ]
    assert len({cell.folder for cell in study.cells()}) == 4


def test_trainings_do_not_look_at_the_test_samples():
    assert all(cell.config.data.test == "" for cell in StudyConfig.from_toml(TINY).cells())


FINE_TUNED = (
    TINY.replace("seeds = [0, 1]", "seeds = [0]")
    + """
[[trainings]]
name = "fine-tuned"
after = "layered"
values = { "schedule.name" = "timed", "schedule.neurons_per_core" = 4, "training.epochs" = 1 }
"""
)


def test_a_training_goes_on_with_the_network_of_another(tmp_path):
    study = StudyConfig.from_toml(FINE_TUNED)
    layered, _, tuned = study.cells()
    assert (layered.generation, tuned.generation, tuned.before) == (0, 1, layered)
    complains(
        lambda: run_cell(tuned, tmp_path),
        "base, fine-tuned, seed 0: after = 'base, layered, seed 0': must be a training that has ended",
    )
    for cell in (layered, tuned):
        run_cell(cell, tmp_path)
    before, after = (netx.load(cell.network(tmp_path)) for cell in (layered, tuned))
    np.testing.assert_array_equal(before.params.vth, after.params.vth)
    assert not np.array_equal(before.synapses[0].weights, after.synapses[0].weights)
    assert after.execution.schedule == Timed(neurons_per_core=4)


def test_a_training_comes_after_one_that_is_there():
    text = FINE_TUNED.replace('after = "layered"', 'after = "fine-tuned"')
    complains(
        lambda: StudyConfig.from_toml(text),
        "study: trainings, after of fine-tuned = 'fine-tuned': must be the name of a training that is listed before it",
    )


def test_a_training_may_be_for_some_settings_only():
    text = (
        TINY
        + """
[[settings]]
name = "a"

[[settings]]
name = "b"

[[trainings]]
name = "special"
only = ["b"]
"""
    )
    cells = StudyConfig.from_toml(text).cells()
    assert [c.setting for c in cells if c.training == "special"] == ["b", "b"]
    assert len(cells) == 10
    with pytest.raises(InvalidValue, match="special"):
        StudyConfig.from_toml(text.replace('only = ["b"]', 'only = ["c"]'))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds = [0, 1]": "seeds = [0, 0]"}, "seeds"),
        ({"group_size = [2]": "group_size = [0]"}, "group_size"),
        ({'name = "random"\n\n[[exec': 'name = "layered"\n\n[[exec'}, "trainings"),
        ({'"schedule.name" = "layered"': '"schedule.nam" = "layered"'}, "schedule.nam"),
        ({'schedule = "layered"': 'schedule = "layered"\ngroup_size = [8]'}, "group_size"),
        ({"extra_steps = [0]": "extra_steps = [0]\noptions = { nose = 1 }"}, "nose"),
    ],
)
def test_what_is_wrong_in_a_study_is_named(change, words):
    text = TINY
    for old, new in change.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises((InvalidValue, InvalidType), match=words):
        StudyConfig.from_toml(text)


# ---------------------------------------------------------------------------------------- what is measured


def test_a_sample_is_decided_when_its_class_becomes_the_label_and_stays_so():
    output = np.zeros((4, 2, 4), np.int32)
    output[0, 0] = [0, 1, 0, 0]  # class 0 always: ties go to the lower class
    output[1, 1] = [0, 1, 0, 1]  # class 1 from the second time step on
    output[2, :, :] = [[0, 2, 0, 0], [1, 0, 0, 2]]  # class 1, 0, 0, 1: for good in the last one
    output[3, 1] = [1, 0, 0, 0]  # class 1 throughout, and wrong
    assert decided(output, np.array([0, 1, 1, 0])).tolist() == [1, 2, 4, 0]


@pytest.mark.parametrize("until", [Quiescence(), FirstOutput(), FirstOutput(2)], ids=str)
def test_what_a_decision_took_is_what_samples_that_end_there_take(until):
    net, data, schedule = network(), samples(), Random(group_size=2)
    numbers = measuring.measure(net, data, schedule=schedule, until=until)["numbers"]
    steps, operations, spikes, energy = [], [], [], []
    for b, label in enumerate(data.labels):
        alone = partial(simulate, net, schedule=schedule, until=until, sample=b)
        end = decided(alone(data.spikes[b]).output[None], [label])[0]
        if end:
            cut = alone(data.spikes[b, :, :end])
            steps.append(cut.forward_steps.sum())
            operations.append(cut.synaptic_operations)
            spikes.append(cut.counts.sum())
            energy.append(cost(net, cut, measuring.PRESET, layered=False).energy() * 1e9)
    assert len(steps) / len(data) == numbers["accuracy"]
    assert np.mean(steps) == pytest.approx(numbers["forward_steps_to_decision"])
    assert np.mean(operations) == pytest.approx(numbers["synaptic_operations_to_decision"])
    assert np.mean(spikes) == pytest.approx(numbers["spikes_to_decision"])
    assert np.mean(energy) == pytest.approx(numbers["energy_to_decision_nj"])


def test_layers_and_neurons_add_up_to_the_spikes():
    found = measuring.measure(network(), samples(), schedule=Random(group_size=2), until=Quiescence())
    spikes = found["numbers"]["spikes"]
    assert sum(layer["spikes"] for layer in found["layers"]) == pytest.approx(spikes)
    assert sum(found["neurons"]) == pytest.approx(spikes, abs=0.01)
    assert sum(found["spikes_histogram"]["samples"]) == found["samples"] == 20


# --------------------------------------------------------------------------------- cells, and going on


def test_a_summary_has_mean_and_spread_over_seeds(done):
    study, out = done
    rows = summary(study, out)
    assert [(r["training"], r["execution"], r["readout"]) for r in rows[:3]] == [
        ("layered", "layered", "quiescence"),
        ("layered", "random F=2", "quiescence"),
        ("layered", "random F=2", "first output"),
    ]
    one = [
        cell.read(out)["evaluations"][0]["numbers"]["spikes"] for cell in study.cells() if cell.training == "layered"
    ]
    assert rows[0]["seeds"] == [0, 1]
    assert rows[0]["spikes"] == pytest.approx(np.mean(one))
    assert rows[0]["spikes_sd"] == pytest.approx(np.std(one, ddof=1))


def test_what_is_finished_is_not_done_again(done, monkeypatch):
    study, out = done
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    for cell in study.cells():
        run_cell(cell, out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == before


def test_an_execution_that_is_added_later_needs_no_new_training(done):
    study, out = done
    more = StudyConfig.from_toml(TINY + '\n[[executions]]\nschedule = "fifo"\ngroup_size = [4]\n')
    cell = more.cells()[0]
    assert [name_of(each) for each in cell.missing(out)] == ["fifo F=4"]
    trained = out / cells.CELLS / cell.folder / cells.TRAINING / "network.net"
    before = trained.stat().st_mtime_ns
    run_cell(cell, out)
    assert cell.missing(out) == []
    assert trained.stat().st_mtime_ns == before
    assert study.cells()[0].missing(out) == []


CHIP = """
[[calibrations]]
name = "calibrated"
samples = 30

[[executions]]
schedule = "timed"
extra_steps = [0]
margins = [1]

[[executions]]
schedule = "layered"
options = { chip = { neurons_per_core = 8 } }
margins = [1]
"""


def test_calibrations_margins_and_barriers_are_added_to_what_is_trained_already(done, tmp_path):
    out = shutil.copytree(done[1], tmp_path / "study")
    study = StudyConfig.from_toml((TINY + CHIP).replace("seeds = [0, 1]", "seeds = [0]"))
    cell = study.cells()[1]
    run_cell(cell, out)
    assert cell.work(out) == []
    factors = [each["notes"]["factors"] for each in cell.read(out)["calibrations"]]
    assert len(factors) == 1
    rows = [
        row
        for row in summary(study, out)
        if row["execution"] in ("timed sanafe", "layered, barriers sanafe, 8 per core")
    ]
    places = [(row["training"], row["execution"].partition(" ")[0], row["readout"]) for row in rows]
    readouts = [("timed", "quiescence"), ("timed", "first output"), ("timed", "margin 1")]
    readouts += [("layered,", "quiescence"), ("layered,", "margin 1")]
    assert places == [(name, *each) for name in ("random", "random, calibrated") for each in readouts]
    network = scale_thresholds(netx.load(cell.network(out)), factors[0])
    data = digits("validation").subset(range(100))
    for row in rows[5:]:
        until = {"quiescence": Quiescence(), "first output": FirstOutput(), "margin 1": Margin(1)}[row["readout"]]
        order = Timed() if row["execution"] == "timed sanafe" else Layered(chip=Timed(neurons_per_core=8))
        numbers = measuring.measure(network, data, schedule=order, until=until)["numbers"]
        for name in ("accuracy", "nanoseconds_to_decision", "synaptic_operations_to_decision"):
            assert row[name] == pytest.approx(numbers[name])
    run_cell(cell, out)  # nothing is searched again
    assert [each["notes"]["factors"] for each in cell.read(out)["calibrations"]] == factors
    write_report(study, out, "with calibrations")


def test_thresholds_may_be_chosen_for_decisions_by_a_margin(done, tmp_path):
    out = shutil.copytree(done[1], tmp_path / "study")
    chosen = CHIP.replace("samples = 30", 'samples = 30\nmargin = 1\nmargin_at = "step"')
    study = StudyConfig.from_toml((TINY + chosen).replace("seeds = [0, 1]", "seeds = [0]"))
    cell = study.cells()[1]
    run_cell(cell, out)
    (noted,) = cell.read(out)["calibrations"]
    assert noted["notes"]["objective"]["until"] == Margin(1, "step").config()
    found = calibrate(
        netx.load(cell.network(out)),
        digits("validation"),
        Execution(Timed()).but(seed=cell.seed),
        objective=Objective(until=Margin(1, "step")),
        samples=30,
    )
    assert noted["notes"]["factors"] == list(found.factors)


def test_a_margin_is_no_first_output():
    with pytest.raises(InvalidValue, match=r"margin.*the first output ends time steps"):
        StudyConfig.from_toml(TINY + '[[calibrations]]\nname = "a"\nobjective = "first output"\nmargin = 1\n')


def test_thresholds_are_not_chosen_on_test_samples():
    with pytest.raises(InvalidValue, match="no network is judged by"):
        StudyConfig.from_toml(TINY + '[[calibrations]]\nname = "a"\nsplit = "test"\n')


def test_a_cell_that_was_stopped_goes_on_with_the_next_execution(done, tmp_path, monkeypatch):
    study, out = done
    cell, real = study.cells()[1], measuring.measure
    calls = []

    def stopped(*args, **kwargs):
        calls.append(kwargs["execution"].schedule.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs)

    monkeypatch.setattr(measuring, "measure", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_cell(cell, tmp_path)
    run_cell(cell, tmp_path)
    assert calls == ["layered", "random", "random", "random"]
    again, first = (cell.read(folder)["evaluations"] for folder in (tmp_path, out))
    assert again == first


def test_a_damaged_cell_is_named(tmp_path):
    cell = StudyConfig.from_toml(TINY).cells()[0]
    path = tmp_path / cells.CELLS / cell.folder / cells.CELL
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(InvalidValue, match=cells.CELL):
        cell.read(tmp_path)
