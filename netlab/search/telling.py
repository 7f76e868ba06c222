# SPDX-License-Identifier: GPL-2.0-or-later
"""What a search has found, as lines for people and as plain data."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from netlab.model.text import printable
from netlab.programs.exchange import Sent
from netlab.render.style import Style
from netlab.search.cases import KINDS, WAYS, Case, Meeting, named
from netlab.search.hunt import Hunt
from netlab.search.judge import CaseVerdict, Healthy, Judged
from netlab.search.trial import Setup

HEADS = dict(zip(KINDS, ("dropped", "cut", "doubled", "overtaken"), strict=True))
LINE = 60  # characters of what a command wrote
ROWS, SHOWN = 24, 6  # of the table, and failures with their reasons: it is one screen
COLOURS = {CaseVerdict.FINE: "green", CaseVerdict.UNMET: "dim"}


def table(hunt: Hunt, packets: Sequence[Sent], kinds: Sequence[str], style: Style) -> Iterator[str]:
    """A row for each packet, a column for each fate. Of many packets, those that mattered."""

    def judged(sent: Sent, word: str) -> Judged | None:
        return hunt.judged.get((Meeting.of(word, sent),))

    rows = [
        (sent, [judged(sent, word) for word in kinds])
        for sent in packets
        if len(packets) <= ROWS or any(_is_failure(judged(sent, word)) for word in kinds)
    ]
    if not rows:
        return
    several = len({sent.connection for sent in packets}) > 1
    texts = [f"{sent.connection}: {sent.text}" if several else sent.text for sent, _ in rows]
    width = max(map(len, texts))
    heads = "".join(f"  {HEADS[word]:9}" for word in kinds)
    yield f"  {'to':6}  no.  {'packet':{width}}{heads}".rstrip()
    for text, (sent, row) in zip(texts, rows, strict=True):
        cells = "".join(f"  {_cell(each, style)}" for each in row)
        yield f"  {WAYS[sent.way]:6}  {sent.number:3}  {text:{width}}{cells}".rstrip()
    if len(rows) < len(packets):
        yield f"  and {len(packets) - len(rows)} more packets, which it can do without"


def _is_failure(judged: Judged | None) -> bool:
    return judged is not None and judged.verdict.is_failure


def _cell(judged: Judged | None, style: Style) -> str:
    if judged is None:
        return f"{'-':9}"
    return style(f"{judged.verdict:9}", COLOURS.get(judged.verdict, "red"))


def failures(hunt: Hunt, found: Sequence[Judged], setup: Setup, style: Style) -> Iterator[str]:
    """What failed and why, one of each sort, and how the first is seen again."""
    healthy = hunt.healthy
    sorts: dict[tuple[object, ...], list[Judged]] = {}
    for judged in found:
        sorts.setdefault((judged.verdict, *(each.word for each in judged.case)), []).append(judged)
    for first, *others in [*sorts.values()][:SHOWN]:
        yield ""
        likewise = f" (and {len(others)} more like it)" if others else ""
        yield f"{style(named(first.case), 'bold')}: {style(str(first.verdict), 'red')}{likewise}"
        yield f"  {healthy.told(first)}{_how_often(first)}"
        yield from _difference(first, healthy)
    if len(sorts) > SHOWN:
        yield ""
        yield f"and {len(sorts) - SHOWN} more sorts of failures (--json has all)"
    if found:
        yield ""
        yield f"again: {again(setup, found[0].case)}"


def _how_often(judged: Judged) -> str:
    seen, played = judged.seen
    return f", in {seen} of {played} trials" if seen < played else ""


def _difference(judged: Judged, healthy: Healthy) -> Iterator[str]:
    if judged.verdict in (CaseVerdict.SHORT, CaseVerdict.DIFFERS):
        yield f"  instead of {_last(healthy.trial.output)}: {_last(judged.trial.output)}"
    elif judged.verdict is CaseVerdict.ERROR and (said := judged.trial.errors.strip()):
        yield f"  {_last(said)}"


def _last(text: str) -> str:
    """The last line of a text, in quotes, or that there is none."""
    lines = text.strip().splitlines()
    if not lines:
        return "nothing"
    line = printable(lines[-1])
    return repr(line if len(line) <= LINE else f"{line[:LINE]}...")


def again(setup: Setup, case: Case) -> str:
    """The command line that plays a case again, in front of the terminal."""
    steps = [word for meeting in case for word in ("--step", meeting.step)]
    family = ["--ipv6"] if setup.family.name == "IPV6" else []
    server = setup.server.replace("{port}", str(setup.ready))
    command = [word.replace("{port}", str(setup.ready)) for word in setup.command]
    serving = ["--serve", server, "--ready", str(setup.ready)]
    return shlex.join(["netlab", "exec", *family, *serving, *steps, "--", *command])


def plain(judged: Judged) -> dict[str, Any]:
    """A trial as plain data, for JSON."""
    trial = judged.trial
    return {
        "case": [meeting._asdict() | {"to": str(meeting.to)} for meeting in judged.case],
        "steps": [meeting.step for meeting in judged.case],
        "verdict": str(judged.verdict),
        "failed": judged.verdict.is_failure,
        "seen": judged.seen[0],
        "played": judged.seen[1],
        "exit_code": trial.code,
        "seconds": round(trial.seconds, 3),
        "output": trial.output,
        "errors": trial.errors,
        "pair": [str(trial.pair.client), str(trial.pair.server)],
        "packets": [sent.text for sent in trial.packets],
    }


def counted(hunt: Hunt, found: Sequence[Judged], elapsed: float) -> str:
    """The closing line; `elapsed` is in seconds."""
    trials = list(hunt.judged.values())
    unmet = sum(each.verdict is CaseVerdict.UNMET for each in trials)
    fine = sum(each.verdict is CaseVerdict.FINE for each in trials)
    bad = len(trials) - unmet - fine
    parts = [f"{fine} fine", f"{bad} failed" if bad else "", f"{unmet} not met" if unmet else ""]
    small = f" ({len(found)} with the fewest packets)" if len(found) < bad else ""
    number = "1 trial" if len(trials) == 1 else f"{len(trials)} trials"
    return f"{number}: {', '.join(filter(None, parts))}{small} in {elapsed:.1f} s"
