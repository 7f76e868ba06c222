# SPDX-License-Identifier: GPL-2.0-or-later
"""Verdicts as the kernel's own tests print theirs (Documentation/dev-tools/ktap.rst).

::

    KTAP version 1
    1..2
    ok 1 handshake.synack-dropped
    # scenarios/teardown/fin-dropped.yaml:9: pair not held (kernel 6.18.44)
    not ok 2 teardown.fin-dropped
    # Totals: pass:1 fail:1 xfail:0 xpass:0 skip:0 error:0
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from netlab.model.evidence import Outcome
from netlab.render.verdicts import Verdict

VERSION = "KTAP version 1"
INDENT = "  "


def head(number: int) -> Iterator[str]:
    """The first lines: that so many tests follow."""
    yield VERSION
    yield f"1..{number}"


def point(number: int, verdict: Verdict) -> Iterator[str]:
    """The lines of one test, which is the `number`-th from 1 on."""
    yield from (f"# {line}".rstrip() for line in verdict.details)
    directive = {"skip": "SKIP", "error": "ERROR"}.get(verdict.outcome, "")
    ending = f" # {directive} {verdict.why}".rstrip() if directive else ""
    yield f"{_result(verdict.outcome)} {number} {_name(verdict.full_name)}{ending}"


def totals(outcomes: Sequence[Outcome]) -> str:
    """The last line, as kselftest prints it."""
    counts = Counter(outcomes)
    return (
        f"# Totals: pass:{counts['pass']} fail:{counts['fail']} xfail:0 xpass:0 "
        f"skip:{counts['skip']} error:{counts['error']}"
    )


def nested(suites: Mapping[str, Sequence[Verdict]]) -> Iterator[str]:
    """All lines of several kernels by their names: each is a test that has tests of its own."""
    yield from head(len(suites))
    for place, (name, verdicts) in enumerate(suites.items(), start=1):
        yield f"{INDENT}{VERSION}"
        yield f"{INDENT}# Subtest: {_name(name)}"
        yield f"{INDENT}1..{len(verdicts)}"
        for each, verdict in enumerate(verdicts, start=1):
            yield from (f"{INDENT}{line}" for line in point(each, verdict))
        outcome = worst(verdicts)
        skipped = " # SKIP nothing was played" if outcome == "skip" else ""
        yield f"{_result(outcome)} {place} {_name(name)}{skipped}"
    yield totals([worst(verdicts) for verdicts in suites.values()])


def worst(verdicts: Sequence[Verdict]) -> Outcome:
    """Of all of them together: a kernel passes if one test passed, and no other one did worse."""
    outcomes = {verdict.outcome for verdict in verdicts}
    order: tuple[Outcome, ...] = ("error", "fail", "pass", "skip")
    return next((outcome for outcome in order if outcome in outcomes), "skip")


def _result(outcome: Outcome) -> str:
    return "ok" if outcome in ("pass", "skip") else "not ok"


def _name(text: str) -> str:
    """A name without what begins a directive."""
    return text.replace("#", "_")
