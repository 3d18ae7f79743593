"""Checkpoints: the state of a training in a file, which is complete or not there.

A file begins with a line that says what it is and one with the SHA-256 of the rest: eight bytes with the length of a
JSON object, that object (the state, with numbers in place of tensors, and the types and shapes of these), and the bytes
of the tensors, end to end. Nothing in it is code, and torch is never given the file: ``torch.load`` before 2.6 runs the
code of an archive of TorchScript, ``weights_only`` or not (CVE-2025-32434). The digest finds damage; it is not a
signature.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lava_async.errors import InvalidType, InvalidValue
from lava_async.files import replacing, why_unreadable

_MAGIC = b"lava-async checkpoint 2\n"
_DIGEST = 64
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    )
}


def write_checkpoint(path: Path, state: dict[str, object]) -> None:
    """Write tensors and plain data. Until the new file is complete and on the disk, the old one stays.

    Parameters
    ----------
    path : Path
        Where; of several processes, one may write there.
    state : dict
        Tensors, numbers, strings, None, and lists, tuples and dicts (by strings or integers) of them.

    Raises
    ------
    InvalidType
        If there is anything else in it.
    """
    parts, digest = packed(state), hashlib.sha256()
    for part in parts:
        digest.update(part)
    with replacing(path, durable=True) as temporary, temporary.open("xb") as file:
        file.write(_MAGIC + digest.hexdigest().encode() + b"\n")
        for part in parts:
            file.write(part)


def packed(state: dict[str, object]) -> list[Any]:
    """Return a state as bytes, in parts: what a checkpoint holds; arguments and errors as of `write_checkpoint`."""
    tensors: list[torch.Tensor] = []
    head: dict[str, Any] = {"state": _plain(state, tensors, "state")}
    head["tensors"] = [[str(each.dtype).removeprefix("torch."), list(each.shape)] for each in tensors]
    text = json.dumps(head).encode()
    return [len(text).to_bytes(8, "little"), text, *map(_content, tensors)]


def unpacked(content: bytes) -> dict[str, Any]:
    """Undo :func:`packed`.

    Raises
    ------
    ValueError
        If that is not possible.
    """
    try:
        start = 8 + int.from_bytes(content[:8], "little")
        head = json.loads(content[8:start])
        tensors, end = [], start
        for name, shape in head["tensors"]:
            dtype, n = _DTYPES[name], math.prod(shape)
            if min(shape, default=0) < 0 or end + n * dtype.itemsize > len(content):
                raise ValueError("tensors are longer than the file")
            # A copy: tensors share no memory, and can be written to.
            part = bytearray(memoryview(content)[end : end + n * dtype.itemsize])
            tensors.append(torch.frombuffer(part, dtype=dtype).reshape(shape) if n else torch.empty(shape, dtype=dtype))
            end += len(part)
        state = _nested(head["state"], tensors)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, RuntimeError, OverflowError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None
    if not isinstance(state, dict) or end != len(content):
        raise ValueError("it is more than a state and its tensors")
    return state


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what :func:`write_checkpoint` wrote, with all tensors on the CPU.

    Raises
    ------
    InvalidValue
        If the file is none of these, is cut off or damaged, or another version wrote it.
    """
    where, remedy = f"file {path}", "; to train from the start, delete it"
    problem = why_unreadable(path)
    if problem:
        raise InvalidValue(f"{where}: content", problem, f"a checkpoint{remedy}")
    with open(path, "rb") as file:
        magic, digest, content = file.read(len(_MAGIC)), file.read(_DIGEST + 1)[:_DIGEST], file.read()
    if magic != _MAGIC:
        allowed = f"{_MAGIC!r}, as in a checkpoint of this version{remedy}"
        raise InvalidValue(f"{where}: first bytes", magic, allowed)
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise InvalidValue(f"{where}: size", len(content), f"that of a complete checkpoint: it is damaged{remedy}")
    try:
        return unpacked(content)
    except ValueError as error:
        raise InvalidValue(f"{where}: content", str(error), f"a checkpoint{remedy}") from None


def check_alike(where: str, found: object, mine: object) -> None:
    """Raise InvalidValue unless `found` is built as `mine` is: the same keys, lengths, types, shapes of tensors.

    Parameters
    ----------
    where : str
        What errors call it.
    found : object
        A part of a checkpoint.
    mine : object
        The same part of a training of the same config.
    """
    if isinstance(mine, dict):
        good = isinstance(found, dict) and found.keys() == mine.keys()
    elif isinstance(mine, (list, tuple)):
        good = isinstance(found, (list, tuple)) and len(found) == len(mine)
    elif isinstance(mine, torch.Tensor):
        good = isinstance(found, torch.Tensor) and (found.shape, found.dtype) == (mine.shape, mine.dtype)
    elif isinstance(mine, float):
        good = isinstance(found, (int, float)) and not isinstance(found, bool)
    else:
        good = type(found) is type(mine)
    if not good:
        raise InvalidValue(where, found, f"{_kind(mine)}, as in a training of this config")
    if isinstance(mine, dict) and isinstance(found, dict):
        for name in mine:
            check_alike(f"{where}.{name}", found[name], mine[name])
    elif isinstance(mine, (list, tuple)) and isinstance(found, (list, tuple)):
        for i, (theirs, each) in enumerate(zip(found, mine, strict=True)):
            check_alike(f"{where}[{i}]", theirs, each)


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "a table with " + ", ".join(map(str, value))
    if isinstance(value, (list, tuple)):
        return f"{len(value)} values"
    if isinstance(value, torch.Tensor):
        return f"a tensor of {value.dtype} and shape {tuple(value.shape)}"
    return f"of type {type(value).__name__}"


def _plain(value: Any, tensors: list[torch.Tensor], where: str) -> Any:
    """Return a state as JSON can say it, with one key where JSON has no word; note its tensors."""
    if isinstance(value, torch.Tensor):
        tensors.append(value)
        return {"tensor": len(tensors) - 1}
    if isinstance(value, dict):
        for key in value:
            if type(key) not in (str, int):
                raise InvalidType(f"checkpoint: key of {where}", key, "a string or an integer")
        return {"dict": [[key, _plain(each, tensors, f"{where}.{key}")] for key, each in value.items()]}
    if isinstance(value, (list, tuple)):
        items = [_plain(each, tensors, f"{where}[{i}]") for i, each in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidType(f"checkpoint: {where}", value, "tensors and plain data")


def _nested(value: Any, tensors: list[torch.Tensor]) -> Any:
    """Undo :func:`_plain`."""
    if isinstance(value, list):
        return [_nested(each, tensors) for each in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "tensor":
        return tensors[inner]
    if kind == "tuple":
        return tuple(_nested(each, tensors) for each in inner)
    return {key: _nested(each, tensors) for key, each in inner}


def _content(tensor: torch.Tensor) -> memoryview:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data if len(flat) else memoryview(b"")
