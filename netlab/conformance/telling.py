# SPDX-License-Identifier: GPL-2.0-or-later
"""What a row says and what came of it, for a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netlab.conformance.bench import PEER
from netlab.conformance.rows import NOTHING, TableRow
from netlab.model.evidence import Evidence, Recording
from netlab.model.kernel_run import PlayedRow
from netlab.model.vocabulary import ExpectedPair
from netlab.packets import headers
from netlab.render.conformance import DEPARTS, ERROR, FAILS, PASSES, SKIPPED, EventLine

WORST = (FAILS, ERROR, SKIPPED, DEPARTS, PASSES)  # first


def sign(row: TableRow, played: Sequence[PlayedRow]) -> str:
    """The sign of one row, however often it was played; "" if it was not."""
    signs = {
        {"fail": FAILS, "error": ERROR, "skip": SKIPPED}.get(
            one.outcome, DEPARTS if row.why else PASSES
        )
        for one in played
    }
    return next((each for each in WORST if each in signs), "")


def lines(rows: Sequence[TableRow], played: Sequence[PlayedRow]) -> list[EventLine]:
    """The lines of the grid, one for each event: a sign by state of the host under test, the worst
    of all rows that begin in it.
    """
    answered: dict[str, list[PlayedRow]] = {}
    for one in played:
        answered.setdefault(one.name, []).append(one)
    found: dict[str, EventLine] = {}
    for row in rows:
        if row.name in answered:
            line = found.setdefault(row.event, EventLine(row.topic, row.event, row.title, {}))
            signs = line.signs.get(str(row.setting.state), ""), sign(row, answered[row.name])
            line.signs[str(row.setting.state)] = next(one for one in WORST if one in signs)
    return list(found.values())


def facts(row: TableRow) -> Iterator[tuple[str, str]]:
    """What the row says, each part with its name."""
    setting = row.setting
    yield row.rule.source, row.rule.says
    yield "state", f"{setting.name}, its peer {setting.other}"
    if setting.steps:
        yield "before", "; ".join(map(str, setting.steps))
    if row.before:
        yield "then", "; ".join(map(str, row.before))
    yield "event", str(row.step)
    yield "answers", "; ".join(row.answers) or NOTHING
    yield "state after", str(row.then)
    if row.reads != NOTHING:
        yield "reads", row.reads
    if row.result:
        yield "call ends", row.result
    if row.after is not None:
        yield "after", f"{row.after:g} s"
    for name, numbers in (("counters", row.counts), ("TCP_INFO", row.info)):
        if numbers:
            yield name, ", ".join(f"{key} {number}" for key, number in numbers.items())
    if row.sysctls:
        yield "sysctls", ", ".join(f"{name}={value}" for name, value in row.sysctls.items())
    if row.why:
        yield "but Linux", row.why
        yield "by the RFC", row.rfc


def discarded(played: Sequence[PlayedRow]) -> Iterator[tuple[str, str]]:
    """Why the kernel has discarded segments, where it says so."""
    reasons = dict.fromkeys(reason for one in played for reason in one.drops)
    if reasons:
        yield "drop reason", ", ".join(reasons)


def evidence(row: TableRow, played: PlayedRow, kernel: str) -> Evidence:
    """The packets of a row that was recorded, as those of a scenario: the peer is its client."""
    recording = None
    if played.frames:
        first = headers.read(played.frames[0])
        ends = first.source, first.destination
        peer, host = ends if played.frames[0].side is PEER else ends[::-1]
        recording = Recording(0, peer, host, played.frames)
    return Evidence(
        scenario=row.name,
        outcome=played.outcome,
        source=row.rule.source,
        path="",
        family=played.family,
        kernel=kernel,
        expected=ExpectedPair((row.setting.other,), (row.then,)),
        recording=recording,
    )
