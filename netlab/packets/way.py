# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets on their way over hops, which may give them other addresses and ports: as the client has
them, so that what was seen in different places can be recognized as one packet.

Link 0 is the client's own; hop number n is between link n - 1 and link n.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from netlab.model.evidence import Frame, Translation
from netlab.model.vocabulary import Hook, Side
from netlab.packets.headers import End, Headers, lasting, read, readdressed

Ends = tuple[End, End]  # the client's and the server's
#: Seconds by which clocks read in different places may differ.
SLACK = 0.0005
#: Hooks at which a packet has not left its sender yet.
SENDING = frozenset({Hook.OUTPUT, Hook.POSTROUTING})


def sender_of(frame: Frame) -> Side:
    """The end that a packet comes from, or came past last: where it was seen tells it."""
    coming = frame.seen == "in" or (frame.seen == "dropped" and frame.hook not in SENDING)
    if frame.hop:
        return frame.side if coming else frame.side.peer
    return frame.side.peer if coming else frame.side


class Itinerary:
    """So many hops, what they make of addresses, and which answer for both ends."""

    def __init__(
        self,
        hops: int = 0,
        translations: Sequence[Translation] = (),
        answering: Sequence[int] = (),
    ) -> None:
        self.hops, self._answering = hops, answering
        self._links = [_Names()]
        self._inside = [_Names()]
        for number in range(1, self.hops + 1):
            before, behind = self._links[-1], self._links[-1].copy()
            inside = before.copy()
            for each in translations:
                if each.hop == number:
                    own = each.client, each.server
                    canonical = before.of(own, each.at)
                    behind.add((each.client_behind, each.server_behind), each.at, canonical)
                    for ends in itertools.product(
                        (each.client, each.client_behind), (each.server, each.server_behind)
                    ):
                        inside.add(ends, each.at, canonical)
            self._links.append(behind)
            #: What is neither as before a hop nor as behind it: one end is translated already.
            self._inside.append(inside)

    def leg(self, frame: Frame) -> int:
        """How many hops that answer for both ends are between the client and where it was seen:
        each side of one has numbers of its own.
        """
        link = self.hops * (frame.side is Side.SERVER)
        if frame.hop:
            link = frame.hop - (frame.side is Side.CLIENT)
        return sum(number <= link for number in self._answering)

    def station(self, frame: Frame, sender: Side) -> int:
        """How many hops a packet had reached where it was seen: 0 at its sender."""
        if not frame.hop:
            return 0 if frame.side is sender else self.hops + 1
        return frame.hop if sender is Side.CLIENT else self.hops + 1 - frame.hop

    def headers(self, frame: Frame) -> Headers:
        """The headers of a frame, with the ends as the client has them."""
        headers = read(frame)
        names = self._names(frame)
        if names is None:
            return headers
        sender = sender_of(frame)
        source, destination = self._renamed(
            names, (headers.source, headers.destination), sender, frame.at
        )
        inner = headers.inner
        if inner is not None:  # it quotes what went the other way
            inner = self._renamed(names, inner, sender.peer, frame.at)
        return headers._replace(source=source, destination=destination, inner=inner)

    def _renamed(self, names: _Names, ends: Ends, sender: Side, at: float) -> Ends:
        """Source and destination as the client has them. What took another way there, over no hop,
        has the names that the server has, and so has what answers it.
        """
        found = names.renamed(*ends, sender, at)
        return found if found != ends else self._links[-1].renamed(*ends, sender, at)

    def key(self, frame: Frame) -> bytes:
        """What is the same wherever a packet was seen."""
        if self._names(frame) is None:
            return lasting(frame.data)
        headers = self.headers(frame)
        if headers.inner is not None:
            return repr((headers.text, headers.inner)).encode()
        return lasting(readdressed(frame.data, headers.source, headers.destination))

    def _names(self, frame: Frame) -> _Names | None:
        """The names of connections where a frame was seen."""
        if not self.hops:
            return None
        if frame.seen == "dropped" and frame.hop:
            return self._inside[frame.hop]
        if frame.hop:
            return self._links[frame.hop - (frame.side is Side.CLIENT)]
        return self._links[0 if frame.side is Side.CLIENT else -1]


class _Names:
    """The ends of connections on one link, with those that the client has. Ports are used again,
    so that the same ends may have been of another connection before.
    """

    def __init__(self) -> None:
        self._known: dict[Ends, list[tuple[float, Ends]]] = {}

    def copy(self) -> _Names:
        """Another one, which knows the same."""
        found = _Names()
        found._known = {ends: [*some] for ends, some in self._known.items()}
        return found

    def add(self, ends: Ends, at: float, canonical: Ends) -> None:
        """From that time on, in seconds since the lab was built, these are those of the client."""
        self._known.setdefault(ends, []).append((at, canonical))

    def of(self, ends: Ends, at: float) -> Ends:
        """Those of the client, at that time."""
        known = self._known.get(ends)
        if known is None:
            return ends
        by_then = [canonical for since, canonical in known if since <= at + SLACK]
        return by_then[-1] if by_then else known[0][1]

    def renamed(self, source: End, destination: End, sender: Side, at: float) -> Ends:
        """Source and destination of a packet, with the names that the client has for its ends."""
        if sender is Side.CLIENT:
            return self.of((source, destination), at)
        client, server = self.of((destination, source), at)
        return server, client
