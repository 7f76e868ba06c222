# SPDX-License-Identifier: GPL-2.0-or-later
"""The causes of ``netlab diagnose``, and which of them fit a state or a pair by states alone."""

from __future__ import annotations

import functools
import re

from netlab.diagnosis.causes import Case, Cause
from netlab.diagnosis.rules import rules
from netlab.glossary.entry import GlossaryEntry, entry
from netlab.model.tcp import State
from netlab.model.vocabulary import Pair

#: What stands in a reason where a diagnosis has the ends and the figures of a connection.
ENDS = {"own": "this end", "peer": "the other end"}
STANDS_IN = "  # stands in for it"
FIGURE = re.compile(r"\{(own|peer|destination)(\.\w+)?\}")


def names() -> list[str]:
    """All of them."""
    return [*rules().causes]


def of(name: str) -> GlossaryEntry:
    """What ``causes.yaml`` says of a cause."""
    cause = rules().causes[name].advising("PORT")
    return entry(
        "cause",
        cause.id,
        cause.title,
        ("seen", _seen(cause)),
        ("then", cause.next),
        ("confirm", cause.confirm),
        ("mend", cause.fix),
        ("play", f"netlab run --ladder {cause.scenario}{STANDS_IN if cause.stand_in else ''}"),
    )


def _seen(cause: Cause) -> str:
    """The states of its best case, and why these show it."""
    if not cause.seen:
        reasons = [c.because for c in cause.host] + [c.because for c in cause.destinations]
        return said(reasons[0])
    best = max(cause.seen, key=lambda case: case.points)
    return f"{_states(best)}: {said(best.because)}"


def _states(case: Case) -> str:
    return " or ".join(map(str, sorted(case.own)))


def said(because: str) -> str:
    """A reason without the connection that a diagnosis puts into it."""
    return FIGURE.sub(lambda found: ENDS.get(found[1], "it") if not found[2] else "N", because)


def of_state(state: State) -> list[str]:
    """The ids of causes that one end alone may show by its state, the likeliest first."""
    return _by_states(state, None)


def may_show(state: State) -> bool:
    """Whether one end in this state may show a cause by more than its state."""
    return any(state in case.own for cause in rules().causes.values() for case in cause.seen)


def of_pair(pair: Pair) -> list[str]:
    """The ids of causes that the states of a pair admit, the likeliest first."""
    return [
        *dict.fromkeys(_by_states(pair.client, pair.server) + _by_states(pair.server, pair.client))
    ]


def _by_states(own: State, peer: State | None) -> list[str]:
    """Those for which nothing has to be known but the states."""
    points = {
        cause.id: max(case.points for case in cases)
        for cause in rules().causes.values()
        if (cases := [c for c in cause.seen if own in c.own and peer in c.peer and not c.when])
    }
    return sorted(points, key=lambda name: -points[name])


def that_mention(word: str) -> list[str]:
    """The ids of causes whose texts name a counter, a sysctl, an error or an option."""
    pattern = re.compile(rf"(?<![a-z_]){re.escape(word)}(?![A-Za-z_0-9])")
    return [name for name, text in _texts().items() if pattern.search(text)]


@functools.cache
def _texts() -> dict[str, str]:
    return {name: repr(cause) for name, cause in rules().causes.items()}
