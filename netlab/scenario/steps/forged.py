# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments that no socket has sent."""

from __future__ import annotations

from netlab.model.errors import ActionFailed
from netlab.model.vocabulary import USUAL_PORT, Family
from netlab.packets import spoken
from netlab.packets.spoken import LAST, NEXT, NOTHING
from netlab.scenario.kinds import (
    ANSWER,
    BITS,
    BYTES,
    COMING_BACK,
    COUNT,
    PORT,
    POSITION,
    STAMP,
    WINDOW,
    WRONG,
)
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


def _forge(stage: Stage, step: Do) -> str | None:
    given = step.arguments
    forged = stage.host(step).forge(
        given["segment"],
        spoken.position(given.get("seq", NEXT)),
        spoken.position(given.get("ack", NEXT)),
        given.get("data", 0),
        window=given.get("window"),
        timestamp=spoken.stamp(given.get("timestamp", LAST)),
        intact="checksum" not in given,
        of=step.of,
    )
    if "gets" not in given:
        return None
    wanted, answer = spoken.wanted(given["gets"]), forged.answer()
    if (answer is None) != (wanted is None) or (answer and wanted and not answer.is_as(wanted)):
        raise ActionFailed(f"expected {given['gets']}; found {answer or NOTHING}")
    return str(answer or "no answer")


def _forge_by_hand(step: Do, family: Family) -> str:
    given, peer = step.arguments, step.side.peer.address(family)
    network = "IP" if family is Family.IPV4 else "IPv6"
    flags = "".join(name[0] for name in given["segment"].split("|"))
    numbers = f"seq={given.get('seq', NEXT)}"
    if "ACK" in given["segment"]:
        numbers += f", ack={given.get('ack', NEXT)}"
    data = f"/Raw({given['data']} * b'x')" if "data" in given else ""
    return f"scapy: send({network}(dst={peer!r})/TCP(flags={flags!r}, {numbers}){data})"


def _forge_told(given: Given) -> str:
    said = [f"its number {given['seq']}"] if "seq" in given else []
    said += [f"acknowledging {given['ack']}"] if "ack" in given else []
    said += [f"with {given['data']} bytes"] if "data" in given else []
    said += [f"a window of {given['window']}"] if "window" in given else []
    said += [f"its timestamp {given['timestamp']}"] if "timestamp" in given else []
    said += ["a wrong checksum"] if "checksum" in given else []
    return f"forges {', '.join([given['segment'], *said])}: its TCP did not send it."


ACTIONS = (
    Action(
        "probe",
        struct(
            "one SYN, as a port scanner sends it",
            "port",
            port=Field(PORT, doc="that is probed (5555)"),
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
        "forge",
        struct(
            "a segment that its TCP did not send",
            "segment",
            segment=Field(BITS, required=True, doc="its control bits"),
            seq=Field(POSITION, doc="from what it sends next; next"),
            ack=Field(POSITION, doc="from what it expects next; next"),
            data=Field(BYTES, doc="how many bytes it carries; none"),
            window=Field(WINDOW, doc="as in the header; the last one"),
            timestamp=Field(STAMP, doc="from the last one that it sent; last"),
            checksum=Field(WRONG, doc="instead of the right one"),
            gets=Field(COMING_BACK, doc="the other end's next segment"),
        ),
        play=_forge,
        by_hand=_forge_by_hand,
        told=_forge_told,
        on_connection=True,
        numbered=True,
    ),
    Action(
        "flood",
        struct(
            "forged SYNs whose handshakes are never completed",
            "count",
            count=Field(COUNT, required=True),
            port=Field(PORT, doc="that is flooded (5555)"),
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
