# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets of two hosts, and snapshots of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netlab.diagnosis.rank import diagnose
from netlab.model.tcp import State, Timer
from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Sample, Snapshot, Socket

C, S = ("10.0.0.1", 40001), ("10.0.0.2", 443)
s = State


def at_client(state: State, timer: Timer = Timer.NONE, inode: int = 7, **more: Any) -> Socket:
    given = {"rx_queue": 0, "tx_queue": 0, "retransmits": 0, "probes": 0, "remaining": 0.1, **more}
    return Socket(state, C, S, timer=timer, inode=inode, **given)


def at_server(state: State, timer: Timer = Timer.NONE, inode: int = 7, **more: Any) -> Socket:
    given = {"rx_queue": 0, "tx_queue": 0, "retransmits": 0, "probes": 0, "remaining": 0.1, **more}
    return Socket(state, S, C, timer=timer, inode=inode, **given)


def again(times: int = 3, **more: Any) -> dict[str, Any]:
    """What it repeats has not been acknowledged."""
    return {"timer": Timer.RETRANSMIT, "retransmits": times, "tx_queue": 1, **more}


LISTENER = Socket(s.LISTEN, (ANY, 443), (ANY, 0), 0, 128, Timer.NONE, 0.0, 0, 0, 5)


def host(*sockets: Socket, **counters: int) -> Snapshot:
    return Snapshot((Sample(sockets, counters, source="ss -tanoei"),), "host")


def twice(socket: Socket, before: Mapping[str, int], after: Mapping[str, int]) -> Snapshot:
    samples = (Sample((socket,), before, at=0.0), Sample((socket,), after, at=5.0))
    return Snapshot(samples, "host")


def causes(*snapshots: Snapshot) -> tuple[str, ...]:
    """The class that the first finding names; nothing where all is well."""
    findings = diagnose(snapshots).findings
    return (findings[0].cause, *findings[0].also) if findings else ()
