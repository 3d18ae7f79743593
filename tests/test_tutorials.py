"""The tutorials run, say first what the reader will know, and are stored with the outputs that they have."""

import importlib.util
import os
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tutorials"
TUTORIALS = sorted(FOLDER.glob("*.ipynb"))
#: Longest time of one tutorial in fast mode, in seconds; most take less than ten.
LIMIT = 90


def read(path):
    return nbformat.read(path, as_version=4)


def markdown(path):
    return "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")


def test_they_are_numbered_in_order():
    assert [path.name[:10] for path in TUTORIALS] == [f"tutorial{n:02d}" for n in range(1, len(TUTORIALS) + 1)]
    for before, after in pairwise(TUTORIALS):
        assert f"]({after.name})" in markdown(before)


@pytest.fixture(scope="module")
def opening():
    """The file of .ci that writes what tutorials open with."""
    found = importlib.util.spec_from_file_location("opening", ROOT / ".ci" / "opening.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_address_of_the_repository_is_in_one_place_and_makes_the_links(opening):
    project = opening.metadata()
    project["project"]["urls"] = {"Repository": "https://github.com/someone/lava-async"}
    links, install = (cell.source for cell in opening.cells("tutorial01.ipynb", project))
    assert "https://colab.research.google.com/github/someone/lava-async/blob/main/tutorials/tutorial01.ipynb" in links
    assert "https://mybinder.org/v2/gh/someone/lava-async/main?labpath=tutorials/tutorial01.ipynb" in links
    assert '"lava-async[all] @ git+https://github.com/someone/lava-async"' in install
    del project["project"]["urls"]
    (install,) = (cell.source for cell in opening.cells("tutorial01.ipynb", project))
    assert '"lava-async[all]"' in install


def test_binder_installs_what_the_first_cell_installs(opening):
    """With the repository that Binder has at hand in the place of its address."""
    binder = ROOT / ".binder"
    project = opening.metadata()
    (install,) = (cell.source for cell in opening.cells("tutorial01.ipynb", project) if "%pip" in cell.source)
    package, lava = re.findall(r"%pip install --quiet (.*)$", install, re.MULTILINE)
    (wanted,) = [line for line in (binder / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert wanted == "." + re.search(r"\[\w+\]", package)[0]
    assert f"pip install --no-cache-dir {lava}\n" in (binder / "postBuild").read_text()
    assert os.access(binder / "postBuild", os.X_OK)
    version = (binder / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f"Programming Language :: Python :: {version}" in project["project"]["classifiers"]
    assert not re.search(r"https?://", "".join(path.read_text() for path in binder.iterdir()))


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def text_of(notebook):
    """Return what each cell prints and the value it ends with; pictures say it in points."""
    printed = [[o.text for o in cell.outputs if o.get("name") == "stdout"] for cell in code(notebook)]
    values = [
        [o.data["text/plain"] for o in cell.outputs if o.output_type == "execute_result" and "text/html" not in o.data]
        for cell in code(notebook)
    ]
    return list(map("".join, printed)), values


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda p: p.stem)
class TestTutorial:
    def test_is_stored_with_outputs_that_are_small(self, path):
        nbformat.validate(read(path))
        assert path.stat().st_size < 400_000
        outputs = [output for cell in code(read(path)) for output in cell.outputs]
        assert any("image/png" in output.get("data", {}) for output in outputs)
        assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]

    def test_tells_what_the_reader_will_know_and_shows_pictures(self, path):
        first = read(path).cells[0].source
        assert first.startswith(f"# {path.name[8:10]} ")
        assert "**You will know at the end:**" in first
        assert re.search(r"\*\*Time:\*\* \d+ minutes to read, .* to run", first)
        assert "## What you know now" in markdown(path)
        assert any("subplots(" in cell.source or "IFrame(" in cell.source for cell in read(path).cells)

    def test_opens_with_what_installs_it_where_it_is_missing(self, path, opening):
        opened = [cell for cell in read(path).cells if opening.TAG in cell.metadata.get("tags", [])]
        assert opened == read(path).cells[1 : 1 + len(opened)]
        expected = opening.cells(path.name, opening.metadata())
        assert [cell.source for cell in opened] == [cell.source for cell in expected]

    def test_has_exercises_and_a_hidden_solution_for_each(self, path):
        tagged = {
            tag: [c for c in read(path).cells if tag in c.metadata.get("tags", [])] for tag in ("exercises", "solution")
        }
        (exercises,) = tagged["exercises"]
        assert len(re.findall(r"^\d+\. ", exercises.source, re.MULTILINE)) == len(tagged["solution"]) >= 2
        for n, cell in enumerate(tagged["solution"], start=1):
            assert cell.source.startswith(f"# Solution {n}: ")
            assert cell.metadata["jupyter"]["source_hidden"]
            assert any(output.get("name") == "stdout" for output in cell.outputs)

    def test_links_lead_somewhere(self, path):
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", markdown(path)):
            assert (FOLDER / link).exists(), link

    @pytest.mark.lava
    def test_runs(self, path, tmp_path, monkeypatch):
        monkeypatch.setenv("LAVA_ASYNC_FAST", "1")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        resources = {"metadata": {"path": str(tmp_path)}}
        executed = read(path)
        NotebookClient(executed, timeout=LIMIT, kernel_name="python3", resources=resources).execute()
        if "LAVA_ASYNC_FAST" not in "".join(
            cell.source for cell in code(executed)
        ):  # else it trained less than what is stored
            assert text_of(executed) == text_of(read(path))
