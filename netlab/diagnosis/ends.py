# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rules look at: one end of a connection, and the host that it is on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from netlab.diagnosis.records import Endpoint, Look, Snapshot, Socket
from netlab.tcp import State

Value = bool | float | str | None

#: ss prints the time since boot where nothing was ever sent or heard.
NEVER = 1e6
RECENT = 1.0  # seconds: an application that sent or got data so lately is at work
PORT_RANGE = (32768, 60999)  # ip_local_port_range, where the snapshot does not say


@dataclass(slots=True)
class Listener:
    """What waits at one port of a host."""

    waiting: int = 0
    backlog: int | None = None
    requests: int = 0


@dataclass(slots=True)
class Host:
    """One snapshot: what was counted between its looks, and what its listeners have waiting."""

    name: str
    number: int = 0
    counters: Mapping[str, int] = field(default_factory=dict)  # the last look's
    risen: Mapping[str, int] | None = None  # between the first and the last; None: one look only
    sysctls: Mapping[str, str] = field(default_factory=dict)
    listeners: dict[int, Listener] = field(default_factory=dict)
    addresses: set[str] = field(default_factory=set)
    #: Sockets in CLOSE_WAIT that a process holds, by their own port and by where they go.
    crowds: Counter[int | Endpoint] = field(default_factory=Counter)
    tells_windows: bool = False  # ss leaves snd_wnd out where it is 0, and where it is old

    @property
    def ports(self) -> tuple[int, int]:
        """The ephemeral ports (ip_local_port_range)."""
        words = self.sysctls.get("ip_local_port_range", "").split()
        if len(words) == 2 and all(word.isdecimal() for word in words):
            return int(words[0]), int(words[1])
        return PORT_RANGE

    @classmethod
    def of(cls, snapshot: Snapshot, number: int) -> Host:
        """What is true of the whole host."""
        first, last = snapshot.looks[0], snapshot.looks[-1]
        host = cls(snapshot.name, number, last.counters, None, last.sysctls)
        if len(snapshot.looks) > 1 and first.counters and last.counters:
            host.risen = {
                name: count - first.counters.get(name, 0) for name, count in last.counters.items()
            }
        host._listen(last)
        return host

    def _listen(self, look: Look) -> None:
        knows_backlog = "proc" not in look.source and "netstat" not in look.source
        listen, request, leaving = State.LISTEN, State.SYN_RECV, State.CLOSE_WAIT
        for socket in look.sockets:
            state = socket.state
            if not self.tells_windows and "snd_wnd" in socket.info:
                self.tells_windows = True
            if state is listen:
                found = self.listeners.setdefault(socket.local[1], Listener())
                found.waiting = max(found.waiting, socket.rx_queue)
                if knows_backlog:
                    found.backlog = max(found.backlog or 0, socket.tx_queue)
            elif state is request and not socket.inode:
                self.listeners.setdefault(socket.local[1], Listener()).requests += 1
            elif state is leaving and (socket.inode != 0 or socket.owner):
                self.crowds[socket.local[1]] += 1
                self.crowds[socket.remote] += 1


@dataclass(slots=True)
class End:
    """One end of a connection, as the rules see it. Without a socket it is gone (or listens)."""

    state: State
    host: Host
    socket: Socket | None = None
    before: Socket | None = None  # the same one at the first look
    elapsed: float | None = None  # seconds between the two looks

    @property
    def listener(self) -> Listener | None:
        """Who listens at its port."""
        return self.host.listeners.get(self.socket.local[1]) if self.socket else None


def since(socket: Socket, name: str) -> float | None:
    """Seconds since something happened; ss leaves it out where it was just now."""
    age = socket.info.get(name, 0.0 if "rto" in socket.info else None)
    return None if age is None or age >= NEVER else age
