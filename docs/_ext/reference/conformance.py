# SPDX-License-Identifier: GPL-2.0-or-later
"""The conformance table: what TCP answers to each event in each state, by the RFCs and by Linux."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from netlab.conformance.rows import NOTHING, TableRow, rows
from netlab.render.conformance import DEPARTS, NONE, PASSES, STATES
from netlab.render.grid import SHORT
from reference.markdown import code, contents, heading, page, plain, sentence, table

HEAD = """\
What Linux answers to each event in each state, and what the RFCs say of it. Each row is played on
the kernel by `netlab conformance`, over both families; `netlab conformance EVENT/STATE` explains
one and draws its packets, and `--report DIR` makes a page of what a kernel of yours does. The other
end has no TCP: each of its segments is made, so that only the host under test can answer.

<a href="../conformance/index.html">The whole table to walk in</a> has every row with its packets,
as the kernel that built this site has played it."""
LEGEND = f"""\
{PASSES} as the RFC says, {DEPARTS} otherwise, and the row says why, {NONE} nothing to say. A sign
stands for all rows of a state."""


def pages() -> dict[str, str]:
    """A page for each kind of event, and the one that lists them."""
    topics = {
        topic: [*of_topic] for topic, of_topic in itertools.groupby(rows(), lambda row: row.topic)
    }
    counted = [
        (
            f"[{_title(topic)}](conformance/{topic}.md)",
            str(len({row.event for row in told})),
            str(len(told)),
            str(sum(bool(row.why) for row in told)),
        )
        for topic, told in topics.items()
    ]
    heads = ("what happens", "events", "rows", "where Linux does otherwise")
    listed = contents([f"conformance/{topic}" for topic in topics])
    return {
        "conformance.md": page("# The conformance table", HEAD, table(heads, counted), listed),
        **{f"conformance/{topic}.md": _topic(topic, told) for topic, told in topics.items()},
    }


def _title(topic: str) -> str:
    return sentence(topic).rstrip(".")


def _topic(topic: str, told: Sequence[TableRow]) -> str:
    events = {event: [*each] for event, each in itertools.groupby(told, lambda row: row.event)}
    return page(
        f"# {_title(topic)}",
        _grid(events),
        LEGEND,
        *(_event(event, each) for event, each in events.items()),
    )


def _grid(events: dict[str, list[TableRow]]) -> str:
    heads = ("event", *(SHORT[state] for state in STATES))
    return table(
        heads,
        (
            (f"[{event}](#row-{event})", *(_sign(told, state) for state in STATES))
            for event, told in events.items()
        ),
    )


def _sign(told: Sequence[TableRow], state: str) -> str:
    whys = [row.why for row in told if str(row.setting.state) == state]
    if not whys:
        return NONE
    return DEPARTS if any(whys) else PASSES


def _event(event: str, told: Sequence[TableRow]) -> str:
    first = told[0]
    before = "; ".join(map(str, first.before))
    happens = f"{code(str(first.step))}" + (f", after {code(before)}" if before else "")
    heads = ("in", "answers", "then", "and", "what is said of it")
    return page(
        heading(event, f"row-{event}", 2),
        f"{sentence(plain(first.title))} {happens}",
        table(heads, ((*_answer(row), _said(row)) for row in told)),
    )


def _answer(row: TableRow) -> tuple[str, str, str, str]:
    answers = "; ".join(map(code, row.answers)) or NOTHING
    return plain(row.setting.name), answers, plain(str(row.then)), "; ".join(_further(row))


def _further(row: TableRow) -> Iterator[str]:
    """What else is seen."""
    if row.reads != NOTHING:
        yield f"reads {code(row.reads)}"
    if row.result:
        yield f"the call ends with {code(row.result)}"
    if row.after is not None:
        yield f"after {row.after:g} s"
    yield from (f"{code(name)} {number}" for name, number in {**row.counts, **row.info}.items())
    yield from (code(f"{name}={value}") for name, value in row.sysctls.items())
    if row.family is not None:
        yield f"{row.family} only"


def _said(row: TableRow) -> str:
    said = f"{plain(row.rule.says)} ({plain(row.rule.source)})"
    if row.why:
        said += f" {DEPARTS} By the RFC: {code(row.rfc)}. Linux: {plain(row.why)}"
    return said
