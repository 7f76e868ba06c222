# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets and samples of hosts as frozen plain data, whichever tool they were read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netlab.model.tcp import State, Timer

Endpoint = tuple[str, int]  # an address as ipaddress writes it, and a port
FourTuple = tuple[Endpoint, Endpoint]  # local and remote, or source and destination


def written(endpoint: Endpoint) -> str:
    """An address and a port: ``10.0.0.1:80``, ``[fd00::1]:80``."""
    address, port = endpoint
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


@dataclass(frozen=True, slots=True)
class Socket:
    """One TCP socket. What the source does not show is None, or missing from `info`.

    IPv4 addresses mapped into IPv6 are plain IPv4 addresses, so that both ends of a connection
    have the same form.
    """

    state: State  # requests are SYN_RECV with inode 0, as /proc/net/tcp shows them
    local: Endpoint
    remote: Endpoint  # (ANY, 0) for a listener
    rx_queue: int  # bytes not read; of a listener: connections not accepted
    tx_queue: int  # bytes not acknowledged; of a listener: its backlog, 0 if unknown
    timer: Timer | None = None
    remaining: float | None = None  # seconds until the timer fires
    retransmits: int | None = None  # since the last acknowledgment; ss has them in `info` only
    probes: int | None = None  # zero-window probes, or tries that its own firewall refused
    inode: int | None = None  # 0: no descriptor (orphan, request, not accepted, TIME_WAIT)
    owner: str = ""  # as in the source: users:(("nginx",pid=1,fd=3)), or 1/nginx
    info: Mapping[str, float] = field(default_factory=dict)  # of ss -i, by its names; in seconds


@dataclass(frozen=True, slots=True)
class ConntrackEntry:
    """A TCP connection as connection tracking has it, on any host that it passes."""

    original: FourTuple  # of the packets of who began it, before anything is translated
    reply: FourTuple  # of the packets of who answers, before they are translated back
    state: str = ""  # SYN_SENT, ESTABLISHED, ..., as conntrack names them
    remaining: int | None = None  # seconds until it is forgotten
    answered: bool = True  # False: no packet came back ([UNREPLIED])


@dataclass(frozen=True, slots=True)
class Tracking:
    """The TCP connections that a host tracks."""

    entries: tuple[ConntrackEntry, ...]
    whole: bool = False  # whether they are all of them


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The next hops of a host, as far as somebody listed them."""

    silent: Mapping[str, bool] = field(default_factory=dict)  # by address: does it not answer ARP?
    routers: Mapping[str, str] = field(default_factory=dict)  # by network: 0.0.0.0/0, 10.9.0.0/16


@dataclass(frozen=True, slots=True)
class Sample:
    """One host, or one network namespace, at one moment."""

    sockets: Sequence[Socket]  # a tuple, or a crowd of so many that few are records
    counters: Mapping[str, int] = field(default_factory=dict)  # named as in netlab.linux.nstat
    sysctls: Mapping[str, str] = field(default_factory=dict)
    #: Seconds since the epoch; of a text that tells only how long it waited, since its first look.
    at: float | None = None
    source: str = ""  # what it was read from: ss -tanoei, /proc/net/tcp, netlab snapshot
    notes: tuple[str, ...] = ()  # remarks for its reader: a last line was truncated
    #: Whether it has every TCP socket of its host. Of a text this is known by the command in it, or
    #: by its shape; where it is False, a socket that is not there may exist all the same.
    whole: bool = True
    counts: Mapping[State, int] = field(default_factory=dict)  # where a text has numbers, not rows
    tracking: Tracking | None = None  # where somebody asked for it
    neighbourhood: Neighbourhood | None = None  # likewise


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One host: a sample of it, or several in order of time."""

    samples: tuple[Sample, ...]
    name: str = ""  # of the file or the host, for messages
