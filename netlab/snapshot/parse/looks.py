# SPDX-License-Identifier: GPL-2.0-or-later
"""From listings to hosts and looks at them.

Listings of one host are one sample, until a connection appears that the sample already has: that
starts the next one, unless another tool printed it, or the same with fewer columns. A listing with
the same connections seen from the other side is the other end.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from netlab.model.tcp import State
from netlab.snapshot.crowd import Crowd
from netlab.snapshot.parse import shape
from netlab.snapshot.records import Neighbourhood, Sample, Snapshot, Socket, Tracking

#: The rows with which a look begins: some of them may be gone in the next one.
FIRST = 3
COUNTERS_ONLY = (
    "there are no sockets in it, only counters, which count since boot: add ss -tanoei, and look "
    "twice (ss -tanoei; nstat -az; sleep 5; ss -tanoei; nstat -az)"
)
COUNTS_ONLY = (
    "there are no sockets in it, only counts of them by state: ss -tanoei shows them one by one, "
    "and ss -tanp whose they are"
)
NOTHING = (
    "it has a heading and no socket: there is nothing to judge, unless the command listed all of "
    "them; ss -tanoei does"
)


@dataclass(slots=True)
class Listing:
    """What one command printed."""

    sockets: Sequence[Socket] = ()
    counters: dict[str, int] = field(default_factory=dict)
    counts: dict[State, int] = field(default_factory=dict)
    source: str = ""
    notes: list[str] = field(default_factory=list)
    whole: bool = False
    every: float | None = None  # seconds between its looks, if it is of a loop
    part: str = ""  # /proc/net/tcp or tcp6: one of two halves
    tracking: Tracking | None = None


@dataclass(slots=True)
class _SampleBuilder:
    """A sample while it is gathered from listings."""

    sockets: Sequence[Socket] = ()
    counters: dict[str, int] = field(default_factory=dict)
    counts: dict[State, int] = field(default_factory=dict)
    sources: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    keys: set[object] = field(default_factory=set)  # connections, and listeners
    whole: bool = False
    parts: set[str] = field(default_factory=set)
    at: float | None = None
    tracking: Tracking | None = None
    neighbourhood: Neighbourhood | None = None

    def record(self) -> Sample:
        """The sample."""
        return Sample(
            self.sockets if isinstance(self.sockets, Crowd) else tuple(self.sockets),
            self.counters,
            at=self.at,
            source=", ".join(dict.fromkeys(self.sources)),
            notes=tuple(dict.fromkeys(self.notes)),
            whole=self.whole or len(self.parts) > 1,
            counts=self.counts,
            tracking=self.tracking,
            neighbourhood=self.neighbourhood,
        )

    def add(self, listing: Listing) -> None:
        """A listing with other sockets than the sample has."""
        if isinstance(listing.sockets, Crowd):  # and nothing else has sockets
            self.sockets = listing.sockets
        else:
            self.sockets = [*self.sockets, *listing.sockets]
            self.keys.update(map(_key, listing.sockets))
        self.sources.append(listing.source)
        self.notes += listing.notes
        self.whole = self.whole or listing.whole
        if listing.part:
            self.parts.add(listing.part)

    def merge(self, listing: Listing) -> None:
        """A listing of the same sockets: what is known of each by either is known."""
        mine, theirs = self.sockets, listing.sockets
        if shape.richness(theirs) > shape.richness(mine):
            mine, theirs = theirs, mine
            self.sources = []
        else:
            listing.source = ""
        by_key = {_key(socket): socket for socket in theirs}
        merged = [_filled(socket, by_key.get(_key(socket))) for socket in mine]
        known = {*map(_key, mine)}
        merged += [socket for socket in theirs if _key(socket) not in known]
        self.sockets, self.keys = merged, {*map(_key, merged)}
        self.sources += [listing.source] if listing.source else []
        self.notes += listing.notes
        self.whole = self.whole or listing.whole


class Looks:
    """Every host of a text, and the samples of it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.host = ""  # that of the next listing, where the text names it
        self._hosts: list[tuple[str, list[_SampleBuilder]]] = []
        self._before: Listing | None = None  # the listing of sockets before
        self._paused = False
        self._clock: float | None = None  # seconds, as far as the text tells them

    def pause(self, seconds: float) -> None:
        """So many seconds pass until the next listing, which is another look."""
        self._paused = True
        if self._clock is None:
            self._clock = 0.0
            if self._hosts:
                for sample in self._hosts[-1][1]:
                    sample.at = self._clock
        self._clock += seconds

    def time(self, at: float) -> None:
        """The next listing was taken at this time, in seconds since the epoch."""
        self._paused = self._paused or (self._clock is not None and at > self._clock)
        self._clock = at

    def add(self, listing: Listing) -> None:
        """The next listing."""
        if listing.counters:
            sample = self._sample_for_counters()
            sample.counters.update(listing.counters)
            sample.sources.append(listing.source)
            sample.notes += listing.notes
        elif listing.tracking is not None:
            sample = self._samples()[-1]
            sample.tracking = listing.tracking  # of two, the later one is as it is now
        elif listing.counts:
            sample = self._samples()[-1]
            sample.counts.update(listing.counts)
            sample.sources.append(listing.source)
            sample.notes += listing.notes
        elif isinstance(listing.sockets, Crowd):
            self._put(self._samples()[-1], listing)
        else:
            for look in _looks(listing):
                self._place(look)
                self._paused = True
                if listing.every is not None:
                    self.pause(listing.every)
        self._paused = False

    def beside(self, host: str, neighbourhood: Neighbourhood) -> None:
        """What stands beside the listings of a host. Where the text names hosts only later on, it
        is that of the only one.
        """
        named = [samples for name, samples in self._hosts if name == host]
        if not host and not named and len(self._hosts) == 1:
            named = [self._hosts[0][1]]
        for samples in named:
            samples[-1].neighbourhood = neighbourhood

    def _place(self, listing: Listing) -> None:
        samples = self._samples()
        sample = samples[-1]
        if not listing.sockets and sample.sockets:  # a heading alone
            sample.parts |= {listing.part} - {""}
            return None
        halves = self._before is not None and {self._before.part, listing.part} == {"4", "6"}
        self._before = listing
        if halves or not sample.sockets:
            return self._put(sample, listing)
        keys = {*map(_key, listing.sockets)}
        mirrored = {_mirrored(one) for one in listing.sockets if one.state is not State.LISTEN}
        other_end = len((mirrored - keys) & sample.keys)
        again = keys & sample.keys
        if other_end > sum(isinstance(key, tuple) for key in again) and not self.host:
            self._hosts.append((f"{self._name} ({len(self._hosts) + 1})", [_SampleBuilder()]))
            return self._put(self._hosts[-1][1][-1], listing)
        if not again:
            return self._put(sample, listing)
        if not self._paused and _other_tool(sample, listing):
            return sample.merge(listing)
        samples.append(_SampleBuilder())
        return self._put(samples[-1], listing)

    def _put(self, sample: _SampleBuilder, listing: Listing) -> None:
        sample.at = self._clock if sample.at is None else sample.at
        sample.add(listing)

    def _samples(self) -> list[_SampleBuilder]:
        """The samples of the host that the text names, or of the one that came last."""
        for host, samples in self._hosts:
            if host == self.host:
                return samples
        if self._hosts and not self._hosts[-1][0]:  # it gets its name only now
            return self._hosts[-1][1]
        self._hosts.append((self.host, [_SampleBuilder()]))
        return self._hosts[-1][1]

    def _sample_for_counters(self) -> _SampleBuilder:
        samples = self._samples()
        if samples[-1].counters:
            samples.append(_SampleBuilder())
        return samples[-1]

    @property
    def empty(self) -> bool:
        """Whether nothing has been read that says anything."""
        return not any(
            sample.sockets or sample.counters or sample.counts or sample.tracking
            for _, samples in self._hosts
            for sample in samples
        )

    @property
    def sockets(self) -> int:
        """The number of sockets, at all looks."""
        return sum(len(sample.sockets) for _, samples in self._hosts for sample in samples)

    @property
    def _without_sockets(self) -> str:
        """What to run for the sockets, where there are numbers only; "" where there are sockets."""
        samples = [sample for _, samples in self._hosts for sample in samples]
        if any(sample.sockets for sample in samples):
            return ""
        if any(sample.counters for sample in samples):
            return COUNTERS_ONLY
        if any(sample.tracking for sample in samples):
            return ""  # it belongs to sockets in other files
        return COUNTS_ONLY if any(sample.counts for sample in samples) else NOTHING

    @property
    def there(self) -> bool:
        """Whether there was any listing, even an empty one."""
        return bool(self._hosts)

    def snapshots(self, notes: Sequence[str]) -> list[Snapshot]:
        """All of them; the notes are about the text as a whole."""
        self._hosts[0][1][0].notes += [*notes, *filter(None, [self._without_sockets])]
        return [
            Snapshot(tuple(sample.record() for sample in samples), host or self._name)
            for host, samples in self._hosts
        ]


