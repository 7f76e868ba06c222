# SPDX-License-Identifier: GPL-2.0-or-later
"""How findings speak: the names of the two ends, of a service, and what sockets show."""

from __future__ import annotations

from collections.abc import Sequence

from netlab.diagnosis.causes import PLACE
from netlab.diagnosis.ends import End
from netlab.diagnosis.facts import FACTS
from netlab.diagnosis.records import ANY, Endpoint


def numbers(own: End, peer: End | None) -> tuple[Endpoint, Endpoint]:
    """Where a connection goes from, and to, whichever end is still there."""
    if own.socket is not None:
        return own.socket.local, own.socket.remote
    assert peer is not None
    assert peer.socket is not None
    return peer.socket.remote, peer.socket.local


def elsewhere(states: Sequence[str]) -> str:
    """States that the other end may show: those of a new life of it (SYN_SENT) come last, and
    nothing after them.
    """
    words = [state for state in states if state not in ("CLOSED", "LISTEN")]
    words.sort(key=lambda word: word.startswith("SYN"))
    return " or ".join([*words, *(["nothing"] if len(words) < len(states) else [])])


def service(endpoint: Endpoint, here: bool) -> str:
    """Where connections go: a port of this host, or one elsewhere."""
    return f"port {endpoint[1]}" if here else written(endpoint)


class Sayings:
    """Fills in the names of the ends and what their sockets show."""

    def __init__(self, own: End, peer: End | None, goes_to: Endpoint, here: bool) -> None:
        self._ends = (own, peer)
        if peer is None or here != (goes_to[0] == ANY):
            self._names = ("this end", "the other end")
        elif _someone_listens(own, peer, goes_to[1]):
            self._names = ("the server", "the client") if here else ("the client", "the server")
        else:
            local, remote = numbers(own, peer)
            self._names = (written(local), written(remote))

    def __call__(self, text: str, turned: bool = False) -> str:
        """A text with its places filled in. `turned`: its `own` is the second end."""
        ends, names = self._ends, self._names
        if turned and ends[1] is not None:
            ends, names = (ends[1], ends[0]), (names[1], names[0])
        own, peer = ends[0], ends[1]

        def filled(end: str, word: str | None) -> str:
            if word is None:
                return names[0] if end == "own" else names[1]
            here, there = (own, peer) if end == "own" else (peer, own)
            value = None if here is None else FACTS[word](here, there)
            return f"{value:.4g}" if isinstance(value, float) else str(value)

        return PLACE.sub(lambda found: filled(found[1], found[2]), text)


def _someone_listens(own: End, peer: End, port: int) -> bool:
    return port in own.host.listeners or port in peer.host.listeners


def written(endpoint: Endpoint) -> str:
    """An address and a port."""
    address, port = endpoint
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
