"""The layer that runs lava-nc 0.10.0 and lava-dl 0.6.0 on later versions of Python, NumPy and torch."""

import importlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lava_async  # before Lava
from lava_async.compat import PatchError, applied, conditions, hook
from lava_async.compat.objects import OBJECT_PATCHES, ObjectPatch, to_python
from lava_async.compat.sources import DEFERRED_MODULES, SOURCE_PATCHES, SourcePatch

pytest.importorskip("lava.magma")
ROOT = Path(__file__).parents[1]
NUMPY_1 = int(np.__version__.split(".")[0]) < 2
ON_310 = pytest.mark.skipif(sys.version_info >= (3, 11) or not NUMPY_1, reason="Python 3.10 with NumPy 1 only")
LATER = pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.11 and later")
NEEDS_TORCH = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
VAR_MODEL = "lava.magma.compiler.var_model"
STARTUP = ROOT / "lava_async" / "compat" / "startup.py"
#: Code after which Lava is imported as where nothing of lava_async is beside the package.
WITHOUT_STARTUP = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if getattr(finder, "__name__", "") != "LavaFinder"]
sys.modules.pop("_lava_async_startup", None)
"""


def text_of(module):
    """Return the text of a module of Lava as it is on disk, without importing what it is in."""
    (folder,) = importlib.util.find_spec("lava").submodule_search_locations
    path = Path(folder).joinpath(*module.split(".")[1:])
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")


def run(code, *options, **environment):
    """Run code in a process of its own, and return what it printed; nothing may go to stderr."""
    done = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={"PATH": "", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


# --- What is changed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", SOURCE_PATCHES)
def test_every_text_is_in_the_installed_wheels_as_often_as_expected(module):
    text = text_of(module)
    for patch in SOURCE_PATCHES[module]:
        for old, _, times in patch.replacements:
            assert text.count(old) == times, old


@pytest.mark.parametrize("module", [*OBJECT_PATCHES, *DEFERRED_MODULES])
def test_every_module_whose_objects_are_changed_exists(module):
    assert text_of(module)


def test_a_text_that_is_not_found_is_an_error_that_names_the_versions(monkeypatch):
    patch = SourcePatch("wrong", conditions.always, (("no such text", "", 1),))
    monkeypatch.setitem(SOURCE_PATCHES, "lava.utils.sparse", (patch,))
    monkeypatch.delitem(sys.modules, "lava.utils.sparse", raising=False)
    with pytest.raises(PatchError, match=r"lava\.utils\.sparse contains 'no such text' 0 times .* lava-nc 0\.10\.0"):
        importlib.import_module("lava.utils.sparse")


def test_objects_are_changed_after_the_module_ran(monkeypatch):
    def say_so(module):
        module.find = "changed"

    monkeypatch.setitem(OBJECT_PATCHES, "lava.utils.sparse", (ObjectPatch("say so", conditions.always, say_so),))
    monkeypatch.setattr(hook, "applied", {})
    monkeypatch.delitem(sys.modules, "lava.utils.sparse", raising=False)
    assert importlib.import_module("lava.utils.sparse").find == "changed"
    assert hook.applied == {"lava.utils.sparse": ["say so"]}
    monkeypatch.delitem(sys.modules, "lava.utils.sparse")


def test_nothing_changed_is_written_to_disk(tmp_path):
    run(f"import lava_async, {VAR_MODEL}", PYTHONPYCACHEPREFIX=str(tmp_path))
    written = {path.name.split(".")[0] for path in tmp_path.rglob("lava/magma/compiler/*.pyc")}
    assert "mappable_interface" in written
    assert ("var_model" in written) == (sys.version_info < (3, 11))


@ON_310
@NEEDS_TORCH
def test_on_python_310_only_imports_are_deferred():
    code = f"""
