# SPDX-License-Identifier: GPL-2.0-or-later
"""A run as a table, one line a scenario, and a closing line that counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tabulate import tabulate

from netlab.evidence import Evidence, Outcome
from netlab.render.style import OUTCOME_COLOURS, Style

HEADINGS = ("outcome", "scenario", "client", "server", "held", "dropped", "healed into")


def table(runs: Sequence[Evidence], style: Style) -> str:
    """All runs of one command."""
    rows = [_row(run, style) for run in runs]
    return tabulate(rows, HEADINGS, tablefmt="simple", disable_numparse=True, colalign=ALIGN)


ALIGN = ("left", "left", "left", "left", "right", "right", "left")


def _row(run: Evidence, style: Style) -> tuple[str, ...]:
    outcome = style(run.outcome.upper(), OUTCOME_COLOURS[run.outcome])
    if run.outcome == "error":
        return outcome, run.scenario, "", "", "", "", ""
    if run.outcome == "skip":
        return outcome, run.scenario, "", "", "", "", style(run.reason, "dim")
    states = run.expected if run.outcome == "pass" else run.observed or run.expected
    healed = "/".join(run.healed.values()) if run.healed else ""
    held = f"{run.held_s:.1f} s" if run.held_s else ""
    dropped = str(run.dropped) if run.faults else ""
    name = run.scenario
    return outcome, name, states["client"], states["server"], held, dropped, healed


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
    families = " and ".join(sorted({run.family for run in runs}))
    kernels = ", ".join(sorted({run.kernel for run in runs}))
    return f"{counted(runs, style)} in {seconds:.1f} s ({families}, kernel {kernels})"
