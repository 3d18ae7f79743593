"""The report of a study: tables, gains, one page."""

from __future__ import annotations

import csv
import json
import re

import numpy as np
import pytest
from study_cases import TINY, row
from study_cases import done as done

from lava_async.cli import main
from lava_async.engine.config import machine
from lava_async.errors import InvalidValue
from lava_async.experiments import cells
from lava_async.experiments.cells import name_of, run_cell
from lava_async.experiments.comparison import gain_map, gains, markdown
from lava_async.experiments.report import write_report
from lava_async.experiments.study import StudyConfig
from lava_async.experiments.tables import parse


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
    for path in (out / cells.CELLS).rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(out)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    write_report(study, tmp_path, "Tiny", formats=["svg", "pdf"])
    drawn = sorted((tmp_path / "pictures").iterdir())
    assert {path.suffix for path in drawn} == {".svg", ".pdf"}
    matrices = [path.read_text() for path in drawn if "accuracy-at" in path.name and path.suffix == ".svg"]
    scales = [re.findall(r">([\d.]+%)</text>", text.partition('id="scale"')[2]) for text in matrices]
    assert len(matrices) == 2
    assert scales[0] == scales[1] != []


def test_a_study_that_has_just_begun_has_a_report(tmp_path):
    assert write_report(StudyConfig.from_toml(TINY), tmp_path, "Tiny") == []
    assert "Nothing yet" in (tmp_path / "report.html").read_text()


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
