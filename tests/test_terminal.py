"""Terminals: what is printed commands them not, messages that nobody takes are no error, Ctrl-C ends quietly."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lava_async import LoihiParams, Network, cli, netx
from lava_async.commands import Command, Report
from lava_async.network import Layer
from lava_async.synapses import Dense
from lava_async.terminal import Messages, printable

EVIL = "\x1b]0;title\x07\x1b[2J\x9b1;1H\u202etxt\r"
CONFIG = '[network]\nsizes = [200, 8, 10]\n[data]\nname = "digits"\nlimit = 20\ntest = ""\n[training]\nepochs = 0\n'


@pytest.fixture
def net(tmp_path):
    """A file whose layer and note have names that command a terminal."""
    weights = np.arange(24).reshape(4, 6) * 2, np.arange(12).reshape(3, 4) * 2
    layers = Layer((4,), EVIL + "<!--<script>"), Layer((3,), "out")
    network = Network(
        (6,),
        layers,
        (Dense(-1, 0, weights[0]), Dense(0, 1, weights[1])),
        LoihiParams(du=4095, dv=100, vth=30),
        np.arange(4, 7),
    )
    netx.save(network, tmp_path / "a.net", **{EVIL: EVIL})
    return tmp_path / "a.net"


def commanding(text):
    return re.findall("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)


@given(st.text())
def test_what_is_printable_commands_nothing_and_can_be_written(text):
    shown = printable(text)
    assert not commanding(shown)
    shown.encode()
    assert printable(shown) == shown


@pytest.mark.parametrize("command", ["inspect {}", "run {} --random 0.3 --samples 1", "inspect {}.missing"])
def test_names_and_notes_of_a_file_are_escaped(net, capsys, command):
    cli.main(command.format(net).split())
    shown = capsys.readouterr()
    assert not commanding(shown.out + shown.err)


def test_names_in_pages_are_escaped(net, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert cli.main(["inspect", str(net), "--html", str(tmp_path / "page.html")]) == 0
    assert not commanding((tmp_path / "page.html").read_text(encoding="utf-8"))


@pytest.mark.filterwarnings("default::lava_async.nir.NirWarning")
def test_warnings_of_this_package_are_a_sentence(capsys):
    (path,) = (Path(__file__).with_name("nir_files")).glob("spyx_lif.nir")
    assert cli.main(["inspect", str(path), "--reset", "zero"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said
    assert all(line.startswith(f"lava-async inspect: warning: {path}: layer layer_") for line in said)


def test_names_in_errors_and_warnings_are_escaped(net, capsys):
    with h5py.File(net, "a") as file:
        del file["async"]
        file["layer/1/type"][...] = EVIL.encode()[:3]
        file["layer/1"][EVIL.replace("/", "")] = 1
    assert cli.main(["inspect", str(net)]) == 1
    assert not commanding(capsys.readouterr().err)


def test_halves_of_characters_are_refused(net):
    with h5py.File(net, "a") as file:
        del file["async/metadata"]
        file["async/metadata"] = np.bytes_(b'{"note": "\\ud800"}')
    with pytest.raises(netx.NetxError, match="/async/metadata: must be JSON"):
        netx.metadata(net)


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&- <&-"])
def test_messages_that_nobody_takes_are_no_error(tmp_path, where):
    (tmp_path / "c.toml").write_text(CONFIG)
    command = f"{sys.executable} -m lava_async train {tmp_path}/c.toml --out {tmp_path}/out --json {where}"
    done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0
    assert '"kept_epoch": 0' in done.stdout
    netx.load(tmp_path / "out" / "network.net")  # Nothing was printed into it.


@pytest.mark.parametrize(
    ("argv", "who"),
    [("inspect NET", "lava-async inspect"), ("data --data-help", "lava-async")],
)
@pytest.mark.parametrize(("where", "said"), [(">/dev/full", "No space left on device"), (">&-", "is closed")])
def test_results_and_help_that_nobody_takes_are_an_error(net, argv, who, where, said):
    command = f"{sys.executable} -m lava_async {argv.replace('NET', str(net))} {where}"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, f"{who}: stdout: {said}\n")


def test_a_stream_that_was_closed_takes_messages(tmp_path):
    with open(tmp_path / "log", "w") as file:
        messages = Messages(file)
        messages.write("one\n")
    assert messages.write("two\n") == 4
    messages.flush()
    assert (tmp_path / "log").read_text() == "one\n"


def test_ctrl_c_while_a_command_starts_ends_quietly(tmp_path):
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text(
        "import os, signal, time\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    raise ImportError('half of a package')\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # What a shell starts in the background ignores it.
    try:
        done = subprocess.run(
            [sys.executable, "-m", "lava_async", "--help"], env=environment, capture_output=True, text=True, check=False
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_ctrl_c_that_an_import_makes_another_error_of_is_an_interruption(monkeypatch, capsys):
    def run(args):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("half of a package") from None

    monkeypatch.setitem(cli.COMMANDS, "try", Command("try", "", "", "", lambda parser: None, run))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts background jobs with none
    try:
        assert cli.main(["try"]) == 130
        assert capsys.readouterr().err == "lava-async try: interrupted\n"
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_of_the_caller_stays(monkeypatch):
    def mine(number, frame):
        pass

    monkeypatch.setitem(cli.COMMANDS, "try", Command("try", "", "", "", lambda p: None, lambda args: Report("", {})))
    before = signal.signal(signal.SIGINT, mine)
    try:
        assert cli.main(["try"]) == 0
        assert signal.getsignal(signal.SIGINT) is mine
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_message_behind_a_progress_bar_begins_a_line():
    stream = io.StringIO()
    messages = Messages(stream)
    for text in (
        "\repoch 1",
        "\repoch 2",
        "a warning\n",
        "\repoch 3",
        "\n",
        "a result\n",
        "\r     ",
        "\r",
        "the end\n",
    ):
        messages.write(text)
    assert stream.getvalue() == "\repoch 1\repoch 2\na warning\n\repoch 3\na result\n\r     \rthe end\n"
