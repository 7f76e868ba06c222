# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab conformance``: what TCP answers to each event in each state, against RFC 9293."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import __version__, extras
from netlab.cli.shared.comparison import counted
from netlab.cli.shared.options import Commands, add_sysctl, ladder_text, note
from netlab.cli.shared.progress import Shown
from netlab.cli.shared.stopping import Stopped, stopping
from netlab.cli.shared.verdict_options import (
    add_verdicts,
    prepare_junit,
    stopped,
    write_junit,
)
from netlab.model import files
from netlab.model.errors import LabError, ScenarioError, Unmet
from netlab.render.style import Style
from netlab.render.table import stopped_line

if TYPE_CHECKING:
    from netlab.conformance.rows import TableRow
    from netlab.model.evidence import Outcome
    from netlab.model.kernel_run import PlayedRow
    from netlab.model.vocabulary import Family

EPILOG = """\
examples:
  netlab conformance                      play the whole table, and draw it: event by state
  netlab conformance rst-in-window/ESTABLISHED    one row: the RFC, what is expected, the packets
  netlab conformance 'rst-*'              rows by event; 'fin/*', TIME_WAIT: by state
  netlab conformance --list               the names of all rows, and what each is about
  netlab conformance --report out         also a page: out/conformance.html
  netlab conformance --ipv6 --json        one object a row
  netlab conformance --ktap               one line a row, as kselftest prints its tests

A row is a state of the host under test, an event (a segment arrives, its application calls, one of
its timers ends), what the RFC says, and what Linux does: its answers with all their numbers, its
next state, what the application has of it, the counters. The peer has no TCP: netlab makes each of
its segments. Numbers count from the next one: ACK ack=next+5.

exit codes: 0 this kernel does what the table says, 1 it does otherwise, 2 bad usage,
3 something could not be played
"""
PAGE = "conformance.html"
INDENT, WIDTH = 13, 80  # columns


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "conformance",
        help="RFC 9293 as a table that is played",
        description="Play what TCP does at each event in each state, and compare it with RFC 9293 "
        "and with what Linux is known to do.",
        epilog=EPILOG,
    )
    names = command.add_argument(
        "rows", nargs="*", metavar="NAME", help="rows: a name, an event, a state, or a pattern"
    )
    names.completer = _names
    families = command.add_mutually_exclusive_group()
    families.add_argument("--ipv4", action="store_true", help="over IPv4 only (default: both)")
    families.add_argument("--ipv6", action="store_true", help="over IPv6 only")
    add_sysctl(command)
    command.add_argument("--list", action="store_true", help="print the rows, and play nothing")
    add_verdicts(command, "one JSON object a row")
    command.add_argument(
        "--report", type=Path, metavar="DIR", help=f"also write a page: DIR/{PAGE}"
    )
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """List, or play and draw. Raises `ScenarioError` for a row that there is not, or not there."""
    from netlab.conformance import rows
    from netlab.model.vocabulary import Family

    chosen = rows.choose(options.rows)
    if options.list:
        print("\n".join(_listed(chosen)))
        return 0
    if options.report:
        extras.require("report", "--report")
        files.prepare(options.report)
    families = [
        family
        for family, left_out in ((Family.IPV4, options.ipv6), (Family.IPV6, options.ipv4))
        if not left_out
    ]
    if len(families) == 1 and all(row.family not in (None, families[0]) for row in chosen):
        raise ScenarioError(
            f"over {families[0]} there is none of these rows: only the other has it"
        )
    prepare_junit(options)
    return _play(chosen, families, options)


def _listed(chosen: Sequence[TableRow]) -> Iterator[str]:
    """Each row's name and title, within a terminal's width."""
    names = max(len(row.name) for row in chosen) + 2
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    for row in chosen:
        yield textwrap.fill(
            row.title, max(width, WIDTH), initial_indent=row.name.ljust(names),
            subsequent_indent=" " * names, break_on_hyphens=False,
        )  # fmt: skip


