# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab that somebody looks at shows its last packets, and which fault each was the end of."""

from __future__ import annotations

import pytest

from netlab.model.errors import LabError
from netlab.model.tcp import FIN, SYN, State
from netlab.model.vocabulary import Family, Hook, Side
from netlab.packets.sightings import Packet
from netlab.testbed.lab import Lab
from netlab.testbed.tape import Taps

PATIENCE = 10.0


def seen(lab: Lab) -> list[Packet]:
    assert lab.tape is not None
    return [packet for _, packet in lab.tape.since()]


def test_packets_are_seen_with_the_fault_that_dropped_them(netlab_family: Family) -> None:
    with Lab(netlab_family, tape=True) as lab:
        lab.server.listen()
        lab.client.connect()
        lab.drop(FIN, to=lab.server, name="drop-fin")
        lab.client.close()

        def lost_twice() -> list[Packet] | None:
            lost = [packet for packet in seen(lab) if packet.fault]
            return lost if len(lost) > 1 else None

        lost = lab.wait(lost_twice, PATIENCE)
        assert lost is not None
        assert [str(packet.segment) for packet in seen(lab)][:3] == ["SYN", "SYN|ACK", "ACK"]
        for number, packet in enumerate(lost):
            assert (packet.fault, packet.where) == ("drop-fin", "server input")
            assert (packet.sequence, packet.acknowledgment) == (1, 1)
            assert (packet.sender, packet.resent) == (Side.CLIENT, number)
        assert lab.recorder is None
        assert lab.no_tape == ""


def test_what_a_senders_own_firewall_drops_is_seen_too(netlab_family: Family) -> None:
    with Lab(netlab_family, tape=True) as lab:
        lab.server.listen()
        lab.drop(SYN, at=(lab.client, Hook.OUTPUT), name="wall")
        lab.client.connect(wait=False)
        found = lab.wait(lambda: seen(lab) or None, PATIENCE)
        assert found is not None
        assert (found[0].fault, found[0].where, found[0].sent) == ("wall", "client output", None)


def test_where_packets_cannot_be_seen_the_lab_is_there_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(self: Taps, *arguments: object) -> None:
        raise LabError("packets cannot be recorded here: a test")

    monkeypatch.setattr(Taps, "watch", refuse)
    with Lab(tape=True) as lab:
        assert (lab.tape, lab.no_tape) == (None, "packets cannot be recorded here: a test")
        lab.server.listen()
        lab.client.connect()
        lab.expect(State.ESTABLISHED, State.ESTABLISHED)
