# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes that carry packets (`netlab.programs.pump`). Each carries many wires, so five
hundred labs do not take five hundred of them; there are as many as cores, so no wire waits for
another one while a core is idle.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from netlab.linux.privileges import refused

PATIENCE = 10.0  # seconds
#: Alone, Python would not find netlab where it is not installed; nothing else is to be found.
START = "import sys; sys.path.append(sys.argv[1]); from netlab.programs import pump; " \
        "pump.main(sys.argv[2:])"  # fmt: skip
HOME = Path(__file__).parents[2]


class PumpProcess:
    """One of them, which ends with the last of its wires, or with this process."""

    def __init__(self) -> None:
        self.wires = 0
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-IS", "-c", START, str(HOME), str(its.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=[its.fileno()],
                    start_new_session=True,  # Ctrl-C is not for it
                )
            except OSError as error:
                mine.close()
                raise refused(error) from None
        self._socket = mine

    @property
    def runs(self) -> bool:
        """False if something has ended it."""
        return self._process.poll() is None

    def hand_over(self, ends: Sequence[socket.socket], control: socket.socket) -> None:
        """Have it carry another wire. That it is gone shows in the first answer."""
        with contextlib.suppress(OSError):
            socket.send_fds(self._socket, [b"+"], [each.fileno() for each in (*ends, control)])

    def forget(self) -> None:
        """Let another process be its starter."""
        self._socket.close()

    def end(self) -> None:
        """End it, and wait for that."""
        self._socket.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Pool:
    """Those of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pumps: list[PumpProcess] = []

    def carry(self, ends: Sequence[socket.socket], control: socket.socket) -> PumpProcess:
        """Have some process carry a wire."""
        with self._lock:
            pump = self._least_busy()
            pump.wires += 1
            pump.hand_over(ends, control)
            return pump

    def release(self, pump: PumpProcess) -> None:
        """A wire of that process is over."""
        with self._lock:
            pump.wires -= 1
            if not pump.wires:
                self._pumps.remove(pump)
                pump.end()

    def _least_busy(self) -> PumpProcess:
        """A process that runs: an idle core's if there is one."""
        running = [each for each in self._pumps if each.runs]
        if len(running) < len(os.sched_getaffinity(0)):
            self._pumps.append(PumpProcess())
            return self._pumps[-1]
        return min(running, key=lambda each: each.wires)

    def forget(self) -> None:
        """In a forked child: they are the parent's, and its own labs need others."""
        for each in self._pumps:
            each.forget()


@cache
def _pool() -> Pool:
    return Pool()


class Carried:
    """A wire that some process carries until it is closed. Raises `LabError` or `Forbidden` where
    none can be started.
    """

    def __init__(self, ends: Sequence[socket.socket]) -> None:
        self._control, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(PATIENCE)
        self._pool = _pool()
        with its:
            try:
                self._pump = self._pool.carry(ends, its)
            except BaseException:
                self._control.close()
                raise

    def ask(self, conditions: bytes) -> bytes:
        """Its answer, or nothing if it is gone. Raises OSError for that, too."""
        self._control.send(conditions)
        return self._control.recv(1 << 20)

    def close(self) -> None:
        """Return when nobody has the wire's links any more."""
        with contextlib.suppress(OSError):  # it is gone, or too busy
            self._control.shutdown(socket.SHUT_WR)
            while self._control.recv(1 << 20):
                pass
        self._control.close()
        self._pool.release(self._pump)


def _forget() -> None:
    _pool().forget()
    _pool.cache_clear()


os.register_at_fork(after_in_child=_forget)
