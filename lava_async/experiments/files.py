"""Files of results: they appear whole or not at all."""

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
def replacing(path: Path) -> Iterator[Path]:
    """Give the path of a temporary file, with the same suffix, that takes the place of `path` at the end."""
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
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
