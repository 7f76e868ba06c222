# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pairs of states can be at all: every behaviour of applications, network and time, explored.

Breadth first, so the first way to a pair is a shortest one. The channel each way is a queue that
can lose its first packet at any time and delivers in order; a packet that is not in it yet can be
sent again at any time; whatever can time out, does so at any time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from netlab.atlas.endpoint import InFlight
from netlab.atlas.exchange import NOTHING, Exchange, possible_calls
from netlab.model.tcp import Segment
from netlab.model.vocabulary import Pair, Side

Channel = tuple[InFlight, ...]
#: What happens, and the pair that it leaves.
Trace = tuple[tuple[str, Pair], ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What keeps the exploration finite. Each can be raised."""

    packets: int = 2  # on their way, each way
    incarnations: int = 2  # connections that each end begins or takes
    calls: frozenset[str] = frozenset(
        # Data changes no state, and to be gone without a packet is to abort with the RST lost.
        {"listen", "connect", "shutdown", "close", "abort"}
    )


class World(NamedTuple):
    """Both ends, and what is on its way to each."""

    ends: Exchange
    to_client: Channel = ()
    to_server: Channel = ()

    def channel(self, to: Side) -> Channel:
        """What is on its way to one side, the oldest first."""
        return self.to_client if to is Side.CLIENT else self.to_server

    def after(self, ends: Exchange, to: Side, channel: Channel) -> World:
        """The same with other ends and one channel changed."""
        if to is Side.CLIENT:
            return World(ends, channel, self.to_server)
        return World(ends, self.to_client, channel)


@dataclass(frozen=True, slots=True)
class Reached:
    """The result: for each pair a shortest way to it, and how many worlds were seen."""

    traces: dict[Pair, Trace]
    worlds: int


def explore(bounds: Bounds = Bounds()) -> Reached:
    """Every reachable pair with a shortest trace. Takes 4 s with the default bounds."""
    start = World(NOTHING)
    came_from: dict[World, tuple[World, str] | None] = {start: None}
    first: dict[Pair, World] = {}
    waiting = deque([start])
    events = Events(bounds)
    while waiting:
        world = waiting.popleft()
        first.setdefault(world.ends.pair, world)
        for event, following in events.of(world):
            if following not in came_from:
                came_from[following] = (world, event)
                waiting.append(following)
    return Reached(
        {pair: _trace(came_from, world) for pair, world in first.items()}, len(came_from)
    )


def _trace(came_from: dict[World, tuple[World, str] | None], world: World) -> Trace:
    way = []
    while (step := came_from[world]) is not None:
        before, event = step
        way.append((event, world.ends.pair))
        world = before
    return tuple(reversed(way))


class Events:
    """What can happen next. Most of it depends on the two ends alone, and there are ten times as
    many worlds: it is worked out once for each two ends.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._calls = cache(self._called)
        self._times_out = cache(_timed_out)
        self._repeats = cache(_repeated)
        self._loses = cache(_lost)
        self._arrives = cache(_arrived)

    def of(self, world: World) -> Iterator[tuple[str, World]]:
        """Every event that is within the bounds, and the world that it leaves."""
        ends, most = world.ends, self._bounds.packets
        for event, to, after, sent in self._calls(ends):
            channel = world.channel(to) + sent
            if len(channel) <= most:
                yield event, world.after(after, to, channel)
        for side in Side:
            for event, after in self._times_out(ends, side):
                yield event, world._replace(ends=after)
            channel = world.channel(side.peer)
            for event, packet in self._repeats(ends, side):
                if packet not in channel and len(channel) < most:
                    yield event, world.after(ends, side.peer, (*channel, packet))
            if world.channel(side):
                packet, *rest = world.channel(side)
                lost = world.after(ends, side, tuple(rest))
                yield self._loses(side, packet.kind), lost
                event, after, sent = self._arrives(ends, side, packet)
                answered = channel + sent
                if len(answered) <= most and self._born(after):
                    yield event, lost.after(after, side.peer, answered)

    def _called(self, ends: Exchange) -> tuple[tuple[str, Side, Exchange, Channel], ...]:
        return tuple(
            (str(call), call.side.peer, after, sent)
            for call, after, sent in possible_calls(ends)
            if call.action in self._bounds.calls and self._born(after)
        )

    def _born(self, ends: Exchange) -> bool:
        return max(end.born for end in ends) <= self._bounds.incarnations


def _timed_out(ends: Exchange, side: Side) -> tuple[tuple[str, Exchange], ...]:
    end = ends.end(side)
    act = end.expire() or end.forgotten()
    return () if act is None else ((f"{side} times out", ends.with_end(side, act.after)),)


def _repeated(ends: Exchange, side: Side) -> tuple[tuple[str, InFlight], ...]:
    return tuple((f"{side} repeats its {each.kind}", each) for each in ends.end(side).resent())


def _lost(side: Side, kind: Segment) -> str:
    return f"{kind} to the {side} is lost"


def _arrived(ends: Exchange, side: Side, packet: InFlight) -> tuple[str, Exchange, Channel]:
    act = ends.end(side).receive(packet)
    return f"{packet.kind} reaches the {side}", ends.with_end(side, act.after), act.sent
