# SPDX-License-Identifier: GPL-2.0-or-later
"""``drop: {packet: 7, to: client}``, ``cut: ...``, ``double: ...``, ``overtake: ...``: what becomes
of one packet of an exchange. Each word is a class of `netlab.programs.fates`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netlab.model.vocabulary import Family
from netlab.programs.fates import FATES, Fate, LostPacket
from netlab.scenario.kinds import COUNT, PACKET, SIDE
from netlab.scenario.model import PacketStep
from netlab.scenario.shapes import Field, Struct
from netlab.scenario.steps.fault import Command, FaultKind, StepContext

if TYPE_CHECKING:
    from netlab.scenario.steps.action import Stage
    from netlab.testbed.faults.base import Fault

#: What a file says of a packet, besides where it goes.
ABOUT = {
    "packet": Field(PACKET, doc="one packet: the n-th that is sent there, or exactly which one"),
    "connection": Field(COUNT, doc="of the connection that was opened first (1), second, ..."),
    "again": Field(COUNT, doc="not the packet, but what comes when it is sent again: 1, 2, ..."),
}
SAYS = {
    **ABOUT,
    "packet": Field(PACKET, required=True, doc=ABOUT["packet"].doc),
    "to": Field(SIDE, required=True, doc="on its way to this side"),
}

#: What becomes of the packet, by the word.
DOES = {
    "drop": "one packet is lost",
    "cut": "one packet is lost, and all that either end sends then",
    "double": "one packet arrives twice",
    "overtake": "the next packet that goes there arrives before this one",
}


def read(about: StepContext, name: str, word: str, values: Mapping[str, Any]) -> PacketStep:
    """The step of a word, from what the table has read."""
    return PacketStep(*about, name=name, word=word, **values)


def _fate(step: PacketStep) -> Fate:
    return FATES[step.word](step.packet, step.connection, step.again)


def _install(stage: Stage, step: PacketStep) -> Fault:
    on_the_wire = getattr(stage.lab.wire, step.word)
    done: Fault = on_the_wire(step.packet, step.to, step.connection, step.again, name=step.name)
    return done


def _by_hand(step: PacketStep, family: Family) -> Iterator[Command]:
    yield Command(step.to.peer, f"# no tool does this: {_fate(step).does}")


def _told(step: PacketStep) -> str:
    told = _fate(step).told(f" on its way to the {step.to}")
    return f"{told[0].upper()}{told[1:]}."


def _written(step: PacketStep) -> dict[str, Any]:
    rest = {
        "connection": step.connection if step.connection > 1 else None,
        "again": step.again or None,
    }
    given = {"packet": step.packet, "to": str(step.to), **rest}
    return {key: value for key, value in given.items() if value is not None}


def _kind(word: str) -> FaultKind[PacketStep]:
    return FaultKind(
        word,
        Struct(f"{'an' if word[0] in 'aeiou' else 'a'} {word}", SAYS, doc=DOES[word]),
        read=lambda about, name, values: read(about, name, word, values),
        install=_install,
        by_hand=_by_hand,
        undo=lambda step, family: iter(()),
        told=_told,
        told_removed=lambda step: "The wire is a cable again.",
        described=lambda step: f"{_fate(step).does} to {step.to}",
        written=_written,
    )


DROP = _kind(LostPacket.word)
KINDS = tuple(_kind(word) for word in FATES if word != LostPacket.word)
