# SPDX-License-Identifier: GPL-2.0-or-later
"""The second of the three proofs: that the faults of a scenario caused the pair that was held.

Each fault must have dropped something. Where an end sends again and again, a fault that is still in
force must do so twice, and once while the pair is held: otherwise it could be removed, and the pair
would stay. Of a fault that acts only before, a scenario says so by removing it before the pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netlab.model.tcp import RETRANSMITTING
from netlab.scenario.model import (
    AT_LEAST_ONE,
    AT_LEAST_TWO,
    SENDS_AGAIN,
    Expectation,
    FaultStep,
    Range,
    Remove,
)
from netlab.scenario.steps import kind_of
from netlab.testbed.lab import Lab

#: What to write of a hop that is there for something else.
NEED_NOT = ". If it need not drop any, say so below 'expect': 'dropped: {{{}: none}}'"


@dataclass(frozen=True, slots=True)
class Lack:
    """What a fault has not done, or all of them together."""

    says: str
    asked: tuple[str, ...]  # where the file asks for it: words below `expect:`


def lacking(lab: Lab, expect: Expectation) -> Lack | None:
    """What the proof lacks by the last look of the lab's tally; None: the faults are the cause."""
    return next(_lacks(lab, expect), None)


def due(removed: Remove, faults: Mapping[str, FaultStep], expect: Expectation) -> Iterator[str]:
    """The names of the faults that this step removes, and that must have met a packet by then."""
    for name, fault in faults.items():
        counts = kind_of(fault).counts(fault) and not expect.may_drop_nothing(name)
        if counts and removed.name in (None, name):
            yield name


def _lacks(lab: Lab, expect: Expectation) -> Iterator[Lack]:
    faults = [fault for fault in lab.imposed if fault.counts]
    everything = expect.dropped.get(None)
    if everything is not None:
        yield from _number(everything, sum(map(lab.tally.in_all, faults)))
    again = _sends_again(lab, expect)
    for fault in faults:
        name, found = fault.name, lab.tally.in_all(fault)
        usual = AT_LEAST_TWO if again and fault.in_force else AT_LEAST_ONE
        asked = expect.dropped.get(name, usual)
        lasting = fault.in_force and (again or fault.ends_by_itself)
        if expect.may_drop_nothing(name):
            if name in expect.dropped:
                yield from _number(asked, found, name)
        elif found and lasting and not lab.tally.while_held(fault):
            yield Lack(_only_before(name, found), ("dropped", name))
        else:
            is_hop = lab.way is not None and fault in lab.way.hops
            yield from _number(asked, found, name, NEED_NOT.format(name) if is_hop else "")


def _sends_again(lab: Lab, expect: Expectation) -> bool:
    """True if an end waits for an acknowledgment: by its state, or by the timer that it shows."""
    claimed = {*expect.claim.client, *expect.claim.server}
    rows = lab.flow(expect.of).rows.values()
    return bool(claimed & RETRANSMITTING) or any(row and row.timer in SENDS_AGAIN for row in rows)


def _number(asked: Range, found: int, name: str = "", advice: str = "") -> Iterator[Lack]:
    if found not in asked:
        by = f" by {name}" if name else ""
        why = f"expected {asked}{by}; found {found}{advice}"
        yield Lack(why, ("dropped", *filter(None, [name])))


def _only_before(name: str, found: int) -> str:
    packets = f"{found} packet{'' if found == 1 else 's'}"
    return (
        f"{name} dropped {packets} before the pair was reached, and none while it was held, so it "
        f"is not what holds it. If it acts only before, remove it by then: '- remove: {name}'"
    )
