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
from typing import NamedTuple

from netlab.atlas.endpoint import Packet
from netlab.atlas.network import NOTHING, Ends, possible_calls
from netlab.evidence import Pair
from netlab.testbed.words import Side

Channel = tuple[Packet, ...]
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

    ends: Ends
    to_client: Channel = ()
    to_server: Channel = ()

    def channel(self, to: Side) -> Channel:
        """What is on its way to one side, the oldest first."""
        return self.to_client if to is Side.CLIENT else self.to_server

    def after(self, ends: Ends, to: Side, channel: Channel) -> World:
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
    """Every reachable pair with a shortest trace. Takes 10 s with the default bounds."""
    start = World(NOTHING)
    came_from: dict[World, tuple[World, str] | None] = {start: None}
    first: dict[Pair, World] = {}
    waiting = deque([start])
    while waiting:
        world = waiting.popleft()
        first.setdefault(world.ends.pair, world)
        for event, following in _events(world, bounds):
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


def _events(world: World, bounds: Bounds) -> Iterator[tuple[str, World]]:
    for event, following in _everything(world, bounds):
        fits = max(len(following.to_client), len(following.to_server)) <= bounds.packets
        if fits and max(end.born for end in following.ends) <= bounds.incarnations:
            yield event, following


def _everything(world: World, bounds: Bounds) -> Iterator[tuple[str, World]]:
    ends = world.ends
    for call, changed, sent in possible_calls(ends):
        if call.action in bounds.calls:
            to = call.side.peer
            yield str(call), world.after(changed, to, world.channel(to) + sent)
    for side in Side:
        end = ends.end(side)
        act = end.expire() or end.forgotten()
        if act is not None:
            yield f"{side} times out", world._replace(ends=ends.with_end(side, act.after))
        for packet in end.resent():
            channel = world.channel(side.peer)
            if packet not in channel:
                again = world.after(ends, side.peer, (*channel, packet))
                yield f"{side} repeats its {packet.kind}", again
        if world.channel(side):
            packet, *rest = world.channel(side)
            lost = world.after(ends, side, tuple(rest))
            yield f"{packet.kind} to the {side} is lost", lost
            act = end.receive(packet)
            answered = world.channel(side.peer) + act.sent
            arrived = lost.after(ends.with_end(side, act.after), side.peer, answered)
            yield f"{packet.kind} reaches the {side}", arrived
