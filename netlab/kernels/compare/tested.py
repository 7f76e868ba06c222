# SPDX-License-Identifier: GPL-2.0-or-later
"""What a check of a baseline tells a CI: one test for each thing that was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netlab.kernels.compare.baseline import Checked, CheckSentence
from netlab.kernels.compare.behaviour import KernelProfile, Play
from netlab.kernels.compare.differences import Topic
from netlab.model.evidence import Outcome
from netlab.model.kernel_run import Timing
from netlab.model.vocabulary import Family
from netlab.render.verdicts import WHOLE, Verdict, one_line, suite

#: The suite of each kind of thing, and what is one test for all of its kind: a sysctl that only one
#: kernel has is no test of the other.
SUITES: dict[Topic, str] = {
    "scenario": "scenarios", "row": "conformance", "cell": "atlas", "timer": "timers",
    "sysctl": "kernel", "counter": "kernel",
}  # fmt: skip
#: A topic and a name; None: the kernel itself.
Test = tuple[Topic, str] | None
TOGETHER: dict[Topic, str] = {"sysctl": "sysctls", "counter": "counters"}


def verdicts(
    recorded: KernelProfile, now: KernelProfile, checked: Checked, seconds: float = 0.0
) -> tuple[Verdict, ...]:
    """A verdict on each scenario, row, pair and time-out of a baseline, on its sysctls and its
    counters, and last on whether the kernel was played to the end.

    pass: as recorded; fail: otherwise; error: it could not be compared; skip: it was not played, as
    was asked for. `seconds`: how long the run took.
    """
    parts: tuple[tuple[Topic, Mapping[str, Play | Timing], Mapping[str, Play | Timing]], ...] = (
        ("scenario", recorded.scenarios, now.scenarios),
        ("row", recorded.rows, now.rows),
        ("cell", recorded.cells, now.cells),
        ("timer", recorded.timers, now.timers),
    )
    known: dict[Test, Sequence[str]] = {
        (topic, name): () if name in played else ("it was not played",)
        for topic, kept, played in parts
        for name in kept
    }
    known |= dict.fromkeys([*TOGETHER.items(), None], ())
    otherwise, uncompared = _by_test(checked.otherwise), _by_test(checked.open)
    found: list[Verdict] = []
    for test, missing in known.items():
        outcome: Outcome = "skip" if missing else "pass"
        if test in otherwise:
            outcome = "fail"
        elif test in uncompared:
            outcome = "error"
        said = otherwise.get(test) or uncompared.get(test) or missing
        details = tuple(said) if outcome in ("fail", "error") else ()
        lasted = 0.0 if test else seconds
        found.append(Verdict(*_named(test), outcome, "".join(said[:1]), details, lasted))
    return tuple(found)


def _by_test(found: Sequence[CheckSentence]) -> dict[Test, list[str]]:
    """The sentences about each test."""
    tests: dict[Test, list[str]] = {}
    for one in found:
        for test in dict.fromkeys(_tests(one)):
            tests.setdefault(test, []).append(one_line(one.sentence))
    return tests


def _tests(found: CheckSentence) -> Iterator[Test]:
    if not found.about:
        yield None
    for topic, name in found.about:
        yield topic, TOGETHER.get(topic, name)


def _named(test: Test) -> tuple[str, str]:
    """A test's suite and its name; over IPv6 it is another one, as in the matrix."""
    if test is None:
        return "kernel", WHOLE
    topic, name = test
    plain = name.removesuffix(f" ({Family.IPV6})")
    return suite(SUITES[topic], Family.IPV4 if plain == name else Family.IPV6), one_line(plain)
