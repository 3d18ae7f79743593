"""Run tutorials and store their outputs: .ci/run_notebooks.py [TUTORIAL.ipynb ...]; without names all of them.

Outputs are small, so that a change of a tutorial can be read: pictures of 60 dots per inch, no pages inside pages, and
nothing that says when or where a tutorial ran. Each gets its opening, of which opening.py tells. `make tutorials` calls
this.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from opening import metadata, opened

TUTORIALS = Path(__file__).parents[1] / "tutorials"
PICTURES = 'get_ipython().run_line_magic("config", "InlineBackend.rc = {\'figure.dpi\': 60}")'


def run(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook with the outputs of a run in a folder of its own."""
    setting = nbformat.v4.new_code_cell(PICTURES)
    notebook.cells.insert(0, setting)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    notebook.cells.remove(setting)
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.metadata.pop("execution", None)
        cell.execution_count = number
        cell.outputs = [small(output, number) for output in cell.outputs if is_shown(output)]
    return notebook


def is_shown(output: nbformat.NotebookNode) -> bool:
    """Tell whether an output is the same wherever the notebook is read: no warning, no page that is beside it."""
    return output.get("name") != "stderr" and "<iframe" not in "".join(output.get("data", {}).get("text/html", ""))


def small(output: nbformat.NotebookNode, number: int) -> nbformat.NotebookNode:
    """Return an output without what a picture says in words, and with the number of its cell."""
    if "execution_count" in output:
        output.execution_count = number
    data = output.get("data", {})
    if "image/png" in data:
        data.pop("text/plain", None)
    if "text/html" in data:  # matplotlib's player asks another site for its icons; the documentation has them
        data["text/html"] = re.sub(r"<link[^>]*>\n?", "", "".join(data["text/html"]))
    return output


if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    for path in map(Path, sys.argv[1:] or sorted(map(str, TUTORIALS.glob("*.ipynb")))):
        sys.stderr.write(f"{path.name}\n")
        notebook = opened(nbformat.read(path, as_version=4), path.name, metadata())
        nbformat.write(run(notebook), path)
