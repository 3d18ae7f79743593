"""Skip and recurrent connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lava_async.netx.builder import MOST_NEURONS, NetworkBuilder
from lava_async.netx.h5 import H5Group
from lava_async.netx.layers.base import LayerType


@dataclass(frozen=True, eq=False)
class ConcatLayer(LayerType):
    """What the layer before sends and what other layers send, channel after channel; no neurons.

    netx's README: "Skip/recurrent connections are preceded by a concatenate layer that connects to pervious layer plus
    a list of non-sequential layers identified by their id." A later layer in the list is feedback.

    Parameters
    ----------
    layers : tuple of int
        The other layers, numbered as in the file.
    """

    layers: tuple[int, ...]

    kind: ClassVar[str] = "concat"

    @classmethod
    def read(cls, node: H5Group) -> ConcatLayer:  # noqa: D102
        return cls(node.shape("shape", MOST_NEURONS), tuple(node.integers("layers", 0, 2**15).reshape(-1).tolist()))

    def build(self, builder: NetworkBuilder) -> None:  # noqa: D102
        parts = list(builder.before())
        said = f" = {list(self.layers)}"
        for i in self.layers:
            sends = builder.sends[i] if i < len(builder.sends) else None
            if sends is None:
                raise builder.fail("layers", f"{said}: layer {i} does not exist or sends nothing yet")
            parts += sends
        if any(len(part.shape) == 1 for part in parts):
            parts = [part._replace(shape=(part.size,)) if part.size in part.shape else part for part in parts]
        if len({part.shape[1:] for part in parts}) > 1:
            raise builder.fail("layers", f"{said}: must have the height and width of the layer before")
        shape = (sum(part.shape[0] for part in parts), *parts[0].shape[1:])
        if self.shape not in (shape, (*shape, 1, 1)):
            raise builder.fail("shape", f" = {self.shape}: must be {shape}, the layers one after another")
        builder.send(tuple(parts))