def _play(
    chosen: Sequence[TableRow], families: Sequence[Family], options: argparse.Namespace
) -> int:
    from netlab.conformance import play
    from netlab.linux import privileges

    privileges.prepare()
    when, began = datetime.now().astimezone(), time.monotonic()
    recorded = len(chosen) == 1 or options.report is not None
    shown = Shown(f"{row.name} {family}" for family in families for row in chosen)
    number = sum(row.family in (None, family) for family in families for row in chosen)
    played: list[PlayedRow] = []

    def meanwhile() -> None:
        shown.go_on(stop)

    with stopping() as stop:
        try:
            for family in families:
                for one in play.play(chosen, family, dict(options.sysctl), meanwhile, recorded):
                    played.append(one)
                    shown.ended(f"{one.name} {family}")
                    if options.json:
                        shown.line(json.dumps(_plain(one)))
        except Stopped:
            pass
        finally:
            shown.take_away()
            if options.ktap:
                shown.line("\n".join(_in_ktap(played, number)))
            elif not options.json:
                for text in _told(chosen, played, time.monotonic() - began):
                    shown.line(text)
            shown.finish(lambda: stop.asked)
    if options.report and played:
        from netlab.conformance.page import page

        files.write(options.report / PAGE, page(chosen, played, __version__), "--report")
        for_people = not (options.json or options.ktap)
        print(f"report: {options.report / PAGE}", file=sys.stdout if for_people else sys.stderr)
    trouble = _write_junit(options, played, number, when, time.monotonic() - began)
    if stop.asked:
        said = stopped_line(number - len(played), number, Style(False))
        print(f"netlab: {said}", file=sys.stderr)
        return stop.exit_code
    outcomes = {one.outcome for one in played}
    if "error" in outcomes or trouble:
        return LabError.exit_code
    return Unmet.exit_code if "fail" in outcomes else 0


def _in_ktap(played: Sequence[PlayedRow], number: int) -> Iterator[str]:
    """All lines; the plan also has what was not played to its end."""
    from netlab.render import ktap
    from netlab.render.verdicts import of_row

    yield from ktap.head(number)
    for place, one in enumerate(played, start=1):
        yield from ktap.point(place, of_row(one))
    yield ktap.totals([one.outcome for one in played])


def _write_junit(
    options: argparse.Namespace,
    played: Sequence[PlayedRow],
    number: int,
    when: datetime,
    seconds: float,
) -> bool:
    """Write the file where it is asked for; return whether that went wrong, which is said then."""
    from netlab.render.junit import JunitSuite
    from netlab.render.verdicts import of_row

    told = [*map(of_row, played), *stopped(number - len(played), number)]
    suite = JunitSuite(f"netlab {os.uname().release}", told, seconds)
    trouble = write_junit(options, [suite], when)
    for error in trouble:
        note(str(error))
    return bool(trouble)


def _plain(one: PlayedRow) -> dict[str, object]:
    record = dataclasses.asdict(dataclasses.replace(one, frames=()))
    del record["frames"]
    return {**record, "family": str(one.family), "kernel": os.uname().release}


def _told(chosen: Sequence[TableRow], played: Sequence[PlayedRow], elapsed: float) -> list[str]:
    from netlab.conformance.telling import lines
    from netlab.render.conformance import grid

    style = Style.of(sys.stdout)
    texts = []
    if len(chosen) == 1:
        texts.append(_explained(chosen[0], played, style))
    else:
        width = shutil.get_terminal_size().columns
        texts.append(grid(lines(chosen, played), max(width, WIDTH), style))
        texts += _failures(played, style)
    outcomes = Counter(one.outcome for one in played)
    words: dict[Outcome, str] = {
        "pass": "as said",
        "fail": "otherwise",
        "error": "not played",
        "skip": "skipped",
    }
    counts = ", ".join(f"{outcomes[key]} {word}" for key, word in words.items() if outcomes[key])
    if not played:  # no lab could be built, which is said elsewhere
        return texts
    families = " and ".join(dict.fromkeys(str(one.family) for one in played))
    texts.append(
        f"\n{counted(len(chosen), 'row')} over {families}: {counts} in {elapsed:.1f} s "
        f"(kernel {os.uname().release})"
    )
    return texts


def _failures(played: Sequence[PlayedRow], style: Style) -> list[str]:
    texts = []
    for one in played:
        if one.outcome in ("fail", "error"):
            name = style(one.name, "red" if one.outcome == "fail" else "yellow")
            texts.append(f"\n{name} ({one.family}): {one.problem}")
    return texts


def _explained(row: TableRow, played: Sequence[PlayedRow], style: Style) -> str:
    from netlab.conformance.telling import discarded, evidence, facts

    texts = [f"{style(row.name, 'bold')}: {row.title}", ""]
    for name, said in (*facts(row), *discarded(played)):
        if name == row.rule.source:
            texts += [*textwrap.wrap(f"{said} ({name})", WIDTH), ""]
            continue
        wrapped = textwrap.wrap(said, WIDTH - INDENT)
        texts.append(style(name.ljust(INDENT), "dim") + wrapped[0])
        texts += [" " * INDENT + line for line in wrapped[1:]]
    for one in played:
        said = "as said" if one.outcome == "pass" else one.problem
        colour = "green" if one.outcome == "pass" else "red"
        texts += ["", f"{style(str(one.family), 'bold')}: {style(said, colour)}"]
        if one.frames:
            texts += ["", ladder_text(evidence(row, one, os.uname().release))]
    return "\n".join(texts)


def _names(**_: object) -> list[str]:
    from netlab.conformance import rows

    return [row.name for row in rows.rows()]
