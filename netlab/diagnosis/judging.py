# SPDX-License-Identifier: GPL-2.0-or-later
"""What fits each connection, of those that are not plainly well."""

from __future__ import annotations

import itertools
from array import array
from collections.abc import Iterable, Iterator, Sequence

from netlab.diagnosis import pairing
from netlab.diagnosis.observed import ObservedEnd, ObservedHost
from netlab.diagnosis.pairing import EndPair
from netlab.diagnosis.rules import Fitting, Rules
from netlab.model.tcp import State
from netlab.snapshot.crowd import at_rest
from netlab.snapshot.records import Snapshot, Socket
from netlab.snapshot.turns import in_turns

#: Sockets of a host that are not at rest from which on two processes judge them, how many at a
#: time, and one of how many times it is done by this process, which has to group them all.
FOR_TWO, SOME, SHARE = 50_000, 1000, 6


def judged(
    snapshots: Sequence[Snapshot], observed: Sequence[ObservedHost], known: Rules
) -> Iterator[tuple[EndPair, Fitting]]:
    """Each connection that is not plainly well, and the causes that fit it, the best first."""
    pairs = pairing.pairs(snapshots, observed, but_for=_plainly_well)
    match observed:
        case [only] if len(only.restless) >= FOR_TWO:
            return _by_two(pairs, only, known)
    return _by_one(pairs, known)


def _by_one(pairs: Iterable[EndPair], known: Rules) -> Iterator[tuple[EndPair, Fitting]]:
    for pair in pairs:
        yield pair, () if _is_well(pair) else known.judge(pair.own, pair.peer)


def _by_two(
    pairs: Iterator[EndPair], host: ObservedHost, known: Rules
) -> Iterator[tuple[EndPair, Fitting]]:
    """The other process says only which are alike: of those, one is judged here as well."""

    def alike(some: Sequence[EndPair]) -> array[int]:
        """Of each pair, the number of the first one that fits the same causes."""
        fitting = [causes for _, causes in _by_one(some, known)]
        first: dict[int, int] = {}
        return array("H", [first.setdefault(id(one), n) for n, one in enumerate(fitting)])

    begun = itertools.chain([*itertools.islice(pairs, 1)], pairs)
    _count_beforehand(host, known)
    slices = iter(lambda: [*itertools.islice(begun, SOME)], [])
    for some, numbers in in_turns(alike, slices, pays=True, every=SHARE):
        kinds = {*numbers}
        causes = dict(zip(kinds, _by_one([some[number] for number in kinds], known), strict=True))
        for pair, number in zip(some, numbers, strict=True):
            yield pair, causes[number][1]


def _count_beforehand(host: ObservedHost, known: Rules) -> None:
    """Have what is asked of a host's sockets as a whole counted once, not in each process."""
    for state, socket in {socket.state: socket for socket in host.restless}.items():
        known.judge(ObservedEnd(state, host, socket), None)


def _is_well(pair: EndPair) -> bool:
    """Whether the rules would find nothing, and need not be applied."""
    own, peer = pair.own, pair.peer
    if own.socket is None or (peer is not None and peer.socket is None):
        return own.state is State.TIME_WAIT
    return _plainly_well(own.socket, None if peer is None else peer.socket)


def _plainly_well(own: Socket, other: Socket | None) -> bool:
    """The same for two sockets, or for one of whose other end nothing is known."""
    if not at_rest(own):
        return False
    return other is None or (other.state is own.state and at_rest(other))
