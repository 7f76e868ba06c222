# SPDX-License-Identifier: GPL-2.0-or-later
"""The vocabulary of labs: sides, families, hooks, answers, claims. Nothing here has an effect, so
a scenario can be read without loading what it takes to play one.
"""

from __future__ import annotations

import enum
import socket
from dataclasses import dataclass

from netlab.model.tcp import State

#: What an application reads, where it is neither bytes nor an error.
EOF, WAITS = "EOF", "nothing"
#: The states of a TCP connection in a table of connections, as ``conntrack -L`` prints them, by the
#: kernel's number (enum tcp_conntrack).
CONNTRACK = (
    "NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",
    "TIME_WAIT", "CLOSE", "SYN_SENT2",
)  # fmt: skip
USUAL_PORT = 5555  # the port of the articles' exercises


@dataclass(frozen=True, slots=True)
class Pair:
    """The states of both ends of a connection, read together."""

    client: State
    server: State

    def state(self, side: Side) -> State:
        """The state of one end."""
        return self.client if side is Side.CLIENT else self.server

    def words(self) -> tuple[str, str]:
        """The state of each end, in words."""
        return str(self.client), str(self.server)

    def __str__(self) -> str:
        return f"{self.client}/{self.server}"


class Family(enum.IntEnum):
    """The internet protocol that a lab's connections use."""

    IPV4 = socket.AF_INET
    IPV6 = socket.AF_INET6

    @property
    def prefix(self) -> int:
        """The prefix length, in bits, of the network that both sides share."""
        return 24 if self is Family.IPV4 else 64

    def __str__(self) -> str:
        return "IPv4" if self is Family.IPV4 else "IPv6"


class Side(enum.Enum):
    """The two ends of a lab."""

    CLIENT = "client"
    SERVER = "server"

    # Each is one object, and a key of what every sample looks up: Enum's own is slower, in Python.
    __hash__ = object.__hash__

    @property
    def peer(self) -> Side:
        """The other end."""
        return Side.SERVER if self is Side.CLIENT else Side.CLIENT

    @property
    def number(self) -> int:
        """1 or 2: the last part of every address of that side."""
        return 1 if self is Side.CLIENT else 2

    @property
    def hardware(self) -> str:
        """The hardware address of that side's end of the wire."""
        return f"02:00:00:00:00:0{self.number}"

    def address(self, family: Family, network: int = 0, extra: int = 0) -> str:
        """The internet address of that side in a lab's network; `extra` counts additional ones."""
        number = self.number + 2 * extra
        if family is Family.IPV4:
            return f"10.{network >> 8}.{network & 0xFF}.{number}"
        return f"fd00:0:0:{network:x}::{number:x}" if network else f"fd00::{number:x}"

    def __str__(self) -> str:
        return self.value


class Hook(enum.Enum):
    """The place of a rule in a host's stack; the value is the kernel's number (NF_INET_*)."""

    PREROUTING = 0
    INPUT = 1
    OUTPUT = 3
    POSTROUTING = 4

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Reject:
    """An answer to a packet instead of silence: ``reject with ...``."""

    name: str
    text: str  # as nft writes it
    kind: int  # NFT_REJECT_ICMP_UNREACH 0, _TCP_RST 1, _ICMPX_UNREACH 2
    code: int
    only: Family | None = None  # where ICMP and ICMPv6 have no code in common


REJECTS = {
    reject.name: reject
    for reject in (
        Reject("tcp-reset", "tcp reset", 1, 0),
        Reject("no-route", "icmpx type no-route", 2, 0),
        Reject("port-unreachable", "icmpx type port-unreachable", 2, 1),
        Reject("host-unreachable", "icmpx type host-unreachable", 2, 2),
        Reject("admin-prohibited", "icmpx type admin-prohibited", 2, 3),
        Reject("net-unreachable", "icmp type net-unreachable", 0, 0, Family.IPV4),
        Reject("prot-unreachable", "icmp type prot-unreachable", 0, 2, Family.IPV4),
        Reject("net-prohibited", "icmp type net-prohibited", 0, 9, Family.IPV4),
        Reject("host-prohibited", "icmp type host-prohibited", 0, 10, Family.IPV4),
        Reject("policy-fail", "icmpv6 type policy-fail", 0, 5, Family.IPV6),
        Reject("reject-route", "icmpv6 type reject-route", 0, 6, Family.IPV6),
    )
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Something that kernels do differently, and that no sysctl or counter reveals.

    It has to be tried: see `netlab.testbed.behaviours`.
    """

    name: str
    does: str  # what a kernel that has it does
    lacks: str  # why scenarios that need it are skipped: what this kernel does instead


BEHAVIOURS = {
    behaviour.name: behaviour
    for behaviour in (
        Behaviour(
            "shutdown-waits-in-syn-recv",
            "shutdown() in SYN_RECV is remembered until the handshake is over",
            "this kernel sends its FIN at once on shutdown() in SYN_RECV",
        ),
        Behaviour(
            "backlog-0-keeps-one-request",
            "listen(0) has room for one connection that is being opened",
            "this kernel keeps no request for a listener with a backlog of 0",
        ),
    )
}


#: The states of an end whose connection is over.
OVER = frozenset({State.CLOSED, State.LISTEN, State.TIME_WAIT})


@dataclass(frozen=True, slots=True)
class ExpectedPair:
    """The states that each end is claimed to be in; several where it flickers, and each is seen.

    Several of `OVER` are one or the other: who closed first has the TIME_WAIT.
    """

    client: tuple[State, ...]
    server: tuple[State, ...]

    def states(self, side: Side) -> tuple[State, ...]:
        """The states claimed for one end."""
        return self.client if side is Side.CLIENT else self.server

    def admits(self, pair: Pair) -> bool:
        """True if a sampled pair is as claimed."""
        return pair.client in self.client and pair.server in self.server

    def flickering(self, side: Side) -> tuple[State, ...]:
        """The states of one end each of which is seen; none where it has only one."""
        states = self.states(side)
        return states if len(states) > 1 and not OVER.issuperset(states) else ()

    @property
    def flickers(self) -> bool:
        """True if an end has several states, each of which is seen."""
        return any(self.flickering(side) for side in Side)

    def words(self) -> tuple[str, str]:
        """The states claimed for each end, in words."""
        return self.written(Side.CLIENT), self.written(Side.SERVER)

    def written(self, side: Side) -> str:
        """The states claimed for one end, in words."""
        return " or ".join(str(state) for state in self.states(side))

    def __str__(self) -> str:
        return f"{self.written(Side.CLIENT)}/{self.written(Side.SERVER)}"
