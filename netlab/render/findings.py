# SPDX-License-Identifier: GPL-2.0-or-later
"""A diagnosis on one screen: a few lines for each finding, the most important first.

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
from collections import Counter
from collections.abc import Iterable, Iterator

from netlab.model.findings import Diagnosis, Finding, StuckConnection
from netlab.model.tcp import State
from netlab.render.style import Style

#: Findings that are shown in full; those after them in two lines each.
IN_FULL = 3
#: Connections that are listed: normally, and with --explain.
NAMED, NAMED_EXPLAINED = 2, 10
#: Hosts that are named.
MOST_HOSTS = 3
SURE, UNSURE = 0.8, 0.5
LABEL = 7  # columns


def findings(diagnosis: Diagnosis, style: Style, width: int = 80, explain: bool = False) -> str:
    """The whole answer, in lines of at most `width` columns."""
    lines = [_heading(diagnosis, style)]
    for note in (*diagnosis.notes, *diagnosis.unseen):  # first: the findings may cover less
        lines += _labelled("note", note, width, style)
    for number, finding in enumerate(diagnosis.findings, start=1):
        full = explain or number <= IN_FULL
        if full:
            lines.append("")
        lines += _finding(finding, number, style, width, full, explain)
    return "\n".join(lines)


def _heading(diagnosis: Diagnosis, style: Style) -> str:
    number = len(diagnosis.findings)
    judged = _sockets(diagnosis.sockets)
    if number == 0 and diagnosis.unseen:
        return f"{style('Nothing is seen to be stuck', 'yellow', 'bold')} in {judged}, but:"
    if number == 0:
        return f"{style('Nothing is stuck', 'green', 'bold')} in {judged}."
    causes = style(f"{number} cause{'s' * (number > 1)}", "red", "bold")
    return f"{causes} in {judged}; {diagnosis.healthy:,} look well. The most important first:"


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
        yield from _labelled(
            "e.g." if len(finding.connections) > named else "all",
            ", ".join(map(_four_tuple, finding.connections[:named])),
            width,
            style,
        )
    for text in finding.evidence_for if explain else finding.evidence_for[:2]:
        yield from _labelled("why", text, width, style)
    if finding.alternatives:
        yield from _labelled("or", _also(finding, explain), width, style)
    yield from _labelled("next", finding.next, width, style)
    yield from _labelled("check", finding.confirm, width, style)
    if finding.more:
        yield from _labelled("more", finding.more, width, style)
    yield from _labelled("fix", finding.fix, width, style)
    if len(finding.other_end) > 1 or (explain and finding.other_end):
        yield from _other_end(finding, width, style, explain)
    if explain:
        for text in finding.evidence_against:
            yield from _labelled("but", text, width, style)
        yield from _labelled("lab", f"netlab show {finding.scenario}", width, style)


def _colour(confidence: float) -> str:
    return "green" if confidence >= SURE else "yellow" if confidence >= UNSURE else "dim"


def _also(finding: Finding, explain: bool) -> str:
    """What else it may be: what this evidence cannot tell apart, then what fits less."""
    number = len(finding.also)
    names = [f"{a.cause} ({a.title})" if explain else a.cause for a in finding.alternatives]
    between = "; " if explain else ", "
    near, less = between.join(names[:number]), between.join(names[number:])
    if near and not explain:
        near += ": this evidence does not tell them apart"
    return "; ".join([*([near] if near else []), *([f"less likely {less}"] if less else [])])


def _who(finding: Finding) -> str:
    number, where = len(finding.connections), _where(finding.hosts)
    if number == 0:
        return f"by the counters of the host{where}"
    kinds = Counter(each.states for each in finding.connections)
    many = (
        ", ".join(f"{count:,} x {_states(kind)}" for kind, count in kinds.most_common())
        if number > 1
        else f"{_states(next(iter(kinds)))}  {_four_tuple(finding.connections[0])}"
    )
    service = f", {finding.service}" if number > 1 else ""
    owners = f", of {', '.join(finding.owners)}" if finding.owners else ""
    return many + service + owners + where


def _where(hosts: tuple[str, ...]) -> str:
    more = f" and {len(hosts) - MOST_HOSTS} more" if len(hosts) > MOST_HOSTS else ""
    return f", on {', '.join(hosts[:MOST_HOSTS])}{more}" if hosts else ""


def _states(ends: Iterable[State]) -> str:
    return "/".join("(nothing)" if state is State.CLOSED else str(state) for state in ends)


def _four_tuple(connection: StuckConnection) -> str:
    return f"{_endpoint(connection.local)} - {_endpoint(connection.remote)}"


def _endpoint(endpoint: tuple[str, int]) -> str:
    address, port = endpoint
    return f"[{address}]:{port or '*'}" if ":" in address else f"{address}:{port or '*'}"


def _other_end(finding: Finding, width: int, style: Style, explain: bool) -> Iterator[str]:
    """What to look for at the other end, and what each finding would mean."""
    filter_ = _filter(finding.connections[0])
    yield from _labelled("there", f"ss -tanoei '{filter_}' on the other host:", width, style)
    for end in finding.other_end:
        means = end.means if explain else " or ".join(end.causes)
        yield from _labelled("", f"  {end.shows}: {means}", width, style, hanging="    ")


def _filter(connection: StuckConnection) -> str:
    """What ss is to show there: its other end, and where a SYN goes to, the listener as well."""
    here, there = connection.local[1], connection.remote[1]
    if connection.states[0] is State.SYN_SENT:
        return f"sport = :{there} and ( dport = :{here} or dport = :0 )"
    return f"sport = :{there} and dport = :{here}"


def _labelled(label: str, text: str, width: int, style: Style, hanging: str = "") -> Iterator[str]:
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
