"""Checkpoints: the state of a training in a file, which is complete or not there.

A file begins with a line that says what it is and one with the SHA-256 of the rest, which ``torch.save`` wrote.
"""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import torch

from lava_async.errors import InvalidValue

_MAGIC = b"lava-async checkpoint 1\n"
_DIGEST = 64


def write_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write tensors and plain data. Until the new file is complete and on the disk, the old one stays.

    Parameters
    ----------
    path : Path
        Where; of several processes, one may write there.
    state : dict
        Tensors, numbers, strings, and lists and dicts of them.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    temporary = path.with_name(f".{path.name}.tmp")
    with open(temporary, "wb") as file:
        file.write(_MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n")
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # The name, too.
    finally:
        os.close(folder)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what :func:`write_checkpoint` wrote.

    Raises
    ------
    InvalidValue
        If the file is none of these, is cut off or damaged, or a newer version wrote it.
    """
    with open(path, "rb") as file:
        magic, digest, content = file.read(len(_MAGIC)), file.read(_DIGEST + 1)[:_DIGEST], file.read()
    remedy = "; to start anew, delete it"
    if magic != _MAGIC:
        raise InvalidValue(
            f"file {path}: first bytes", magic, f"{_MAGIC!r}, as in a checkpoint of this version{remedy}"
        )
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise InvalidValue(f"file {path}: size", len(content), f"that of a complete checkpoint: it is damaged{remedy}")
    state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
    return state
