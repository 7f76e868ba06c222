# SPDX-License-Identifier: GPL-2.0-or-later
"""The causes that `netlab diagnose` names, from its rules: in which states each is seen, what else
speaks for it, how to make sure, what helps, and its packets as this kernel sent them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from netlab.diagnosis import causes
from netlab.diagnosis.causes import ANYTHING, GONE, Case, Cause
from netlab.diagnosis.conditions import PLACE, Condition, DestinationCondition
from netlab.model.tcp import State
from netlab.scenario.model import Scenario
from reference import facts, recordings, scenarios
from reference.markdown import code, contents, page, plain, sentence, table

ENDS = {"own": "this end", "peer": "the other end", "destination": "the destination"}
PLACEHOLDERS = """\
`PORT` is the port of the service; `SIDE` is `sport` where the service is on the host that is asked,
and `dport` where it is on the other."""
HEAD = """\
`netlab diagnose` reads sockets of one end or of both, and answers with the most probable of these
causes. Each page has the evidence for it, how to make sure, what helps, and its packets.

"Lost" is on the way or at the receiver. Whichever end is called the client, *this end* is the one
that the sentence is about. [What evidence says](facts.md) explains the words in its conditions."""
#: What is typed, and what is set, in a sentence that says what to do.
WORD = (
    r"-[\w-]+|'[^']*'|[A-Z]{4,}|Tcp\w+|\d+|any|tcp|state [a-z-]+\d?|do|list ruleset|route get|neigh"
    r"|dst|dport|=|arp or icmp6|\|(?= )|awk|sort|uniq|grep|wc|output|/proc/PID/stack"
)
TYPED = re.compile(
    rf"\b(?:tcpdump|ss|nstat|conntrack|ipvsadm|ping|tracepath|ip|nft|cat)(?: (?:{WORD}))+(?![\w'])"
    r"|\b(?:net\.[\w.]*\w|tcp_\w+|nf_\w+)(?:=\d+)?"
)
POINTS = """\
The cause with the most points comes first. With one point more than another it is taken for twice
as likely, with two for four times, with three for eight. Only what is known counts: a listing that
does not show something speaks neither for it nor against it."""


def pages() -> dict[str, str]:
    """A page for each cause, and the one that lists them."""
    every = causes.parse(causes.HOME.read_text())
    rows = [(f"[{code(each.id)}](causes/{each.id}.md)", plain(each.title)) for each in every]
    listed = contents([*(f"{each.id} <causes/{each.id}>" for each in every), "facts"])
    return {
        "causes.md": page("# Causes", HEAD, table(("cause", "what it means"), rows), listed),
        **{f"causes/{each.id}.md": _page(each) for each in every},
    }


def played() -> list[Scenario]:
    """The scenarios whose packets the pages show."""
    wanted = {each.scenario for each in causes.parse(causes.HOME.read_text())}
    return [each for each in scenarios.every() if each.name in wanted]


def _page(cause: Cause) -> str:
    return page(
        f"(cause-{cause.id})=\n# {cause.id}: {plain(cause.title)}",
        f"[Source](../scenarios.md#sources): {plain(cause.source)}.",
        "## What it looks like",
        table(("this end / the other", "why", "points"), map(_case, cause.seen)),
        *_elsewhere(cause),
        "## Make sure",
        _advice(cause.confirm),
        *_otherwise(cause),
        "## What helps",
        _advice(cause.fix),
        "## What comes next",
        _advice(cause.next),
        *_legend(cause),
        "## See it happen",
        *_seen(cause),
        *_signs(cause),
    )


# --- evidence


def _case(case: Case) -> tuple[str, str, str]:
    conditions = [
        *(f"if {facts.place(each.text)}" for each in case.when),
        *(f"unless {facts.place(each.text)}" for each in case.unless),
    ]
    why = "; ".join([_because(case.because), *conditions])
    return f"{_states(case.own)} / {_states(case.peer)}", why, f"{case.points:g}"


def _states(states: Iterable[State | None]) -> str:
    found = frozenset(states)
    if found == ANYTHING:
        return "whatever it is"
    gone = frozenset(GONE) <= found
    names = [str(state) for state in State if state in found and not (gone and state in GONE)]
    names += ["gone"] if gone else []
    names += ["not known"] if None in found else []
    return plain(", ".join(names))


def _because(text: str) -> str:
    """A reason, with words for the facts that it has places for."""

    def said(match: re.Match[str]) -> str:
        return code(match[2]) if match[2] else ENDS[match[1]]

    parts, end = [], 0
    for match in PLACE.finditer(text):
        parts += [plain(text[end : match.start()]), said(match)]
        end = match.end()
    return "".join([*parts, plain(text[end:])])


def _elsewhere(cause: Cause) -> Iterator[str]:
    """What shows it at a whole host, or at one destination."""
    rows = [
        (where, _because(each.because), _conditions(each.when), f"{each.confidence:.0%}")
        for where, cases in (("a host", cause.host), ("a destination", cause.destinations))
        for each in cases
    ]
    yield table(("of", "why", "if", "certainty"), rows)


def _conditions(conditions: Iterable[Condition | DestinationCondition]) -> str:
    return ", ".join(facts.place(each.text) for each in conditions)


def _signs(cause: Cause) -> Iterator[str]:
    if not cause.signs:
        return
    rows = [
        (_because(each.because), _conditions(each.when), f"{each.points:+g}")
        for each in cause.signs
    ]
    yield "## For and against it"
    yield POINTS
    yield table(("what is seen", "if", "points"), rows)


# --- advice


def _advice(text: str) -> str:
    """What to do, as a sentence."""
    return sentence(typed(text))


def typed(text: str) -> str:
    """What to do, with commands and settings as code."""
    text, parts, end = _named(text), [], 0
    for match in TYPED.finditer(text):
        parts += [plain(text[end : match.start()]), code(match[0])]
        end = match.end()
    return "".join([*parts, plain(text[end:])])


def _named(text: str) -> str:
    return text.replace("{port}", "PORT").replace("{side}", "SIDE").replace("{there}", "SIDE")


def _otherwise(cause: Cause) -> Iterator[str]:
    """Where a case asks for something else than the cause."""
    for case in cause.seen:
        if case.confirm:
            states = f"{_states(case.own)} / {_states(case.peer)}"
            yield f"- {states}: {typed(case.confirm)}"


def _legend(cause: Cause) -> Iterator[str]:
    if "{port}" in cause.next + cause.confirm + cause.fix:
        yield PLACEHOLDERS


def _seen(cause: Cause) -> Iterator[str]:
    others = [each.scenario for each in cause.seen if each.scenario != cause.scenario]
    place = scenarios.place(cause.scenario)
    if cause.stand_in:
        yield f"{place} stands in for it: another fault, which comes to the same states."
    else:
        yield f"{place} brings it about, and proves it:"
    yield recordings.directive(cause.scenario)
    if others:
        listed = ", ".join(map(scenarios.place, dict.fromkeys(others)))
        yield f"Other cases of it: {listed}."
