"""`make setup`: which Python and torch it takes, what it does not do twice, and the one line that each failure gives.

The script runs in a folder of its own with a PATH that holds a few tools and stand-ins for Python, pip, uv and the
build of the core, so these tests install nothing. That the real set-up works is shown by every run of the tests in a
fresh clone.
"""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = (
    "awk",
    "basename",
    "bash",
    "cat",
    "chmod",
    "cksum",
    "cp",
    "cut",
    "dirname",
    "du",
    "find",
    "flock",
    "grep",
    "head",
    "ls",
    "mkdir",
    "rm",
    "sed",
    "sort",
    "tail",
    "tr",
)

# One program is every version of Python: its number is in the line "is". CPU_TORCH lists the versions for which pip
# finds a CPU build of torch.
PYTHON = r"""#!/usr/bin/env bash
is=@VERSION@
echo "$(basename "$0") $*" >>"$CALLS"
echo "user=${PIP_USER-} constraint=${PIP_CONSTRAINT-} target=${PIP_TARGET-} path=${PYTHONPATH-}" >>"$SETTINGS"
case $* in
    "--version") echo "Python $is.1" ;;
    "-c import ensurepip"*) [[ $* == *"'$is')" ]] ;;
    "-m venv "*) mkdir -p "$3/bin" "$3/lib/python$is/site-packages/tests" && cp "$0" "$3/bin/python" &&
        echo "import finder" >"$3/lib/python$is/site-packages/_editable_skbc_lava_async.pth" ;;
    "-m pip install --"*+cpu) [[ " ${CPU_TORCH-3.11} " == *" $is "* ]] ;;
    "-m pip install "*--target*)
        if [ -n "${PIP_SAYS-}" ]; then echo "$PIP_SAYS" >&2; exit 1; fi
        mkdir -p .cache/setup/uv/bin && cp "$UV" .cache/setup/uv/bin/uv ;;
    "-m pip install "*)
        if [ -n "${PIP_SAYS-}" ]; then echo "$PIP_SAYS" >&2; exit 1; fi ;;
esac
"""
SHIM = "#!/usr/bin/env bash\necho 'python3.10: command not found' >&2\nexit 127\n"
UV = """#!/usr/bin/env bash
[ "$*" = --version ] && echo "uv 0.1 (linux)" && exit
[[ $* == *--dry-run* ]] && { [ -n "${INDEX_OF_TORCH-}" ]; exit; }
if [ -n "${UV_SAYS-}" ]; then echo "$UV_SAYS" >&2; exit 1; fi
echo "uv $*" >>"$CALLS"
case $* in
    "python install "*)
        home=$UV_PYTHON_INSTALL_DIR/cpython-$3.99-linux/bin
        mkdir -p "$home" && sed "s/^is=.*/is=$3/" "$FETCHED" >"$home/python$3" && chmod +x "$home/python$3" ;;
    *--requirement*) sed 's/^/  /' "${@: -1}" >>"$CALLS" ;;
esac
"""
CORE = """#!/usr/bin/env bash
echo "core $*" >>"$CALLS"
if [ -n "${COMPILER_SAYS-}" ]; then echo "$COMPILER_SAYS" >&2; exit 1; fi
"""


def python_of(version: str) -> str:
    return PYTHON.replace("@VERSION@", version)


