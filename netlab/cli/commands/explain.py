# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab explain``: what a word means, in about ten lines."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from netlab.cli.shared.options import Commands
from netlab.model.errors import ScenarioError
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.glossary.entry import GlossaryEntry

EPILOG = """\
examples:
  netlab explain                        what can be explained
  netlab explain syn-lost               a cause that 'netlab diagnose' names
  netlab explain FIN_WAIT2              a state, as anybody writes it: fin-wait-2, FW2
  netlab explain FIN_WAIT1/CLOSE_WAIT   the states of both ends: how they come about
  netlab explain TCPTimeouts            a counter of the kernel
  netlab explain tcp_retries2           a sysctl, and its value here
  netlab explain drop                   a word of the scenario language
  netlab explain ETIMEDOUT              an error, also by its words: Connection timed out
  netlab explain --json syn-lost        one JSON object a meaning

exit codes: 0 explained, 2 bad usage or no word of netlab's
"""
LABEL, NARROWEST, WIDEST = 10, 40, 80  # columns


def add(commands: Commands) -> None:
    """Declare the command."""
    command = commands.add_parser(
        "explain",
        help="what a cause, state, pair, counter, sysctl or word means",
        description="Explain a word in about ten lines: a cause, a state, a pair of states, a "
        "counter, a sysctl, a word of the scenario language, a segment, an error or an option of "
        "sockets, as any tool writes it.",
        epilog=EPILOG,
    )
    action = command.add_argument("word", nargs="*", metavar="WORD", help="what to explain")
    action.completer = _words
    command.add_argument("--json", action="store_true", help="one JSON object a meaning")
    command.set_defaults(main=main)


def main(options: argparse.Namespace) -> int:
    """Print each meaning. Raises `ScenarioError` for a word that has none."""
    from netlab.glossary import lookup

    style = Style.of(sys.stdout)
    if not options.word:
        print("\n".join(_kinds(style)))
        return 0
    text = " ".join(options.word)
    try:
        found = lookup.explain(text)
    except ScenarioError as error:
        raise (ScenarioError(said) if (said := _elsewhere(text)) else error) from None
    if options.json:
        for each in found:
            print(json.dumps(_plain(each)))
        return 0
    width = max(NARROWEST, min(shutil.get_terminal_size().columns, WIDEST))
    print("\n\n".join("\n".join(_lines(each, width, style)) for each in found))
    return 0


def _elsewhere(word: str) -> str:
    """Which command explains a word that is a name of something else; '' for any other."""
    from netlab.audit import faults
    from netlab.cli import MODULES, name_of
    from netlab.conformance import rows
    from netlab.scenario import catalogue

    places: Sequence[tuple[str, Callable[[], Collection[str]], str]] = (
        ("a command", lambda: [*map(name_of, MODULES)], "netlab help {}"),
        ("a scenario", catalogue.names, "netlab show {}"),
        ("a scenario of the atlas", catalogue.atlas_names, "netlab show {}"),
        (
            "a row of the conformance table",
            lambda: [row.name for row in rows.rows()],
            "netlab conformance {}",
        ),
        ("a fault of an audit", faults.faults, "netlab audit --list"),
        ("a fault of an audit", faults.of_servers, "netlab audit --list"),
    )
    for what, names, command in places:
        if word in names():
            return f"{word!r} is {what}: {command.format(word)!r} explains it"
    return ""


def _kinds(style: Style) -> Iterator[str]:
    from netlab.glossary.lookup import EXAMPLES

    yield "'netlab explain WORD' says in ten lines what a word means. It may be"
    yield ""
    for kind, (word, what) in EXAMPLES.items():
        yield f"  {style(f'netlab explain {word}'.ljust(36), 'cyan')}  {kind}: {what}"


def _plain(found: GlossaryEntry) -> dict[str, object]:
    return {"kind": found.kind, "name": found.name, "says": found.says, **dict(found.facts)}


def _lines(found: GlossaryEntry, width: int, style: Style) -> Iterator[str]:
    head = f"{found.name} ({found.kind})"
    first, *rest = textwrap.wrap(f"{head}: {found.says}", width, break_long_words=False)
    yield first.replace(head, style(head, "bold"), 1)
    yield from rest
    for name, said in found.facts:
        for number, line in enumerate(_wrapped(name, said, width - LABEL)):
            yield (style(name.ljust(LABEL), "dim") if number == 0 else " " * LABEL) + line


def _wrapped(name: str, said: str, width: int) -> list[str]:
    """A command stays whole, to be copied."""
    if name in ("play", "look", "example"):
        return [said]
    return textwrap.wrap(said, width, break_long_words=False, break_on_hyphens=False)


def _words(**_: object) -> list[str]:
    from netlab.glossary import lookup

    return lookup.known()
