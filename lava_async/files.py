"""Files that appear whole or not at all, and standard JSON."""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Give the path of a temporary file, with the same suffix, that takes the place of `path` at the end.

    Parameters
    ----------
    path : Path
        What is to be written; as long as that is not done, and if it fails, it stays as it was.
    durable : bool
        Wait until the content is on the disk, so that a power failure leaves no half of a file.
    """
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        if durable:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def as_json(data: Any) -> str:
    """Return data as standard JSON, which knows no NaN: it becomes null."""
    return json.dumps(_without_nan(data), indent=2, allow_nan=False)


def write_json(path: Path, data: Any) -> None:
    """Write data as JSON."""
    with replacing(path) as temporary:
        temporary.write_text(as_json(data) + "\n")


def _without_nan(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _without_nan(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_without_nan(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
