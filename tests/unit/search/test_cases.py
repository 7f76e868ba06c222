# SPDX-License-Identifier: GPL-2.0-or-later
"""Which cases are tried: every packet, every fate, every pair, and random ones that replay."""

from __future__ import annotations

from pathlib import Path

from netlab.model.vocabulary import Side
from netlab.scenario import loader
from netlab.scenario.model import PacketStep
from netlab.search.cases import KINDS, Meeting, chosen, named, pairs, singles
from tests.unit.search.exchanges import packets

REPLY = Meeting("drop", Side.CLIENT, 1, "seq=1", 0)


def test_every_packet_meets_every_fate_and_cuts_come_first() -> None:
    cases = singles(packets())
    assert len(cases) == len({*cases}) == 7 * 4 - 2  # two are the last in their direction
    assert [each.word for (each,) in cases[:7]] == ["cut"] * 7
    assert [each.word for (each,) in singles(packets(), ["drop"])] == ["drop"] * 7


def test_a_meeting_is_a_step_of_the_language() -> None:
    for sent in packets(2):
        for word in KINDS:
            meeting = Meeting.of(word, sent)._replace(again=1)
            step = loader.step(meeting.step, Path("a test"))
            assert isinstance(step, PacketStep)
            read = step.word, step.to, step.connection, str(step.packet), step.again
            assert read == tuple(meeting)


def test_cases_are_told_in_words() -> None:
    assert named((REPLY,)) == "drop seq=1 to client"
    other = REPLY._replace(connection=2, again=1)
    assert named((REPLY, other)) == (
        "drop seq=1 to client, drop seq=1 again 1 of connection 2 to client"
    )
    assert named(()) == "healthy"


def test_pairs_are_of_what_came_later_when_the_first_was_lost_and_neighbours_come_first() -> None:
    again = [sent._replace(again=1) for sent in packets() if sent.way == 1 and sent.length]
    repeated = [*packets()[:6], *again, packets()[6]]
    found = pairs([((REPLY,), repeated)], failed=[])
    fin = REPLY._replace(packet="FIN")
    assert found == [(REPLY, REPLY._replace(again=1)), (REPLY, fin)]


def test_what_fails_alone_is_in_no_pair() -> None:
    seen = [((Meeting.of("drop", sent),), packets()) for sent in packets()]
    assert len(pairs(seen, failed=[])) == 7 * 6 / 2
    assert len(pairs(seen, failed=[(REPLY,)])) == 6 * 5 / 2
    assert pairs([((REPLY._replace(word="cut"),), packets())], failed=[]) == []


def test_random_cases_hang_on_their_seed_alone() -> None:
    cases = chosen(packets(), 50, 7, KINDS)
    assert cases == chosen(packets(), 50, 7, KINDS[::-1])
    assert cases != chosen(packets(), 50, 8, KINDS)
    assert {len(case) for case in cases} <= {1, 2, 3, 4}
    words = {each.word for case in cases for each in case}
    assert words == {"drop", "double", "overtake"}  # a cut would be the end of it
    assert any(each.again for case in chosen(packets(), 300, 7, ["drop"]) for each in case)
