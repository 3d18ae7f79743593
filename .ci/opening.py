"""What every tutorial opens with: links to Colab and Binder, and a cell that installs lava-async where it is missing.

Both follow from pyproject.toml, so that the address of the repository is in one place, [project.urls] Repository. Where
it is not set, the cell installs the package by its name and there is no link.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import nbformat

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
#: Cells with this tag are made here.
TAG = "opening"
_GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")


def metadata() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def cells(name: str, project: dict[str, Any]) -> list[nbformat.NotebookNode]:
    """Return the cells that a tutorial opens with, after its title.

    Parameters
    ----------
    name : str
        Of its file.
    project : dict
        What pyproject.toml says.
    """
    repository = project["project"].get("urls", {}).get("Repository")
    package = "lava-async[all]" + (f" @ git+{repository}" if repository else "")
    lava = " ".join(project["dependency-groups"]["lava"])
    install = (
        "# Installs lava-async where it is missing, as on Colab; elsewhere this does nothing.\n"
        "import importlib.util\n\n"
        'if importlib.util.find_spec("lava_async") is None:\n'
        f'    %pip install --quiet "{package}"\n'
        f"    %pip install --quiet --no-deps --ignore-requires-python {lava}"
    )
    found = [nbformat.v4.new_code_cell(install, id=f"{TAG}-install", metadata={"tags": [TAG, "hide-cell"]})]
    if repository and (at := _GITHUB.fullmatch(repository)):
        owner, repo = at.groups()
        colab = f"https://colab.research.google.com/github/{owner}/{repo}/blob/main/tutorials/{name}"
        binder = f"https://mybinder.org/v2/gh/{owner}/{repo}/main?labpath=tutorials/{name}"
        text = f"Open it [in Colab]({colab}) or [in Binder]({binder})."
        found.insert(0, nbformat.v4.new_markdown_cell(text, id=f"{TAG}-links", metadata={"tags": [TAG]}))
    return found


def opened(notebook: nbformat.NotebookNode, name: str, project: dict[str, Any]) -> nbformat.NotebookNode:
    """Return a notebook with its opening after the title, instead of any that it had."""
    rest = [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", [])]
    notebook.cells = [rest[0], *cells(name, project), *rest[1:]]
    return notebook
