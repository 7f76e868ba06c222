# SPDX-License-Identifier: GPL-2.0-or-later
"""Taps at both ends of the wire and at every rule, and a tape of the latest packets they saw."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from netlab import scheduler
from netlab.linux.expression import LOG_GROUP
from netlab.linux.namespace import Namespace
from netlab.model.errors import LabError
from netlab.model.evidence import Frame, Sighting, Translation
from netlab.model.vocabulary import Hook, Side
from netlab.observe.capture import Drops, Wire
from netlab.packets.ledger import Ledger
from netlab.packets.sightings import SLACK, Latest, Packet
from netlab.packets.way import Itinerary
from netlab.testbed import wire
from netlab.testbed.hops.links import LINKS

PATIENCE = 10.0  # seconds
LINKED = {number: side for side, number in LINKS.items()}
#: Frames that one look at a tape takes, so that it costs at most 10 ms even in a flood.
MOST_FRAMES = 500
MOST_PACKETS = 500  # more than any screen has lines


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LabError(
            f"packets cannot be recorded here: {error.strerror} (is nfnetlink_log missing?)"
        ) from None


class Taps:
    """Observes packets. Raises `LabError` where NFLOG or packet sockets are missing."""

    def __init__(self, began: float) -> None:
        self._began = began
        self._wires: list[tuple[Side, int, Wire]] = []  # and the hop where it is; 0: an end
        self._drops: list[tuple[Side | None, int, Drops]] = []
        self._closing = contextlib.ExitStack()
        self.ledger: Ledger | None = None  # takes what is read, if numbers are followed

    def watch(self, side: Side, namespace: Namespace) -> None:
        """Get ready to observe one side. Raises `LabError` where it cannot."""
        with _refusals(), namespace:
            self._tap(side, 0, wire.NAME)
            self._listen(side, 0)

    def watch_also(self, side: Side, namespace: Namespace, interface: str) -> None:
        """Observe another interface of one side from now on. Raises `LabError` where it cannot."""
        with _refusals(), namespace:
            tap = self._tap(side, 0, interface)
        self._start([tap])

    def watch_hop(self, number: int, namespace: Namespace) -> None:
        """Observe a hop from now on: what comes in on either side, and what its rules drop.

        Raises `LabError` where it cannot.
        """
        with _refusals(), namespace:
            taps = [self._tap(side, number, str(side)) for side in Side]
            self._listen(None, number)
        self._start(taps)

    def _tap(self, side: Side, hop: int, interface: str) -> Wire:
        tap = Wire(interface)
        self._closing.callback(tap.close)
        self._wires.append((side, hop, tap))
        return tap

    def _listen(self, side: Side | None, hop: int) -> None:
        drops = Drops(LOG_GROUP)
        self._closing.callback(drops.close)
        self._drops.append((side, hop, drops))

    def start(self) -> None:
        """Wait until everything is ready. Raises `LabError` after `PATIENCE` seconds."""
        self._start([tap for _, _, tap in self._wires])

    def _start(self, starting: list[Wire]) -> None:
        def started() -> bool | None:
            try:
                starting[:] = [tap for tap in starting if not tap.start()]
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
        taps = sum(tap.missed for _, _, tap in self._wires)
        return taps + sum(drops.missed for _, _, drops in self._drops)

    def read(self) -> list[Frame]:
        """The frames that have come since the last call, observer by observer. At a hop only what
        comes in counts: what goes out is seen by the next one.
        """
        frames = []
        for side, hop, tap in self._wires:
            for seen in tap.read():
                if hop and seen.outgoing:
                    continue
                way: Sighting = "out" if seen.outgoing else "in"
                at = self._since(seen.at)
                frames.append(Frame(at, side, way, seen.length, seen.data, hop=hop))
        for end, hop, drops in self._drops:
            for lost in drops.read():
                side = end or LINKED.get(lost.link, Side.CLIENT)
                hook = _hook(lost.hook)
                at = self._since(lost.at)
                frames.append(
                    Frame(at, side, "dropped", lost.length, lost.data, lost.rule, hook, hop)
                )
        if self.ledger is not None:
            self.ledger.take(frames)
        return frames

    def _since(self, at: float) -> float:
        return round(at - self._began, 9)


def _hook(number: int) -> Hook | None:
    """The place of a rule in an end's stack; None where only what is forwarded comes by."""
    return next((hook for hook in Hook if hook.value == number), None)


class Tape:
    """The latest packets of a lab, for a live view. It takes the same memory after a minute and
    after a day.
    """

    def __init__(self, taps: Taps, began: float) -> None:
        self.taps, self._began = taps, began
        self._latest = Latest(MOST_PACKETS, MOST_FRAMES)
        self._early: list[Frame] = []
        self._translations: Sequence[Translation] = ()
        self._hops = self._known = 0

    def watch_also(self, side: Side, namespace: Namespace, interface: str) -> None:
        """Observe another interface of one side from now on. Raises `LabError` where it cannot."""
        self.taps.watch_also(side, namespace, interface)

    def watch_path(self, hops: int, translations: Sequence[Translation]) -> None:
        """So many hops are on the way from now on; `translations` is what they make of addresses,
        and grows.
        """
        self._hops, self._translations = hops, translations
        self._latest.way = Itinerary(hops)

    def drain(self) -> None:
        """Take what has come.

        A packet that passes while the ends are read, one after the other, may have been seen at
        only one of them: it is kept for the next call.
        """
        now = scheduler.now() - self._began - SLACK
        frames = [*self._early, *self.taps.read()]
        self._early = [frame for frame in frames if frame.at > now]
        if len(self._translations) > self._known:
            self._known = len(self._translations)
            self._latest.way = Itinerary(self._hops, self._translations)
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
        return self.taps.missed + self._latest.skipped
