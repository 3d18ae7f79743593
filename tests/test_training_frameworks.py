"""The page about loops of one's own: its examples run, in torch, Accelerate and Lightning."""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "training_loop.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
#: What stands for a framework in its example.
FRAMEWORKS = {"accelerate": "from accelerate", "lightning": "import lightning"}


def ours():
    return [code for code in EXAMPLES if not any(word in code for word in FRAMEWORKS.values())]


@pytest.fixture(scope="module")
def names():
    """What the examples that need torch alone leave behind."""
    found: dict[str, object] = {}
    for code in ours():
        exec(compile(code, "training_loop.md", "exec"), found)
    return found


def accuracy(network, names):
    return names["evaluate"](network, names["validation"], schedule=names["Random"](group_size=8)).accuracy


def test_the_examples_in_plain_torch_learn(names, capsys):
    assert len(ours()) == len(EXAMPLES) - len(FRAMEWORKS)
    assert accuracy(names["net"], names) > 0.5


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.filterwarnings("default")  # those of the frameworks
def test_the_example_of_a_framework_learns(framework, names, tmp_path, monkeypatch):
    pytest.importorskip(framework, reason=f"{framework} is not installed: its example is not run")
    monkeypatch.chdir(tmp_path)
    (code,) = [code for code in EXAMPLES if FRAMEWORKS[framework] in code]
    after = dict(names)
    with contextlib.ExitStack() as stack:
        stack.callback(logging.disable, logging.root.manager.disable)
        exec(compile(code, "training_loop.md", "exec"), after)
    assert accuracy(after["trained"], names) > 0.5
