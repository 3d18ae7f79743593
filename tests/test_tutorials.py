"""The tutorials run, say first what the reader will know, and are stored without outputs."""

import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "tutorials"
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


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda p: p.stem)
class TestTutorial:
    def test_is_stored_without_outputs(self, path):
        nbformat.validate(read(path))
        for cell in read(path).cells:
            if cell.cell_type == "code":
                assert (cell.outputs, cell.execution_count) == ([], None)

    def test_tells_what_the_reader_will_know_and_shows_pictures(self, path):
        first = read(path).cells[0].source
        assert first.startswith(f"# {path.name[8:10]} ")
        assert "**You will know at the end:**" in first
        assert "## What you know now" in markdown(path)
        assert any("subplots(" in cell.source or "IFrame(" in cell.source for cell in read(path).cells)

    def test_links_lead_somewhere(self, path):
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", markdown(path)):
            assert (FOLDER / link).exists(), link

    @pytest.mark.lava
    def test_runs(self, path, tmp_path, monkeypatch):
        monkeypatch.setenv("LAVA_ASYNC_FAST", "1")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        resources = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(read(path), timeout=LIMIT, kernel_name="python3", resources=resources).execute()
