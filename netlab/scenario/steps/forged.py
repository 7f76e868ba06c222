# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments that no socket has sent."""

from __future__ import annotations

from netlab.model.errors import ActionFailed
from netlab.model.vocabulary import USUAL_PORT, Family
from netlab.scenario.kinds import ANSWER, COUNT, PORT
from netlab.scenario.model import Do
from netlab.scenario.shapes import Field
from netlab.scenario.steps.action import Action, Given, Stage, struct


def _port(given: Given) -> int:
    return int(given.get("port", USUAL_PORT))


def _probe(stage: Stage, step: Do) -> str:
    given = dict(step.arguments)
    wanted = given.pop("gets")
    answer = stage.host(step).probe(**given)
    if answer != wanted:
        raise ActionFailed(f"expected {wanted or 'no answer'}; found {answer or 'none'}")
    return str(answer or "no answer")


def _probe_by_hand(step: Do, family: Family) -> str:
    return f"nmap -sS -Pn -p {_port(step.arguments)} {step.side.peer.address(family)}"


def _flood_by_hand(step: Do, family: Family) -> str:
    given, peer = step.arguments, step.side.peer.address(family)
    return f"hping3 --syn --rand-source -p {_port(given)} -c {given['count']} {peer}"


ACTIONS = (
    Action(
        "probe",
        struct(
            "one SYN, as a port scanner sends it",
            "port",
            port=Field(PORT),
            gets=Field(ANSWER, required=True),
        ),
        play=_probe,
        by_hand=_probe_by_hand,
        told=lambda given: (
            f"forges one SYN to port {_port(given)}, as nmap does: no socket sent it."
        ),
        opens=True,
        forges=True,
    ),
    Action(
        "stray",
        struct("one byte far ahead of the window"),
        play=lambda stage, step: stage.host(step).stray(stage.connection(step)),
        by_hand=lambda step, family: "# one byte far ahead of the window: forge it with scapy",
        told=lambda given: "forges one byte that is far ahead of its connection's window.",
        on_connection=True,
    ),
    Action(
        "flood",
        struct(
            "forged SYNs whose handshakes are never completed",
            "count",
            count=Field(COUNT, required=True),
            port=Field(PORT),
        ),
        play=lambda stage, step: stage.host(step).flood(**step.arguments),
        by_hand=_flood_by_hand,
        told=lambda given: (
            f"forges {given['count']} SYNs to port {_port(given)}, from addresses where nobody is."
        ),
        opens=True,
        forges=True,
    ),
)
