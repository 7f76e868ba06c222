# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario for every pair: `compose` writes those in ``constant/``; ``crossing/`` is by hand.

Those by hand need packets to cross, or to arrive in a later incarnation of their receiver: no set
of losses achieves that, but holding packets on the wire does.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from netlab.model.tcp import State
from netlab.model.vocabulary import Hook, Side
from netlab.scenario import catalogue
from netlab.scenario.model import AnyStep, Do, DropStep, Scenario

HOME = Path(__file__).parent
GAP_SEEN = 2.5  # seconds
CONSTANT, CROSSING = HOME / "constant", HOME / "crossing"


def scenarios() -> list[Scenario]:
    """All of them."""
    return [*catalogue.everything(CONSTANT), *catalogue.everything(CROSSING)]


def is_constant(scenario: Scenario) -> bool:
    """True if losing the same segments for ever is enough."""
    return scenario.path.parent == CONSTANT


def at_the_sender(scenario: Scenario) -> Scenario | None:
    """The same pair with a firewall at the sender instead of loss at the receiver.

    None if nothing is dropped, or if a drop depends on something that only its receiver knows.
    """
    drops = [step for step in scenario.steps if isinstance(step, DropStep)]
    if not drops or any(step.covers_fin for step in drops):
        return None
    steps: tuple[AnyStep, ...] = tuple(
        dataclasses.replace(step, side=step.side.peer, hook=Hook.OUTPUT)
        if isinstance(step, DropStep)
        else step
        for step in scenario.steps
    )
    expect = scenario.expect
    if State.SYN_RECV in (*expect.claim.client, *expect.claim.server):
        # A request whose SYN-ACK cannot be sent is dropped after a second, and comes back with the
        # client's next SYN (reqsk_timer_handler). Without linear time-outs the gap can be seen.
        steps = (*(_no_linear_timeouts(side) for side in Side), *steps)
        expect = dataclasses.replace(expect, hold=GAP_SEEN)
    name = f"{scenario.name}-at-the-sender"
    return dataclasses.replace(scenario, name=name, steps=steps, expect=expect)


def _no_linear_timeouts(side: Side) -> Do:
    setting = {"tcp_syn_linear_timeouts": 0}
    return Do(0, "SYNs at 0, 1, 3, 7 s", side, "sysctl-if-there", setting)
