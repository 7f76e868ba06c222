# SPDX-License-Identifier: GPL-2.0-or-later
"""What a listing cannot show is said, and nothing is said of what it does show."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from netlab.diagnosis import unseen
from netlab.diagnosis.observed import ObservedHost
from netlab.diagnosis.rank import diagnose
from netlab.model.tcp import State, Timer
from netlab.render.findings import findings
from netlab.render.style import Style
from netlab.snapshot.records import Sample, Snapshot, Socket

from .build import C, S, host, s


def plain(state: State = s.ESTABLISHED, **more: Any) -> Socket:
    """As ss -tan shows it."""
    return Socket(state, **{"local": C, "remote": S, "rx_queue": 0, "tx_queue": 0, **more})


def notes(
    snapshot: Snapshot, told: Collection[tuple[tuple[str, int], tuple[str, int]]] = ()
) -> list[str]:
    return list(unseen.of(snapshot, ObservedHost.of(snapshot), told))


@pytest.mark.parametrize("state", [s.ESTABLISHED, s.CLOSE_WAIT, s.FIN_WAIT2])
def test_unread_data_in_one_look_without_ages(state: State) -> None:
    (note,) = notes(host(plain(state, rx_queue=25_000), plain(state, rx_queue=2), plain(state)))
    assert note.startswith("2 sockets have up to 25,000 bytes unread (Recv-Q)")
    assert "look twice with ss -tanoei" in note
    assert notes(host(plain(state, rx_queue=2)))[0].startswith("1 socket has 2 bytes unread")


@pytest.mark.parametrize(
    "shown",
    [
        plain(),
        plain(s.CLOSE_WAIT, rx_queue=1),  # the FIN
        plain(rx_queue=25_000, info={"rto": 0.2}),  # its ages are known, and were judged
        plain(s.SYN_SENT, rx_queue=2),
        plain(s.LISTEN, rx_queue=2),
        plain(tx_queue=25_000, timer=Timer.NONE),
        plain(s.LAST_ACK, tx_queue=25_000),
    ],
)
def test_what_is_shown_needs_no_note(shown: Socket) -> None:
    assert notes(host(shown)) == []


@pytest.mark.parametrize("state", [s.ESTABLISHED, s.CLOSE_WAIT, s.FIN_WAIT2])
def test_unacknowledged_data_without_timers(state: State) -> None:
    (note,) = notes(host(plain(state, tx_queue=1), plain(state, tx_queue=90_000), plain(state)))
    assert note.startswith("2 sockets have up to 90,000 bytes unacknowledged (Send-Q)")
    assert "no timers" in note
    assert notes(host(plain(state, tx_queue=1)))[0].startswith("1 socket has 1 byte unack")


def test_two_looks_show_what_is_read_and_not_what_was_just_sent() -> None:
    sample = Sample((plain(rx_queue=9, tx_queue=9),))
    assert len(notes(Snapshot((sample,)))) == 2
    (left,) = notes(Snapshot((sample, sample)))
    assert "9 bytes unacknowledged" in left


def test_what_has_a_finding_needs_no_note() -> None:
    other = plain(rx_queue=9, remote=(S[0], 80))
    snapshot = host(plain(rx_queue=99), other)
    (note,) = notes(snapshot, {(C, S)})
    assert "1 socket has 9 bytes" in note
    assert notes(snapshot, {(C, S), (C, (S[0], 80))}) == []


OVERFLOWS = {"ListenOverflows": 5_200_000}


def test_counters_alone_say_what_they_cannot_tell() -> None:
    (note,) = notes(Snapshot((Sample((), OVERFLOWS),)))
    assert "counters, and no sockets" in note
    assert "overflowed 5,200,000 times since boot" in note
    assert "ss -tanoei" in note
    (note,) = notes(Snapshot((Sample((), {"ListenOverflows": 0}),)))
    assert "overflowed" not in note
    (note,) = notes(Snapshot((Sample((), {"TcpOutRsts": 1}),)))
    assert "overflowed" not in note
    (note,) = notes(Snapshot((Sample((), OVERFLOWS), Sample((), OVERFLOWS))))
    assert "overflowed" not in note  # whether they still do has been seen
    assert notes(Snapshot((Sample((plain(),), OVERFLOWS),))) == []
    assert notes(Snapshot((Sample(()),))) == []


def test_nothing_is_stuck_is_not_said_of_what_was_not_seen() -> None:
    answer = diagnose([host(plain(tx_queue=9))])
    assert (answer.findings, len(answer.unseen), answer.is_bad) == ((), 1, False)
    assert answer.unseen[0].startswith("host: 1 socket has")
    assert answer.to_json()["notes"] == list(answer.unseen)
    shown = findings(answer, Style(False))
    assert shown.startswith("Nothing is seen to be stuck in 1 socket, but:")
    assert "Send-Q" in shown
    assert findings(diagnose([host(plain())]), Style(False)).startswith("Nothing is stuck in 1")


def test_a_socket_with_a_finding_is_told_of_neither_end() -> None:
    """Its other end is the same connection: it is in the finding, too."""
    client = plain(tx_queue=9, retransmits=9, timer=Timer.RETRANSMIT, remaining=9.0)
    server = plain(local=S, remote=C, rx_queue=9)
    answer = diagnose([host(client), host(server)])
    assert [finding.cause for finding in answer.findings] == ["data-ack-lost"]
    assert answer.unseen == ()
