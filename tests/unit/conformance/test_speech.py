# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments of the conformance table in words, and back."""

from __future__ import annotations

import pytest

from netlab.conformance import speech
from netlab.conformance.speech import Base
from netlab.packets.headers import ACK, FIN, RST, SYN, Headers
from netlab.packets.options import TcpOptions
from netlab.packets.sequence import RING

ENDS = ("10.0.0.2", 80), ("10.0.0.1", 5000)
BASE = Base(own=1000, others=500, stamped=True, recent=2)
STAMPS = TcpOptions(timestamps=(1, 2))


def told(
    bits: int, seq: int, ack: int, length: int = 0, options: TcpOptions = STAMPS, window: int = 9
) -> str:
    return speech.told(
        Headers(*ENDS, length, True, bits, seq % RING, ack % RING, window), options, BASE
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (told(ACK, 1000, 500), "ACK"),
        (told(ACK, 1000, 505), "ACK ack=next+5"),
        (told(ACK, 900, 500, 100), "ACK seq=next-100 data=100"),
        (told(ACK, 1000, 500, window=0), "ACK win=0"),
        (told(ACK, 1000, 500, window=65535), "ACK"),
        (told(ACK, 1000, 500, options=TcpOptions()), "ACK ts=none"),
        (told(ACK, 1000, 500, options=TcpOptions(timestamps=(1, 3))), "ACK echo=recent+1"),
        (told(ACK, 1000, 500, options=TcpOptions(timestamps=(1, RING - 3))), "ACK echo=recent-5"),
        (told(RST, 1000, 500, options=TcpOptions(timestamps=(1, 0)), window=0), "RST"),
        (told(FIN | ACK, 1000, 501), "FIN|ACK ack=next+1"),
        (told(RST, 1000, 0, options=TcpOptions(), window=0), "RST"),
        (told(RST | ACK, 0, 501, options=TcpOptions(), window=0), "RST|ACK seq=0 ack=next+1"),
        (
            told(ACK, 1000, 500, options=STAMPS._replace(sack=((510, 520), (490, 500)))),
            "ACK sack=next+10:next+20,next-10:next",
        ),
        (
            told(SYN | ACK, 999, 500, options=TcpOptions(1460, 7, True, (), (1, 2))),
            "SYN|ACK seq=next-1 mss sack ts wscale",
        ),
        (told(SYN, 77, 0, options=TcpOptions(mss=1460)), "SYN seq=new mss"),
    ],
    ids=lambda given: given,
)
def test_an_answer_is_told_in_numbers_that_count_from_the_next(found: str, words: str) -> None:
    assert found == words


def test_a_first_syn_has_a_number_of_its_own() -> None:
    headers = Headers(*ENDS, 0, True, SYN, 4711, 0, 9)
    assert speech.told(headers, TcpOptions(mss=1460), Base(1000, 500, known=False)) == "SYN mss"


def test_a_window_that_was_not_scaled_is_more_than_there_can_be() -> None:
    scaled = BASE._replace(shift=7)
    for window, words in ((509, "ACK"), (65160, "ACK win=beyond-memory")):
        headers = Headers(*ENDS, 0, True, ACK, 1000, 500, window)
        assert speech.told(headers, STAMPS, scaled) == words
    syn = Headers(*ENDS, 0, True, SYN | ACK, 999, 500, 65160)  # its window is never scaled
    assert "win" not in speech.told(syn, STAMPS, scaled)


def test_a_segment_is_read() -> None:
    said = speech.read("PSH|ACK seq=next+10 ack=next-1 data=5 win=0 ts=last-1000 checksum=wrong")
    assert (said.seq, said.ack, said.data, said.win, said.ts, said.intact) == (
        10,
        -1,
        5,
        0,
        -1000,
        False,
    )
    said = speech.read("SYN mss=1460 sack ts wscale=7")
    assert (said.mss, said.may_sack, said.stamped, said.wscale) == (1460, True, True, 7)
    assert speech.read("ACK sack=next-8:next-4,next+1:next+2").sack == ((-8, -4), (1, 2))
    assert speech.read("none").bits == 0
    assert speech.read("ACK echo=first").echoes_first
    assert speech.read("PSH|ACK data=window").fills


def test_segments_in_a_row_are_one() -> None:
    row = [
        "ACK data=10",
        "ACK seq=next+10 data=10",
        "ACK seq=next+20 data=10",
        "FIN|ACK seq=next+30",
    ]
    assert speech.folded(row) == ("ACK data=10 x3", "FIN|ACK seq=next+30")
    assert speech.folded(["ACK data=10", "ACK seq=next+20 data=10"]) == (
        "ACK data=10",
        "ACK seq=next+20 data=10",
    )
    assert speech.folded(["ACK", "ACK"]) == ("ACK", "ACK")
