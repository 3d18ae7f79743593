"""`make setup`: which Python it takes, what it does not do twice, and the one line that each failure gives.

The script runs in a folder of its own with a PATH that holds a few tools and stand-ins for Python, pip and uv, so
these tests install nothing. That the real set-up works is shown by every run of the tests in a fresh clone.
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
    "cksum",
    "cp",
    "dirname",
    "du",
    "flock",
    "grep",
    "ls",
    "mkdir",
    "rm",
    "sed",
    "tail",
)

PYTHON = """#!/usr/bin/env bash
echo "$(basename "$0") $*" >>"$CALLS"
case $* in
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip install "*--target*) mkdir -p .cache/setup/uv/bin && cp "$UV" .cache/setup/uv/bin/uv ;;
    "-m pip install "*)
        echo "user=$PIP_USER constraint=$PIP_CONSTRAINT target=${PIP_TARGET-} path=${PYTHONPATH-}" >>"$CALLS"
        if [ -n "${PIP_SAYS-}" ]; then echo "$PIP_SAYS" >&2; exit 1; fi ;;
esac
"""
OTHER_PYTHON = PYTHON.replace("case $* in", 'case $* in\n    "-c "*) exit 1 ;;')
SHIM = "#!/usr/bin/env bash\necho 'python3.10: command not found' >&2\nexit 127\n"
UV = """#!/usr/bin/env bash
[ "$*" = --version ] && exit
if [ -n "${UV_SAYS-}" ]; then echo "$UV_SAYS" >&2; exit 1; fi
home=$UV_PYTHON_INSTALL_DIR/cpython-3.10.99-linux/bin
mkdir -p "$home" && cp "$FETCHED" "$home/python3.10"
"""


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
            "UV": str(write_program(root / "stock" / "uv", UV)),
            "FETCHED": str(write_program(root / "stock" / "python", PYTHON)),
        }
        self.bin.mkdir(parents=True)
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.bin / tool).symlink_to(found)
        write_program(self.bin / "df", "#!/usr/bin/env bash\nprintf 'head\\ndisk 9 9 %s 9 /\\n' \"${FREE_MB-99999}\"\n")
        (self.path / ".ci").mkdir(parents=True)
        shutil.copy(ROOT / ".ci" / "setup.sh", self.path / ".ci")
        (self.path / "pyproject.toml").write_text("[project]\n")
        (self.path / "lava_async").mkdir()
        (self.path / "lava_async" / "__init__.py").write_text('__version__ = "0.1.0"\n')
        self.lock.write_text("# a comment\none==1.0  # via two\ntwo==2.0\nuv==0.1\n")

    @property
    def lock(self) -> Path:
        return self.path / "requirements.lock"

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def has(self, name: str, text: str) -> None:
        """Put a program on PATH, or, with a slash in its name, below the root of pyenv."""
        write_program(Path(self.environment["PYENV_ROOT"]) / name if "/" in name else self.bin / name, text)

    def set_up(self, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.path / ".ci" / "setup.sh")],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def installs(self) -> list[str]:
        return [call for call in self.calls if "-m pip install" in call]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_python_310_on_the_path_is_used(clone):
    clone.has("python3.10", PYTHON)
    done = clone.set_up()
    assert done.returncode == 0, done.stderr
    assert "python3.10 -m venv .venv" in clone.calls
    assert "python -m pip install --no-deps one==1.0 two==2.0 uv==0.1" in clone.calls
    assert "python -m pip install --no-deps --no-build-isolation --editable ." in clone.calls


def test_a_shim_that_does_not_run_is_passed_over_for_pyenvs_own(clone):
    clone.has("python3.10", SHIM)
    clone.has("versions/3.10.13/bin/python", PYTHON)
    done = clone.set_up()
    assert done.returncode == 0, done.stderr
    assert "pyenv/versions/3.10.13" in done.stdout


def test_python3_is_used_when_it_is_310(clone):
    clone.has("python3", PYTHON)
    assert clone.set_up().returncode == 0
    assert "python3 -m venv .venv" in clone.calls


def test_uv_fetches_python_when_only_another_version_is_here(clone):
    clone.has("python3", OTHER_PYTHON)
    done = clone.set_up()
    assert done.returncode == 0, done.stderr
    assert "python3 -m pip install --upgrade --target .cache/setup/uv uv==0.1" in clone.calls
    assert "python3.10 -m venv .venv" in clone.calls
    assert "python3 -m venv .venv" not in clone.calls


def test_a_second_call_runs_nothing_and_says_nothing(clone):
    clone.has("python3.10", PYTHON)
    clone.set_up()
    calls = clone.calls
    again = clone.set_up()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert clone.calls == calls


def test_a_changed_lock_is_installed_into_the_same_environment(clone):
    clone.has("python3.10", PYTHON)
    clone.set_up()
    clone.lock.write_text("one==1.1\n")
    clone.set_up()
    assert clone.installs()[-1] == "python -m pip install --no-deps one==1.1"
    assert clone.calls.count("python3.10 -m venv .venv") == 1


def test_a_changed_pyproject_installs_the_package_alone(clone):
    clone.has("python3.10", PYTHON)
    clone.set_up()
    before = len(clone.installs())
    (clone.path / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    clone.set_up(FREE_MB="1")
    assert clone.installs()[before:] == ["python -m pip install --no-deps --no-build-isolation --editable ."]


def test_a_set_up_that_was_cut_off_goes_on_where_it_stopped(clone):
    clone.has("python3.10", PYTHON)
    assert clone.set_up(PIP_SAYS="Killed").returncode == 1
    assert clone.set_up().returncode == 0
    assert clone.calls.count("python3.10 -m venv .venv") == 1


def test_a_moved_clone_installs_the_package_anew(clone):
    clone.has("python3.10", PYTHON)
    clone.set_up()
    before = len(clone.installs())
    clone.path = clone.path.rename(clone.path.with_name("elsewhere"))
    clone.set_up()
    assert len(clone.installs()) == before + 1


def test_an_environment_whose_python_is_gone_is_made_anew(clone):
    clone.has("python3.10", PYTHON)
    clone.set_up()
    python = clone.path / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3.10")
    assert clone.set_up().returncode == 0
    assert clone.calls.count("python3.10 -m venv .venv") == 2


def test_the_users_settings_of_pip_and_python_have_no_say(clone):
    clone.has("python3.10", PYTHON)
    clone.set_up(PIP_USER="1", PIP_CONSTRAINT="theirs.txt", PIP_TARGET="/theirs", PYTHONPATH="/theirs")
    assert "user=0 constraint=/dev/null target= path=" in clone.calls


def assert_one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
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
def test_a_failure_of_pip_is_one_line_that_names_cause_cure_and_log(clone, said, words):
    clone.has("python3.10", PYTHON)
    done = clone.set_up(PIP_SAYS=f"Traceback (most recent call last):\n  ...\n{said}")
    assert_one_line(done, *words, "details: .cache/setup.log")
    assert said in (clone.path / ".cache" / "setup.log").read_text()


def test_a_disk_that_is_too_small_is_found_before_anything_is_written(clone):
    clone.has("python3.10", PYTHON)
    assert_one_line(clone.set_up(FREE_MB="1200"), "7500 MB are needed", "1200 MB are free")
    assert sorted(os.listdir(clone.path)) == [".ci", "lava_async", "pyproject.toml", "requirements.lock"]


def test_a_python_that_cannot_be_fetched_is_one_line(clone):
    clone.has("python3", OTHER_PYTHON)
    done = clone.set_up(UV_SAYS="error: Failed to install\n  Caused by: error sending request for url")
    assert_one_line(done, "Python 3.10 is not here and could not be fetched", "install Python 3.10")


def test_neither_python_nor_pip_is_one_line(clone):
    assert_one_line(clone.set_up(), "Python 3.10 is not here", "there is no pip", "install Python 3.10")
