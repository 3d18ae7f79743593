"""Timed execution: the order of delivery follows from where neurons lie and how long a chip takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lava_async.chips.presets import preset_of
from lava_async.chips.targets import TARGETS
from lava_async.errors import InvalidType, InvalidValue, nearest
from lava_async.records import check_int, check_range, integer_array
from lava_async.schedules.base import ExecutionKind

LONGEST = 10**12
"""The longest time of an operation: a second."""

Delivery = tuple[int, int, int, int]
"""Time step, forward step, source, core."""


class Times(NamedTuple):
    """How long operations take, in whole picoseconds; fields as in :class:`lava_async.hardware.Preset`.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, Timed, simulate
    >>> from lava_async.schedules.timed import Times
    >>> times = Times(3500, 81_000, 52_000, 0, 0, 0, 2100, 6500, 4100, barrier=0)
    >>> network = Network.feedforward([[[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> simulate(network, [[1]], schedule=Timed(preset=times)).step_ps
    array([136500])
    """

    synaptic_operation: int
    active_update: int
    inactive_update: int
    emission: int
    message: int
    arrival: int
    within_tile: int
    east_west: int
    north_south: int
    barrier: int


@dataclass(frozen=True)
class Timed(ExecutionKind):
    """Let cores process and emit spikes one after another, each core by itself, at the speed of a chip.

    There is no queue of the whole network and no group size: a spike becomes a message to each core that it reaches,
    and which message is processed next follows from where the neurons lie and from how long operations and ways take
    (semantics.md, section 7). Nothing is random.

    Parameters
    ----------
    target : str
        The chip: "loihi1". Of Loihi 2 no times are published.
    preset : {"sanafe", "davies2018"}, Times or table of its fields
        Whose times (:mod:`lava_async.chips.presets`; what a preset does not price takes no time), or one's own in
        picoseconds.
    mapping : (N,) int or Mapping, optional
        Core of each neuron; default: what :func:`lava_async.hardware.place` says.
    neurons_per_core : int or list of int or None, optional
        Most neurons of a core, for all layers or per layer, as in :func:`lava_async.hardware.place`.
    tiles : int, optional
        Spread the cores over so many tiles, as there.
    messages : list, optional
        Replay: ``Result.messages`` of a recorded run (``record="groups"``). Messages are processed in that order,
        whatever the times say; a time step ends where its record ends.

    Raises
    ------
    InvalidValue, InvalidType
        If target and preset do not belong together or something is not as above. When run: if the mapping is not one
        of the network, or a recorded message is not under way when its turn comes.

    Examples
    --------
    >>> from lava_async import CubaParams, Network, simulate
    >>> net = Network.feedforward([[[2.0]], [[2.0]]], CubaParams(du=1, dv=1, vth=1))
    >>> run = simulate(net, [[1]], schedule=Timed())
    >>> run.output.tolist(), bool(run.step_ps[0] > 0)
    ([[1]], True)
    """

    target: str = "loihi1"
    preset: str | Times = "sanafe"
    mapping: tuple[int, ...] | None = None
    neurons_per_core: int | tuple[int | None, ...] | None = None
    tiles: int | None = None
    messages: tuple[Delivery, ...] | None = None

    name: ClassVar[str] = "timed"
    timed: ClassVar[bool] = True
    trainable: ClassVar[bool] = True
    replayable: ClassVar[bool] = True

    def __init__(
        self,
        target: str = "loihi1",
        preset: str | Times | Mapping[str, int] = "sanafe",
        mapping: object = None,
        messages: Iterable[tuple[int, ...]] | None = None,
        neurons_per_core: int | Sequence[int | None] | None = None,
        tiles: int | None = None,
    ) -> None:
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "preset", _preset(preset))
        object.__setattr__(self, "mapping", None if mapping is None else _cores(mapping))
        if mapping is not None and (neurons_per_core is not None or tiles is not None):
            raise InvalidValue("Timed.mapping", "given", "given alone, without neurons_per_core and tiles")
        object.__setattr__(self, "neurons_per_core", _per_core(neurons_per_core))
        object.__setattr__(self, "tiles", None if tiles is None else check_int("Timed.tiles", tiles, least=1))
        object.__setattr__(self, "messages", None if messages is None else _deliveries(messages))
        known = [name for name, chip in TARGETS.items() if chip.grid is not None]
        if target not in known:
            allowed = f"one of {', '.join(known)}: of other chips no times are published"
            # Another chip is no misspelt one.
            raise InvalidValue("Timed.target", target, allowed + ("" if target in TARGETS else nearest(target, known)))
        if isinstance(preset, str) and preset_of(preset).target != target:
            raise InvalidValue("Timed.preset", preset, f"one of {target}")

    @property
    def title(self) -> str:
        """What tables call it, as in "timed sanafe"."""
        preset = self.preset if isinstance(self.preset, str) else "own times"
        placed = ", own mapping" if self.mapping else ""
        if self.neurons_per_core is not None:
            each = self.neurons_per_core if isinstance(self.neurons_per_core, tuple) else (self.neurons_per_core,)
            placed = f", {' '.join(str(n or 'all') for n in each)} per core"
        placed += f" on {self.tiles} tiles" if self.tiles else ""
        return f"{self.name} {preset}" + placed + (", replay" if self.messages else "")

    def config(self) -> dict[str, Any]:  # noqa: D102
        preset = self.preset if isinstance(self.preset, str) else self.preset._asdict()
        listed: dict[str, Any] = {
            name: value if value is None else [list(v) if isinstance(v, tuple) else v for v in value]
            for name, value in (("mapping", self.mapping), ("messages", self.messages))
        }
        per_core = self.neurons_per_core
        listed |= (
            {} if per_core is None else {"neurons_per_core": per_core if isinstance(per_core, int) else [*per_core]}
        )
        listed |= {} if self.tiles is None else {"tiles": self.tiles}
        return {"name": self.name, "target": self.target, "preset": preset, **listed}


def not_under_way(t: int, k: int, source: int, core: int) -> InvalidValue:
    """Return the error of a recorded message that does not wait."""
    return InvalidValue(
        f"Timed.messages[t={t}, k={k}]", (source, core), "source and core of a message that is under way"
    )


def _preset(preset: Any) -> str | Times:
    if isinstance(preset, str):
        return preset
    values = preset._asdict() if isinstance(preset, Times) else preset
    if not isinstance(values, Mapping):
        raise InvalidType("Timed.preset", preset, "the name of a preset, or Times")
    if set(values) != set(Times._fields):
        raise InvalidValue("Timed.preset, fields", sorted(values), ", ".join(Times._fields))
    return Times(**{name: check_int(f"Timed.preset.{name}", time, most=LONGEST) for name, time in values.items()})


def _per_core(given: Any) -> int | tuple[int | None, ...] | None:
    if given is None or not isinstance(given, Sequence):
        return None if given is None else check_int("Timed.neurons_per_core", given, least=1)
    return tuple(None if n is None else check_int("Timed.neurons_per_core", n, least=1) for n in given)


def _cores(mapping: Any) -> tuple[int, ...]:
    cores = integer_array("Timed.mapping", getattr(mapping, "core_of", mapping))
    check_range("Timed.mapping", cores, 0, 2**20)
    if cores.ndim != 1:
        raise InvalidValue("Timed.mapping.shape", cores.shape, "(N,), a core for each neuron")
    return tuple(cores.tolist())


def _deliveries(messages: Iterable[tuple[int, ...]]) -> tuple[Delivery, ...]:
    try:
        plain = tuple(sorted((index(t), index(k), index(j), index(c)) for t, k, j, c, *_ in messages))
    except (TypeError, ValueError):
        raise InvalidType("Timed.messages", messages, "a list of (t, k, source, core)") from None
    known = 0, -1
    for t, k, source, core in plain:
        due = known[1] + 1 if t == known[0] and known[1] >= 0 else 1
        if t < 0 or k != due:
            raise InvalidValue("Timed.messages (t, k)", (t, k), "every forward step 1, 2, ... of a time step, once")
        check_range(f"Timed.messages[t={t}, k={k}]", np.array([source, core]), -(2**31), 2**31 - 1)
        known = t, k
    return plain
