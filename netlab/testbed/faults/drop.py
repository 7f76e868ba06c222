# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets that are lost, or refused with an answer: rules of nftables, compiled once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from netlab.linux import nftables
from netlab.linux.expression import Rule
from netlab.linux.nftables import Counter, Table
from netlab.model import evidence
from netlab.model.errors import LabError
from netlab.model.tcp import ANY, Segment
from netlab.model.vocabulary import Family, Hook, Reject
from netlab.testbed import coerce
from netlab.testbed.faults.base import Fault
from netlab.testbed.host import Host

_NOTHING = Counter(0, 0)
FIRST_RULE_LINE = 4  # in Table.text
MOST = 100_000  # packets that are counted
LARGEST = 65535  # a port's number, and the bytes of a packet


@dataclass(frozen=True, slots=True)
class Match:
    """The packets that meet a fault, and what becomes of them."""

    segments: tuple[Segment, ...] = ()
    nft: tuple[str, ...] = ()  # or matches in nft's own language
    port: int | None = None  # either port
    first: int | None = None  # only the first n of each rule
    after: int | None = None  # all but the first n of each rule
    covers_fin: bool = False  # only the acknowledgment that covers the receiver's FIN
    reject: Reject | None = None  # the answer, instead of silence
    longer: int | None = None  # only packets of more than so many bytes

    def __post_init__(self) -> None:
        limits = {"port": LARGEST, "first": MOST, "after": MOST, "longer": LARGEST}
        for name, most in limits.items():
            if (number := getattr(self, name)) is not None:
                coerce.whole(name, number, 1, most)

    @property
    def kind(self) -> str:
        """The word of the language."""
        return "reject" if self.reject else "drop"


def compiled(
    name: str,
    hook: Hook,
    match: Match,
    family: Family,
    acknowledges: int | None = None,
    log: bool = False,
) -> Table:
    """The rules of a drop: what is installed, recorded, and shown to a person.

    `acknowledges`: the number that covers a FIN, known only while a lab runs; `log`: hand what
    matches to a recorder.
    """
    prefix = name if log else ""
    ports = [(None, None)] if match.port is None else [(None, match.port), (match.port, None)]
    rules = tuple(
        Rule(
            family,
            segment,
            source_port=source,
            destination_port=destination,
            acknowledges=acknowledges,
            first=match.first,
            after=match.after,
            longer=match.longer,
            reject=match.reject,
            log=prefix,
        )
        for segment in (() if match.nft else match.segments or (ANY,))
        for source, destination in ports
    )
    return Table(name, hook, rules, match.nft, prefix if match.nft else "")


class Drop(Fault):
    """Rules in force at one hook of one host: what they match is lost, or refused."""

    kind = "drop"

    def __init__(self, host: Host, table: Table, match: Match, clock: Callable[[], float]) -> None:
        self.name = table.name
        self.match = match
        self.host = host
        self.table = table
        self._clock = clock
        self._final: Counter | None = None
        if table.raw:
            _install_text(host, table)
        else:
            nftables.install(host.firewall, [table])
        self._installed = clock()
        self._removed: float | None = None

    @property
    def counter(self) -> Counter:
        """Packets and bytes that its rules matched, all together."""
        if self._final is not None:
            return self._final
        return sum(nftables.counters(self.host.firewall, self.name), _NOTHING)

    @property
    def packets(self) -> int:
        """The number of packets that it dropped or rejected."""
        return self.counter.packets

    @property
    def in_force(self) -> bool:
        """True until its rules are removed."""
        return self._final is None

    @property
    def ends_by_itself(self) -> bool:
        """True if each of its rules matches only the first few."""
        return self.match.first is not None

    def remove(self) -> None:
        """Take the rules out of force; the counter keeps its last value."""
        if self._final is None:
            nftables.disable(self.host.firewall, self.name)  # or more might still be counted
            self._final = self.counter
            nftables.remove(self.host.firewall, [self.name])
            self._removed = self._clock()

    @property
    def record(self) -> evidence.FaultRecord:
        """Its description, and what it has done so far."""
        counter = self.counter
        return evidence.FaultRecord(
            name=self.name,
            kind=self.match.kind,
            does=self._does(),
            sides=(self.host.side,),
            hook=self.table.hook,
            segments=self.match.segments,
            rules=self.table.text,
            packets=counter.packets,
            bytes=counter.bytes,
            installed=self._installed,
            removed=self._removed,
        )

    def _does(self) -> str:
        verb = "rejects" if self.match.reject else "drops"
        what = ", ".join(map(str, self.match.segments)) or "packets"
        return f"{verb} {what} at {self.host.side} {self.table.hook}"


def _install_text(host: Host, table: Table) -> None:
    """Hand rules in nft's own language to the nft program, inside the namespace."""
    try:
        with host.namespace:
            complaint = nftables.execute(table.text)
    except FileNotFoundError:
        raise LabError(
            nftables.lacking("a rule in nft's own language")
            + ", or write the rule with segment:, port:, first: and after:"
        ) from None
    if complaint:
        raise LabError(_complaint(table, complaint))


def _complaint(table: Table, said: str) -> str:
    """Nft's first complaint, with the rule it is about: line 4 of the text is the first one."""
    place = re.match(r"/dev/stdin:(\d+):[\d-]+: (.*)", said)
    if place is None:
        return f"nft refused {table.raw[0]!r}: {said}"
    number = int(place[1]) - FIRST_RULE_LINE
    rule = table.raw[number] if 0 <= number < len(table.raw) else table.raw[0]
    return f"nft refused {rule!r}: {place[2]}"
