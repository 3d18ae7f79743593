"""What the README shows runs, and what it names is there."""

import re
from pathlib import Path

import numpy as np
import pytest

from lava_async.commands import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = dict(re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE))


def run(title):
    names = {}
    exec(compile(EXAMPLES[title], f"README.md, {title}", "exec"), names)
    return names


def test_there_are_an_example_for_python_and_one_for_lava():
    assert set(EXAMPLES) >= {"In Python", "In Lava"}
    assert all(len(code.strip().splitlines()) <= 17 for code in EXAMPLES.values())


def test_the_example_in_python_runs(capsys):
    names = run("In Python")
    spikes, steps = capsys.readouterr().out.split("\n", 1)[0].split()[0], names["asynchronous"].forward_steps
    assert int(spikes) == names["layered"].counts.sum() > 0
    assert steps.shape == (32, 10)
    assert names["one"].groups


@pytest.mark.lava
def test_the_example_in_lava_runs_and_gives_what_simulate_gives(capsys):
    from lava_async import simulate

    names = run("In Lava")
    assert capsys.readouterr().out
    net = names["net"]
    expected = simulate(net.network, names["source"].data.init, schedule=net.schedule)
    assert np.array_equal(names["sink"].data.get(), expected.output)
    assert expected.output.any()


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([a-z]+/|[a-z_/]+\.py)`", README))))
def test_named_parts_of_the_package_exist(name):
    parts = [ROOT / "lava_async" / name, ROOT / name, *(ROOT / "lava_async").glob(f"*/{name}")]
    assert any(path.exists() for path in parts)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(?:lava-async|make) ([a-z]+)", README))))
def test_named_commands_exist(name):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert name in {*COMMANDS, *targets}