def _looks(listing: Listing) -> Iterator[Listing]:
    """The looks of a loop that prints no heading: a connection that comes again begins the next."""
    connections = [_key(one) for one in listing.sockets if one.state is not State.LISTEN]
    if len({*connections}) == len(connections):
        yield listing
        return
    looks: list[list[Socket]] = [[]]
    seen: set[object] = set()
    for socket in listing.sockets:
        key = _key(socket)
        if socket.state is not State.LISTEN and key in seen:
            looks.append([])
            seen = set()
        seen.add(key)
        looks[-1].append(socket)
    for one, other in itertools.pairwise(looks):
        if _key(other[0]) not in {*map(_key, one[:FIRST])}:
            yield listing  # one that is there twice, by chance
            return
    yield from (replace(listing, sockets=look) for look in looks)


def _other_tool(sample: _SampleBuilder, listing: Listing) -> bool:
    """Whether a listing was printed by another tool than the sample, or with other columns."""
    if listing.source in sample.sources:
        return False
    tools = {source.split()[0] for source in sample.sources}
    if listing.source.split()[0] not in tools:
        return True
    return shape.columns(listing.sockets) != shape.columns(sample.sockets)


def _filled(socket: Socket, other: Socket | None) -> Socket:
    if other is None or other.state is not socket.state:
        return socket
    missing = {
        name: getattr(other, name)
        for name in ("timer", "remaining", "retransmits", "probes", "inode")
        if getattr(socket, name) is None and getattr(other, name) is not None
    }
    if not socket.owner and other.owner:
        missing["owner"] = other.owner
    if not socket.info and other.info:
        missing["info"] = other.info
    return replace(socket, **missing) if missing else socket


def _key(socket: Socket) -> object:
    """The identity of a socket: a four-tuple, or text for a listener, so that the two differ."""
    if socket.state is State.LISTEN:
        return f"{socket.local}"
    return socket.local, socket.remote


def _mirrored(socket: Socket) -> object:
    return socket.remote, socket.local
