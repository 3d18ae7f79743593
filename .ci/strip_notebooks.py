"""Take the outputs out of notebooks: ``python .ci/strip_notebooks.py FILE ...``; exit code 1 if there were any."""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat


def strip(path: Path) -> bool:
    """Rewrite a notebook without outputs, execution counts and metadata of cells; return whether anything changed."""
    notebook = nbformat.read(path, as_version=4)
    before = nbformat.writes(notebook)
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.get("language_info", {}).pop("version", None)
    after = nbformat.writes(notebook)
    if after != before:
        path.write_text(after + "\n", encoding="utf-8")
    return after != before


if __name__ == "__main__":
    changed = [strip(Path(name)) for name in sys.argv[1:]]
    sys.exit(any(changed))
