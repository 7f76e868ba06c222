# SPDX-License-Identifier: GPL-2.0-or-later
"""A diagnosis for a tired person: the answer on the first screen, a few lines for each finding.

::

    2 causes in 10,312 sockets. 311 are well.

    1  not-closed: the application has not closed its end                  99 %
       10,000 x CLOSE_WAIT, port 8080, of app(pid=812)
       10.0.0.2:8080 <- 10.0.0.1:40001, ...
       why    the other end has closed, all of it was read, and the socket is still open
       next   it stays for ever, and so do more of its kind, until ...
       check  ss -tanp state close-wait 'sport = :8080' twice, a minute apart
       fix    close the socket when read() returns 0
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Protocol

from netlab.render.style import Style
from netlab.tcp import State

#: Findings that are told in full; those after them in two lines each.
IN_FULL = 3
#: Connections that are named, and with --explain.
NAMED, NAMED_EXPLAINED = 2, 10
SURE, UNSURE = 0.8, 0.5
LABEL = 7


class Conn(Protocol):
    """A connection of a finding."""

    @property
    def local(self) -> tuple[str, int]: ...  # noqa: D102
    @property
    def remote(self) -> tuple[str, int]: ...  # noqa: D102
    @property
    def states(self) -> tuple[State, ...]: ...  # noqa: D102


class Finding(Protocol):
    """What `netlab.diagnosis.rank` finds."""

    @property
    def cause(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def also(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def also_titles(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def confidence(self) -> float: ...  # noqa: D102
    @property
    def connections(self) -> Sequence[Conn]: ...  # noqa: D102
    @property
    def evidence_for(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def evidence_against(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def next(self) -> str: ...  # noqa: D102
    @property
    def confirm(self) -> str: ...  # noqa: D102
    @property
    def fix(self) -> str: ...  # noqa: D102
    @property
    def scenario(self) -> str: ...  # noqa: D102
    @property
    def service(self) -> str: ...  # noqa: D102
    @property
    def owners(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def elsewhere(self) -> tuple[tuple[str, str], ...]: ...  # noqa: D102


class Diagnosis(Protocol):
    """All of it."""

    @property
    def findings(self) -> Sequence[Finding]: ...  # noqa: D102
    @property
    def healthy(self) -> int: ...  # noqa: D102
    @property
    def looked_at(self) -> int: ...  # noqa: D102
    @property
    def notes(self) -> tuple[str, ...]: ...  # noqa: D102


def findings(diagnosis: Diagnosis, style: Style, width: int = 80, explain: bool = False) -> str:
    """The whole answer."""
    lines = [_heading(diagnosis, style)]
    for note in diagnosis.notes:  # before the findings: they may be about less than was meant
        lines += _said("note", note, width, style)
    for number, finding in enumerate(diagnosis.findings, start=1):
        full = explain or number <= IN_FULL
        if full:
            lines.append("")
        lines += _finding(finding, number, style, width, full, explain)
    return "\n".join(lines)


def _heading(diagnosis: Diagnosis, style: Style) -> str:
    number = len(diagnosis.findings)
    looked = _sockets(diagnosis.looked_at)
    if number == 0:
        return f"{style('Nothing is stuck', 'green', 'bold')} in {looked}."
    causes = style(f"{number} cause{'s' * (number > 1)}", "red", "bold")
    return f"{causes} in {looked}; {diagnosis.healthy:,} look well. The most important first:"


def _sockets(number: int) -> str:
    return f"{number:,} socket{'s' * (number != 1)}"


def _finding(
    finding: Finding, number: int, style: Style, width: int, full: bool, explain: bool
) -> Iterator[str]:
    sure = f"{finding.confidence:.0%}"
    title = f"{finding.cause}: {finding.title}"
    room = width - 4 - len(sure)
    first, *rest = textwrap.wrap(title, room - 1) or [""]
    colour = _colour(finding.confidence)
    number_ = style(f"{number:<3}", "bold")
    yield f"{number_}{style(first, 'bold')}{' ' * (room - len(first))} {style(sure, colour)}"
    yield from (f"   {style(line, 'bold')}" for line in rest)
    yield from (f"   {line}" for line in textwrap.wrap(_who(finding), width - 3))
    if not full:
        return
    named = NAMED_EXPLAINED if explain else NAMED
    if len(finding.connections) > 1 or explain:
        yield from _said(
            "e.g.", ", ".join(map(_numbers, finding.connections[:named])), width, style
        )
    for text in finding.evidence_for if explain else finding.evidence_for[:2]:
        yield from _said("why", text, width, style)
    if finding.also:
        yield from _said("or", _also(finding, explain), width, style)
    yield from _said("next", finding.next, width, style)
    yield from _said("check", finding.confirm, width, style)
    yield from _said("fix", finding.fix, width, style)
    if len(finding.elsewhere) > 1 or (explain and finding.elsewhere):
        yield from _elsewhere(finding, width, style)
    if explain:
        for text in finding.evidence_against:
            yield from _said("but", text, width, style)
        yield from _said("lab", f"netlab show {finding.scenario}", width, style)


def _colour(confidence: float) -> str:
    return "green" if confidence >= SURE else "yellow" if confidence >= UNSURE else "dim"


def _also(finding: Finding, explain: bool) -> str:
    if explain:
        pairs = zip(finding.also, finding.also_titles, strict=True)
        return "; ".join(f"{name} ({title})" for name, title in pairs)
    return f"{', '.join(finding.also)}: this evidence does not tell them apart"


def _who(finding: Finding) -> str:
    number = len(finding.connections)
    if number == 0:
        return "by the counters of the host"
    states = "/".join(map(_state, finding.connections[0].states))
    many = (
        f"{number:,} x {states}" if number > 1 else f"{states}  {_numbers(finding.connections[0])}"
    )
    service = f", {finding.service}" if number > 1 else ""
    owners = f", of {', '.join(finding.owners)}" if finding.owners else ""
    return many + service + owners


def _state(state: State) -> str:
    return "(nothing)" if state is State.CLOSED else str(state)


def _numbers(conn: Conn) -> str:
    return f"{_end(conn.local)} - {_end(conn.remote)}"


def _end(end: tuple[str, int]) -> str:
    address, port = end
    return f"[{address}]:{port or '*'}" if ":" in address else f"{address}:{port or '*'}"


def _elsewhere(finding: Finding, width: int, style: Style) -> Iterator[str]:
    """What to look for at the other end, and what each finding would mean."""
    conn = finding.connections[0]
    asked = (
        f"ss -tanoei 'sport = :{conn.remote[1]} and dport = :{conn.local[1]}' on the other host:"
    )
    yield from _said("there", asked, width, style)
    for states, meaning in finding.elsewhere:
        yield from _said("", f"  {states}: {meaning}", width, style, hanging="    ")


def _said(label: str, text: str, width: int, style: Style, hanging: str = "") -> Iterator[str]:
    """A label, and a text beside it."""
    lines = textwrap.wrap(
        text,
        max(20, width - 3 - LABEL),
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]
    for number, line in enumerate(lines):
        shown = label if number == 0 else ""
        yield f"   {style(shown.ljust(LABEL), 'dim')}{line}".rstrip()
