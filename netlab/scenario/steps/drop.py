# SPDX-License-Identifier: GPL-2.0-or-later
"""``drop: {segment: SYN|ACK, to: client}`` and ``reject: ...``: segments are lost, or refused.
``drop: {packet: 7, to: client}`` is about one packet, and is in `netlab.scenario.steps.packet`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from netlab.model.tcp import ACK, ANY, DATA
from netlab.model.vocabulary import REJECTS, Family, Hook
from netlab.scenario.kinds import COUNT, FIN, PLACE, PORT, REJECT, SEGMENT, SIDE, TEXT
from netlab.scenario.model import DropStep, PacketStep
from netlab.scenario.shapes import Field, ListOf, Struct
from netlab.scenario.steps import packet
from netlab.scenario.steps.fault import Command, FaultKind, StepContext

if TYPE_CHECKING:
    from netlab.linux.nftables import Table as Rules
    from netlab.scenario.steps.action import Stage
    from netlab.testbed.faults.base import Fault

_WHERE = {
    "to": Field(SIDE, doc="lost on the way to this side"),
    "at": Field(PLACE, doc="or at a hook of a side, such as its own output"),
    "port": Field(PORT, doc="either port of the segment"),
    "first": Field(COUNT, doc="only the first n"),
    "after": Field(COUNT, doc="all but the first n"),
}
_SEGMENTS = Field(ListOf(SEGMENT), "segments", doc="the classes of segments")
DROP = Struct(
    "a drop",
    {
        "segment": _SEGMENTS,
        "nft": Field(ListOf(TEXT), doc="or a match in nft's own language"),
        **packet.ABOUT,
        **_WHERE,
        "covers": Field(FIN, "covers_fin", doc="only what acknowledges the receiver's FIN"),
    },
    doc="segments are lost on their way to a side, or dropped by a firewall of their sender's",
)
REJECTION = Struct(
    "a reject",
    {
        "segment": _SEGMENTS,
        "with": Field(REJECT, "reject", required=True),
        **_WHERE,
        "to": Field(SIDE, doc="refused on the way to this side"),
    },
    doc="segments are refused by a firewall, which answers with a RST or by ICMP",
)
NAMES = {ACK: "ACK without data", DATA: "segment with data", ANY: "segment"}
RECEIVING = (Hook.INPUT, Hook.PREROUTING)


def _read(about: StepContext, name: str, values: Mapping[str, Any]) -> DropStep | PacketStep:
    """Raises ValueError for keys that do not go together."""
    said = dict(values)
    if "packet" in said:
        if "to" not in said or said.keys() - {"packet", "connection", "again", "to"}:
            raise ValueError("of one packet needs 'to', and knows 'connection' and 'again' besides")
        return packet.read(about, name, "drop", said)
    if found := [key for key in ("connection", "again") if key in said]:
        raise ValueError(f"with '{found[0]}' needs 'packet': it is about one packet")
    if ("to" in said) == ("at" in said):
        raise ValueError(
            "needs one place: 'to: client' loses it on the wire, "
            "'at: server output' is a firewall at the sender"
        )
    if ("segments" in said) == ("nft" in said):
        what = "'segment'" if "reject" in said else "either 'segment' or 'nft', or 'packet'"
        raise ValueError(f"needs {what}")
    if "nft" in said and said.keys() - {"nft", "to", "at"}:
        raise ValueError("with a match in nft's own language needs nothing else: it says it all")
    if "first" in said and "after" in said:
        raise ValueError("with 'first' and 'after' is two faults: make it two steps")
    side, hook = said.pop("at", None) or (said.pop("to"), Hook.INPUT)
    return DropStep(*about, name=name, side=side, hook=hook, **said)


def _install(stage: Stage, step: DropStep) -> Fault:
    lab, at = stage.lab, (step.side, step.hook)
    if step.nft:
        return lab.drop_matching(*step.nft, at=at, name=step.name)
    numbers: dict[str, Any] = {"port": step.port, "first": step.first, "after": step.after}
    if step.reject:
        return lab.reject(*step.segments, with_=step.reject, at=at, name=step.name, **numbers)
    return lab.drop(*step.segments, at=at, name=step.name, covers_fin=step.covers_fin, **numbers)


def rules(step: DropStep, family: Family) -> Rules:
    """The rules as netlab installs them, without numbers that are known only during play."""
    from netlab.testbed.faults.drop import Match, compiled

    reject = REJECTS[step.reject] if step.reject else None
    match = Match(step.segments, step.nft, step.port, step.first, step.after, reject=reject)
    return compiled(step.name, step.hook, match, family)


def _by_hand(step: DropStep, family: Family) -> Iterator[Command]:
    table = rules(step, family)
    yield Command(step.side, f"nft add table inet {table.name}")
    chain = f"{{ type filter hook {table.hook} priority 0; }}"
    yield Command(step.side, f"nft add chain inet {table.name} {table.hook} '{chain}'")
    for text in [rule.text for rule in table.rules] + [f"{raw} counter drop" for raw in table.raw]:
        quoted = f"'{text}'" if any(mark in text for mark in "(|{<>") else text
        yield Command(step.side, f"nft add rule inet {table.name} {table.hook} {quoted}")
    if step.covers_fin:
        text = "# and 'tcp ackseq' of the FIN's number + 1: read it from tcpdump -S"
        yield Command(step.side, text)


def _undo(step: DropStep, family: Family) -> Iterator[Command]:
    yield Command(step.side, f"nft delete table inet {step.name}")


def _told(step: DropStep) -> str:
    what = " and every ".join(NAMES.get(each, str(each)) for each in step.segments)
    what = what or f"packet that matches {' or '.join(map(repr, step.nft))}"
    what += f" from or to port {step.port}" if step.port else ""
    only = ""
    if step.first:
        passes = "the next passes" if step.first == 1 else "the others pass"
        only = f" Only the first{f' {step.first}' if step.first > 1 else ''}, though: {passes}."
    if step.reject:
        return (
            f"A firewall rule at the {step.side}'s {step.hook} refuses every {what} and answers "
            f"with {step.reject}. Unlike a drop, it is not silent.{only}"
        )
    if step.covers_fin:
        receiver = step.side if step.hook in RECEIVING else step.side.peer
        what += f" that acknowledges the {receiver}'s FIN"
    which = f" after the first {step.after}" if step.after else ""
    if step.hook in RECEIVING:
        how = "as if the wire had lost it. Neither end is told"
    else:
        how = "before it leaves the machine. The sender's own stack is told"
    place = f"dropped at the {step.side}'s {step.hook}"
    return f"From now on every {what}{which} is {place}, {how}.{only}"


def _described(step: DropStep) -> str:
    what = ", ".join(map(str, step.segments or step.nft))
    if step.port is not None:
        what += f" of port {step.port}"
    if step.covers_fin:
        what += " of FIN"
    if step.first is not None or step.after is not None:
        what += f" (first {step.first})" if step.first is not None else f" (after {step.after})"
    if step.hook is Hook.INPUT:
        verb = f"answered with {step.reject}" if step.reject else "lost"
        return f"{what} {verb} to {step.side}"
    return f"{what} {'rejected' if step.reject else 'dropped'} at {step.side} {step.hook}"


def _written(step: DropStep) -> object:
    lost_on_the_way = step.hook is Hook.INPUT
    segments, nft = [str(segment) for segment in step.segments], list(step.nft)
    values = {
        "segment": segments[0] if len(segments) == 1 else segments,
        "nft": nft[0] if len(nft) == 1 else nft,
        "with": step.reject,
        "to": str(step.side) if lost_on_the_way else None,
        "at": None if lost_on_the_way else f"{step.side} {step.hook}",
        "port": step.port,
        "first": step.first,
        "after": step.after,
        "covers": "FIN" if step.covers_fin else None,
    }
    return {key: value for key, value in values.items() if value}


def _told_removed(step: DropStep) -> str:
    passes = "refused" if step.reject else "dropped"
    return f"The rule {step.name} is taken away: what it {passes} may pass from now on."


def _kind(word: str, takes: Struct) -> FaultKind[DropStep]:
    return FaultKind(
        word,
        takes,
        read=_read,  # type: ignore[arg-type] # what it reads of a packet is not for this entry
        install=_install,
        by_hand=_by_hand,
        undo=_undo,
        told=_told,
        told_removed=_told_removed,
        described=_described,
        written=_written,
        only=lambda step: REJECTS[step.reject].only if step.reject else None,
    )


def _either(classes: FaultKind[DropStep]) -> FaultKind[Any]:
    """The entry of a word that is about classes of segments, or about one packet."""

    def of(step: DropStep | PacketStep) -> FaultKind[Any]:
        return packet.DROP if isinstance(step, PacketStep) else classes

    return replace(
        classes,
        install=lambda stage, step: of(step).install(stage, step),
        by_hand=lambda step, family: of(step).by_hand(step, family),
        undo=lambda step, family: of(step).undo(step, family),
        told=lambda step: of(step).told(step),
        told_removed=lambda step: of(step).told_removed(step),
        described=lambda step: of(step).described(step),
        written=lambda step: of(step).written(step),
        only=lambda step: of(step).only(step),
    )


KINDS: tuple[FaultKind[Any], ...] = (_either(_kind("drop", DROP)), _kind("reject", REJECTION))
