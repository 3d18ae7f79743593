"""Messages between cores, for the timed kernel: one heap per core, all in the same arrays.

Messages are numbered in the order in which they are sent in a time step; numbers are never used twice in it, so that
the number decides between messages of one source. The heaps are skew heaps (Sleator and Tarjan, SIAM J. Comput. 15,
1986): a message costs some log n steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lava_async.jit import inner

SENT, WAITING, SPIKES, OVERFLOW = range(4)
"""Places in `Messages.used`: messages sent, those that wait, their payloads, whether there was no room for one."""
NONE = -1


class Messages(NamedTuple):
    """The messages of one time step; room for n, M cores, C + N sources."""

    arrival: NDArray[np.int64]
    """(n,) in picoseconds."""
    source: NDArray[np.int32]
    core: NDArray[np.int32]
    payload: NDArray[np.int32]
    left: NDArray[np.int32]
    """(n,) the heaps; in replays, the next message of the same source."""
    right: NDArray[np.int32]
    root: NDArray[np.int32]
    """(M,) the first message of each core."""
    oldest: NDArray[np.int32]
    """(C + N,) replays: the first message of each source."""
    newest: NDArray[np.int32]
    used: NDArray[np.int64]


def make_messages(room: int, n_cores: int, n_sources: int) -> Messages:
    """Return room for messages."""
    links, cores, sources = (np.zeros(n, np.int32) for n in (room, n_cores, n_sources))
    return Messages(
        np.zeros(room, np.int64), links, links.copy(), links.copy(), links.copy(), links.copy(), cores, sources,
        sources.copy(), np.zeros(4, np.int64),
    )  # fmt: skip


@inner
def clear(messages: Any) -> None:
    """Forget all messages, as a time step opens."""
    messages.used[:] = 0
    messages.root[:] = NONE
    messages.oldest[:] = NONE


@inner
def _before(messages: Any, a: int, b: int) -> Any:
    """Tell whether message a is processed before b, of the same core: by arrival, source, number."""
    if messages.arrival[a] != messages.arrival[b]:
        return messages.arrival[a] < messages.arrival[b]
    if messages.source[a] != messages.source[b]:
        return messages.source[a] < messages.source[b]
    return a < b


@inner
def _merge(messages: Any, a: int, b: int) -> int:
    """Return the root of two heaps as one."""
    if a == NONE or b == NONE:
        return max(a, b)
    if _before(messages, b, a):
        a, b = b, a
    root = a
    while True:
        right = messages.right[a]
        messages.right[a] = messages.left[a]
        if right == NONE:
            messages.left[a] = b
            return root
        if _before(messages, b, right):
            right, b = b, right
        messages.left[a] = right
        a = right


@inner
def send(messages: Any, source: int, core: int, payload: int, arrival: int, chained: bool) -> None:
    """Let a message wait: in the heap of its core, or, `chained`, behind the others of its source."""
    n = messages.used[SENT]
    if n >= len(messages.arrival):
        messages.used[OVERFLOW] = 1
        return
    messages.used[SENT] = n + 1
    messages.used[WAITING] += 1
    messages.used[SPIKES] += payload
    messages.arrival[n], messages.source[n], messages.core[n], messages.payload[n] = arrival, source, core, payload
    messages.left[n] = messages.right[n] = NONE
    if not chained:
        messages.root[core] = _merge(messages, messages.root[core], n)
    elif messages.oldest[source] == NONE:
        messages.oldest[source] = messages.newest[source] = n
    else:
        messages.left[messages.newest[source]] = n
        messages.newest[source] = n


@inner
def first(messages: Any, free: Any) -> int:
    """Return the message that is processed next: the lowest (start, core, arrival, source, number)."""
    best, earliest = NONE, np.int64(0)
    for core in range(len(free)):
        n = messages.root[core]
        if n != NONE:
            start = max(messages.arrival[n], free[core])
            if best == NONE or start < earliest:
                best, earliest = n, start
    return best


@inner
def take(messages: Any, n: int) -> None:
    """Take the first message of a core from its heap."""
    messages.root[messages.core[n]] = _merge(messages, messages.left[n], messages.right[n])
    _forget(messages, n)


@inner
def take_recorded(messages: Any, source: int, core: int) -> int:
    """Take the oldest message from a source to a core from the chain of the source; return it, or NONE."""
    before, n = NONE, messages.oldest[source] if source >= 0 else NONE
    while n != NONE and messages.core[n] != core:
        before, n = n, messages.left[n]
    if n == NONE:
        return NONE
    if before == NONE:
        messages.oldest[source] = messages.left[n]
    else:
        messages.left[before] = messages.left[n]
    if messages.newest[source] == n:
        messages.newest[source] = before
    _forget(messages, n)
    return n


@inner
def _forget(messages: Any, n: int) -> None:
    messages.used[WAITING] -= 1
    messages.used[SPIKES] -= messages.payload[n]