import lava_async, {VAR_MODEL}, lava.magma.core.process.process, lava.proc.conv.utils, lava.lib.dl.netx.hdf5
print(*lava_async.compat.applied)
"""
    optional = {name for name, patches in SOURCE_PATCHES.items() if all(patch.optional for patch in patches)}
    quiet = {"lava.lib.dl.slayer.synapse.layer"}
    assert set(run(code).split()) <= optional | quiet | DEFERRED_MODULES


# --- When it is installed --------------------------------------------------------------------------------------------


def test_lava_async_installs_it_once():
    assert sys.meta_path.count(hook.PatchFinder) == 1
    lava_async.compat.install()
    assert sys.meta_path.count(hook.PatchFinder) == 1


def test_lava_after_lava_async_is_changed_where_that_is_needed():
    printed = run(f"import lava_async, {VAR_MODEL}; print(*lava_async.compat.applied.get({VAR_MODEL!r}, ()))")
    assert printed.strip() == ("dataclass defaults" if sys.version_info >= (3, 11) else "")


@LATER
def test_lava_that_failed_before_lava_async_is_imported_again_in_the_same_process():
    printed = run(f"""{WITHOUT_STARTUP}
try:
    import {VAR_MODEL}
except ValueError as error:
    print(error)
import lava_async
import {VAR_MODEL}
print("works")
""")
    assert printed.splitlines()[0].startswith("mutable default <class 'lava.magma.compiler.var_model.ByteEncoder'>")
    assert printed.splitlines()[1] == "works"


def started(tmp_path):
    """Return a PYTHONPATH with the startup file, as a wheel and `make setup` install it beside the package."""
    shutil.copy(STARTUP, tmp_path / "_lava_async_startup.py")
    return {"PYTHONPATH": f"{tmp_path}:{ROOT}"}


def test_a_program_that_imports_lava_first_runs_where_the_startup_file_is_installed(tmp_path):
    printed = run(
        f"""{WITHOUT_STARTUP}
import _lava_async_startup
before = "lava_async" in sys.modules
import {VAR_MODEL}
print(before, "lava_async" in sys.modules)
from lava.proc.lif.process import LIF
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
lif = LIF(shape=(1,), bias_mant=3, vth=10)
lif.run(RunSteps(2), Loihi2SimCfg())
lif.stop()
import lava_async
print([getattr(finder, "__name__", "") for finder in sys.meta_path].count("PatchFinder"))
""",
        **started(tmp_path),
    )
    assert printed.split() == ["False", str(sys.version_info >= (3, 11)), "1"]


def test_the_startup_file_imports_nothing_and_ends_with_the_first_import_of_lava(tmp_path):
    printed = run(
        f"""{WITHOUT_STARTUP}
before = set(sys.modules)
import _lava_async_startup
print(*set(sys.modules) - before)
import lava
print("LavaFinder" in [getattr(finder, "__name__", "") for finder in sys.meta_path])
""",
        **started(tmp_path),
    )
    assert printed.split() == ["_lava_async_startup", "False"]


def test_the_startup_file_without_lava_async_leaves_lava_as_it_is(tmp_path):
    code = WITHOUT_STARTUP + HIDE.format(["lava_async"]) + "import _lava_async_startup, lava; print(lava.__name__)"
    assert run(code, **started(tmp_path)).strip() == "lava"


@LATER
def test_lava_that_cannot_be_changed_any_more_is_one_sentence(monkeypatch):
    importlib.import_module(VAR_MODEL)
    monkeypatch.setattr(sys, "meta_path", [finder for finder in sys.meta_path if finder is not hook.PatchFinder])
    with pytest.raises(ImportError, match=rf"import lava_async first \(too late for .*{VAR_MODEL}") as error:
        lava_async.compat.install()
    assert "\n" not in str(error.value)


def test_objects_of_modules_that_are_loaded_are_changed_in_place():
    # lava.proc.conv.utils imports without any change.
    printed = run(f"""{WITHOUT_STARTUP}
