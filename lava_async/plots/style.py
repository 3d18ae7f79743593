"""Colours, markers and line styles that every picture shares.

Colours come from cividis and viridis, which are ordered in greyscale and for the colour-blind; what must be told apart
differs in marker, line style or hatch as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap

MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":")
HATCHES = ("", "///", "...", "xxx")
#: Without its lightest part, which is lost on white paper.
ORDER_COLOURS = ListedColormap(colormaps["viridis"](np.linspace(0.0, 0.92, 256)), name="order")


def colours(n: int) -> Any:
    """Return n colours from dark to light."""
    return colormaps["cividis"](np.linspace(0.0, 0.8, max(n, 1)))
