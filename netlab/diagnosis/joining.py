# SPDX-License-Identifier: GPL-2.0-or-later
"""What is assumed, or cannot be known, of a host that shows no address of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netlab.diagnosis.observed import ObservedHost
from netlab.diagnosis.pairing import EndPair
from netlab.model.tcp import State


def note(pair: EndPair, hosts: Sequence[ObservedHost]) -> Iterator[str]:
    """What to say of a stuck connection, if its other end may be at one of several hosts that were
    looked at, and nothing there says so.
    """
    if pair.assumed and pair.peer is not None:
        yield (
            f"{_named(pair.peer.host)} shows no address of its own, and is taken for "
            f"{pair.assumed}: 'ip -br addr' there says whether it is"
        )
    elif pair.peer is None and pair.own.state is State.SYN_SENT and pair.own.socket is not None:
        address, port = pair.own.socket.remote
        for host in hosts:
            if host is not pair.own.host and host.listeners and host.is_nameless:
                yield (
                    f"{_named(host)} shows no address of its own: 'ip -br addr' there says whether "
                    f"it is {address}, and if it is, {_listening(host, port)}"
                )


def _listening(host: ObservedHost, port: int) -> str:
    listener = host.listeners.get(port)
    if listener is None:
        return f"nobody listens there at port {port}"
    return f"its listener at port {port} {'is full' if listener.full else 'has room'}"


def _named(host: ObservedHost) -> str:
    return host.name or "the other host"
