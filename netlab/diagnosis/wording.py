# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of a finding: names for the two ends and the service, and the texts of the rules."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.diagnosis.conditions import PLACE
from netlab.diagnosis.facts import DESTINATION_FACTS, FACTS, Value
from netlab.diagnosis.observed import Destination, ObservedEnd, ObservedHost
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Endpoint, written

#: What is no row of a connection.
GONE = ("CLOSED", "LISTEN")


def four_tuple(own: ObservedEnd, peer: ObservedEnd | None) -> tuple[Endpoint, Endpoint]:
    """The local and the remote endpoint of a connection, from whichever end is still there."""
    if own.socket is not None:
        return own.socket.local, own.socket.remote
    assert peer is not None
    assert peer.socket is not None
    return peer.socket.remote, peer.socket.local


def alternatives(shown: Sequence[str]) -> str:
    """States that the other end may show; those of the handshake and then "nothing" come last."""
    words = [word for word in shown if word not in GONE]
    words.sort(key=lambda word: word.startswith("SYN"))
    return " or ".join([*words, *(["nothing"] if len(words) < len(shown) else [])])


class Phrasing:
    """Fills the names and the facts of one connection into the texts of rules."""

    def __init__(
        self, own: ObservedEnd, peer: ObservedEnd | None, goes_to: Endpoint, here: bool
    ) -> None:
        self._ends = (own, peer)
        if peer is None or here != (goes_to[0] == ANY):
            self._names = ("this end", "the other end")
        elif _is_listener(own, peer, goes_to[1]):
            self._names = ("the server", "the client") if here else ("the client", "the server")
        else:
            local, remote = four_tuple(own, peer)
            self._names = (written(local), written(remote))

    def __call__(self, text: str, turned: bool = False) -> str:
        """A text with its placeholders filled in. `turned`: its `own` is the second end."""
        ends, names = self._ends, self._names
        if turned and ends[1] is not None:
            ends, names = (ends[1], ends[0]), (names[1], names[0])
        own, peer = ends[0], ends[1]

        def filled(end: str, word: str | None) -> str:
            if word is None:
                return names[0] if end == "own" else names[1]
            here, there = (own, peer) if end == "own" else (peer, own)
            return _written(None if here is None else FACTS[word](here, there))

        return PLACE.sub(lambda match: filled(match[1], match[2]), text)


def of_destination(text: str, destination: Destination) -> str:
    """A text of a rule about destinations with its placeholders filled in."""
    return PLACE.sub(lambda match: _written(DESTINATION_FACTS[match[2]](destination)), text)


def of_host(text: str, host: ObservedHost) -> str:
    """A text of a rule about hosts with the host's name and its facts filled in."""
    end = ObservedEnd(State.CLOSED, host)
    name = host.name or "this host"
    return PLACE.sub(lambda m: _written(FACTS[m[2]](end, None)) if m[2] else name, text)


def _written(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _is_listener(own: ObservedEnd, peer: ObservedEnd, port: int) -> bool:
    return port in own.host.listeners or port in peer.host.listeners