def write_program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x") as file:  # never through a link to a tool of this machine
        file.write(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class Clone:
    """A clone with a pinned package or two, and the little machine that it stands on."""

    def __init__(self, root: Path) -> None:
        self.path = root / "a clone"
        self.bin = root / "bin"
        self.calls_file = root / "calls"
        self.environment = {
            "PATH": str(self.bin),
            "PYENV_ROOT": str(root / "pyenv"),
            "CALLS": str(self.calls_file),
            "SETTINGS": str(root / "settings"),
            "UV": str(write_program(root / "stock" / "uv", UV)),
            "FETCHED": str(write_program(root / "stock" / "python", python_of("none"))),
        }
        self.bin.mkdir(parents=True)
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.bin / tool).symlink_to(found)
        write_program(self.bin / "df", "#!/usr/bin/env bash\nprintf 'head\\ndisk 9 9 %s 9 /\\n' \"${FREE_MB-99999}\"\n")
        write_program(self.bin / "uname", '#!/usr/bin/env bash\necho "${SYSTEM-Linux}"\n')
        (self.path / ".ci").mkdir(parents=True)
        shutil.copy(ROOT / ".ci" / "setup.sh", self.path / ".ci")
        write_program(self.path / ".ci" / "core.sh", CORE)
        (self.path / "pyproject.toml").write_text('[dependency-groups]\nlava = ["lava-nc==0.10.0", "lava-dl==0.6.0"]\n')
        (self.path / "lava_async" / "core").mkdir(parents=True)
        (self.path / "lava_async" / "compat").mkdir()
        (self.path / "lava_async" / "compat" / "startup.py").write_text("# startup\n")
        (self.path / "lava_async" / "__init__.py").write_text('__version__ = "0.1.0"\n')
        self.source.write_text("int main();\n")
        self.lock.write_text(
            "# a comment\none==1.0  # via two\nnvidia-x==3.0 ; sys_platform == 'linux'\ntorch==2.0\nuv==0.1\n"
        )
        (self.path / "requirements-3.10.lock").write_text("old==1.0\nlava-nc==0.10.0\ntorch==1.0\nnvidia-y==3.0\n")

    @property
    def lock(self) -> Path:
        return self.path / "requirements.lock"

    @property
    def source(self) -> Path:
        return self.path / "lava_async" / "core" / "binding.cpp"

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def has(self, version: str, name: str = "", text: str = "") -> None:
        """Put a Python on PATH, or, with a slash in its name, below the root of pyenv."""
        name = name or f"python{version}"
        folder = Path(self.environment["PYENV_ROOT"]) if "/" in name else self.bin
        write_program(folder / name, text or python_of(version))

    def set_up(self, *task: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.path / ".ci" / "setup.sh"), *task],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls_of(self, **environment: str) -> list[str]:
        """Set up, which must succeed, and return what it called."""
        before = len(self.calls)
        done = self.set_up(**environment)
        assert done.returncode == 0, done.stderr
        return self.calls[before:]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


INSTALL_PACKAGE = "--no-build-isolation --editable ."


def count(calls: list[str], text: str) -> int:
    return sum(text in call for call in calls)


# --- Python ----------------------------------------------------------------------------------------------------------


def test_the_newest_python_with_a_cpu_build_of_torch_is_taken(clone):
    for version in ("3.10", "3.11", "3.12", "3.13"):
        clone.has(version)
    assert "python3.11 -m venv .venv" in clone.calls_of(CPU_TORCH="3.10 3.11")


def test_the_newest_python_is_taken_where_uv_reaches_the_index_of_torch(clone):
    for version in ("3.11", "3.13"):
        clone.has(version)
    assert "python3.13 -m venv .venv" in clone.calls_of(INDEX_OF_TORCH="1")


@pytest.mark.parametrize("torch", ["cuda", "none"])
def test_the_newest_python_is_taken_where_no_cpu_build_is_wanted(clone, torch):
    for version in ("3.11", "3.13"):
        clone.has(version)
    assert "python3.13 -m venv .venv" in clone.calls_of(TORCH=torch)


def test_the_newest_python_is_taken_on_macos_where_torch_is_always_for_the_cpu(clone):
    for version in ("3.11", "3.13"):
        clone.has(version)
    assert "python3.13 -m venv .venv" in clone.calls_of(SYSTEM="Darwin")


def test_the_python_that_is_asked_for_has_an_environment_of_its_own(clone):
    for version in ("3.10", "3.11"):
        clone.has(version)
    assert "python3.11 -m venv .venv" in clone.calls_of()
    assert "python3.10 -m venv .venv-3.10" in clone.calls_of(PYTHON="3.10")
    assert (clone.path / ".venv" / "bin" / "python").exists()


def test_a_shim_that_does_not_run_is_passed_over_for_pyenvs_own(clone):
    clone.has("3.11", text=SHIM)
    clone.has("3.11", "versions/3.11.7/bin/python")
    done = clone.set_up()
    assert done.returncode == 0, done.stderr
    assert "pyenv/versions/3.11.7" in done.stdout


def test_python3_is_used_when_it_is_a_supported_version(clone):
    clone.has("3.11", "python3")
    assert "python3 -m venv .venv" in clone.calls_of()


def test_uv_fetches_python_when_only_another_version_is_here(clone):
    clone.has("3.9", "python3")
    calls = clone.calls_of(CPU_TORCH="3.13")
    assert "python3 -m pip install --upgrade --target .cache/setup/uv uv==0.1" in calls
    assert "uv python install 3.13" in calls
    assert "python3.13 -m venv .venv" in calls
    assert "python3 -m venv .venv" not in calls


def test_uv_fetches_the_python_that_is_asked_for(clone):
    clone.has("3.11")
    assert "uv python install 3.12" in clone.calls_of(PYTHON="3.12")


# --- Packages --------------------------------------------------------------------------------------------------------


