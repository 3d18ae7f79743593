"""Damage files for as long as you like: ``python tests/fuzz.py net --seconds 1200``, or ``all`` for every reader.

With atheris (Python 3.11 and later) the readers' coverage says which damage to try next; without it, or with
``--blind``, chance does. What hurts is left in ``build/fuzz/READER``; put it into ``tests/corpus`` once it is mended.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from readers import READERS, Reader, mutated

try:
    import atheris
except ImportError:
    atheris = None
FOUND = Path("build/fuzz")
SLOW = 4.0


def attempt(name: str, content: bytes) -> None:
    """Read a file with this content; keep it if it takes long or raises what it must not."""
    reader, folder = READERS[name], FOUND / name
    path = folder / f"x{reader.suffix}"
    path.write_bytes(content)
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(path)
    except reader.errors:
        pass
    except BaseException:
        keep(folder, content)
        raise
    if time.process_time() - start > SLOW:
        keep(folder, content)
        raise TimeoutError(f"{name}: more than {SLOW:g} s")


def keep(folder: Path, content: bytes) -> None:
    """Leave what hurts in the folder."""
    (folder / f"hurts-{time.time_ns()}").write_bytes(content)


def sound(reader: Reader, folder: Path) -> bytes:
    """Return the content of a sound file."""
    path = folder / f"x{reader.suffix}"
    reader.write(path)
    return path.read_bytes()


def blindly(name: str, seconds: float, seed: int) -> None:
    """Damage a sound file by chance."""
    rng, end, n = np.random.default_rng(seed), time.monotonic() + seconds, 0
    original = sound(READERS[name], FOUND / name)
    while time.monotonic() < end:
        content = original
        for _ in range(rng.integers(1, 4)):
            content = mutated(content, rng) or original
        attempt(name, content)
        n += 1
    print(f"{name}: {n} files, nothing hurt")


def guided(name: str, seconds: float, seed: int) -> None:
    """Let atheris damage it."""
    corpus = FOUND / name / "corpus"
    corpus.mkdir(exist_ok=True)
    (corpus / "sound").write_bytes(sound(READERS[name], FOUND / name))
    atheris.instrument_all()
    options = [f"-max_total_time={int(seconds)}", f"-seed={seed + 1}", "-max_len=65536", str(corpus)]
    atheris.Setup([sys.argv[0], *options], lambda content: attempt(name, content))
    atheris.Fuzz()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=["all", *READERS])
    parser.add_argument("--seconds", type=float, default=60.0, help="for all readers together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blind", action="store_true", help="by chance, even if atheris is installed")
    args = parser.parse_args()
    if args.reader != "all":
        (FOUND / args.reader).mkdir(parents=True, exist_ok=True)
        (blindly if args.blind or atheris is None else guided)(args.reader, args.seconds, args.seed)
        return 0
    share, more = str(args.seconds / len(READERS)), ["--blind"] * args.blind
    codes = [
        subprocess.run([sys.executable, __file__, name, "--seconds", share, "--seed", str(args.seed), *more]).returncode
        for name in READERS
    ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
