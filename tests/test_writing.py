"""What is written and where: links are written through, names that cannot be written are refused before the work."""

from __future__ import annotations

import os

import pytest

from lava_async import LoihiParams, Network, cli, netx
from lava_async.experiments.config import Config, shipped
from lava_async.experiments.study import StudyConfig
from lava_async.experiments.study import shipped as shipped_studies
from lava_async.files import replacing, write_json

FIRST, SECOND = (Network.feedforward([[[w]]], LoihiParams(du=4095, dv=0, vth=5)) for w in (10, 20))


@pytest.mark.parametrize("relative", [False, True])
def test_a_link_is_written_through_and_stays(tmp_path, relative):
    (tmp_path / "there").mkdir()
    real = tmp_path / "there" / "real.net"
    netx.save(FIRST, real)
    link = tmp_path / "latest.net"
    link.symlink_to(os.path.relpath(real, tmp_path) if relative else real)
    netx.save(SECOND, link)
    assert link.is_symlink()
    assert netx.load(real) == SECOND
    assert os.listdir(real.parent) == ["real.net"]


def test_a_link_to_a_file_that_is_still_to_be_written_makes_it(tmp_path):
    link = tmp_path / "results.json"
    link.symlink_to(tmp_path / "later.json")
    write_json(link, {"a": 1})
    assert link.is_symlink()
    assert (tmp_path / "later.json").read_text() == '{\n  "a": 1\n}\n'


def test_a_file_that_cannot_be_finished_leaves_link_and_content(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")

    def half() -> None:
        with replacing(tmp_path / "link.txt") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half()
    assert (tmp_path / "link.txt").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["link.txt", "real.txt"]


def test_configs_may_begin_with_a_byte_order_mark(tmp_path):
    for kind, path in ((Config, shipped()["digits"]), (StudyConfig, shipped_studies()["digits"])):
        marked = tmp_path / "marked.toml"
        marked.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
        assert kind.load(marked) == kind.load(path)
        assert kind.from_toml("\ufeff" + path.read_text()) == kind.load(path)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["data", "show", "digits", "--out", "d.xyz"], "'d.xyz' does not end with .png or .pdf or .svg or .jpg"),
        (["data", "encoders", "--out", "picture"], "'picture' does not end with .png"),
        (["data", "show", "digits", "--out", "no/d.png"], "'no/d.png' would be in a folder that does not exist"),
        (["data", "show", "digits", "--out", "folder.png"], "'folder.png' is a folder"),
        (["inspect", "m.net", "--html", "m.pdf"], "'m.pdf' does not end with .html"),
        (["export", "m.net", "--nir", "m.net"], "'m.net' does not end with .nir"),
        (["export", "m.net", "--net", "m.nir"], "'m.nir' does not end with .net"),
    ],
    ids=" ".join,
)
def test_a_name_that_cannot_be_written_is_refused_at_once(tmp_path, monkeypatch, capsys, argv, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(SystemExit, match="2"):
        cli.main(argv)
    assert said in capsys.readouterr().err