import lava.proc.conv.utils as utils
import lava_async
print("lava.proc.conv.utils" in lava_async.compat.applied, hasattr(utils.conv, "__wrapped__"))
""")
    assert printed.split() == [str(not NUMPY_1)] * 2


# --- What it is good for ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.int8(3), np.uint16(7), np.float32(0.5), np.bool_(True)])
def test_numpy_scalars_become_python_numbers(value):
    assert type(to_python(value)) in (int, float, bool)
    assert to_python(value) == value


@pytest.mark.parametrize("value", [np.int8([3]), "text", None, 3, np.str_("text")])
def test_all_else_stays_as_it_is(value):
    assert to_python(value) is value


def test_parameters_of_a_process_compute_in_64_bits():
    from lava.proc.lif.process import LIF

    lif = LIF(shape=(1,), vth=np.int16(1000), du=np.uint16(4095))
    assert lif.vth.init << 6 == 64000
    assert lif.du.init * 4096 == 4095 * 4096


def test_sizes_of_convolutions_compute_in_64_bits():
    from lava.proc.conv.utils import output_shape

    small = [np.array(size, np.int8) for size in ((3, 3), (1, 1), (2, 2), (1, 1))]
    assert output_shape((120, 120, 2), 4, *small) == (122, 122, 4)


@pytest.mark.parametrize("fork", ["lava", "netx"])
def test_forking_beside_threads_is_quiet(fork):
    # Python 3.12 warns of it.
    printed = run(
        f"""
import threading
import lava_async
threading.Thread(target=threading.Event().wait, daemon=True).start()
if {fork == "netx"}:
    from lava_async import netx
    netx.load({str(ROOT / "netx_models" / "digits_layered" / "network.net")!r})
else:
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.lif.process import LIF
    lif = LIF(shape=(1,), bias_mant=3, vth=10)
    lif.run(RunSteps(2), Loihi2SimCfg())
    lif.stop()
print("done")
""",
        "-W",
        "always",
        "-W",
        "ignore::ImportWarning",
        "-W",
        "ignore::PendingDeprecationWarning",
    )
    assert printed.strip() == "done"


#: Code after which some packages are not installed.
HIDE = """
from importlib.machinery import PathFinder
find, hidden = PathFinder.find_spec, {!r}
PathFinder.find_spec = classmethod(lambda cls, name, *rest: None if name in hidden else find(name, *rest))
"""


def test_netx_runs_a_network_in_lava_without_torch():
    (example, *_) = (ROOT / "netx_models").rglob("*.net")
    printed = run(
        HIDE.format(["torch", "matplotlib", "cv2", "torchvision"])
        + f"""
import lava_async
from lava.lib.dl import netx
network = netx.hdf5.Network({str(example)!r})
print(len(network.layers) > 0)
"""
    )
    assert printed.strip() == "True"


@NEEDS_TORCH
def test_slayer_imports_and_trains_without_pictures_and_object_detection():
    printed = run(
        HIDE.format(["matplotlib", "cv2", "torchvision", "PIL", "sklearn"])
        + """
import lava_async, torch
from lava.lib.dl import bootstrap, slayer
block = slayer.block.cuba.Dense({"threshold": 1, "current_decay": 0.1, "voltage_decay": 0.1}, 3, 2, weight_norm=True)
block(torch.ones(1, 3, 5)).sum().backward()
print(block.synapse.weight_v.grad.shape)
""",
        "-W",
        "error",
        "-W",
        "ignore::DeprecationWarning",
    )
    assert printed.strip() == "torch.Size([2, 3, 1, 1, 1])"


@NEEDS_TORCH
def test_slayer_says_nothing_when_it_is_imported():
    printed = run("import lava_async; from lava.lib.dl import slayer; print('cv2' in __import__('sys').modules)")
    assert printed.strip() == "False"


@NEEDS_TORCH
def test_object_detection_is_imported_when_it_is_used():
    printed = run(
        HIDE.format(["cv2", "torchvision"])
        + """
import lava_async
from lava.lib.dl import slayer
for again in range(2):
    try:
        slayer.object_detection.yolo_base
    except ImportError as error:
        print(error.name)
"""
    )
    names = printed.split()
    assert len(names) == 2
    assert set(names) <= {"cv2", "torchvision"}


def test_applied_names_what_was_changed():
    importlib.import_module("lava.magma.core.process.process")
    expected = [patch.name for patch in OBJECT_PATCHES["lava.magma.core.process.process"] if patch.needed()]
    assert applied.get("lava.magma.core.process.process", []) == expected