def test_the_packages_of_the_lock_and_lava_are_installed_without_what_they_declare(clone):
    clone.has("3.11")
    calls = clone.calls_of()
    (install,) = [i for i, call in enumerate(calls) if "uv pip install" in call and "--requirement" in call]
    assert " --no-deps " in calls[install]
    assert calls[install + 1 : install + 6] == [
        "  # a comment",
        "  one==1.0  # via two",
        "  uv==0.1",
        "  lava-nc==0.10.0",
        "  lava-dl==0.6.0",
    ]


def test_python_310_takes_its_own_lock(clone):
    clone.has("3.10")
    calls = clone.calls_of(CPU_TORCH="3.10")
    assert count(calls, "  old==1.0") == 1
    assert count(calls, "  lava-nc==0.10.0") == 1
    assert count(calls, "python -m pip install --no-deps torch==1.0+cpu") == 1


def test_torch_for_the_cpu_is_installed_without_cuda(clone):
    clone.has("3.11")
    calls = clone.calls_of()
    assert count(calls, "python -m pip install --no-deps torch==2.0+cpu") == 1
    assert count(calls, "nvidia") == 0


def test_uv_installs_torch_where_pip_has_no_cpu_build(clone):
    clone.has("3.11")
    calls = clone.calls_of(CPU_TORCH="", INDEX_OF_TORCH="1")
    assert count(calls, "uv pip install --python .venv/bin/python --no-deps --torch-backend=cpu torch==2.0") == 1


def test_torch_with_cuda_is_installed_with_all_that_it_needs(clone):
    clone.has("3.11")
    calls = clone.calls_of(TORCH="cuda")
    assert count(calls, "  torch==2.0") == count(calls, "  nvidia-x==3.0") == 1


def test_the_python_that_is_asked_for_takes_torch_with_cuda_where_no_other_is(clone):
    clone.has("3.12")
    done = clone.set_up(PYTHON="3.12")
    assert done.returncode == 0, done.stderr
    assert "no CPU build of torch" in done.stdout
    assert count(clone.calls, "  nvidia-x==3.0") == 1


def test_no_torch_is_installed_where_none_is_wanted(clone):
    clone.has("3.11")
    calls = clone.calls_of(TORCH="none")
    assert count(calls, "torch==") == count(calls, "nvidia") == 0


def test_a_package_called_tests_which_lava_brings_is_deleted(clone):
    clone.has("3.11")
    clone.set_up()
    assert not (clone.path / ".venv" / "lib" / "python3.11" / "site-packages" / "tests").exists()


def test_this_package_is_a_plain_path(clone):
    # A finder would come before PYTHONPATH.
    clone.has("3.11")
    assert count(clone.calls_of(), INSTALL_PACKAGE) == 1
    path = clone.path / ".venv" / "lib" / "python3.11" / "site-packages" / "_editable_skbc_lava_async.pth"
    assert path.read_text() == ""


def test_what_programs_need_that_import_lava_first_is_beside_the_package(clone):
    clone.has("3.11")
    clone.set_up()
    site = clone.path / ".venv" / "lib" / "python3.11" / "site-packages"
    assert (site / "lava_async_startup.pth").read_text() == "import _lava_async_startup\n"
    assert (site / "_lava_async_startup.py").read_text() == "# startup\n"


# --- What is done already --------------------------------------------------------------------------------------------


def test_a_second_call_runs_nothing_and_says_nothing(clone):
    clone.has("3.11")
    clone.set_up()
    calls = clone.calls
    again = clone.set_up()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert clone.calls == calls


def test_a_changed_lock_is_installed_into_the_same_environment(clone):
    clone.has("3.11")
    clone.set_up()
    clone.lock.write_text("one==1.1\ntorch==2.0\nuv==0.1\n")
    calls = clone.calls_of()
    assert "  one==1.1" in calls
    assert count(calls, "-m venv") == 0


