"""The pages on hardware and NIR: their examples run, and their tables say what the code says."""

import re
from pathlib import Path

import pytest

from lava_async.hardware import PRESETS, TARGETS
from lava_async.hardware.presets import Price
from lava_async.nir.topology import BETWEEN, ENDS, NEURONS

DOCS = Path(__file__).parents[1] / "docs"
HARDWARE, NIR = ((DOCS / name).read_text() for name in ("hardware.md", "nir.md"))


def rows(page, first):
    """Return the rows of the table whose head starts with a word, as lists of cells."""
    table = re.search(rf"^\| {first} \|.*\n(?:\|.*\n)*", page, re.MULTILINE).group()
    return {
        cells[0]: cells[1:]
        for cells in ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:])
    }


@pytest.mark.parametrize("name", ["hardware.md", "nir.md"])
def test_examples_run(name):
    if name == "nir.md":
        pytest.importorskip("nir")
    for code in re.findall(r"```python\n(.*?)```", (DOCS / name).read_text(), re.DOTALL):
        exec(compile(code, name, "exec"), {})


def test_the_table_of_prices_is_that_of_the_code():
    names = {
        "synaptic_operation": "synaptic operation",
        "active_update": "neuron update, active",
        "inactive_update": "neuron update, inactive",
        "emission": "spike emitted, beside the update",
        "message": "message sent",
        "arrival": "message received",
        "within_tile": "message within a tile",
        "east_west": "hop east-west",
        "north_south": "hop north-south",
    }
    table = rows(HARDWARE, "operation")
    for column, preset in enumerate(("davies2018", "sanafe")):
        for field, price in vars(PRESETS[preset]).items():
            if isinstance(price, Price):
                cell = table[names[field]][column]
                if price.energy is None:
                    assert cell == "not published"
                    continue
                energy, time = re.fullmatch(r"([\d.]+) pJ, ([\d.]+) ns", cell).groups()
                assert (float(energy), float(time)) == pytest.approx((price.energy * 1e12, price.time * 1e9))


def test_the_table_of_limits_is_that_of_the_code():
    table = rows(HARDWARE, "limit")
    names = {
        "cores": "neuron cores per chip",
        "neurons": "neurons per core",
        "axons_in": "axons into a core",
        "axons_out": "axons out of a core",
    }
    for column, target in ((0, TARGETS["loihi1"]), (2, TARGETS["loihi2"])):
        for field, name in names.items():
            value = getattr(target, field).value
            assert table[name][column] == ("not published" if value is None else f"{value:,}")
        ranges = {"weights": target.weight, "exponent of weights": target.weight_exp}
        assert all(table[name][column] == f"{r.low} .. {r.high}" for name, r in ranges.items())
        assert table["threshold `vth`"][column] == f"0 .. {target.vth.high:,}"
        mant, exp = target.bias_mant, target.bias_exp
        bias = f"{mant.low} .. {mant.high}, {exp.low} .. {exp.high}"
        assert table["`bias_mant`, `bias_exp`"][column] == bias
    memory = [table["memory for synapses per core"][column].split()[0] for column in (0, 2)]
    assert [int(kib) * 1024 * 8 for kib in memory] == [TARGETS[t].synaptic_bits.value for t in ("loihi1", "loihi2")]


def test_every_node_that_can_be_read_stands_in_the_table():
    named = ", ".join(rows(NIR, "NIR")).replace(" ", "").split(",")
    assert {*NEURONS, *BETWEEN, *ENDS} <= set(named)
