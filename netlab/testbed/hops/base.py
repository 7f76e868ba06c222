# SPDX-License-Identifier: GPL-2.0-or-later
"""One host on the way: a namespace that forwards, and what it does to packets besides."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from netlab.linux import conntrack, nftables
from netlab.linux.expression import log_text
from netlab.linux.namespace import Namespace
from netlab.linux.netlink import NETLINK_NETFILTER, NETLINK_ROUTE
from netlab.linux.privileges import refused
from netlab.linux.transport import Transport
from netlab.model import evidence
from netlab.model.errors import Absent, LabError
from netlab.model.vocabulary import Family, Side
from netlab.testbed import coerce
from netlab.testbed.faults.base import Fault

Place = tuple[Side, int]  # an end, and the number of its additional address
LONGEST = 1_000_000  # seconds that it may remember what is silent
OWN = 127  # a hop's addresses are the ends' additional ones of this number, less its own
#: What every hop needs to forward, and to say nothing of it. Redirects would show the ends a
#: shorter way.
FORWARDING = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.send_redirects": 0,
    "net.ipv4.conf.all.rp_filter": 0,
    "net.ipv4.conf.default.rp_filter": 0,
}
TIMEOUTS = (
    "syn_sent", "syn_recv", "established", "fin_wait", "close_wait", "last_ack", "time_wait",
    "close", "max_retrans", "unacknowledged",
)  # fmt: skip


@dataclass(frozen=True)
class HopPlan:
    """Where a hop stands: its number, counted from the client's end and from 1, and the number of
    the lab's network.
    """

    number: int
    network: int
    #: Whose additional address a name is, and which one: of the ends, of services, and of the
    #: servers behind them.
    known: Mapping[str, Place]

    def address(self, side: Side, family: Family) -> str:
        """The hop's own address on its link towards that side."""
        return side.address(family, self.network, OWN - self.number)

    def at(self, name: str, family: Family) -> str:
        """The address of that name: of an end, of a service or of a server behind one."""
        side, extra = self.known[name]
        return side.address(family, self.network, extra)


