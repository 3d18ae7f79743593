"""Reports for browsers: one file, tables that sort, and all of it by keyboard and on a phone."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from lava_async import CubaParams, LoihiParams, Network, Random, cli, netx
from lava_async.errors import InvalidValue
from lava_async.experiments.inspection import Inspection
from lava_async.plots import Section, report_html
from lava_async.plots.report_page import LONG

TABLE = [["name", "amount"], ["b", "10"], ["a", "9"], ["c", "1,000"], ["d", ""]]


def drawing(width=3):
    figure = Figure(figsize=(width, 2))
    figure.add_subplot().plot([0, 1])
    return figure


def report():
    long = [["execution", "n"], *([f"random F={n}", str(n % 7)] for n in range(LONG + 5, 0, -1))]
    parts = [
        Section("Numbers & <names>", "first line\nsecond line", table=TABLE),
        Section("Long", table=long),
        Section("Pictures", pictures={"a line": drawing(), "a wide line": drawing(14)}),
        Section("Frame", page="<p id='inside'>\"quoted\" & inside</p>"),
    ]
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
        report_html("", [Section("t", pictures={"": drawing()})])


# ------------------------------------------------------------------------------------------------- in a browser


def shown(tab, table, column):
    rows = f"[...document.querySelectorAll('table')][{table}].tBodies[0].rows"
    return tab.ask(f"[...{rows}].filter(r => r.offsetHeight > 0).map(r => r.cells[{column}].textContent)")


def fits(tab):
    """Whether a page can be read without scrolling sideways, at the width that the window was given."""
    return tab.ask("document.documentElement.scrollWidth <= innerWidth && innerWidth") in WIDTHS


WIDTHS = [390, 1200]


@pytest.fixture(params=WIDTHS)
def tab(browser, request, tmp_path):
    (tmp_path / "report.html").write_text(report(), encoding="utf-8")
    return browser.open(tmp_path / "report.html", request.param)


def test_the_page_is_as_wide_as_the_screen_and_what_is_wider_scrolls_in_its_place(tab):
    assert fits(tab)
    width, box = tab.ask("(i => [i.offsetWidth, i.parentNode.clientWidth])(document.querySelectorAll('img')[1])")
    assert width >= min(box, 14 * 96)
    assert width >= 0.6 * 14 * 96
    assert tab.ask("[...document.images].every(i => i.naturalWidth > 0)")
    assert not tab.said


def test_tables_are_sorted_by_keyboard_by_numbers_and_names(tab):
    assert shown(tab, 0, 0) == ["b", "a", "c", "d"]
    while tab.ask("document.activeElement.textContent") != "name":
        tab.press("Tab")
    tab.press("Enter")
    assert shown(tab, 0, 0) == ["a", "b", "c", "d"]
    tab.press("Tab", " ")
    assert shown(tab, 0, 1) == ["9", "10", "1,000", ""]
    tab.press("Enter")
    assert shown(tab, 0, 1) == ["", "1,000", "10", "9"]
    heads = "[...document.querySelector('table').querySelectorAll('th')]"
    assert tab.ask(f"{heads}.map(th => th.getAttribute('aria-sort'))") == [None, "descending"]
    tab.ask("document.querySelectorAll('table')[1].querySelector('button').click()")
    assert shown(tab, 1, 0)[:3] == ["random F=1", "random F=2", "random F=3"]


def test_long_tables_are_filtered_by_words(tab):
    assert tab.ask("document.querySelectorAll('.filter').length") == 1
    tab.ask("document.querySelector('.filter input').focus()")
    tab.call("Input.insertText", text="RANDOM f=2")
    assert shown(tab, 1, 0) == [f"random F={n}" for n in (25, 24, 23, 22, 21, 20, 2)]
    assert len(shown(tab, 0, 0)) == 4


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


@pytest.mark.parametrize("width", WIDTHS)
def test_the_time_step_in_the_report_is_stepped_played_and_asked(inspected, browser, tmp_path, width):
    (tmp_path / "inspected.html").write_text(inspected, encoding="utf-8")
    tab = browser.open(tmp_path / "inspected.html", width)
    assert fits(tab)
    frame = tab.frame()
    where = "document.getElementById('where').textContent"
    before = "document.querySelector('iframe').closest('section').previousElementSibling"
    tab.ask(f"{before}.querySelector('th:last-child button').focus()")
    frame.ask("void (window.reached = new Promise(done => addEventListener('focus', done, true)))")
    tab.press("Tab")
    assert frame.ask("reached.then(() => document.activeElement.id)") == "first"
    assert frame.ask(where) == "time step 0, forward step 0"
    tab.press("ArrowRight", "ArrowRight", "ArrowLeft")
    assert frame.ask(where) == "time step 0, forward step 1"
    tab.press("End")
    assert frame.ask(where) == "time step 0, all done"
    tab.press("Home", "Tab", "Tab", " ")  # from the button of the first step to that which plays
    assert frame.ask("document.getElementById('play').textContent") == "Pause"
    tab.press(" ")
    frame.point("#panels .fires")
    assert "emitted in forward step 0; delivered in forward step 1, order" in frame.ask("tip.textContent")
    assert "momentum" in frame.ask("tip.textContent")
    assert frame.ask("document.documentElement.scrollWidth <= innerWidth")
    assert not tab.said
    assert not frame.said


def test_a_frame_is_as_high_as_what_is_in_it_unless_the_screen_is_lower(inspected, browser, tmp_path):
    (tmp_path / "inspected.html").write_text(inspected, encoding="utf-8")
    for height in (300, 2000):
        tab = browser.open(tmp_path / "inspected.html", 1200, height)
        frame = tab.frame()
        for _ in range(600):  # pictures of the screen; the page within may still find its height
            expected = min(frame.ask("document.body.offsetHeight") + 4, 0.95 * height)
            found = tab.ask("""new Promise(done => requestAnimationFrame(
                () => done(document.querySelector("iframe").offsetHeight)))""")
            if abs(found - expected) < 1.5:
                break
        assert abs(found - expected) < 1.5


def test_large_networks_are_not_drawn_neuron_by_neuron(monkeypatch):
    from lava_async.experiments import inspection_page

    monkeypatch.setattr(inspection_page, "MOST_NEURONS", 2)
    network = Network.feedforward([[[0.5]], [[0.5]]], CubaParams(1, 1, 1))
    page = inspection_page.inspection_html(Inspection.of(network, ["loihi1"], name="large"))
    assert "<iframe" not in page
    assert "Does not fit Loihi 1" in page


def test_on_paper_no_table_is_cut_and_nothing_scrolls(browser, tmp_path):
    wide = [[f"head {n} of a column" for n in range(15)], *([f"{n}.{m} words" for n in range(15)] for m in range(60))]
    page = report_html("Paper", [Section("Wide", table=wide), Section("Pictures", pictures={"wide": drawing(14)})])
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    tab = browser.open(tmp_path / "page.html", 703)  # A4 between its margins, in CSS pixels
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.ask("document.documentElement.scrollWidth") <= 703
    assert tab.ask("[...document.querySelectorAll('.wide')].every(e => e.scrollHeight <= e.clientHeight + 1)")
    assert tab.ask("[...document.querySelectorAll('td, img')].every(e => e.getBoundingClientRect().right <= 703)")
