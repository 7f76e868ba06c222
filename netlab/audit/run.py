# SPDX-License-Identifier: GPL-2.0-or-later
"""An audit: a program under every fault, each in a lab of its own, all side by side."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from netlab import scheduler
from netlab.audit.cures import CURES
from netlab.audit.faults.base import AuditFault, Sound
from netlab.audit.faults.clients import ServerFault
from netlab.audit.plan import CAP, PROMISE, TO_THE_END, USUAL, AuditPlan
from netlab.audit.play import play
from netlab.audit.serve import serve
from netlab.audit.verdicts import judged, repeated
from netlab.linux.privileges import labs_at_once
from netlab.model.auditing import AuditCell, AuditPlay, Helped
from netlab.model.errors import LabError, ScenarioError
from netlab.model.vocabulary import Family
from netlab.render.fitting import cut
from netlab.render.program import ended, last_lines

#: Labs at a time in virtual time, where waiting costs nothing, and work keeps the others from being
#: looked at.
AT_ONCE = 4
LONGEST = 60  # characters of a command line, before what is said of it
Meanwhile = Callable[[], None]


def sound(plan: AuditPlan, meanwhile: Meanwhile = lambda: None) -> AuditPlay:
    """How it is without a fault: what all others are compared with.

    Raises `ScenarioError` for a program that cannot be audited, because it does not work even so,
    and `LabError` where it could not be played.
    """
    ((_, found),) = scheduler.side_by_side([partial(play, Sound(), plan)], 1, meanwhile)
    if found.problem:
        raise LabError(found.problem)
    why = unfit(found, plan)
    if why:
        said = "\n".join(last_lines(found.errors or found.output))
        program = cut(" ".join(shlex.join(plan.command).split()), LONGEST)
        raise ScenarioError(f"{program}: {why}" + (f"\n{said}" if said else ""))
    return found


def unfit(found: AuditPlay, plan: AuditPlan) -> str:
    """Why a program cannot be audited that was played without a fault; '' where it can."""
    if found.over:
        return f"without any fault, {found.over}"
    if found.left:
        return (
            f"it leaves {', '.join(found.left)} behind without any fault: have it stay in front "
            "and wait for what it starts"
        )
    if not found.ended:
        return (
            f"without any fault it has not ended after {plan.cap:g} s: an audit needs a program "
            "that does its work and ends; raise --cap, or audit a server with --as-server"
        )
    if found.exit_code:
        said = "it wrote:" if found.errors or found.output else "it wrote nothing"
        return f"without any fault it fails already, with {ended(found.exit_code)}; {said}"
    if not found.connections:
        return (
            f"it never connects to the server's port {plan.at}: have it do so, by the words "
            "{server} and {port} in its command, or by NETLAB_SERVER and NETLAB_PORT"
        )
    return ""


def audit(
    plan: AuditPlan,
    faults: Sequence[AuditFault],
    base: AuditPlay,
    meanwhile: Meanwhile = lambda: None,
    record: bool = False,
) -> Iterator[AuditCell]:
    """Play a program under these faults, and yield what became of it as each ends. `base`: how it
    is without one. A recorded one has its packets.
    """
    plays = [partial(play, fault, plan, None, record) for fault in faults]
    jobs = plan.at_once(AT_ONCE if plan.virtual else labs_at_once())
    for number, found in scheduler.side_by_side(plays, jobs, meanwhile):
        yield cell(faults[number], found, base, plan)


def sound_server(plan: AuditPlan, meanwhile: Meanwhile = lambda: None) -> AuditPlay:
    """How a server is when nobody misbehaves. Raises `ScenarioError` for one that does not work
    even so.
    """
    ((_, found),) = scheduler.side_by_side([partial(serve, ServerFault(), plan)], 1, meanwhile)
    if found.problem:
        raise ScenarioError(found.problem)
    return found


def audit_server(
    plan: AuditPlan,
    faults: Sequence[ServerFault],
    base: AuditPlay,
    meanwhile: Meanwhile = lambda: None,
    record: bool = False,
) -> Iterator[AuditCell]:
    """Play a server under these faults, and yield what became of it as each ends. `base`: how it
    is without one. A recorded one has the packets of one who misbehaves.
    """
    plays = [partial(serve, fault, plan, record) for fault in faults]
    for number, found in scheduler.side_by_side(plays, plan.at_once(labs_at_once()), meanwhile):
        yield cell(faults[number], found, base, plan)


def cell(
    fault: AuditFault | ServerFault, found: AuditPlay, base: AuditPlay, plan: AuditPlan
) -> AuditCell:
    """The verdict on what was seen under one fault."""
    judgements = judged(found, base, plan.promise)
    once = isinstance(fault, AuditFault) and fault.between and len(base.asked) < 2
    if once and all(each.sound for each in judgements):  # what it met was no more than a goodbye
        judgements, found = (), replace(found, reached_at=None)
    more = repeated(found, base) if judgements else None
    command = again(plan, fault.name)
    seen = AuditCell(
        fault.name, fault.does, found, judgements, command, meets=fault.meets, repeated=more
    )
    return seen.allowing(plan.allow.get(fault.name))


def cured(
    plan: AuditPlan,
    faults: Sequence[AuditFault],
    cells: Sequence[AuditCell],
    base: AuditPlay,
    meanwhile: Meanwhile = lambda: None,
) -> list[AuditCell]:
    """The same cells of these faults; what hangs was played again with each cure, all side by side:
    what would have helped, and what would not.
    """
    hanging = [(f, c) for f, c in zip(faults, cells, strict=True) if c.word == "hangs"]
    tried = [(fault, cell, cure) for fault, cell in hanging for cure in CURES]
    plays = [partial(play, fault, plan, cure) for fault, _, cure in tried]
    helped: dict[str, list[Helped]] = {}
    for number, found in scheduler.side_by_side(plays, plan.at_once(labs_at_once()), meanwhile):
        fault, before, cure = tried[number]
        after = cell(fault, found, base, plan)
        changed = found.ended and not before.play.ended
        one = Helped(cure.name, after.word, after.why, round(found.after, 2), changed)
        helped.setdefault(fault.name, []).append(one)
    return [
        replace(each, helped=tuple(sorted(helped.get(each.fault, ()), key=_by_help)))
        for each in cells
    ]


def _by_help(one: Helped) -> tuple[bool, str]:
    return not one.changed, one.cure


def again(plan: AuditPlan, fault: str) -> str:
    """The command that plays one fault again."""
    words = ["netlab", "audit", "--fault", fault]
    if plan.listed:
        return shlex.join([*words, *_limits(plan), *plan.listed])
    if plan.as_server:
        words.append("--as-server")
    if plan.server:
        words += ["--server", plan.server]
    elif plan.talks != USUAL:
        words += ["--talks", plan.talks]
    if plan.port:
        words += ["--port", str(plan.port)]
    return shlex.join([*words, *_limits(plan), "--", *plan.command])


def _limits(plan: AuditPlan) -> Iterator[str]:
    """The options that are the same for every program."""
    if plan.virtual:
        yield from ("--virtual", *plan.guest)
    if plan.cap != (TO_THE_END if plan.virtual else CAP):
        yield from ("--cap", f"{plan.cap:g}s")
    if plan.promise != PROMISE:
        yield from ("--promise", f"{plan.promise:g}s")
    if plan.family is Family.IPV6:
        yield "-6"
