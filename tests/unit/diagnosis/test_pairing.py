# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends of a connection are matched, with a NAT between them or on one host."""

from __future__ import annotations

from netlab.diagnosis.rank import diagnose
from netlab.model.tcp import Timer
from netlab.snapshot.records import Socket

from .build import LISTENER, C, S, again, at_client, at_server, causes, host, s


def test_ends_are_matched_by_ports_where_a_nat_changed_an_address() -> None:
    outside = Socket(s.ESTABLISHED, S, ("203.0.113.9", C[1]), 0, 0, Timer.NONE, 0.0, 0, 0, 9)
    inside = at_client(s.FIN_WAIT1, inode=0, **again())
    (found,) = diagnose([host(inside), host(outside, LISTENER)]).findings
    assert (found.cause, found.connections[0].translated) == ("fin-lost", True)
    assert "NAT" in " ".join(found.evidence_against)


def test_ports_that_two_have_tell_nothing() -> None:
    outside = [
        Socket(s.ESTABLISHED, S, (address, C[1]), 0, 0, Timer.NONE, 0.0, 0, 0, 9)
        for address in ("203.0.113.8", "203.0.113.9")
    ]
    inside = [
        Socket(s.FIN_WAIT1, (address, C[1]), S, 0, 1, Timer.RETRANSMIT, 0.1, 3, 0, 0)
        for address in (C[0], "10.0.0.7")
    ]
    for here, there in ((inside, outside[:1]), (inside[:1], outside), (inside, outside)):
        found = diagnose([host(*here), host(*there, LISTENER)]).findings
        ends = [connection for finding in found for connection in finding.connections]
        assert len(ends) >= len(here)
        assert not any(connection.translated for connection in ends)


def test_a_third_host_is_not_taken_for_the_other_end() -> None:
    elsewhere = Socket(s.ESTABLISHED, C, ("10.9.9.9", 5432), 0, 0, Timer.NONE, 0.0, 0, 0, 9)
    found = diagnose([host(elsewhere, at_client(s.ESTABLISHED)), host(at_server(s.ESTABLISHED))])
    assert found.findings == ()


def test_both_ends_on_one_host() -> None:
    here, there = ("127.0.0.1", 40001), ("127.0.0.1", 443)
    fin = Socket(s.FIN_WAIT1, here, there, 0, 1, Timer.RETRANSMIT, 0.1, 3, 0, 0)
    assert causes(host(LISTENER, fin, Socket(s.CLOSE_WAIT, there, here, 1, 0, Timer.NONE,
                                             0.0, 0, 0, 7))) == ("fin-ack-lost",)  # fmt: skip
