"""Studies: what is trained and measured, what is not done twice, and what a lost worker costs."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest

from lava_async import CubaParams, Layered, Margin, Network, Random, Timed, netx, simulate
from lava_async.calibration import scale_thresholds
from lava_async.cli import main
from lava_async.data import SpikeDataset
from lava_async.data.digits import digits
from lava_async.engine.config import machine
from lava_async.errors import InvalidType, InvalidValue
from lava_async.experiments import measure as measuring
from lava_async.experiments import study as studies
from lava_async.experiments.comparison import gain_map, gains, markdown
from lava_async.experiments.report import write_report
from lava_async.experiments.study import StudyConfig, name_of, run_cell, shipped, summary
from lava_async.experiments.sweep import sweep
from lava_async.experiments.tables import parse
from lava_async.metrics import decided
from lava_async.stopping import FirstOutput, Quiescence

TINY = """
seeds = [0, 1]
split = "validation"

[base.network]
sizes = [200, 12, 10]
gain = 2.0

[base.data]
name = "digits"
limit = 100

[base.optimizer]
learning_rate = 0.02

[base.training]
epochs = 1

[[trainings]]
name = "layered"
values = { "schedule.name" = "layered" }

[[trainings]]
name = "random"

[[executions]]
schedule = "layered"

[[executions]]
schedule = "random"
group_size = [2]
extra_steps = [0]
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study that is finished, and its folder."""
    study, out = StudyConfig.from_toml(TINY), tmp_path_factory.mktemp("study")
    assert sweep(study.cells(), partial(run_cell, out=out)) == []
    return study, out


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
    steps, operations, spikes = [], [], []
    for b, label in enumerate(data.labels):
        alone = partial(simulate, net, schedule=schedule, until=until, sample=b)
        end = decided(alone(data.spikes[b]).output[None], [label])[0]
        if end:
            cut = alone(data.spikes[b, :, :end])
            steps.append(cut.forward_steps.sum())
            operations.append(cut.synaptic_operations)
            spikes.append(cut.counts.sum())
    assert len(steps) / len(data) == numbers["accuracy"]
    assert np.mean(steps) == pytest.approx(numbers["forward_steps_to_decision"])
    assert np.mean(operations) == pytest.approx(numbers["synaptic_operations_to_decision"])
    assert np.mean(spikes) == pytest.approx(numbers["spikes_to_decision"])


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
    trained = out / studies.CELLS / cell.folder / studies.TRAINING / "network.net"
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
    path = tmp_path / studies.CELLS / cell.folder / studies.CELL
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(InvalidValue, match=studies.CELL):
        cell.read(tmp_path)


def test_the_command_reports_what_is_there(done, tmp_path, capsys):
    _, out = done
    (tmp_path / "tiny.toml").write_text(TINY)
    assert main(["study", str(tmp_path / "tiny.toml"), "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["missing"] == []
    assert len(report["rows"]) == 6


def test_the_report_is_one_page_that_loads_nothing_and_tables_for_programs(done):
    study, out = done
    rows = write_report(study, out, "Tiny <study>")
    page = (out / "report.html").read_text()
    assert "Tiny &lt;study&gt;" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert all(f"accuracy at {readout}" in page for readout in ("quiescence", "first output"))
    lines = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert [float(line["accuracy"]) for line in lines] == [row["accuracy"] for row in rows]
    written = json.loads((out / "results.json").read_text())
    assert parse(StudyConfig, written["study"], "study: ") == study
    assert written["versions"]
    assert set(written["machines"]) == set(written["versions"])
    assert all(each == machine() for each in written["machines"].values())


def test_matrices_share_a_labelled_scale_and_pictures_are_files_on_request(done, tmp_path):
    study, out = done
    for path in (out / studies.CELLS).rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(out)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    write_report(study, tmp_path, "Tiny", formats=["svg", "pdf"])
    drawn = sorted((tmp_path / "pictures").iterdir())
    assert {path.suffix for path in drawn} == {".svg", ".pdf"}
    matrices = [path.read_text() for path in drawn if "accuracy-at" in path.name and path.suffix == ".svg"]
    scales = [re.findall(r">([\d.]+)</text>", text) for text in matrices]
    assert len(matrices) == 2
    assert scales[0] == scales[1] != []


def test_a_study_that_has_just_begun_has_a_report(tmp_path):
    assert write_report(StudyConfig.from_toml(TINY), tmp_path, "Tiny") == []
    assert "Nothing yet" in (tmp_path / "report.html").read_text()


def row(training: str, accuracy: float, spikes: float, *, execution: str = "random F=8", seeds: int = 2):
    names = ("accuracy", "spikes", "forward_steps_to_decision", "synaptic_operations_to_decision")
    numbers = dict(zip(names, (accuracy, spikes, 7.25, 1000 * spikes), strict=True))
    spread = {f"{name}_sd": 0.01 if seeds > 1 else float("nan") for name in names}
    place = {"setting": "no memory", "training": training, "execution": execution, "readout": "quiescence"}
    return {**place, "seeds": list(range(seeds)), **numbers, **spread}


def test_a_gain_is_a_difference_to_the_baseline_of_the_same_execution_and_setting():
    rows = [row("layered", 0.8, 200), row("random", 0.9, 100), row("random", 0.9, 100, execution="fifo F=8")]
    (gain,) = gains(rows, ["exact", "layered"])
    assert (gain.training, gain.execution) == ("random", "random F=8")
    assert gain.accuracy == pytest.approx(0.1)
    assert gain.error == pytest.approx(0.01)
    assert (gain.spikes, gain.operations) == (0.5, 0.5)
    assert gains(rows, []) == []
    assert np.isnan(gains([rows[0], row("random", 0.9, 100, seeds=1)], ["layered"])[0].error)


def test_a_map_of_gains_has_a_field_per_setting_and_execution():
    found = gains([row("layered", 0.8, 200), row("random", 0.9, 100)], ["layered"])
    for of, text in (("accuracy", "+10.0"), ("spikes", "-50")):
        axes, scale = gain_map(found, "quiescence", "title", of=of).axes
        assert scale.get_ylabel().endswith(of)
        assert [each.get_text() for each in axes.texts] == [text]


def test_tables_in_markdown_have_spread_only_where_there_are_seeds():
    text = markdown([row("layered", 0.8, 1200), row("random", 0.9, 100, seeds=1)])
    assert text.startswith("### No memory\n")
    assert "| layered | random F=8 | 2 | 80.0 ± 1.0 | - | 1,200 ± 0 |" in text
    assert "| random | random F=8 | 1 | 90.0 | - | 100 |" in text


def test_gains_within_twice_their_standard_error_are_in_parentheses():
    found = gains([row("layered", 0.8, 200), row("random", 0.81, 100)], ["layered"])
    axes = gain_map(found, "quiescence", "title").axes[0]
    assert [each.get_text() for each in axes.texts] == ["(+1.0)"]


def test_timed_executions_are_added_later_and_reported_in_nanoseconds(done):
    _, out = done
    study = StudyConfig.from_toml(TINY + '\n[[executions]]\nschedule = "timed"\nextra_steps = [0]\n')
    trained = {path: path.stat().st_mtime_ns for path in out.rglob("network.net")}
    for cell in study.cells():
        assert [name_of(each) for each in cell.missing(out)] == ["timed sanafe"] * 2
        run_cell(cell, out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("network.net")} == trained
    rows = write_report(study, out, "Tiny")
    timed = [each for each in rows if each["execution"] == "timed sanafe" and each["readout"] == "quiescence"]
    assert [each["training"] for each in timed] == ["layered", "random"]
    assert all(0 < each["nanoseconds_to_first_output"] < each["nanoseconds_to_decision"] for each in timed)
    assert "<button>ns to decision</button>" in (out / "report.html").read_text().replace(' type="button"', "")
    lines = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert {line["execution"] for line in lines if line["nanoseconds_to_decision"]} == {"timed sanafe"}
    head, *others = [line for line in (out / "results.md").read_text().splitlines() if line.startswith("| ")]
    assert head.endswith("| ns to decision |")
    assert {line.split(" | ")[1] for line in others[1:] if not line.endswith("| - |")} == {"timed sanafe"}


@pytest.mark.parametrize("width", [390, 1200])
def test_the_report_of_a_study_is_read_sorted_and_filtered_in_a_browser(done, browser, width):
    _, out = done
    study = StudyConfig.from_toml('baselines = ["layered"]\n' + TINY)
    rows = write_report(study, out, "Tiny")
    tab = browser.open(out / "report.html", width)
    assert tab.ask("document.documentElement.scrollWidth <= innerWidth && innerWidth") == width
    assert tab.ask("document.images.length > 5 && [...document.images].every(i => i.naturalWidth > 0 && i.alt)")
    table = "[...document.querySelectorAll('table')].find(t => t.tHead.textContent.includes('synaptic operations'))"
    tab.ask(f"{table}.querySelectorAll('th button')[7].click()")
    shown = tab.ask(f"[...{table}.tBodies[0].rows].map(r => r.cells[7].textContent)")
    assert shown == [f"{value:,.1f}" for value in sorted(each["spikes"] for each in rows)]
    frame = tab.frame()
    frame.ask("document.getElementById('next').click()")
    assert frame.ask("document.getElementById('where').textContent").startswith("time step 0, forward step")
    assert frame.ask("document.documentElement.scrollWidth <= innerWidth")
    assert not tab.said
    assert not frame.said


def test_baselines_are_trainings_and_the_report_compares_with_them(done, tmp_path):
    _, out = done
    with pytest.raises(InvalidValue, match="baselines"):
        StudyConfig.from_toml('baselines = ["none"]\n' + TINY)
    study = StudyConfig.from_toml('baselines = ["layered"]\n' + TINY)
    write_report(study, out, "Tiny")
    assert "random: what it gains" in (out / "report.html").read_text()
    assert (out / "results.md").read_text().count("\n| random | ") == 2


# ------------------------------------------------------------------------------------------------- sweeps


def worker(folder: Path):
    """Return work that notes its process; the cell "fails" fails, and the first worker at "kills" dies."""

    def work(cell: str) -> None:  # Nested, so that it is pickled as it is: workers know no tests.
        if cell == "fails":
            raise InvalidValue("cell", cell, "another")
        mark = folder / "killed"
        if cell == "kills" and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / cell).write_text(str(os.getpid()))

    return work


def test_a_cell_that_fails_does_not_stop_the_others(tmp_path):
    seen = []
    failed = sweep(["a", "fails", "b"], worker(tmp_path), on_done=lambda cell, _: seen.append(cell))
    assert [(cell, type(error)) for cell, error in failed] == [("fails", InvalidValue)]
    assert seen == ["a", "fails", "b"]
    assert (tmp_path / "b").exists()


def test_a_lost_worker_costs_only_its_cell(tmp_path):
    cells = ["a", "kills", "b", "fails", "c"]
    failed = sweep(cells, worker(tmp_path), workers=2)
    assert [(cell, type(error)) for cell, error in failed] == [("fails", InvalidValue)]
    assert all((tmp_path / cell).exists() for cell in ("a", "kills", "b", "c"))
    assert str(os.getpid()) not in {(tmp_path / cell).read_text() for cell in ("a", "b", "c")}


def test_a_cell_that_loses_every_worker_fails(tmp_path):
    def work(cell):
        if cell == "kills":
            os._exit(3)
        (tmp_path / cell).touch()

    ((cell, error),) = sweep(["kills", "a", "b"], work, workers=2)
    assert (cell, str(error)) == ("kills", "its process ended with 3")
    assert (tmp_path / "b").exists()


def test_workers_have_no_sockets_and_end_with_the_sweep(tmp_path):
    def work(cell):
        import psutil

        (tmp_path / cell).write_text(f"{os.getpid()} {len(psutil.Process().net_connections('all'))}")

    assert sweep(["a", "b"], work, workers=2) == []
    for cell in ("a", "b"):
        pid, sockets = map(int, (tmp_path / cell).read_text().split())
        assert sockets == 0
        assert not psutil.pid_exists(pid)


def test_workers_end_with_the_process_that_started_them(tmp_path):
    code = """
import os, time
from lava_async.experiments.sweep import sweep

def work(cell):
    os.write(2, b"at work")
    time.sleep(600)

sweep([1, 2], work, workers=2)
"""
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as process:
        process.stderr.read(14)
        workers = psutil.Process(process.pid).children()
        process.kill()
    assert len(workers) == 2
    psutil.wait_procs(workers, timeout=20)
    assert not [each for each in workers if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_an_exception_that_cannot_be_passed_on_is_said():
    class StrangeError(Exception):
        def __init__(self, a, b):
            super().__init__(a)

    def work(cell):
        raise StrangeError("odd", 1)

    ((_, error),) = sweep([1], work, workers=2)
    assert "odd" in str(error)


def test_a_scheduler_that_does_not_answer_is_named():
    pytest.importorskip("distributed")
    with pytest.raises(InvalidValue, match="nowhere"):
        sweep(["a"], print, scheduler="nowhere://")