def test_a_changed_pyproject_installs_the_package_alone(clone):
    clone.has("3.11")
    clone.set_up()
    (clone.path / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    calls = clone.calls_of(FREE_MB="1")
    assert [call for call in calls if "pip install" in call and INSTALL_PACKAGE not in call] == []
    assert count(calls, INSTALL_PACKAGE) == 1


def test_a_changed_source_builds_the_core_alone(clone):
    clone.has("3.11")
    assert "core .venv" in clone.calls_of()
    clone.source.write_text("int other();\n")
    calls = clone.calls_of()
    assert "core .venv" in calls
    assert count(calls, "install") == count(calls, "-m venv") == 0


def test_a_core_that_does_not_compile_is_one_line(clone):
    clone.has("3.11")
    done = clone.set_up(COMPILER_SAYS="note: x\nbinding.cpp:3:1: error: expected ';'\nninja: stopped")
    assert_one_line(done, "the core was not built", "binding.cpp:3:1: error: expected ';'", "make core")


def test_make_core_shows_what_the_compiler_says(clone):
    clone.has("3.11")
    clone.set_up()
    done = clone.set_up("core", COMPILER_SAYS="binding.cpp:3:1: error: expected ';'")
    assert done.returncode == 1
    assert done.stderr == "binding.cpp:3:1: error: expected ';'\n"


def test_a_set_up_that_was_cut_off_goes_on_where_it_stopped(clone):
    clone.has("3.11")
    assert clone.set_up(UV_SAYS="Killed", PIP_SAYS="").returncode == 0  # pip goes on where uv fails
    (clone.path / ".venv" / ".done-package").unlink()
    calls = clone.calls_of()
    assert count(calls, INSTALL_PACKAGE) == 1
    assert count(calls, "-m venv") == 0


def test_a_moved_clone_installs_the_package_again(clone):
    clone.has("3.11")
    clone.set_up()
    clone.path = clone.path.rename(clone.path.with_name("elsewhere"))
    calls = clone.calls_of()
    assert count(calls, INSTALL_PACKAGE) == count(calls, "core .venv") == 1


def test_an_environment_whose_python_is_gone_is_made_again(clone):
    clone.has("3.11")
    clone.set_up()
    python = clone.path / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.11")
    assert "python3.11 -m venv .venv" in clone.calls_of()


def test_an_environment_that_this_script_did_not_make_is_made_again(clone):
    # Version 0.1 left a .venv with Python 3.10.
    clone.has("3.10")
    clone.has("3.11")
    (clone.path / ".venv" / "bin").mkdir(parents=True)
    write_program(clone.path / ".venv" / "bin" / "python", python_of("3.10"))
    assert "python3.11 -m venv .venv" in clone.calls_of()


def test_the_users_settings_of_pip_and_python_have_no_say(clone):
    clone.has("3.11")
    clone.set_up(PIP_USER="1", PIP_CONSTRAINT="theirs.txt", PIP_TARGET="/theirs", PYTHONPATH="/theirs")
    settings = set(Path(clone.environment["SETTINGS"]).read_text().splitlines())
    assert settings == {"user=0 constraint=/dev/null target= path="}


# --- Failures --------------------------------------------------------------------------------------------------------


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("set-up failed: ")
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("OSError: [Errno 28] No space left on device", ["the disk is full", "free some space"]),
        ("NewConnectionError('Failed to establish a new connection')", ["could be downloaded", "check the network"]),
        ("ERROR: No matching distribution found for one==1.0", ["could be downloaded", "check the network"]),
        ("ERROR: something else", ["packages could not be installed: ERROR: something else"]),
    ],
)
def test_a_failed_installation_is_one_line_that_names_cause_cure_and_log(clone, said, words):
    clone.has("3.11")
    clone.set_up()
    clone.lock.write_text("one==1.1\ntorch==2.0\nuv==0.1\n")
    done = clone.set_up(UV_SAYS="error: a first try", PIP_SAYS=f"Traceback (most recent call last):\n  ...\n{said}")
    assert_one_line(done, *words, "details: .cache/setup.log")
    assert said in (clone.path / ".cache" / "setup.log").read_text()


def test_a_disk_that_is_too_small_is_found_before_anything_is_written(clone):
    clone.has("3.11")
    before = sorted(os.listdir(clone.path))
    assert_one_line(clone.set_up(FREE_MB="1200"), "2500 MB are needed", "1200 MB are free")
    assert sorted(os.listdir(clone.path)) == before


def test_a_python_that_cannot_be_fetched_is_one_line(clone):
    clone.has("3.9", "python3")
    done = clone.set_up(UV_SAYS="error: Failed to install\n  Caused by: error sending request for url")
    assert_one_line(done, "Python 3.13 is not here and could not be fetched", "install Python 3.13")


def test_neither_python_nor_pip_is_one_line(clone):
    assert_one_line(clone.set_up(), "there is no Python with pip here", "install Python 3.13")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PYTHON", "3.9", ["PYTHON must be one of", "make setup PYTHON=3.12", "'3.9'"]),
        ("PYTHON", "/usr/bin/python3", ["PYTHON must be one of", "'/usr/bin/python3'"]),
        ("TORCH", "gpu", ["TORCH must be cpu, cuda or none", "'gpu'"]),
    ],
)
def test_a_setting_that_does_not_exist_is_one_line(clone, name, value, words):
    assert_one_line(clone.set_up(**{name: value}), *words)
