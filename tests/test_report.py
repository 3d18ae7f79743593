"""Reports for browsers: one file, tables that sort, and all of it by keyboard and on a phone."""

import re

import numpy as np
import pytest
from browser import visit
from matplotlib.figure import Figure

from lava_async import CubaParams, LoihiParams, Network, Random, cli, netx
from lava_async.errors import InvalidValue
from lava_async.plots import Section, report_html

TABLE = [["name", "amount"], ["b", "10"], ["a", "9"], ["c", "1,000"], ["d", ""]]


def drawing():
    figure = Figure(figsize=(3, 2))
    figure.add_subplot().plot([0, 1])
    return figure


def report():
    parts = [Section("Numbers & <names>", "first line\nsecond line", table=TABLE),
             Section("Picture", picture=drawing(), says="a line"),
             Section("Frame", page="<p id='inside'>\"quoted\" & inside</p>")]  # fmt: skip
    return report_html("A <report>", parts, text="What it is about.")


def test_a_report_is_one_file_that_loads_nothing():
    page = report()
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)
    assert "@@" not in page
    assert "A &lt;report&gt;" in page
    assert '<td class="number">1,000</td>' in page


def test_marks_in_the_contents_stay_as_they_are():
    assert "@@TEXT@@" in report_html("@@TEXT@@", [])


def test_a_table_with_gaps_and_a_picture_without_words_are_refused():
    with pytest.raises(InvalidValue, match="lengths of its rows"):
        report_html("", [Section("t", table=[["a", "b"], ["1"]])])
    with pytest.raises(InvalidValue, match="what the picture shows"):
        report_html("", [Section("t", picture=drawing())])


VISIT = """
const column = n => [...document.querySelectorAll("tbody tr")].map(row => row.cells[n].textContent);
const heads = [...document.querySelectorAll("th button")];
seen.before = column(0);
heads[0].focus(); heads[0].click(); seen.byName = column(0);
heads[1].click(); seen.byAmount = column(1);
heads[1].click(); seen.falling = column(1);
seen.sorted = [...document.querySelectorAll("th")].map(th => th.getAttribute("aria-sort"));
seen.tabs = heads.every(head => head.tabIndex === 0);
seen.picture = document.querySelector("img").naturalWidth > 0;
seen.width = [document.documentElement.scrollWidth, window.innerWidth];
"""


@pytest.mark.parametrize("width", [390, 1200])
def test_tables_sort_by_numbers_and_names_on_a_phone_too(tmp_path, width):
    seen, said = visit(tmp_path, report(), VISIT, width)
    assert not said
    assert seen["before"] == ["b", "a", "c", "d"]
    assert seen["byName"] == ["a", "b", "c", "d"]
    assert seen["byAmount"] == ["9", "10", "1,000", ""]
    assert seen["falling"] == ["", "1,000", "10", "9"]
    assert seen["sorted"] == [None, "descending"]
    assert seen["tabs"]
    assert seen["picture"]
    assert seen["width"][0] <= seen["width"][1] <= width


# ------------------------------------------------------------------------------------------------- of a network


@pytest.fixture(scope="module")
def inspected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inspected")
    rng = np.random.default_rng(0)
    network = Network.feedforward(
        [2 * rng.integers(-20, 40, (12, 20)), 2 * rng.integers(-60, 60, (10, 12))], LoihiParams(4095, 4096, 40)
    )
    netx.save(network, folder / "good.net", schedule=Random(3), note="</script>")
    assert cli.main(["inspect", str(folder / "good.net"), "--html", str(folder / "good.html")]) == 0
    return (folder / "good.html").read_text(encoding="utf-8")


def test_inspect_writes_a_report_with_all_that_it_prints(inspected):
    headings = re.findall(r"<h2>([^<]*)</h2>", inspected)
    assert headings == ["Layers", "Weights", "Neurons", "Loihi 1", "Loihi 2", "One time step", "Noted in the file"]
    assert "22 neurons, 360 synapses" in inspected
    assert "Fits Loihi 1: 2 of 128 cores." in inspected
    assert "random, F = 3" in inspected
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", inspected)


def test_the_report_of_inspect_works_in_a_browser(inspected, tmp_path):
    script = """
seen.rows = document.querySelectorAll("tbody tr").length;
seen.frames = document.querySelectorAll("iframe").length;
seen.width = [document.documentElement.scrollWidth, window.innerWidth];
"""
    seen, said = visit(tmp_path, inspected, script, 390)
    assert not said
    assert seen["rows"] > 20
    assert seen["frames"] == 1
    assert seen["width"][0] <= seen["width"][1]


def test_large_networks_are_not_drawn_neuron_by_neuron(monkeypatch):
    from lava_async import hardware
    from lava_async.experiments import inspection

    monkeypatch.setattr(inspection, "MOST_NEURONS", 2)
    network = Network.feedforward([[[0.5]], [[0.5]]], CubaParams(1, 1, 1))
    fits = [hardware.check(network, "loihi1")]
    page = inspection.inspection_html(network, fits, name="large", metadata={}, schedule=Random(2))
    assert "<iframe" not in page
    assert "Does not fit Loihi 1" in page
