# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab compare``: what one kernel does differently from another, and why."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netlab.cli.shared.comparison import closing, counted, tables, write_page
from netlab.cli.shared.options import Commands, add_wide, room
from netlab.model.errors import LabError, ScenarioError, Unmet
from netlab.render.fitting import Columns
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.kernels.compare.changes import Change
    from netlab.kernels.compare.overview import Compared, Overview
    from netlab.kernels.compare.sentences import Sentence

EPILOG = """\
examples:
  netlab compare debian:bookworm debian:trixie   two kernels that netlab matrix has played on
  netlab compare 6.1 6.8 6.12                    by their releases; each with the one before it
  netlab compare --first 6.1 6.8 6.12            each with the first
  netlab compare results/                        every run in a folder, at any depth
  netlab compare results/ --table                also scenario by kernel, timer by kernel, ...
  netlab compare results/ --page kernels.html    as a page
  netlab compare old.jsonl new.jsonl --json      two files, for a program

A run is what netlab matrix stored. Only what two runs have in common is compared, and of that only
what a kernel does every time: two runs of one kernel have no differences. A known change explains
a difference where the runs show that the newer kernel has the change and the older one does not;
what is left is UNEXPLAINED, and so is a change that goes backwards.

exit codes: 0 no differences, or all are explained; 1 some are not; 2 bad usage, or no such run;
3 one of the runs is incomplete, so not everything could be compared
"""
WIDEST = 120


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "compare",
        help="what kernels do differently from each other, and why",
        description="Show what differs from kernel to kernel, and which change explains it.",
        epilog=EPILOG,
    )
    command.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        help="a stored run: a file, a folder, or a kernel such as 6.1 or debian:bookworm",
    )
    command.add_argument(
        "--first", action="store_true", help="compare each with the first, not with its neighbour"
    )
    command.add_argument(
        "--table", action="store_true", help="also tables of what differs between kernels"
    )
    command.add_argument(
        "--all", action="store_true", help="tables of everything, differing or not"
    )
    command.add_argument("--json", action="store_true", help="one JSON object")
    add_wide(command)
    command.add_argument("--page", type=Path, metavar="FILE", help="write it as a page (HTML)")
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Read, compare and print; return 1 if a difference is unexplained.

    Raises `ScenarioError` where there is only one run, or only one that is not empty.
    """
    from netlab.kernels.compare import overview, stored

    found = stored.runs(options.runs)
    if len(found) < 2:
        raise ScenarioError(f"{options.runs[0]} is one run: name another one to compare it with")
    seen = overview.overview(found, options.first)
    if not seen.compared and not any(run.error for run in found):
        raise ScenarioError(
            "at most one of these runs has anything in it: there is nothing to compare"
        )
    if options.json:
        print(json.dumps(as_json(seen), ensure_ascii=False))
    else:
        style, columns = Style.of(sys.stdout), room(options.wide)
        print("\n".join(lines(seen, columns, style)))
        if options.table or options.all:
            print("\n" + tables(seen, columns, style, options.all))
    if options.page:
        write_page(options.page, seen)
        print(f"page: {options.page}", file=sys.stderr if options.json else sys.stdout)
    return exit_code(seen)


def exit_code(seen: Overview) -> int:
    """3 if a run is incomplete, else 1 if a difference is unexplained, else 0."""
    if any(run.error for run in seen.runs):
        return LabError.exit_code
    return Unmet.exit_code if any(one.unexplained for one in seen.compared) else 0


def lines(seen: Overview, columns: int | None, style: Style) -> Iterator[str]:
    """Every difference from kernel to kernel, in a terminal `columns` wide (None: in a file)."""
    from netlab.render.matrix import problems

    width = min(WIDEST, columns or shutil.get_terminal_size().columns)
    size = max(map(len, seen.labels))
    table = Columns.of({"": size, " ": 0}, (), style, columns)
    for column in seen.columns:
        yield table.row([(column.label, "bold")], (column.title,))
    yield from problems(seen.columns, style)
    for each in seen.compared:
        yield ""
        yield from _pair(each, width, style)
    yield ""
    yield closing(seen, style)


def _pair(each: Compared, width: int, style: Style) -> Iterator[str]:
    head = style(" → ".join(each.labels), "bold")
    number = len(each.comparison.differences)
    yield f"{head}: {counted(number, 'difference') if number else 'no difference'}"
    for note in each.comparison.notes:
        yield from _filled(style("note", "dim") + " ", note, width, "  ", 5)
    last: Change | None = None
    for one in each.told:
        if one.change is not None and one.change is not last:
            yield from _change(one.change, width, style)
        last = one.change
        yield from _told(one, width, style)


def _change(change: Change, width: int, style: Style) -> Iterator[str]:
    said = f" (since {change.since}): {change.what} {change.source}."
    yield from _filled(style(change.id, "cyan"), said, width, "  ", len(change.id))


def _told(one: Sentence, width: int, style: Style) -> Iterator[str]:
    if one.change is not None:
        yield from _filled("- ", one.sentence, width, "    ", 2)
    else:
        mark, said = style("UNEXPLAINED", "red", "bold"), one.sentence
        said += f"; {one.doubt}" if one.doubt else ""
        yield from _filled(mark + " ", said, width, "  ", 12)


def _filled(head: str, text: str, width: int, indent: str, size: int) -> list[str]:
    """A paragraph that begins with a coloured word of `size` columns."""
    text = "\0" * size + text  # the codes of colours take no columns
    filled = textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace("\0" * size, head, 1).split("\n")


def as_json(seen: Overview) -> dict[str, Any]:
    """The whole answer as plain data."""
    return {
        "kernels": [
            {"label": column.label, "about": column.title, "error": column.error}
            for column in seen.columns
        ],
        "comparisons": [
            {
                "before": each.labels[0],
                "after": each.labels[1],
                "notes": list(each.comparison.notes),
                "differences": [_difference(one) for one in each.told],
            }
            for each in seen.compared
        ],
    }


def _difference(one: Sentence) -> dict[str, Any]:
    change = one.change
    return {
        "sentence": one.sentence,
        "explained": change is not None,
        "doubt": one.doubt,
        "change": change
        and {
            "id": change.id,
            "since": change.since,
            "what": change.what,
            "source": change.source,
        },
        "facts": [
            {
                "topic": fact.topic,
                "subject": fact.subject,
                "aspect": fact.aspect,
                "before": fact.before,
                "after": fact.after,
            }
            for fact in one.differences
        ],
    }
