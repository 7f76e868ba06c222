# SPDX-License-Identifier: GPL-2.0-or-later
"""What a thread waits for, and how long: read of real processes that wait."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from netlab.audit.looking import Streak, Use, Waiting, waiting

PATIENCE = 20.0  # seconds
CALLS = {
    "recvfrom": "s.recv(1)",
    "poll": "p = select.poll(); p.register(0, 0); p.register(s, 1); p.poll(60000)",
    "epoll_wait": "p = select.epoll(); p.register(s, 1); p.poll(60)",
    "select": "select.select([s], [], [], 60)",
}


def found(process: int) -> Iterator[Waiting]:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        yield from waiting([process])
        time.sleep(0.01)
    pytest.fail("it never waits for its socket")


@pytest.mark.parametrize("call", CALLS)
def test_the_socket_is_found_that_a_call_waits_for(call: str) -> None:
    program = "import select, socket, sys; s, _ = socket.socketpair(); "
    shown = "import os; print(os.fstat(s.fileno()).st_ino, flush=True); "
    line = [sys.executable, "-ISc", program + shown + CALLS[call]]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        inode = int(child.stdout.readline())
        one = next(each for each in found(child.pid) if each.inodes)
        child.kill()
    assert one.inodes == (inode,)
    assert one.call in {call, f"p{call}", call.replace("wait", "pwait"), "pselect6"}
    assert one.time_out == (None if call == "recvfrom" else pytest.approx(60.0, abs=1.0))


def test_what_one_waited_for_a_processor_is_counted() -> None:
    use = Use()
    use.look([os.getpid()], counts=True)
    with open("/proc/self/schedstat") as file:
        waited = int(file.read().split()[1]) / 1e9
    assert 0 < use.waited <= waited + 1.0


def test_who_has_slept_for_so_long_is_remembered_until_it_begins_anew() -> None:
    use = Use()
    line = [sys.executable, "-ISc", "import select\nwhile True: select.select([], [], [], 0.6)"]
    with subprocess.Popen(line) as child:
        until = time.monotonic() + PATIENCE
        while not use.has_slept(child.pid, child.pid, 0.6) and time.monotonic() < until:
            use.look([child.pid], counts=False)
            time.sleep(0.05)
        child.kill()
    assert use.has_slept(child.pid, child.pid, 0.6)
    assert not use.has_slept(child.pid, child.pid, PATIENCE)
    use.begin_anew()
    assert not use.has_slept(child.pid, child.pid, 0.6)


def test_a_wait_that_is_told_when_it_is_over_is_no_rest() -> None:
    streak = Streak()
    for wanted in (0.2, 0.0, 0.4, 0.2, 0.0, 0.4):  # of a look each 0.2 s
        seconds, _ = streak.go_on(0.2, 0.05, wanted)
    assert seconds == pytest.approx(1.2)
    for wanted in (0.1, 0.1, 0.1, 0.1, 0.1, 0.1):
        seconds, _ = streak.go_on(0.2, 0.05, wanted)
    assert seconds < 0.5


TURNS = """
import threading, time
mine, other = threading.Event(), threading.Event()
def work(mine, other):
    while mine.wait() or True:
        mine.clear()
        end = time.thread_time() + 0.05
        while time.thread_time() < end: pass
        other.set()
threading.Thread(target=work, args=(other, mine), daemon=True).start()
mine.set()
work(mine, other)
"""


def test_threads_that_take_turns_do_not_rest_together() -> None:
    """As a runtime does that moves its work from thread to thread: Go's."""
    use = Use()
    with subprocess.Popen([sys.executable, "-ISc", TURNS]) as child:
        until = time.monotonic() + PATIENCE
        while use.busy[0] < 1.0 and time.monotonic() < until:
            use.look([child.pid], counts=True)
            time.sleep(0.2)
        child.kill()
    assert use.busy[0] >= 1.0
    assert use.busy[1] > use.spun[1]
