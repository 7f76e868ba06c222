# SPDX-License-Identifier: GPL-2.0-or-later
"""The timestamp that a host should echo, segment by segment."""

from __future__ import annotations

import pytest

from netlab.conformance import speech
from netlab.conformance.recent import Recent
from netlab.packets.headers import ACK, SYN, Headers

PEER, HOST = ("10.0.0.2", 10001), ("10.0.0.1", 20001)
NEXT, HOSTS = 1001, 5000  # what each end sends next; the host has sent its SYN and 1000 bytes
OPEN = 65535


def opened() -> Recent:
    """After a SYN with the timestamp 10, and its answer, the host has sent and acknowledged."""
    recent = Recent(NEXT - 1)
    recent.say(speech.read("SYN"), NEXT - 1, 0, 10, 0)
    recent.hear(Headers(HOST, PEER, 0, True, SYN | ACK, HOSTS - 1001, NEXT, OPEN))
    return recent


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("ACK", True),
        ("PSH|ACK data=5", True),
        ("FIN|ACK", True),
        ("ACK ack=next-1000", True),
        ("PSH|ACK seq=next-2 data=5", True),
        ("PSH|ACK seq=next-5 data=5", False),  # it brings nothing
        ("ACK seq=next-1", False),
        ("ACK seq=next+1", False),
        ("PSH|ACK seq=next+1 data=5", False),
        ("ACK ack=next+1", False),  # of what was not sent
        ("ACK ack=next-1002", False),  # from before the SYN
        ("ACK ack=next-65535", False),
        ("PSH data=5", False),
        ("SYN", False),
        ("ACK checksum=wrong", False),
    ],
)
def test_what_comes_next_brings_its_timestamp(said: str, kept: bool) -> None:
    recent = opened()
    segment = speech.read(said)
    recent.say(segment, NEXT + segment.seq, HOSTS + segment.ack, 20, OPEN)
    assert recent.stamp == (20 if kept else 10)


def test_an_older_timestamp_is_not_kept() -> None:
    recent = opened()
    recent.say(speech.read("ACK"), NEXT, HOSTS, 9, OPEN)
    assert recent.stamp == 10


def test_of_two_segments_that_one_ack_is_for_the_first_counts() -> None:
    recent = opened()
    for number, stamp in ((NEXT, 20), (NEXT + 5, 21)):
        recent.say(speech.read("PSH|ACK data=5"), number, HOSTS, stamp, OPEN)
    assert recent.stamp == 20
    recent.hear(Headers(HOST, PEER, 0, True, ACK, HOSTS, NEXT + 10, OPEN))
    recent.say(speech.read("ACK"), NEXT + 10, HOSTS, 22, OPEN)
    assert recent.stamp == 22


def test_data_do_not_fit_into_a_closed_window_nor_behind_a_fin() -> None:
    shut, finished = opened(), opened()
    shut.say(speech.read("PSH|ACK data=1"), NEXT, HOSTS, 20, 0)
    assert shut.stamp == 10
    finished.say(speech.read("FIN|ACK"), NEXT, HOSTS, 20, OPEN)
    finished.hear(Headers(HOST, PEER, 0, True, ACK, HOSTS, NEXT + 1, OPEN))
    finished.say(speech.read("PSH|ACK data=1"), NEXT + 1, HOSTS, 21, OPEN)
    assert finished.stamp == 20
