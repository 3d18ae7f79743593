"""Colours, markers and line styles that every picture shares.

Colours come from cividis and viridis, which are ordered in greyscale and for the colour-blind; what must be told apart
differs in marker, line style or hatch as well.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from lava_async.files import replacing

#: Formats of pictures: dots, or shapes that stay sharp at any size.
FORMATS = ("png", "svg", "pdf")
#: Letters of vector files stay letters, which can be searched and edited, in a tenth of the size of outlines.
VECTOR = {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "lava-async"}

MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":")
HATCHES = ("", "///", "...", "xxx")
#: Without its lightest part, which is lost on white paper.
ORDER_COLOURS = ListedColormap(colormaps["viridis"](np.linspace(0.0, 0.92, 256)), name="order")


def colours(n: int) -> NDArray[np.float64]:
    """Return n colours from dark to light."""
    return colormaps["cividis"](np.linspace(0.0, 0.8, max(n, 1)))


def save_figure(figure: Figure, path: str | Path, *, dpi: int = 100) -> None:
    """Write a picture as its ending says, whole or not at all, and equal pictures as equal files.

    Parameters
    ----------
    figure : matplotlib Figure
        What is written.
    path : path
        Ends with .png, .svg, .pdf or what else matplotlib writes; a file that exists is replaced.
    dpi : int
        Dots per inch, where the format has dots.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> path = Path(mkdtemp()) / "empty.svg"
    >>> save_figure(Figure(), path)
    >>> "</svg>" in path.read_text()
    True
    """
    path = Path(path)
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    with rc_context(VECTOR), replacing(path) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata=undated.get(path.suffix.lower()))


def colour_scale(panels: Axes | list[Axes], label: str, *, percent: bool = False) -> None:
    """Write the scale of the colours of matrices beside them.

    Parameters
    ----------
    panels : matplotlib Axes or list of Axes
        Of one figure, with matrices of the same limits.
    label : str
        What the colours mean.
    percent : bool
        Write fractions as percent.
    """
    several = panels if isinstance(panels, list) else [panels]
    written = PercentFormatter(1.0) if percent else None
    scale = several[0].figure.colorbar(several[0].images[0], ax=several, label=label, format=written)
    scale.ax.set_gid("scale")
