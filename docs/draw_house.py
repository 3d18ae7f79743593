"""The map of the package: ``python docs/draw_house.py`` (seconds).

Rows and what each part is are those of imports.md; arrows are read from the imports of the files. An arrow that follows
from two others is left out.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from textwrap import fill

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch
from PIL import Image, PngImagePlugin

HERE = Path(__file__).parent
PACKAGE = HERE.parent / "lava_async"
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|", re.MULTILINE)


def rows() -> dict[int, tuple[list[str], str]]:
    """Return the parts of each row of the page, and what they are."""
    page = (HERE / "imports.md").read_text(encoding="utf-8")
    return {
        int(row): (re.findall(r"`(\w+)`", parts), what.strip().replace("`", ""))
        for row, parts, what in ROW.findall(page)
    }


def files(part: str) -> list[Path]:
    """Return the modules of a part: one file, or those of a folder."""
    return [PACKAGE / f"{part}.py"] if (PACKAGE / f"{part}.py").exists() else sorted((PACKAGE / part).rglob("*.py"))


def arrows(parts: set[str]) -> set[tuple[str, str]]:
    """Return which part imports which, without what follows from others."""
    direct: dict[str, set[str]] = {part: set() for part in parts}
    for part in parts:
        for path in files(part):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                elif isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                else:
                    continue
                direct[part] |= {name.split(".")[1] for name in names if name.startswith("lava_async.")} & parts - {
                    part
                }

    def below(part: str) -> set[str]:
        return direct[part].union(*(below(each) for each in direct[part]))

    return {(a, b) for a in parts for b in direct[a] if not any(b in below(c) for c in direct[a] - {b})}


def draw(path: Path) -> None:
    """Draw the map, and note its parts in the file."""
    table = {row: found for row, found in rows().items() if row}  # row 0 is below everything
    names = [part for parts, _ in table.values() for part in parts]
    figure, axes = plt.subplots(figsize=(9.6, 8.4))
    place = {}
    for row, (parts, what) in table.items():
        for i, part in enumerate(parts):
            place[part] = (i - (len(parts) - 1) / 2) * 2.1, row
        axes.text(5.4, row, fill(what, 30), fontsize=8, va="center", color="0.35")
    for start, end in sorted(arrows(set(names))):
        (x, y), (u, v) = place[start], place[end]
        line = {"arrowstyle": "-|>", "color": "0.55", "lw": 0.9, "shrinkA": 0}
        axes.annotate("", (u, v + 0.26), (x, y - 0.26), arrowprops=line, zorder=1)
    for part, (x, y) in place.items():
        axes.add_patch(
            FancyBboxPatch((x - 0.85, y - 0.22), 1.7, 0.44, "round,pad=0.04", fc="#dfe7f3", ec="#2f5d9e", zorder=3)
        )
        axes.text(x, y, part, ha="center", va="center", fontsize=9.5, weight="bold", zorder=4)
    lowest, what = rows()[0]
    axes.text(0, 0, f"{', '.join(lowest)}: {what}", ha="center", va="center", fontsize=8.5)
    axes.set(xlim=(-5.3, 8.6), ylim=(-0.5, max(table) + 0.5))
    axes.set_axis_off()
    figure.subplots_adjust(0, 0, 1, 1)
    figure.savefig(path, dpi=100)
    plt.close(figure)
    note = PngImagePlugin.PngInfo()
    note.add_text("parts", " ".join(sorted(names)))
    with Image.open(path) as image:
        image.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True, pnginfo=note)


if __name__ == "__main__":
    plt.switch_backend("agg")
    draw(HERE / "pictures" / "house.png")
