"""The shape of the package: who imports whom, what importing costs, docstrings that say what signatures say.

Read with `ast`, so that nothing is imported to be looked at. The rules are those of the architecture: imports go one
way, from the nouns (network, spikes, neurons, schedules, stopping) over the engines to the adapters and the commands.
"""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from dataclasses import fields
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import lava_async
from lava_async import Execution, Layered, Quiescence, Result, simulate, simulate_batch

PACKAGE = Path(lava_async.__file__).parent
TREES = {path.relative_to(PACKAGE): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}

BASE = {
    "_core",
    "chips",
    "draws",
    "display",
    "errors",
    "execution",
    "extras",
    "files",
    "forms",
    "network",
    "neurons",
    "records",
    "registry",
    "renamed",
    "schedules",
    "spikes",
    "stopping",
    "synapses",
    "terminal",
    "threads",
}
CORE = BASE | {
    "decisions",
    "defaults",
    "engine",
    "metrics",
    "probes",
    "readout",
    "silence",
    "simulation",
    "tally",
    "thresholds",
}
ADAPTERS = {"data", "hardware", "netx", "nir", "plots", "proc", "training"}
MAY_IMPORT = {
    **dict.fromkeys(BASE, BASE),
    "engine": BASE,
    "simulation": BASE | {"engine", "hardware"},
    "metrics": BASE | {"engine", "simulation"},
    "probes": BASE | {"engine", "simulation"},
    "readout": BASE | {"simulation"},
    "tally": BASE | {"engine", "simulation", "metrics"},
    "decisions": BASE | {"engine", "simulation", "metrics", "tally"},
    "thresholds": BASE,
    "silence": BASE | {"metrics"},
    "defaults": set(),
    "hdf5": BASE,
    **dict.fromkeys(ADAPTERS, CORE | {"hdf5"}),
    "compat": set(),
    "models": BASE | {"netx"},
    "model_files": CORE | {"models", "netx", "nir"},
    "proc": CORE | {"model_files", "netx"},
    "progress": set(),
    "training": CORE | {"data", "netx", "progress"},
    "complexity": CORE | {"data"},
    "neurobench": CORE | {"complexity"},
    "calibration": CORE | {"data", "hardware", "progress"},
    "experiments": CORE | ADAPTERS | {"calibration", "model_files", "models"},
    "bench": CORE | ADAPTERS | {"experiments"},
    "commands": CORE
    | ADAPTERS
    | {"bench", "calibration", "complexity", "experiments", "model_files", "models", "progress"},
    "cli": CORE | {"commands"},
    "__main__": {"cli"},
    "__init__": CORE | {"calibration", "compat", "models"} | ADAPTERS,  # adapters for type checkers alone
}
"""Besides itself, what each part of the package may import from the rest."""


def part_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Return the full names of the modules (or members of packages) that a file imports anywhere."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def parts_imported(tree: ast.AST) -> set[str]:
    """Return the parts of this package that a file imports; public names of the root stand for `simulation`."""
    parts = {name.split(".")[1] for name in imported(tree) if name.startswith("lava_async.")}
    return {part if part in MAY_IMPORT else "simulation" for part in parts}


@pytest.mark.parametrize("path", TREES, ids=str)
def test_imports_go_one_way(path):
    part = part_of(path)
    assert part in MAY_IMPORT, f"say in MAY_IMPORT where the new part {part!r} belongs"
    assert parts_imported(TREES[path]) - {part} <= MAY_IMPORT[part]


def test_no_two_parts_import_each_other():
    graph: dict[str, set[str]] = {}
    for path in TREES:
        part = part_of(path)
        graph.setdefault(part, set()).update(parts_imported(TREES[path]) - {part})
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("path", [path for path in TREES if part_of(path) in CORE], ids=str)
def test_the_core_needs_numpy_only(path):
    packages = {name.split(".")[0] for name in imported(TREES[path])}
    # Type checkers bring typing_extensions along; importing the package does not load it (see below).
    assert packages - set(sys.stdlib_module_names) <= {"lava_async", "numpy", "typing_extensions"}


