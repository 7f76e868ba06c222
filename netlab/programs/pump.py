# SPDX-License-Identifier: GPL-2.0-or-later
"""Carries frames between links, late, or not at all: wires that misbehave as they are told.

It is started with the descriptor of a socket. For each wire three descriptors come over it: packet
sockets of the client's link and of the server's, and a socket on which that wire's conditions come,
each time all of them, as one datagram of JSON. Each is answered with the number of packets that
every condition has met so far. `WATCH` instead has all packets noted from then on, and is answered
with those that have crossed since the last time, or some of them: nothing comes after the last. A
wire ends when its conditions do, and all of them with whoever has started this.

What becomes of a packet hangs on what it is, and never on when it comes: on the seed, its
direction, its connection's number, its relative sequence number and how often it was sent. So the
same exchange meets the same fate twice. A FIN shares the fate of the data before it, because a
program's timing decides whether it comes with them or alone. One packet, and no share of all, is
told from others by `netlab.programs.exchange`.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import heapq
import json
import select
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from netlab.programs.effects import EFFECTS, Act, Chance, Crossing
from netlab.programs.exchange import Crossings, Sent
from netlab.programs.fates import FATES
from netlab.programs.naming import Naming

PR_SET_TIMERSLACK = 29
SOL_PACKET, PACKET_IGNORE_OUTGOING = 263, 23
FRAME = 1 << 16
AT_ONCE = 64  # frames that one side may have before the others have their turn
WATCH = b"watch"
NOTED, ANSWERED = 10_000, 500  # packets that are kept at most, and that go into one answer
#: Seconds that a packet waits for another one to overtake it: less than TCP's shortest time-out, so
#: that none is sent again for that.
HELD = 0.1

Frame = bytes | bytearray  # one that was held is empty when it has passed
Put = Callable[[float, socket.socket, Frame], None]  # when it is sent, in seconds, over which link


def chance(seed: int, salt: int, name: tuple[int, ...]) -> float:
    """A number from 0 to 1 that depends on nothing else."""
    text = repr((seed, salt, name)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") / (1 << 64)


def chooser(seed: int, salt: int) -> Chance:
    """`chance` of packets on their way; the salt makes conditions with one seed choose apart."""
    return lambda crossing: chance(seed, salt, crossing.name)


class Way:
    """One direction: what is done there, and the link that it leads to."""

    def __init__(self, number: int, out: socket.socket) -> None:
        self.number, self.out = number, out
        self.acts: dict[int, Act] = {}  # by the conditions' numbers
        self.latest = 0.0  # when the last one arrives that keeps its place
        self.held: list[bytearray] = []  # those that the next one overtakes; emptied, it has passed


class Conveyed:
    """One wire: its two links, and what is to be done between them."""

    def __init__(self, ends: list[socket.socket], control: socket.socket) -> None:
        self._ends, self._control = ends, control
        self._ways = (Way(0, ends[1]), Way(1, ends[0]))
        self._naming, self._exchange = Naming(), Crossings()
        self._named = self._exact = self._watched = False
        self._met: dict[int, int] = {}
        self._noted: list[Sent] = []

    def close(self) -> None:
        """Carry nothing any more. The kernel takes 10 ms to close a packet socket: both at once."""
        other = threading.Thread(target=self._ends[0].close)
        other.start()
        self._ends[1].close()
        other.join()
        self._control.close()

    def obey(self) -> bool:
        """Take new conditions; False if there are no more to come."""
        try:
            text = self._control.recv(1 << 20)
        except OSError:  # who has sent them did not wait for an answer
            text = b""
        if not text:
            return False
        answer = self._watch() if text == WATCH else self._begin(json.loads(text))
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(answer).encode())
        return True

    def _watch(self) -> list[Sent]:
        self._watched = True
        some, self._noted = self._noted[:ANSWERED], self._noted[ANSWERED:]
        return some

    def _begin(self, conditions: list[dict[str, Any]]) -> dict[int, int]:
        """Have these conditions be in force; what there was goes on as it was."""
        acts = [way.acts for way in self._ways]
        for way in self._ways:
            way.acts = {}
        for each in conditions:
            spans = None
            for way in self._ways:
                if each["way"] in (way.number, 2) or each["spans"]:
                    act = acts[way.number].get(each["id"]) or spans or _act(each)
                    way.acts[each["id"]] = act
                    spans = act if each["spans"] else None
        self._named = any(each["chooses"] for each in conditions)
        self._exact = any(each["exact"] for each in conditions)
        self._met = {each["id"]: self._met.get(each["id"], 0) for each in conditions}
        return self._met

    def take(self, number: int, put: Put) -> None:
        """Decide what becomes of the frames that wait at one end."""
        end, way = self._ends[number], self._ways[number]
        for _ in range(AT_ONCE):
            try:
                frame = end.recv(FRAME, socket.MSG_DONTWAIT)
            except OSError:  # nothing more, or the link is gone
                return
            self._send(way, frame, put)

    def _send(self, way: Way, frame: bytes, put: Put) -> None:
        name = self._naming.name(frame, way.number) if self._named else ()
        exact = self._exact or self._watched
        sent = self._exchange.take(frame, way.number) if exact else None
        if self._watched and sent is not None and len(self._noted) < NOTED:
            self._noted.append(sent)
        crossing = Crossing(frame, name, time.monotonic(), sent)
        for number, act in way.acts.items():
            if act(crossing):
                self._met[number] += 1
            if crossing.lost:
                return
        if crossing.back:
            crossing.due += crossing.back
        else:
            crossing.due = way.latest = max(crossing.due, way.latest)
        if crossing.held:
            way.held.append(bytearray(crossing.frame))
            put(crossing.due + HELD, way.out, way.held[-1])
            return
        for _ in range(crossing.copies):
            put(crossing.due, way.out, crossing.frame)
        for held in way.held:  # in front of them is what has overtaken them
            put(crossing.due, way.out, bytes(held))
            held.clear()
        way.held.clear()


def _act(condition: dict[str, Any]) -> Act:
    numbers = {**condition["numbers"], "way": condition["way"]}
    chance = chooser(numbers.get("seed", 0), condition["id"])
    return (EFFECTS | FATES)[condition["word"]].act(chance, numbers)


class Pump:
    """All wires of one process. Times are seconds on the monotonic clock."""

    def __init__(self, starter: socket.socket) -> None:
        self._starter = starter
        self._events = select.epoll()
        self._heard: dict[int, Callable[[], None]] = {}  # what to do, by descriptors
        self._waiting: list[tuple[float, int, socket.socket, Frame]] = []
        self._count = 0
        self._over = False

    def run(self) -> None:
        """Until whoever has started this is gone."""
        self._hear(self._starter, self._begin)
        while not self._over:
            for descriptor, _ in self._ready():
                if descriptor in self._heard:
                    self._heard[descriptor]()
            self._deliver()

    def _ready(self) -> list[tuple[int, int]]:
        """What there is to be read. Of epoll's own time-out the unit is a millisecond."""
        if not self._waiting:
            return self._events.poll()
        left = self._waiting[0][0] - time.monotonic()
        if left > 0:
            select.select([self._events], [], [], left)
        return self._events.poll(0)

    def _hear(self, from_: socket.socket, do: Callable[[], None]) -> None:
        self._heard[from_.fileno()] = do
        self._events.register(from_, select.EPOLLIN)

    def _begin(self) -> None:
        """Another wire."""
        text, descriptors, _, _ = socket.recv_fds(self._starter, 1, 3)
        if not text:
            self._over = True
            return
        *ends, control = (socket.socket(fileno=each) for each in descriptors)
        if len(ends) != 2:  # there are too many descriptors: whoever waits for an answer is told so
            return
        wire = Conveyed(ends, control)
        for number, end in enumerate(ends):
            end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            self._hear(end, partial(wire.take, number, self._put))
        self._hear(control, partial(self._obey, wire, [*ends, control]))

    def _obey(self, wire: Conveyed, sockets: list[socket.socket]) -> None:
        if not wire.obey():
            for each in sockets:
                self._events.unregister(each)
                del self._heard[each.fileno()]
            threading.Thread(target=wire.close).start()  # the others are carried meanwhile

    def _put(self, due: float, out: socket.socket, frame: Frame) -> None:
        self._count += 1
        heapq.heappush(self._waiting, (due, self._count, out, frame))

    def _deliver(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            _, _, out, frame = heapq.heappop(self._waiting)
            if frame:  # what was held may have passed before
                with contextlib.suppress(OSError):  # its link is gone
                    out.send(frame)
            if isinstance(frame, bytearray):
                frame.clear()  # it has passed now


def main(arguments: list[str]) -> None:
    """The descriptor of whoever starts this."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    Pump(socket.socket(fileno=int(arguments[0]))).run()
