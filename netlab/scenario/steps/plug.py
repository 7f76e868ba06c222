# SPDX-License-Identifier: GPL-2.0-or-later
"""``plug: client``: segments that a side sends wait on the wire."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netlab.model.vocabulary import Family, Side
from netlab.scenario.kinds import SIDE
from netlab.scenario.model import PlugStep
from netlab.scenario.shapes import Field, ListOf, Struct
from netlab.scenario.steps.fault import Command, FaultKind, StepContext

if TYPE_CHECKING:
    from netlab.scenario.steps.action import Stage
    from netlab.testbed.faults.base import Fault


def _read(about: StepContext, name: str, values: Mapping[str, Any]) -> PlugStep:
    return PlugStep(*about, name=name, sides=values.get("sides", tuple(Side)))


def _install(stage: Stage, step: PlugStep) -> Fault:
    return stage.lab.plug(*step.sides, name=step.name)


def _by_hand(step: PlugStep, family: Family) -> Iterator[Command]:
    for side in step.sides:
        peer = side.peer.address(family)
        yield Command(side, f"ip neigh replace {peer} dev eth0 nud incomplete")


def _undo(step: PlugStep, family: Family) -> Iterator[Command]:
    for side in step.sides:
        peer = side.peer
        yield Command(
            side,
            f"ip neigh replace {peer.address(family)} lladdr {peer.hardware} "
            "dev eth0 nud permanent",
        )


def _told(step: PlugStep) -> str:
    who = " and ".join(f"the {side}" for side in step.sides)
    send = "sends" if len(step.sides) == 1 else "send"
    return f"What {who} {send} from now on waits on its side of the wire. It is not lost."


def _described(step: PlugStep) -> str:
    send = "sends" if len(step.sides) == 1 else "send"
    return f"kept: what {' and '.join(map(str, step.sides))} {send}"


def _written(step: PlugStep) -> object:
    sides = [str(side) for side in step.sides]
    return {"sides": sides[0] if len(sides) == 1 else sides}


KINDS = (
    FaultKind(
        "plug",
        Struct(
            "a plug",
            {"sides": Field(ListOf(SIDE), doc="whose segments wait (both)")},
            "sides",
            doc="what a side sends waits on the wire until the plug is removed, and then crosses",
        ),
        read=_read,
        install=_install,
        by_hand=_by_hand,
        undo=_undo,
        told=_told,
        told_removed=lambda step: "What has waited on the wire is let go, all at once.",
        described=_described,
        written=_written,
        counts=lambda step: False,
    ),
)