KINDS_OF_EXECUTION = {kind.__name__ for kind in lava_async.schedules.SCHEDULES.values()} | {"Schedule", "ExecutionKind"}
SAYING_NAMES = {f"{kind}.name" for kind in KINDS_OF_EXECUTION} | {"schedule.name", "order.name"}


def type_tests(tree: ast.AST) -> list[str]:
    """Return where a file asks for the type or the name of a kind of execution."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            asked = {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            words = {ast.unparse(side) for side in sides}
            types = any(isinstance(each, (ast.Is, ast.IsNot)) for each in node.ops)
            asked = {word for word in words if any(word.endswith(name) for name in SAYING_NAMES)}
            asked |= words & KINDS_OF_EXECUTION if types else set()
        else:
            continue
        if asked & KINDS_OF_EXECUTION or (isinstance(node, ast.Compare) and asked):
            found.append(f"{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", [path for path in TREES if part_of(path) != "schedules"], ids=str)
def test_schedules_are_known_by_their_capabilities(path):
    """No file but those of schedules asks which schedule it has; it asks `queued`, `timed`, `options()` and alike."""
    assert type_tests(TREES[path]) == []


@pytest.mark.parametrize(
    "code",
    [
        "isinstance(schedule, Layered)",
        "isinstance(setup.execution.schedule, (Random, Timed))",
        "issubclass(kind, Schedule)",
        "schedule.name == 'layered'",
        "Layered.name != name",
        "each.schedule.name in ('random', 'fifo')",
        "kind is Layered",
    ],
)
def test_type_tests_are_found(code):
    assert len(type_tests(ast.parse(code))) == 1


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, lava_async; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
        ).stdout.split()
    )
    assert not loaded & {"torch", "lava", "matplotlib", "h5py", "sklearn", "tqdm", "typing_extensions"}


def test_only_the_command_line_prints():
    for path, tree in TREES.items():
        calls = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert "print" not in calls or part_of(path) == "cli", path


def test_a_lava_process_lives_in_a_folder_with_its_models_and_nothing_else():
    """Lava's compiler imports and executes every file beside a Process."""
    homes = [path.parent for path in TREES if path.name == "process.py"]
    for home in homes:
        assert {path.name for path in TREES if path.parent == home} == {"__init__.py", "process.py", "models.py"}


# ---------------------------------------------------------------------------------------------- public names


def test_the_public_names_are_there():
    promised = {
        "CubaParams",
        "Deep",
        "Execution",
        "Fifo",
        "FirstOutput",
        "Layered",
        "Lifo",
        "LoihiParams",
        "MaxForwardSteps",
        "Momentum",
        "Network",
        "Quiescence",
        "Random",
        "Replay",
        "Shallow",
        "schedule",
        "simulate",
        "simulate_batch",
    }
    assert promised <= set(lava_async.__all__)
    assert all(hasattr(lava_async, name) for name in lava_async.__all__)


def test_the_front_door_has_the_promised_arguments():
    fields_of_execution = ("schedule", "until", "refractory", "input_first", "seed")
    assert [f.name for f in fields(Execution)] == list(fields_of_execution)
    assert Execution() == Execution(Layered(), Quiescence(), refractory=True, input_first=True, seed=0)
    shared = {
        **dict.fromkeys(("execution", *fields_of_execution)),
        "record": "counts",
        "engine": "compiled",
    }
    for function, own in ((simulate, {"sample": 0}), (simulate_batch, {"samples": None, "threads": None})):
        arguments = inspect.signature(function).parameters
        assert list(arguments)[:2] == ["network", "spikes"]
        assert {name: x.default for name, x in arguments.items() if x.kind is x.KEYWORD_ONLY} == shared | own
    promised = [
        "counts",
        "output",
        "forward_steps",
        "current",
        "voltage",
        "synaptic_operations",
        "neuron_updates",
        "dropped",
        "groups",
    ]
    assert set(promised) <= {f.name for f in fields(Result)}


