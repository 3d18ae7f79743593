"""Wiring pictures of the Lava Processes: ``python docs/draw_wirings.py`` (seconds).

Processes of this project have a thick edge and a grey face, stock ones a thin edge and a white face. A dashed frame
holds what works in step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

FOLDER = Path(__file__).parent / "pictures"
#: Half the width and half the height of a box.
WIDE, HIGH = 1.0, 0.46
GREY = "0.88"


@dataclass(frozen=True)
class Box:
    """A Process: where its middle is, what is in it, and below it."""

    x: float
    y: float
    text: str
    note: str = ""
    ours: bool = False


@dataclass(frozen=True)
class Arrow:
    """From the side of a box to the side of another, through corners; sides are right, left, top and bottom."""

    start: str
    end: str
    text: str = ""
    sides: str = "rl"
    corners: tuple[tuple[float, float], ...] = ()
    at: tuple[float, float] | None = None  # of the text


@dataclass(frozen=True)
class Wiring:
    """A picture."""

    name: str
    size: tuple[float, float]
    boxes: dict[str, Box]
    arrows: list[Arrow]
    frames: list[tuple[float, float, float, float, str]] = field(default_factory=list)  # x, y, width, height, text


LAYER = Wiring(
    "wiring_layer",
    (14.2, 1.7),
    {
        "source": Box(1.2, 0.8, "EventSource", "steps_per_bin=S", ours=True),
        "dense": Box(4.8, 0.8, "Dense", "delays by 1"),
        "lif": Box(7.8, 0.8, "AsyncLIF", "steps_per_bin=S, offset=1", ours=True),
        "queue": Box(11.3, 0.8, "SpikeScheduler", "steps_per_bin=S, offset=1", ours=True),
    },
    [
        Arrow("source", "dense", "input of\ntime step t"),
        Arrow("dense", "lif", "a_in"),
        Arrow("lif", "queue", "s_out:\nmomenta"),
        Arrow("queue", "", "s_out:\npayloads"),
    ],
)
LOCAL = Wiring(
    "wiring_local",
    (15.8, 2.0),
    {
        "one": Box(1.6, 0.8, "Dense"),
        "lif": Box(4.1, 0.8, "AsyncLIF", "layer 0", ours=True),
        "queue": Box(6.5, 0.8, "SpikeScheduler", "F = 2, first=0", ours=True),
        "two": Box(9.0, 0.8, "Dense"),
        "lif2": Box(11.5, 0.8, "AsyncLIF", "layer 1", ours=True),
        "queue2": Box(13.9, 0.8, "SpikeScheduler", "F = 2, first=8", ours=True),
    },
    [
        Arrow("", "one"),
        Arrow("one", "lif"),
        Arrow("lif", "queue"),
        Arrow("queue", "two"),
        Arrow("two", "lif2"),
        Arrow("lif2", "queue2"),
        Arrow("queue2", ""),
    ],
    [(2.85, 0.15, 4.9, 1.7, "core 0: a queue of its own"), (10.25, 0.15, 4.9, 1.7, "core 1: a queue of its own")],
)
GLOBAL = Wiring(
    "wiring_global",
    (14.2, 3.2),
    {
        "source": Box(1.2, 1.9, "EventSource", ours=True),
        "dense": Box(4.2, 1.9, "Dense", "N x C"),
        "lif": Box(7.2, 1.9, "AsyncLIF", "all N neurons", ours=True),
        "queue": Box(10.2, 1.9, "SpikeScheduler", "all N neurons, F = 8", ours=True),
        "sparse": Box(13.0, 1.9, "Sparse", "N x N"),
        "readout": Box(10.2, 0.6, "Readout", "graded=True, offset=1", ours=True),
    },
    [
        Arrow("source", "dense"),
        Arrow("dense", "lif", "a_in"),
        Arrow("lif", "queue", "s_out"),
        Arrow("queue", "sparse"),
        Arrow("sparse", "lif", "a_in: one forward step later", "tt", ((13.0, 2.75), (7.2, 2.75)), (10.2, 2.82)),
        Arrow("lif", "readout", "s_out", "rl", ((8.7, 1.9), (8.7, 0.6)), (8.4, 1.1)),
    ],
)
NETWORK = Wiring(
    "wiring_network",
    (14.2, 2.0),
    {
        "source": Box(1.4, 0.8, "EventSource", ours=True),
        "net": Box(7.1, 0.8, "AsyncNetwork", 'net_config="net.net"', ours=True),
        "readout": Box(12.8, 0.8, "Readout", ours=True),
    },
    [
        Arrow("source", "net", "inp: a frame", at=(3.9, 0.85)),
        Arrow("net", "readout", "out: counts of the same time step", at=(10.3, 0.85)),
    ],
    [(5.75, 0.15, 2.7, 1.7, "all forward steps inside")],
)
COMPOSED = Wiring(
    "wiring_composed",
    (14.2, 3.6),
    {
        "lif": Box(3.6, 1.9, "AsyncLIF", "all N neurons", ours=True),
        "queue": Box(7.1, 1.9, "SpikeScheduler", "F per forward step", ours=True),
        "synapses": Box(10.8, 1.9, "NetworkSynapses", "all synapses", ours=True),
    },
    [
        Arrow("lif", "queue", "s_out"),
        Arrow("queue", "synapses", "s_out"),
        Arrow(
            "synapses",
            "lif",
            "a_out: what arrives in the next forward step",
            "tt",
            ((10.8, 2.85), (3.6, 2.85)),
            (7.2, 2.92),
        ),
        Arrow(
            "lif",
            "synapses",
            "e_in: emitted spikes, for synapses with a delay",
            "rb",
            ((5.0, 1.9), (5.0, 0.9), (10.8, 0.9)),
            (7.9, 0.97),
        ),
        Arrow("", "synapses", "inp", "bb", ((0.35, 0.45), (11.3, 0.45)), (0.8, 0.52)),
        Arrow("synapses", "", "out", at=(13.5, 1.95)),
    ],
    [(1.6, 0.15, 11.3, 3.3, "")],
)
BESIDE = Wiring(
    "wiring_beside",
    (15.8, 2.0),
    {
        "source": Box(1.4, 0.8, "RingBuffer"),
        "dense": Box(3.9, 0.8, "Dense", "delays by 1"),
        "lif": Box(6.4, 0.8, "LIF"),
        "net": Box(9.1, 0.8, "AsyncNetwork", "reset_offset=1", ours=True),
        "dense2": Box(11.9, 0.8, "Dense", "delays by 1"),
        "lif2": Box(14.4, 0.8, "LIF"),
    },
    [
        Arrow("source", "dense"),
        Arrow("dense", "lif"),
        Arrow("lif", "net", "inp"),
        Arrow("net", "dense2", "out"),
        Arrow("dense2", "lif2"),
    ],
    [(0.15, 0.15, 15.5, 1.7, "LoihiProtocol: all in step, a barrier after each time step")],
)
ALONE = Wiring(
    "wiring_async",
    (14.2, 3.9),
    {
        "net": Box(7.1, 2.75, "AsyncNetwork", "PyAsyncNetworkModelAsync", ours=True),
        "source": Box(1.4, 0.8, "EventSource", ours=True),
        "dense": Box(5.7, 0.8, "Dense"),
        "lif": Box(8.5, 0.8, "LIF"),
        "readout": Box(12.8, 0.8, "Readout", ours=True),
    },
    [
        Arrow("source", "net", "frames; the channel\nholds 64", "tl", ((1.4, 2.75),), (3.2, 2.82)),
        Arrow("net", "readout", "answers, one for each frame", "rt", ((12.8, 2.75),), (10.9, 2.82)),
        Arrow("source", "dense"),
        Arrow("dense", "lif"),
    ],
    [
        (5.2, 2.1, 3.8, 1.65, "AsyncProtocol: no common time steps"),
        (0.15, 0.15, 13.9, 1.7, "LoihiProtocol: in step with each other"),
    ],
)
WIRINGS = (LAYER, LOCAL, GLOBAL, NETWORK, COMPOSED, BESIDE, ALONE)


def draw_wirings() -> None:
    """Draw all of them."""
    FOLDER.mkdir(exist_ok=True)
    for wiring in WIRINGS:
        figure = draw(wiring)
        figure.savefig(FOLDER / f"{wiring.name}.png", dpi=110, facecolor="white")
        plt.close(figure)


def draw(wiring: Wiring) -> Any:
    """Draw one."""
    width, height = wiring.size
    figure = plt.figure(figsize=(0.75 * width, 0.75 * height))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    axes.axis("off")
    for x, y, w, h, text in wiring.frames:
        axes.add_patch(FancyBboxPatch((x, y), w, h, "round,pad=0,rounding_size=0.15", fill=False, ls="--", lw=1))
        axes.text(x + w / 2, y + h - 0.08, text, ha="center", va="top", fontsize=9, style="italic")
    for box in wiring.boxes.values():
        corner, face = (box.x - WIDE, box.y - HIGH), GREY if box.ours else "white"
        axes.add_patch(
            FancyBboxPatch(
                corner,
                2 * WIDE,
                2 * HIGH,
                "round,pad=0,rounding_size=0.08",
                fc=face,
                ec="black",
                lw=2 if box.ours else 1,
            )
        )
        axes.text(
            box.x,
            box.y + 0.12 * (box.note != ""),
            box.text,
            ha="center",
            va="center",
            fontsize=9.5,
            weight="bold" if box.ours else "normal",
        )
        axes.text(box.x, box.y - 0.18, box.note, ha="center", va="center", fontsize=6.8)
    for arrow in wiring.arrows:
        draw_arrow(axes, wiring, arrow)
    return figure


def draw_arrow(axes: Any, wiring: Wiring, arrow: Arrow) -> None:
    """Draw an arrow; without a box at one of its ends it comes from the left or goes to the right edge."""
    start = side(wiring.boxes[arrow.start], arrow.sides[0]) if arrow.start else None
    end = side(wiring.boxes[arrow.end], arrow.sides[1]) if arrow.end else None
    if start is None:
        start = (0.05, (arrow.corners or (end,))[0][1])
    if end is None:
        end = (wiring.size[0] - 0.05, start[1])
    corners = [*arrow.corners]
    if corners and corners[-1][0] != end[0] and arrow.sides[1] in "tb":
        end = (corners[-1][0], end[1])
    points = [start, *corners, end]
    axes.plot(*zip(*points[:-1], strict=True), color="black", lw=1.3, solid_joinstyle="miter")
    axes.annotate(
        "",
        points[-1],
        points[-2],
        arrowprops={"arrowstyle": "-|>", "lw": 1.3, "fc": "black", "shrinkA": 0, "shrinkB": 0},
    )
    x, y = arrow.at or ((start[0] + end[0]) / 2, start[1] + 0.1)
    axes.text(x, y, arrow.text, ha="center", va="bottom", fontsize=8, linespacing=1.1)


def side(box: Box, name: str) -> tuple[float, float]:
    """Return the middle of a side of a box."""
    return {
        "r": (box.x + WIDE, box.y),
        "l": (box.x - WIDE, box.y),
        "t": (box.x, box.y + HIGH),
        "b": (box.x, box.y - HIGH),
    }[name]


if __name__ == "__main__":
    plt.switch_backend("agg")
    draw_wirings()
