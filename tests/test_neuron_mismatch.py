"""The tables of docs/neuron_mismatch.md are what was measured: rows of files beside it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
#: Column of the file that the fourth column of a table shows.
SHOWN = {"still": "settled_after", "moving": "error_mean"}

EXECUTIONS = ("layered", "random F=all", "random F=8", "random F=1", "timed sanafe")


def measured():
    """Return the rows that the page may show, by what was run."""
    with open(DOCS / "sdnn.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["arithmetic"] == "integers"]
    return {(r["frames"], r["threshold"], r["schedule"], r["refractory"] == "True"): r for r in rows}


def tables(page):
    """Return the rows of both tables as a list of (frames, cells)."""
    found: list[tuple[str, list[str]]] = []
    frames, threshold = "still", ""
    for line in page[page.index("## Sigma-delta") :].splitlines():
        frames = "moving" if line == "### A frame that moves" else frames
        if line.startswith("| ") and "threshold" not in line and "---" not in line:
            cells = [cell.strip().removesuffix(" (one time step cut off)") for cell in line.strip("|").split("|")]
            threshold = cells[0] = cells[0].replace("as in the file", "file") or threshold
            found.append((frames, cells))
    return found


@pytest.mark.parametrize(("frames", "cells"), tables((DOCS / "neuron_mismatch.md").read_text()))
def test_a_row_of_the_page_was_measured(frames, cells):
    threshold, schedule, refractory, shown, error, messages, operations = cells
    row = measured()[frames, threshold, schedule, refractory == "yes"]
    found = [float(cell.replace(",", "")) for cell in (shown, error, messages, operations)]
    wanted = [float(row[name]) for name in (SHOWN[frames], "error_last", "messages", "operations")]
    assert found == pytest.approx(wanted, abs=0.5)


def test_both_tables_have_rows():
    assert {frames for frames, _ in tables((DOCS / "neuron_mismatch.md").read_text())} == set(SHOWN)


#: Heading of a table of accuracies on the page -> file of its rows, and how many it shows.
STUDIES = {
    "Adaptive neurons and resonators: digits": ("neurons.csv", 8),
    "Adaptive neurons: spoken digits": ("neurons_speech.csv", 4),
    "Reset to zero or by subtraction: digits": ("resets.csv", 4),
}


@pytest.mark.parametrize("heading", STUDIES)
def test_a_table_of_accuracies_was_measured(heading):
    name, number = STUDIES[heading]
    with open(DOCS / name, newline="") as file:
        found = {
            (row["setting"], row["training"], row["execution"]): row
            for row in csv.DictReader(file)
            if row["readout"] == "quiescence"
        }
    section = (DOCS / "neuron_mismatch.md").read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("|") and " ± " in line]
    assert len(rows) == number
    for neurons, training, *accuracies, spikes in rows:
        for execution, accuracy in zip(EXECUTIONS, accuracies, strict=True):
            row = found[neurons, training, execution]
            assert row["seeds"] == "[0, 1, 2]"
            assert accuracy == f"{100 * float(row['accuracy']):.1f} ± {100 * float(row['accuracy_sd']):.1f}"
        assert spikes == f"{float(found[neurons, training, 'random F=8']['spikes']):.0f}"