# ------------------------------------------------------------------------------------------------ docstrings

CLASSES = {node.name: node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def documented(doc: str) -> list[str]:
    """Return the names in the section Parameters of a numpydoc docstring."""
    section = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", inspect.cleandoc(doc), re.DOTALL | re.MULTILINE
    )
    entries = re.findall(r"^([\w*]+(?:, [\w*]+)*)(?: :.*)?$", section[1], re.MULTILINE) if section else []
    return [name.lstrip("*") for entry in entries for name in entry.split(", ")]


def taken(function: ast.FunctionDef) -> tuple[set[str], set[str]]:
    """Return the names of what a function takes, and of what it only hands on (*args, **kwargs)."""
    a = function.args
    handed_on = {x.arg for x in (a.vararg, a.kwarg) if x is not None}
    return {x.arg for x in (*a.posonlyargs, *a.args, *a.kwonlyargs)} - {"self", "cls"}, handed_on


def parameters(node: ast.FunctionDef | ast.ClassDef) -> tuple[set[str], set[str]]:
    """Return what the docstring of a function or class must document, and what it may document besides."""
    if isinstance(node, ast.FunctionDef):
        return taken(node)
    bases = [CLASSES[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in CLASSES]
    inherited = set().union(*(names for base in bases for names in parameters(base)))
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            must, handed_on = taken(item)
            return must, handed_on | (inherited if handed_on else set())
    own = {
        item.target.id
        for item in node.body
        if isinstance(item, ast.AnnAssign) and "ClassVar" not in ast.unparse(item.annotation)
    }
    return own, inherited


def with_parameters():
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and documented(ast.get_docstring(node) or ""):
                yield pytest.param(node, id=f"{path}:{node.name}")


@pytest.mark.parametrize("node", [*with_parameters()])
def test_docstrings_document_the_parameters_that_there_are(node):
    """Each once. What a dataclass inherits may be left to its base, what is handed on to the one who takes it."""
    named = documented(ast.get_docstring(node))
    must, may = parameters(node)
    assert len(named) == len(set(named))
    assert must <= set(named) <= must | may


def test_strategies_are_in_one_place():
    tests = Path(__file__).parent
    assert not [path.name for path in tests.glob("*.py") if "@st." + "composite" in path.read_text()]


def test_the_formatter_is_obeyed():
    """A table of numbers may keep the shape that it was written in; nothing else is taken from the formatter."""
    sources = [*PACKAGE.rglob("*.py"), *Path(__file__).parent.rglob("*.py")]
    assert sum(path.read_text().count("# fmt" + ": ") for path in sources) <= 10


LINUX_ALONE = {
    *(
        "copy_file_range",
        "eventfd",
        "memfd_create",
        "pidfd_open",
        "pipe2",
        "posix_fadvise",
        "posix_fallocate",
        "splice",
    ),
    *("sched_getaffinity", "sched_setaffinity", "epoll", "prlimit", "sigtimedwait", "pidfd_send_signal", "prctl"),
    *("O_PATH", "O_TMPFILE", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "setns", "unshare", "getrandom"),
}
"""Names of the standard library that macOS lacks."""


@pytest.mark.parametrize("path", TREES, ids=str)
def test_what_only_linux_has_is_asked_for_before_it_is_called(path):
    """By hasattr, in the same file."""
    used = {node.attr for node in ast.walk(TREES[path]) if isinstance(node, ast.Attribute)} & LINUX_ALONE
    asked = {
        call.args[1].value
        for call in ast.walk(TREES[path])
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "hasattr" and isinstance(call.args[1], ast.Constant)
    }
    family = {"sched_getaffinity": "sched_setaffinity", "sched_setaffinity": "sched_getaffinity"}  # One has both.
    assert not {name for name in used if not {name, family.get(name)} & asked}
