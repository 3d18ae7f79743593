"""Damaged files of every kind are an error of their reader, soon and in little memory, or are read; nothing else."""

from __future__ import annotations

import lzma
import os
import resource
import time
from pathlib import Path

import numpy as np
import pytest
from readers import READERS, mutated

CORPUS = Path(__file__).with_name("corpus")
#: Seconds of this process for one damaged file; twice what is promised, since machines differ.
SECONDS = 4.0
FOUND = {"damaged.nir.xz": "nir", "damaged.h5.xz": "speech", "cut.idx.xz": "idx", "axes.idx.xz": "idx"}
"""Files that fuzzing found, and whose readers they hurt."""


def check(reader, path) -> str:
    """Read a file and return what became of it."""
    start = time.process_time()
    try:
        reader.read(path)
    except reader.errors:
        outcome = "error"
    else:
        outcome = "read"
    assert time.process_time() - start < SECONDS
    return outcome


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_errors_or_are_read(tmp_path, name):
    reader, rng = READERS[name], np.random.default_rng(11)
    path = tmp_path / f"x{reader.suffix}"
    reader.write(path)
    original = path.read_bytes()
    if name != "checkpoint":  # Behind its digest another content begins, which is none of itself.
        assert check(reader, path) == "read"
    outcomes = []
    for _ in range(60):
        path.write_bytes(mutated(original, rng))
        outcomes.append(check(reader, path))
    assert outcomes.count("error") > 3
    for content in (b"", b"\0", original[:1], original * 2, b"version https://git-lfs.github.com/spec/v1\n"):
        path.write_bytes(content)
        check(reader, path)


@pytest.mark.parametrize("file", FOUND)
def test_files_that_hurt_once_hurt_no_more(tmp_path, file):
    """In a fork of this process, which is what they hurt."""
    reader = READERS[FOUND[file]]
    path = tmp_path / f"x{reader.suffix}"
    path.write_bytes(lzma.decompress((CORPUS / file).read_bytes()))
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            check(reader, path)
            code = 0 if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024 else 2
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0


def test_every_file_of_the_corpus_is_tried():
    assert {path.name for path in CORPUS.iterdir()} == set(FOUND)
