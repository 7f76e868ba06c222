# SPDX-License-Identifier: GPL-2.0-or-later
"""Two endpoints and the network between them: constant loss, and where the pair settles."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from netlab.atlas.endpoint import CALLS, Act, Endpoint, InFlight
from netlab.model.tcp import Segment
from netlab.model.vocabulary import Pair, Side

#: Classes of segments that are lost for ever on the way to a side.
Losses = frozenset[tuple[Side, Segment]]
#: More packets than two ends exchange before they settle or answer each other for ever.
ENDLESS = 400


class Call(NamedTuple):
    """A call of an application."""

    side: Side
    action: str

    def __str__(self) -> str:
        return f"{self.side} {self.action}"


class Exchange(NamedTuple):
    """Both endpoints."""

    client: Endpoint
    server: Endpoint

    @property
    def pair(self) -> Pair:
        """The pair that tables of sockets show."""
        return Pair(self.client.shown, self.server.shown)

    def end(self, side: Side) -> Endpoint:
        """The endpoint of one side."""
        return self.client if side is Side.CLIENT else self.server

    def with_end(self, side: Side, end: Endpoint) -> Exchange:
        """The same with one end changed."""
        return Exchange(end, self.server) if side is Side.CLIENT else Exchange(self.client, end)


NOTHING = Exchange(Endpoint(), Endpoint())


def possible_calls(ends: Exchange) -> Iterator[tuple[Call, Exchange, tuple[InFlight, ...]]]:
    """Every call that an application could make now, the exchange after it, and what it sends."""
    for side in Side:
        for action in CALLS:
            act = ends.end(side).act(action)
            if act is not None:
                yield Call(side, action), ends.with_end(side, act.after), act.sent


def settle(
    ends: Exchange,
    sent: Iterable[tuple[Side, InFlight]],
    losses: Losses,
    receive: Callable[[Endpoint, InFlight], Act] = Endpoint.receive,
) -> Exchange | None:
    """Deliver everything that is not lost, and repeat what is repeated, until nothing changes.

    `sent` pairs each packet with the side it is for. `receive` is `Endpoint.receive`, or a cached
    version of it. Returns None if the two ends answer each other for ever.
    """
    settled = _deliver(ends, sent, losses, receive)
    while settled is not None:
        before = settled
        for side in Side:
            forgotten = settled.end(side).forgotten()
            if forgotten is not None:
                settled = settled.with_end(side, forgotten.after)
        for side in Side:
            if settled is not None:
                repeated = [(side.peer, packet) for packet in settled.end(side).resent()]
                settled = _deliver(settled, repeated, losses, receive)
        if settled == before:
            return settled
    return None


def met_again(ends: Exchange, losses: Losses) -> Losses:
    """The losses that meet what two settled ends repeat, and the answers to it."""
    met = set()
    queue = deque((side.peer, packet) for side in Side for packet in ends.end(side).resent())
    for _ in range(ENDLESS):
        if not queue:
            break
        to, packet = queue.popleft()
        if (to, packet.kind) in losses:
            met.add((to, packet.kind))
        else:
            queue.extend((to.peer, answer) for answer in ends.end(to).receive(packet).sent)
    return frozenset(met)


def _deliver(
    ends: Exchange,
    sent: Iterable[tuple[Side, InFlight]],
    losses: Losses,
    receive: Callable[[Endpoint, InFlight], Act],
) -> Exchange | None:
    queue = deque(sent)
    for _ in range(ENDLESS):
        if not queue:
            return ends
        to, packet = queue.popleft()
        if (to, packet.kind) not in losses:
            act = receive(ends.end(to), packet)
            ends = ends.with_end(to, act.after)
            queue.extend((to.peer, answer) for answer in act.sent)
    return None
