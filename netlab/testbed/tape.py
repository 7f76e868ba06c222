# SPDX-License-Identifier: GPL-2.0-or-later
"""Taps at both ends of the wire and at every rule, and a tape of the latest packets they saw."""

from __future__ import annotations

import contextlib

from netlab import scheduler
from netlab.linux.expression import LOG_GROUP
from netlab.linux.namespace import Namespace
from netlab.model.errors import LabError
from netlab.model.evidence import Frame, Sighting
from netlab.model.vocabulary import Hook, Side
from netlab.observe.capture import Drops, Wire
from netlab.packets.sightings import SLACK, Latest, Packet

PATIENCE = 10.0  # seconds
#: Frames that one look at a tape takes, so that it costs at most 10 ms even in a flood.
MOST_FRAMES = 500
MOST_PACKETS = 500  # more than any screen has lines


class Taps:
    """Observes packets. Raises `LabError` where NFLOG or packet sockets are missing."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._wires: list[tuple[Side, Wire]] = []
        self._drops: dict[Side, Drops] = {}
        self._closing = contextlib.ExitStack()

    def watch(self, side: Side, namespace: Namespace) -> None:
        """Get ready to observe one side. Raises `LabError` where it cannot."""
        try:
            with namespace:
                self._tap(side, "eth0")
                drops = self._drops[side] = Drops(LOG_GROUP)
                self._closing.callback(drops.close)
        except OSError as error:
            raise LabError(
                f"packets cannot be recorded here: {error.strerror} (is nfnetlink_log missing?)"
            ) from None

    def watch_also(self, side: Side, namespace: Namespace, interface: str) -> None:
        """Observe another interface of one side from now on. Raises `LabError` where it cannot."""
        try:
            with namespace:
                wire = self._tap(side, interface)
        except OSError as error:
            raise LabError(f"packets cannot be recorded here: {error.strerror}") from None
        self._start([wire])

    def _tap(self, side: Side, interface: str) -> Wire:
        wire = Wire(interface)
        self._closing.callback(wire.close)
        self._wires.append((side, wire))
        return wire

    @property
    def routed(self) -> bool:
        """True if a router, with interfaces of its own, is in between."""
        return len(self._wires) > len(Side)

    def start(self) -> None:
        """Wait until everything is ready. Raises `LabError` after `PATIENCE` seconds."""
        self._start([wire for _, wire in self._wires])

    def _start(self, starting: list[Wire]) -> None:
        def started() -> bool | None:
            try:
                starting[:] = [wire for wire in starting if not wire.start()]
            except OSError as error:
                raise LabError(f"packets cannot be recorded here: {error.strerror}") from None
            return None if starting else True

        if scheduler.wait(started, scheduler.now() + PATIENCE) is None:
            raise LabError(f"packet sockets were not ready within {PATIENCE:g} s")

    def close(self) -> None:
        """Stop observing."""
        self._closing.close()

    @property
    def missed(self) -> int:
        """The number of packets that came faster than they could be read."""
        drops = self._drops.values()
        return sum(wire.missed for _, wire in self._wires) + sum(each.missed for each in drops)

    def read(self) -> list[Frame]:
        """The frames that have come since the last call, observer by observer."""
        frames = []
        for side, wire in self._wires:
            for seen in wire.read():
                way: Sighting = "out" if seen.outgoing else "in"
                frames.append(self._frame(seen.at, side, way, seen.data, seen.length))
        for side, drops in self._drops.items():
            for dropped in drops.read():
                hook = Hook(dropped.hook)
                frames.append(
                    self._frame(
                        dropped.at,
                        side,
                        "dropped",
                        dropped.data,
                        dropped.length,
                        dropped.rule,
                        hook,
                    )
                )
        return frames

    def _frame(
        self,
        at: float,
        side: Side,
        seen: Sighting,
        data: bytes,
        length: int,
        fault: str = "",
        hook: Hook | None = None,
    ) -> Frame:
        at = round(at - self._began, 9)
        return Frame(at, side, seen, length, data, fault, hook)


class Tape:
    """The latest packets of a lab, for a live view. It takes the same memory after a minute and
    after a day.
    """

    def __init__(self, taps: Taps, began: float) -> None:
        self._taps, self._began = taps, began
        self._latest = Latest(MOST_PACKETS, MOST_FRAMES)
        self._early: list[Frame] = []

    def drain(self) -> None:
        """Take what has come.

        A packet that passes while the ends are read, one after the other, may have been seen at
        only one of them: it is kept for the next call.
        """
        now = scheduler.now() - self._began - SLACK
        frames = [*self._early, *self._taps.read()]
        self._early = [frame for frame in frames if frame.at > now]
        self._latest.take([frame for frame in frames if frame.at <= now], now)

    def since(self, number: int = 0) -> list[tuple[int, Packet]]:
        """The packets still kept from this number on, each with its number, oldest first."""
        return self._latest.since(number)

    @property
    def settled(self) -> int:
        """The number of the first packet that may still be seen elsewhere on its way."""
        return self._latest.settled

    @property
    def missed(self) -> int:
        """The number of frames that came faster than they could be read."""
        return self._taps.missed + self._latest.skipped
