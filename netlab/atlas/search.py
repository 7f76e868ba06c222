# SPDX-License-Identifier: GPL-2.0-or-later
"""Finds how to freeze each pair: the fewest classes of segments to lose, and the fewest calls.

For every small set of losses, all calls of applications are tried, breadth first, on a network
that loses exactly these for ever. An exchange that settles there stays so: it is a frozen pair.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from netlab.atlas.endpoint import Endpoint, InFlight
from netlab.atlas.exchange import NOTHING, Call, Exchange, Losses, possible_calls, settle
from netlab.model.tcp import ACK, DATA, FIN, RST, SYN, Segment, State
from netlab.model.vocabulary import Pair, Side

#: The classes of segments that can be lost, each way.
CLASSES = tuple(itertools.product(Side, (SYN, SYN | ACK, ACK, FIN, RST, DATA)))
#: Bounds of the search: with one class or one call more, no further pair is found (tested).
MOST_LOSSES, MOST_CALLS = 3, 6
INCARNATIONS = 2


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to freeze one pair with constant losses."""

    pair: Pair
    losses: tuple[tuple[Side, Segment], ...]
    calls: tuple[Call, ...]


def recipes(most_losses: int = MOST_LOSSES, most_calls: int = MOST_CALLS) -> dict[Pair, Recipe]:
    """The recipe with the fewest losses, and among those with the fewest calls, for each pair.

    The client never listens: pairs are (client, server), as the articles draw them.
    """
    found: dict[Pair, Recipe] = {}
    reached = Search(most_calls)
    for size in range(most_losses + 1):
        shortest: dict[Pair, Recipe] = {}
        for losses in itertools.combinations(CLASSES, size):
            for ends, calls in reached.under(frozenset(losses)):
                known = shortest.get(ends.pair)
                if ends.pair in found or (known and len(known.calls) <= len(calls)):
                    continue
                shortest[ends.pair] = Recipe(ends.pair, losses, calls)
        found |= shortest
    return found


class Search:
    """The exchanges that applications can lead to. The behaviour of two ends is the same under any
    losses, and computed once.
    """

    def __init__(self, most_calls: int) -> None:
        self._most_calls = most_calls
        self._receive = cache(Endpoint.receive)
        self._calls = cache(_sensible_calls)

    def under(self, losses: Losses) -> Iterator[tuple[Exchange, tuple[Call, ...]]]:
        """Every exchange that settles under these losses, with the calls that lead there."""
        calls_to: dict[Exchange, tuple[Call, ...]] = {NOTHING: ()}
        waiting = deque([NOTHING])
        while waiting:
            ends = waiting.popleft()
            calls = calls_to[ends]
            yield ends, calls
            if len(calls) == self._most_calls:
                continue
            for call, changed, sent in self._calls(ends):
                settled = settle(changed, sent, losses, self._receive)
                if settled is not None and settled not in calls_to:
                    calls_to[settled] = (*calls, call)
                    waiting.append(settled)


def _sensible_calls(
    ends: Exchange,
) -> tuple[tuple[Call, Exchange, tuple[tuple[Side, InFlight], ...]], ...]:
    return tuple(
        (call, changed, tuple((call.side.peer, packet) for packet in sent))
        for call, changed, sent in possible_calls(ends)
        if _sensible(call, changed)
    )


def _sensible(call: Call, after: Exchange) -> bool:
    if call == Call(Side.CLIENT, "listen"):
        return False
    return after.end(call.side).born <= INCARNATIONS or call.action != "connect"


def by_pair(found: Mapping[Pair, Recipe]) -> list[Recipe]:
    """Recipes in the order of a grid: rows of the client's states, columns of the server's."""
    order = {state: number for number, state in enumerate(GRID_ORDER)}
    return sorted(
        found.values(), key=lambda recipe: (order[recipe.pair.client], order[recipe.pair.server])
    )


#: States in the order of a connection's life.
GRID_ORDER = (
    State.CLOSED,
    State.LISTEN,
    State.SYN_SENT,
    State.SYN_RECV,
    State.ESTABLISHED,
    State.FIN_WAIT1,
    State.FIN_WAIT2,
    State.CLOSE_WAIT,
    State.LAST_ACK,
    State.CLOSING,
    State.TIME_WAIT,
)
