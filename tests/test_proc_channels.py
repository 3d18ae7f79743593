"""Channels: messages arrive as they were sent, whoever waits, and without a thread as long as one end is watched."""

from __future__ import annotations

import multiprocessing
import threading
from mmap import mmap
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("lava.magma")

from lava.magma.compiler.channels.pypychannel import CspSelector
from lava.magma.compiler.channels.watchdog import NoOPWatchdog

from lava_async.proc.channels import DirectChannel, Selector

pytestmark = pytest.mark.lava

FORK = multiprocessing.get_context("fork")


@pytest.fixture
def channel():
    """Make channels of int32 of shape (2,) with three places; close them in the end."""
    made = []

    def make(size=3):
        memory = SimpleNamespace(create_shared_memory=lambda n: SimpleNamespace(buf=memoryview(mmap(-1, n))))
        infrastructure = SimpleNamespace(smm=memory)
        ends = DirectChannel(infrastructure, "there", "here", (2,), np.int32, size, *4 * [NoOPWatchdog(None)])
        ends.src_port.start()
        ends.dst_port.start()
        made.append(ends)
        return ends.src_port, ends.dst_port

    yield make
    for ends in made:
        ends.src_port.join()
        ends.dst_port.join()
        if ends.dst_port.thread:
            ends.dst_port.thread.join(5)
            assert not ends.dst_port.thread.is_alive()


def message(i):
    return np.array([i, -i])


def in_the_background(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("watched", [False, True], ids=["alone", "watched"])
class TestMessages:
    @pytest.fixture
    def ends(self, channel, watched):
        there, here = channel()
        if watched:
            here.observer = lambda: None
        return there, here

    def test_they_come_in_order_as_copies_in_the_type_of_the_channel(self, ends):
        there, here = ends
        sent = np.array([1.9, 2.0])
        there.send(sent)
        sent[:] = 0
        for i in range(10):
            there.send(message(i))
            received = here.recv()
            np.testing.assert_array_equal(received, message(i - 1) if i else [1, 2])
            assert received.dtype == np.int32

    def test_a_full_channel_makes_the_sender_wait(self, ends):
        there, here = ends
        for i in range(3):
            assert there.probe()
            there.send(message(i))
        assert not there.probe()
        sending = in_the_background(lambda: there.send(message(3)))
        assert [here.recv()[0] for _ in range(4)] == [0, 1, 2, 3]
        sending.join(30)
        assert there.probe()

    def test_an_empty_channel_makes_the_receiver_wait(self, ends):
        there, here = ends
        assert not here.probe()
        here.wait(0.001)
        sending = in_the_background(lambda: there.send(message(5)))
        np.testing.assert_array_equal(here.recv(), message(5))
        sending.join(30)
        assert not here.probe()

    def test_a_look_leaves_the_message_there(self, ends):
        there, here = ends
        there.send(message(7))
        here.wait()
        assert here.probe()
        np.testing.assert_array_equal(here.peek(), message(7))
        np.testing.assert_array_equal(here.peek(), message(7))
        np.testing.assert_array_equal(here.recv(), message(7))
        assert not here.probe()

    def test_a_message_of_another_shape_is_refused(self, ends):
        with pytest.raises(AssertionError, match="Mismatch"):
            ends[0].send(np.zeros(3))


class TestWatching:
    def test_one_end_alone_needs_no_thread(self, channel):
        there, here = channel()
        there.send(message(1))
        assert Selector().select((here, lambda: "came")) == "came"
        np.testing.assert_array_equal(here.recv(), message(1))
        assert here.thread is None

    @pytest.mark.parametrize("kind", [Selector, CspSelector])
    def test_of_several_the_first_with_a_message_is_chosen(self, channel, kind):
        (one_there, one), (two_there, two) = channel(), channel()
        actions = (one, lambda: one), (two, lambda: two)
        selector = kind()
        for i, (there, here) in enumerate([(one_there, one), (two_there, two), (two_there, two), (one_there, one)]):
            sending = in_the_background(lambda there=there, i=i: there.send(message(i)))
            assert selector.select(*actions) is here
            np.testing.assert_array_equal(here.recv(), message(i))
            sending.join(30)

    def test_no_message_is_lost_when_watching_begins(self, channel):
        for seen in (False, True):
            (there, here), (_, other) = channel(), channel()
            there.send(message(1))
            there.send(message(2))
            assert not seen or here.probe()
            assert CspSelector().select((other, lambda: "other"), (here, lambda: "here")) == "here"
            assert [here.recv()[0] for _ in range(2)] == [1, 2]
            assert not here.probe()


def test_processes_talk(channel):
    """Forked, as the actors of a run are."""
    (there, here), (back, answer) = channel(), channel()

    def echo():
        for _ in range(100):
            back.send(here.recv())

    child = FORK.Process(target=echo, daemon=True)
    child.start()
    for i in range(100):
        there.send(message(i))
        np.testing.assert_array_equal(answer.recv(), message(i))
    child.join(30)
    assert child.exitcode == 0