class HopHost:
    """The host of one hop. `logs`: somebody listens to what its rules drop; `divert` has answers
    take another way, or the same one again.
    """

    def __init__(
        self, plan: HopPlan, clock: Callable[[], float], logs: bool, divert: Callable[[bool], None]
    ) -> None:
        self.plan, self.clock, self.logs, self.divert = plan, clock, logs, divert
        with contextlib.ExitStack() as opened:
            self.namespace = Namespace.create()
            opened.callback(self.namespace.close)
            try:
                with self.namespace:
                    self.route = opened.enter_context(contextlib.closing(Transport(NETLINK_ROUTE)))
                    self.firewall = opened.enter_context(
                        contextlib.closing(Transport(NETLINK_NETFILTER))
                    )
            except OSError as error:
                raise refused(error) from None
            for name, value in FORWARDING.items():
                self.namespace.sysctl(name, value)
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let go of the namespace; the kernel removes its links from both neighbours."""
        self._opened.close()

    def nft(self, text: str) -> None:
        """Have the nft program do it. Raises `LabError` where it is missing, or refuses."""
        try:
            with self.namespace:
                complaint = nftables.execute(text)
        except FileNotFoundError:
            raise LabError(nftables.lacking("a rule of a hop")) from None
        if complaint:
            raise LabError(f"nft refused the rules of hop {self.plan.number}: {complaint}")


class Hop(Fault):
    """A plain router; the kinds of hops do more. Give them to `Lab.path`, each once.

    `name` is for `Lab.remove` and for the evidence; without one, it is the kind's word.
    """

    kind = "router"
    hosted: ClassVar[bool] = True  # has a host of its own
    answers: ClassVar[bool] = False  # for both ends, each of which knows only it
    needs: ClassVar[str] = ""  # rules: the nft program; tracking, proxy: of the kernel as well

    def __init__(self, name: str = "") -> None:
        self.name = coerce.name(name or self.kind)
        self.counts = bool(self.losses())
        #: True for one that only forwards, to see what comes without it.
        self.idle = False
        self._box: HopHost | None = None
        self._installed = 0.0
        self._removed: float | None = None
        self._met = nftables.Counter(0, 0)

    # --- what a kind says of itself

    @property
    def does(self) -> str:
        """What it does, in words, after its name."""
        return "forwards"

    def sysctls(self) -> Mapping[str, object]:
        """The settings of its namespace."""
        return {}

    def losses(self) -> Sequence[tuple[str, str]]:
        """What it drops: a hook, and a match in nft's own language."""
        return ()

    def chains(self, plan: HopPlan) -> Iterator[str]:
        """Further chains, in nft's language: those that translate."""
        yield from ()

    def begin(self, box: HopHost) -> None:
        """Do what no rule does."""

    def end(self, box: HopHost) -> None:
        """Undo what `begin` did."""

    @property
    def services(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the addresses that it answers for, each with the servers behind it."""
        return {}

    # --- as a fault

    @property
    def tracks(self) -> bool:
        """True if it remembers connections."""
        return self.needs == "tracking"

    @property
    def box(self) -> HopHost:
        """Where it is. Raises `LabError` before it stands in a lab's path."""
        if self._box is None:
            raise LabError(f"the hop {self.name} is in no lab yet: give it to lab.path()")
        return self._box

    @property
    def memory(self) -> Transport:
        """Its table of connections. Raises `LabError` where it remembers none."""
        if not self.tracks:
            raise LabError(f"{self.name} remembers no connections")
        return self.box.firewall

    def stand(self, box: HopHost) -> None:
        """Take its place, and do what it does from now on.

        Raises `LabError` if it has one, and where the kernel or the nft program cannot do it.
        """
        if self._box is not None:
            raise LabError(f"the hop {self.name} has its place already: make another one")
        self._box, self._installed = box, box.clock()
        if self.idle:
            self._removed = self._installed
            return
        for name, value in self.sysctls().items():
            box.namespace.sysctl(name, value)
        text = self.rules(box.plan, box.logs)
        if text:
            box.nft(text)
        self.begin(box)

    @property
    def table(self) -> str:
        """The table of its rules: its name could be a word of nft's own."""
        return f"hop-{self.name}"

    def rules(self, plan: HopPlan, logs: bool = False) -> str:
        """Its rules as ``nft -f`` takes them; '' if it has none."""
        tables = {self.table: self._losing(logs), f"{self.table}-nat": [*self.chains(plan)]}
        return "".join(_table(name, chains) for name, chains in tables.items() if chains)

    def _losing(self, logs: bool) -> list[str]:
        log = f"{log_text(self.name)} " if logs else ""
        return [
            f"chain {hook}-{number} {{\ntype filter hook {hook} priority 0; policy accept;\n"
            f"{match} counter {log}drop\n}}"
            for number, (hook, match) in enumerate(self.losses(), start=1)
        ]

    @property
    def packets(self) -> int:
        """The number of packets that its rules have dropped so far."""
        if self.counts and self._box is not None and self._removed is None:
            counted = nftables.counters(self._box.firewall, self.table)
            self._met = sum(counted, start=nftables.Counter(0, 0))
        return self._met.packets

    @property
    def in_force(self) -> bool:
        """True until it only forwards."""
        return self._removed is None

    def remove(self) -> None:
        """Have it only forward from now on. What is translated stays so while it is remembered."""
        if self._removed is not None or self._box is None:
            return
        _ = self.packets  # the last ones
        self._removed = self._box.clock()
        text = self.rules(self._box.plan)
        tables = [line.split()[2] for line in text.splitlines() if line.startswith("table ")]
        self._box.nft("".join(f"delete table inet {name}\n" for name in tables))
        self.end(self._box)

    @property
    def record(self) -> evidence.FaultRecord:
        """Its description, and what it has lost."""
        return evidence.FaultRecord(
            name=self.name,
            kind=self.kind,
            does=self.does,
            sides=(),
            hook=None,
            rules=self.rules(self._box.plan) if self._box is not None else "",
            packets=self.packets,
            bytes=self._met.bytes,
            installed=self._installed,
            removed=self._removed,
            counts=self.counts,
        )

    def close(self) -> None:
        """Let go of what it has open."""

    # --- what may happen to it

    def forget(self) -> None:
        """Forget every connection, as a hop does that is replaced (``conntrack -F``).

        Raises `LabError` where it remembers none, or the kernel cannot.
        """
        conntrack.forget(self.memory)


class Remembering(Hop):
    """What all hops have in common that remember connections.

    `forgets`: after so many whole seconds of silence (5, or ``"5s"``); None: as Linux does.
    `invalid`: what becomes of a packet that fits no connection and opens none, ``drop`` or
    ``pass``. `liberal`: whether only a RST out of the window is INVALID
    (nf_conntrack_tcp_be_liberal). `strict`: whether a connection whose opening was not seen stays
    unknown (nf_conntrack_tcp_loose).
    """

    needs = "tracking"

    def __init__(
        self,
        name: str = "",
        forgets: int | str | None = None,
        invalid: str = "drop",
        liberal: bool = False,
        strict: bool = True,
    ) -> None:
        memory = None if forgets is None else coerce.seconds(forgets)
        if memory is not None and not (memory.is_integer() and 1 <= memory <= LONGEST):
            raise LabError(f"forgets: expected whole seconds, at least 1; found {forgets}")
        if invalid not in ("drop", "pass"):
            raise LabError(f"invalid: expected drop or pass; found {invalid!r}")
        self.forgets = None if memory is None else int(memory)
        self.invalid, self.liberal, self.strict = invalid, liberal, strict
        super().__init__(name)

    @property
    def manner(self) -> str:
        """How it remembers connections, in words; '' if as usual."""
        parts = [f"forgets them after {self.forgets} s of silence"] if self.forgets else []
        if self.liberal:
            parts.append("lets segments out of the window pass")
        if self.invalid == "pass":
            parts.append("drops nothing")
        return ", ".join(parts)

    def sysctls(self) -> Mapping[str, object]:
        """Connection tracking as asked for."""
        prefix = "net.netfilter.nf_conntrack_tcp_"
        found: dict[str, object] = {f"{prefix}loose": int(not self.strict)}
        if self.liberal:
            found[f"{prefix}be_liberal"] = 1
        if self.forgets:
            found |= {f"{prefix}timeout_{name}": self.forgets for name in TIMEOUTS}
        return found

    def begin(self, box: HopHost) -> None:
        """Have the kernel note when it has made an entry, for the evidence."""
        with contextlib.suppress(Absent):  # CONFIG_NF_CONNTRACK_TIMESTAMP
            box.namespace.sysctl(conntrack.NOTES_TIMES, 1)

    def losses(self) -> Sequence[tuple[str, str]]:
        """What conntrack calls INVALID, where that is dropped."""
        return (("forward", "ct state invalid"),) if self.invalid == "drop" else ()


def _table(name: str, chains: list[str]) -> str:
    return f"table inet {name} {{\n" + "\n".join(chains) + "\n}\n"
