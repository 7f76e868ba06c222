# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the actions of a scenario's steps. A call that fails as the file says has done what it was
asked to do; one that fails because this machine is out of something has said nothing about TCP.
"""

from __future__ import annotations

import errno

from netlab.linux import privileges
from netlab.model.errors import OUT_OF_SOMETHING, ActionFailed
from netlab.model.vocabulary import Family
from netlab.scenario import checks, writer
from netlab.scenario.model import AnyStep, Do, FaultStep, HopOrder, Reach, Remove
from netlab.scenario.steps import ACTIONS, kind_of
from netlab.scenario.steps.action import Stage
from netlab.scenario.steps.hops import give
from netlab.testbed.flows import Which
from netlab.testbed.host import PATIENCE


def perform(stage: Stage, step: AnyStep, family: Family) -> str:
    """Do any step, and return its result in words, or nothing. Raises as `act` and the lab do."""
    match step:
        case Do():
            return act(stage, step, family)
        case FaultStep():
            kind_of(step).install(stage, step)
        case HopOrder():
            give(stage.lab, step)
        case Remove():
            stage.lab.remove(step.name)
        case Reach():
            stage.lab.expect_pair(step.claim, step.hold, step.within, None, Which(step.of))
            checks.tracked(stage.lab, step.of, step.tracked, step.within or PATIENCE)
    return ""


def act(stage: Stage, step: Do, family: Family) -> str:
    """Do it, and return its result in words: nothing, or the error that the file expects.

    Raises `ActionFailed` where it ends otherwise, `LabError` where this machine is the reason.
    """
    wanted = step.fails.get(family, "")
    try:
        result = ACTIONS[step.action].play(stage, step) or ""
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, str(error))
        if name == wanted:
            return name
        if error.errno in OUT_OF_SOMETHING:
            raise privileges.refused(error) from None
        raise _other(step, wanted or "no error", name) from None
    if wanted:
        raise _other(step, wanted, "no error")
    return result


def _other(step: Do, wanted: str, found: str) -> ActionFailed:
    return ActionFailed(f"{writer.line(step)}: expected {wanted}; found {found}")
