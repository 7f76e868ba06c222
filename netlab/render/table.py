# SPDX-License-Identifier: GPL-2.0-or-later
"""A run as a table, one line per scenario, and a closing line that counts.

Lines are written as scenarios end, so the widths of the columns are known before any has: from the
names, and from what is expected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netlab.model.evidence import Evidence, Outcome
from netlab.model.tcp import State
from netlab.render.fitting import Columns, Giving, cut, width_of
from netlab.render.style import OUTCOME_COLOURS, Style

#: What gives way on a narrow terminal, in order. A name is shortened before its pair is.
GIVING: tuple[Giving, ...] = (
    (("healed into",), 0),
    (("dropped",), 0),
    (("held",), 0),
    (("scenario",), 24),
    (("client", "server"), 9),
    (("scenario",), 16),
    (("client", "server"), 0),
    (("scenario",), 8),
)
HELD = 7  # columns: 100.0 s
#: A pair that was not expected may be any.
ANY_STATE = max(len(state.name) for state in State)


class Known(NamedTuple):
    """What is known of a scenario before it is played."""

    name: str
    client: str  # expected: SYN_RECV or LISTEN
    server: str
    healed: str = ""  # ESTABLISHED/ESTABLISHED


class RunTable:
    """The table of one run."""

    def __init__(self, known: Sequence[Known], style: Style, room: int | None = None) -> None:
        natural = {
            "outcome": 0,
            "scenario": max((width_of(one.name) for one in known), default=0),
            "client": max([ANY_STATE, *(len(one.client) for one in known)]),
            "server": max([ANY_STATE, *(len(one.server) for one in known)]),
            "held": HELD,
            "dropped": 0,
            "healed into": max((len(one.healed) for one in known), default=0),
        }
        self._columns = Columns.of(natural, GIVING, style, room, ("held", "dropped"))

    def head(self) -> Iterator[str]:
        """The heading, and the line below it."""
        return self._columns.head()

    def row(self, run: Evidence) -> str:
        """The line of a scenario that has ended."""
        start = [(run.outcome.upper(), OUTCOME_COLOURS[run.outcome]), (run.scenario,)]
        if run.outcome == "error":
            return self._columns.row(start)
        if run.outcome == "skip":
            return self._columns.row(start, (run.reason, "dim"))
        states = run.expected if run.outcome == "pass" else run.observed or run.expected
        held = f"{run.held_s:.1f} s" if run.held_s else ""
        dropped = str(run.dropped) if run.faults else ""
        healed = str(run.healed or "")
        rest = (*states.words(), held, dropped, healed)
        return self._columns.row([*start, *((text,) for text in rest)])

    def before(self, run: Evidence) -> Iterator[str]:
        """The lines below it: what did not pass in disturbed labs, and so was played again."""
        for why in run.disturbed:
            yield self._columns.style(self._fitting(f"  played again: {why}"), "dim")

    def without(self, run: Evidence) -> Iterator[str]:
        """The lines below it: what came of the scenario without each of its faults."""
        for tried in run.counterfactuals:
            shown = self._fitting(f"  without {tried.fault}: {tried.found}")
            colour = {True: "dim", False: "red", None: "yellow"}[tried.needed]
            yield self._columns.style(shown, colour)

    def _fitting(self, text: str) -> str:
        room = self._columns.room
        return text if room is None else cut(text, room)


def counted(runs: Sequence[Evidence], style: Style) -> str:
    """``54 passed, 2 skipped``."""
    words: dict[Outcome, str] = {
        "pass": "passed",
        "fail": "failed",
        "error": "not built",
        "skip": "skipped",
    }
    counts = Counter(run.outcome for run in runs)
    return ", ".join(
        style(f"{counts[outcome]} {word}", OUTCOME_COLOURS[outcome])
        for outcome, word in words.items()
        if counts[outcome]
    )


def closing_line(runs: Sequence[Evidence], seconds: float, style: Style) -> str:
    """``54 passed, 2 skipped in 3.6 s (IPv4, kernel 6.18.44)``."""
    families = " and ".join(sorted({str(run.family) for run in runs}))
    kernels = ", ".join(sorted({run.kernel for run in runs}))
    return f"{counted(runs, style)} in {seconds:.1f} s ({families}, kernel {kernels})"


def counterfactual_line(runs: Sequence[Evidence]) -> str:
    """``58 faults of 46 scenarios left out in turn: 57 needed, 1 not needed``, and how many were
    not tried, because nothing is claimed of them.
    """
    tried = [each for run in runs for each in run.counterfactuals]
    passed = [run for run in runs if run.outcome == "pass" or run.counterfactuals]
    others = sum(max(0, len(run.faults) - len(run.counterfactuals)) for run in passed)
    untried = f"{others} not tried (it may drop nothing, or came after the pair)" if others else ""
    if not tried:
        return f"no fault was left out{f': {untried}' if untried else ': there is none'}"
    of = sum(bool(run.counterfactuals) for run in runs)
    scenarios = f"{of} scenario{'s' if of > 1 else ''}"
    counts = Counter(each.needed for each in tried)
    found = [
        f"{counts[kind]} {words}"
        for kind, words in ((True, "needed"), (False, "not needed"), (None, "not known"))
        if counts[kind]
    ]
    faults = f"{len(tried)} fault{'s' if len(tried) > 1 else ''}"
    found += [untried] if untried else []
    return f"{faults} of {scenarios} left out in turn: {', '.join(found)}"


def stopped_line(left: int, number: int, style: Style) -> str:
    """``stopped: 12 of 73 had not ended``."""
    return style(f"stopped: {left} of {number} had not ended", "yellow")
