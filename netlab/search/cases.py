# SPDX-License-Identifier: GPL-2.0-or-later
"""What is tried: which packets of an exchange meet which fate. Nothing hangs on chance but which
cases of the random ones there are, and their seed decides that.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from netlab.model.vocabulary import Side
from netlab.programs.exchange import ACK, Sent
from netlab.programs.fates import Cut, Doubled, LostPacket, Overtaken

LOST, CUT, DOUBLED, OVERTAKEN = (each.word for each in (LostPacket, Cut, Doubled, Overtaken))
KINDS = (LOST, CUT, DOUBLED, OVERTAKEN)
WAYS = (Side.SERVER, Side.CLIENT)
MOST_AT_ONCE = 4  # packets of a random case


class Meeting(NamedTuple):
    """One packet and its fate."""

    word: str  # one of `KINDS`
    to: Side
    connection: int
    packet: str  # its exact address
    again: int  # which time it is sent: 0 is the first

    @classmethod
    def of(cls, word: str, sent: Sent) -> Meeting:
        """A fate for a packet that was seen."""
        return cls(word, WAYS[sent.way], sent.connection, str(sent.address), sent.again)

    @property
    def step(self) -> str:
        """It as a step of a scenario file."""
        said = {
            "packet": self.packet,
            "to": self.to,
            "connection": self.connection if self.connection > 1 else None,
            "again": self.again or None,
        }
        values = ", ".join(f"{key}: {value}" for key, value in said.items() if value is not None)
        return f"{self.word}: {{{values}}}"

    def __str__(self) -> str:
        of = f" of connection {self.connection}" if self.connection > 1 else ""
        again = f" again {self.again}" if self.again else ""
        return f"{self.word} {self.packet}{again}{of} to {self.to}"


#: All of what is done in one trial; nothing, where the network is healthy.
Case = tuple[Meeting, ...]


def named(case: Case) -> str:
    """A case in words."""
    return ", ".join(map(str, case)) or "healthy"


def singles(packets: Sequence[Sent], kinds: Collection[str] = KINDS) -> list[Case]:
    """Each packet with each fate. The cuts come first: what hangs after one takes longest.

    A packet that nothing follows in its direction cannot be overtaken.
    """
    last = {sent.way: sent for sent in packets}
    return [
        (Meeting.of(word, sent),)
        for word in sorted(kinds, key=(CUT, *KINDS).index)
        for sent in packets
        if word != OVERTAKEN or sent != last[sent.way]
    ]


def pairs(seen: Iterable[tuple[Case, Sequence[Sent]]], failed: Collection[Case]) -> list[Case]:
    """Two packets that are lost: each that was lost alone, with each that came after it then, in
    its repetition or in another connection, too. Those next to each other come first.

    `seen` has the packets of each trial, and `failed` what need not be tried again with others.
    """
    found: dict[frozenset[Meeting], tuple[int, Case]] = {}
    for case, packets in seen:
        if len(case) != 1 or case[0].word != LOST or case in failed:
            continue
        others = [Meeting.of(LOST, sent) for sent in packets]
        after = others[others.index(case[0]) + 1 :] if case[0] in others else []
        for distance, other in enumerate(after):
            if (other,) not in failed:
                pair = (case[0], other)
                found.setdefault(frozenset(pair), (distance, pair))
    return [pair for _, pair in sorted(found.values(), key=lambda each: each[0])]


def chosen(packets: Sequence[Sent], number: int, seed: int, kinds: Collection[str]) -> list[Case]:
    """So many cases of up to four packets, the same for the same seed and the same exchange: none
    is an acknowledgment alone, which comes or not as time has it. What is lost may be lost again
    when it is repeated.
    """
    placed = [sent for sent in packets if sent.address.word != ACK]
    placed.sort(key=lambda sent: (sent.connection, sent.way, sent.number, sent.again))
    return [*_chosen(placed, number, random.Random(seed), sorted({*kinds} - {CUT} or {LOST}))]


def _chosen(
    packets: Sequence[Sent], number: int, drawing: random.Random, kinds: Sequence[str]
) -> Iterator[Case]:
    for _ in range(number):
        meetings: list[Meeting] = []
        for _ in range(drawing.randint(2, MOST_AT_ONCE)):
            meeting = Meeting.of(drawing.choice(kinds), drawing.choice(packets))
            while meeting.word == LOST and meeting in meetings:
                meeting = meeting._replace(again=meeting.again + 1)
            meetings.append(meeting)
        yield tuple(dict.fromkeys(meetings))
