# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds the possible pairs of states: explores all behaviour of applications, network and time.

The search is breadth first, so the first way to a pair is a shortest one. The channel each way is a
queue that delivers in order and can lose its first packet at any time; a packet that is not in it
can be sent again at any time; anything that can time out can do so at any time.
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
#: Each event, and the pair that it leads to.
Trace = tuple[tuple[str, Pair], ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds that keep the exploration finite. Each can be raised."""

    packets: int = 2  # in flight, each way
    incarnations: int = 2  # connections that each end opens or accepts
    calls: frozenset[str] = frozenset(
        # Data changes no state, and vanishing without a packet equals an abort with the RST lost.
        {"listen", "connect", "shutdown", "close", "abort"}
    )


class World(NamedTuple):
    """Both ends, and the packets in flight to each."""

    ends: Exchange
    to_client: Channel = ()
    to_server: Channel = ()

    def channel(self, to: Side) -> Channel:
        """The packets in flight to one side, oldest first."""
        return self.to_client if to is Side.CLIENT else self.to_server

    def after(self, ends: Exchange, to: Side, channel: Channel) -> World:
        """The same with the ends and one channel replaced."""
        if to is Side.CLIENT:
            return World(ends, channel, self.to_server)
        return World(ends, self.to_client, channel)


@dataclass(frozen=True, slots=True)
class Reached:
    """The result: a shortest way to each pair, and the number of worlds seen."""

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
    """The events that can happen next. Most depend on the two ends alone, and there are ten times
    as many worlds as pairs of ends, so they are computed once for each pair of ends.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._calls = cache(self._called)
        self._times_out = cache(_timed_out)
        self._repeats = cache(_repeated)
        self._loses = cache(_lost)
        self._arrives = cache(_arrived)

    def of(self, world: World) -> Iterator[tuple[str, World]]:
        """Every event within the bounds, and the world that it leads to."""
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
