# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of scenarios. Each action and each kind of fault is one entry: how it is written,
played, done by hand and described. Loader, schema, writer, runner, lessons, the live view, the
report and the atlas use these entries, and a test checks that each is complete.

To add an action, add an entry to the file of its kind, and nothing else. A kind of fault is an
entry here and a class in `netlab.testbed.faults`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from netlab.scenario.model import AnyStep, Do, FaultStep, HopStep
from netlab.scenario.steps import connection, data, drop, forged, machine, packet, plug, wire
from netlab.scenario.steps.action import Action
from netlab.scenario.steps.fault import FaultKind
from netlab.scenario.steps.hops import HOPS

#: The actions of a side, by their words.
ACTIONS: dict[str, Action] = {
    action.word: action
    for action in (*connection.ACTIONS, *data.ACTIONS, *machine.ACTIONS, *forged.ACTIONS)
}
KINDS: tuple[FaultKind[Any], ...] = (*drop.KINDS, *plug.KINDS, *wire.KINDS, *packet.KINDS)
#: The kinds of faults, by their words.
FAULTS: dict[str, FaultKind[Any]] = {kind.word: kind for kind in KINDS}


def kind_of(step: FaultStep) -> FaultKind[Any]:
    """The entry of a step's kind of fault, or of hop."""
    return HOPS[step.kind] if isinstance(step, HopStep) else FAULTS[step.kind]


def opening() -> frozenset[str]:
    """The words of actions that may begin a connection."""
    return frozenset(word for word, action in ACTIONS.items() if action.opens)


def forging() -> frozenset[str]:
    """The words of actions after which an end may do what no call of the other one explains."""
    return frozenset(word for word, action in ACTIONS.items() if action.numbered)


def numbered(steps: Iterable[AnyStep]) -> bool:
    """True if one needs the numbers of a connection's packets, so that its lab keeps a tape."""
    return any(isinstance(step, Do) and ACTIONS[step.action].numbered for step in steps)


def programs() -> frozenset[str]:
    """The words of actions after which a program, and no step, decides what an end does."""
    return frozenset(word for word, action in ACTIONS.items() if action.programs)
