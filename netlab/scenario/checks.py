# SPDX-License-Identifier: GPL-2.0-or-later
"""Further checks of a frozen pair: columns, numbers of sockets, counters, the path to it.

Each raises `ActionFailed` with what was expected and what was found. Before each check, `at` is
called with the words of the file, so that the handler of the error knows which line was wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping

from netlab import scheduler
from netlab.linux.procnet import Row
from netlab.model.errors import ActionFailed, LabError, TooBusy
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import Side
from netlab.render.program import ended as told
from netlab.scenario.model import SENDS_AGAIN, Exit, Expectation, Look, Range
from netlab.testbed.connection import Flow
from netlab.testbed.expect import TOLERATED
from netlab.testbed.lab import Lab
from netlab.testbed.notebook import Notebook

At = Callable[..., None]  # takes words
#: Seconds. The kernel lists no timer while one fires, until it is set again
#: (tcp_retransmit_timer), and a busy machine may stop it there.
FIRING = 0.05


def frozen(lab: Lab, expect: Expectation, since: float, at: At) -> None:
    """Check everything that is expected of the sockets while the pair is held, which is proven
    `since` then, in seconds on the lab's clock.

    Raises `ActionFailed` for the first difference.
    """
    flow = lab.flow(expect.of)
    for side, look in expect.rows.items():
        _row(lab, flow, side, look, at)
    for side, wanted in expect.sockets.items():
        counts = lab.count(side)
        for state, asked in wanted.items():
            at("sockets", side, state)
            _compare(f"{side}: sockets in {state}", asked, counts.get(state, 0))
    for side, figures in expect.info.items():
        _info(lab, expect.of, side, figures, at)
    for side, states in expect.path.items():
        at("path", side)
        _path(flow, side, states)
    for hop, entry in expect.tracked.items():
        at("tracked", hop)
        tracked(lab, expect.of, {hop: entry}, 0.0)
        _tracked_all_along(lab, flow, hop, entry, since)


def reads(notebook: Notebook, expect: Expectation, at: At) -> None:
    """Check what the applications would read while the pair is held. Raises `ActionFailed`."""
    for side, wanted in expect.reads.items():
        at("reads", side)
        found = notebook.reads(side, expect.of)
        if found != wanted:
            raise ActionFailed(
                f"the {side}'s application: expected to read {', '.join(wanted)}; "
                f"found {', '.join(found)}"
            )


def tracked(lab: Lab, of: str, wanted: Mapping[str, str], within: float) -> None:
    """Check the state that hops have of a connection, waiting for up to `within` seconds.

    Raises `ActionFailed`.
    """
    wanted = {name: state for name, state in wanted.items() if not lab.hop(name).idle}

    def others() -> dict[str, str]:
        flow = lab.flow(of)
        found = {name: flow.tracked_as(name) for name in wanted}
        return {name: state for name, state in found.items() if state != wanted[name]}

    lab.wait(lambda: not others(), within)
    for name, state in others().items():
        raise ActionFailed(f"{name}: expected {wanted[name]} in its table; found {state}")


def _tracked_all_along(lab: Lab, flow: Flow, hop: str, wanted: str, since: float) -> None:
    """A hop may come to a state after the sockets have, but must not leave it while they stay."""
    if lab.hop(hop).idle:
        return
    states = itertools.dropwhile(
        lambda each: each.state != wanted, flow.tracked_since(hop, since)
    )  # fmt: skip
    for left in states:
        if left.state != wanted:
            raise ActionFailed(
                f"{hop}: expected {wanted} in its table while the pair is held; "
                f"it was {left.state} from +{left.at:.2f} s on"
            )


def ended(lab: Lab, asked: Exit, at: At) -> None:
    """Check how the program that was started last, at one side or at all, ends, waiting for it.

    Raises `ActionFailed`.
    """
    started = lab.context.programs if asked.at is None else lab.host(asked.at).programs
    program = started[-1]
    at("program", "within")
    left = program.started + asked.within - scheduler.now()
    lasted = lab.wait(lambda: program.lasted, max(0.0, left))
    if asked.code is not None and (lasted is None or lasted > asked.within):
        raise ActionFailed(f"the program has not ended within {asked.within:g} s")
    at("program", "exits")
    if asked.code is None and lasted is not None:
        has = f"the program has ended after {lasted:.2f} s"
        raise ActionFailed(f"{has} ({told(program.exit_code)}); expected that it does not")
    if program.exit_code != asked.code:
        wanted, found = told(asked.code), told(program.exit_code)
        raise ActionFailed(f"the program's end: expected {wanted}; found {found}")
    at("program", "takes")
    if asked.takes is not None and lasted is not None and lasted not in asked.takes:
        raise ActionFailed(f"the program has taken {lasted:.2f} s; expected {asked.takes}")
    at("program", "says")
    if asked.says not in program.said:
        raise ActionFailed(f"the program did not say {asked.says!r}")


def undone(lab: Lab, expect: Expectation) -> bool:
    """True if the pair is still there, and what the rows showed to wait waits no more at one end.

    A queue that has grown, or another timer that sends again, is no healing.
    """
    flow = lab.flow(expect.of)
    return expect.claim.admits(flow.pair) and any(
        not _shows(flow.rows[side], look.waiting)
        for side, look in expect.rows.items()
        if look.waiting is not None
    )


def _shows(row: Row | None, look: Look) -> bool:
    return row is not None and (
        (look.timer is None or row.timer in SENDS_AGAIN)
        and all(getattr(row, name) >= asked.low for name, asked in look.numbers.items())
    )


def counters(notebook: Notebook, wanted: Mapping[Side, Mapping[str, Range]], at: At) -> None:
    """Check what has been counted since the beginning.

    Raises `LabError` for a counter that the kernel does not have, `ActionFailed` for a difference.
    """
    for side, of_side in wanted.items():
        counted = notebook.counted(side)
        for name, asked in of_side.items():
            at("counters", side, name)
            if name not in counted:
                raise LabError(f"this kernel has no counter {name}")
            _compare(f"{side}: {name}", asked, counted[name])


def lasted(least: float, most: float, asked: Range) -> None:
    """Check how many seconds a pair lasted, which is known as well as one looked: it came between
    two samples, and ended between two.

    Raises `ActionFailed` if no time between `least` and `most` was asked for, and `TooBusy` if only
    a part of them was, because nobody looked for too long.
    """
    if least > asked.high or most < asked.low:
        raise ActionFailed(f"the pair ended after {most:.1f} s; expected {asked}")
    if most - least > TOLERATED and not (least in asked and most in asked):
        raise TooBusy(
            f"the pair ended after {least:.1f} to {most:.1f} s, nobody saw when; expected {asked}"
        )


def _ticking(row: Row | None) -> Row | None:
    return None if row is None or row.timer is Timer.NONE else row


def _row(lab: Lab, flow: Flow, side: Side, look: Look, at: At) -> None:
    at("rows", side)
    row = flow.rows[side]
    if row is None:
        raise ActionFailed(f"{side}: no row to look at, the connection is not listed")
    at("rows", side, "timer")
    if look.timer is not None and row.timer is Timer.NONE is not look.timer:
        row = lab.wait(lambda: _ticking(flow.rows[side]), FIRING) or row
    if look.timer is not None and row.timer is not look.timer:
        raise ActionFailed(f"{side}: expected timer {look.timer}; found {row.timer}")
    for name, asked in look.numbers.items():
        at("rows", side, name)
        _compare(f"{side}: {name}", asked, getattr(row, name))


def _info(lab: Lab, of: str, side: Side, asked: Mapping[str, Range], at: At) -> None:
    at("info", side)
    found = lab.host(side).tcp_info(of)
    for name, wanted in asked.items():
        at("info", side, name)
        if name not in found:
            raise LabError(f"this kernel tells no {name} of a connection of the {side} now")
        _compare(f"{side}: {name}", wanted, found[name])


def _path(flow: Flow, side: Side, wanted: tuple[State, ...]) -> None:
    """Check that these states were seen in this order, possibly with others between them."""
    seen: list[State] = []
    for interval in flow.timelines[side].intervals():
        if not seen or seen[-1] is not interval.state:
            seen.append(interval.state)
    rest = iter(seen)
    if not all(state in rest for state in wanted):
        names = ", ".join(map(str, wanted))
        saw = ", ".join(map(str, seen))
        raise ActionFailed(f"{side}: expected to see {names}, in order; saw {saw}")


def _compare(what: str, asked: Range, found: float) -> None:
    if found not in asked:
        raise ActionFailed(f"{what}: expected {asked}; found {found:g}")
