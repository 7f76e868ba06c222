# SPDX-License-Identifier: GPL-2.0-or-later
"""What the help of each command says, as a document: a page of the site, and a page for man.

``python docs/_ext/reference/manual.py DIR`` writes the latter. Nothing but docutils is needed, for
these pages are made while a wheel is built.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from docutils import nodes
from docutils.core import publish_from_doctree
from docutils.utils import new_document
from docutils.writers import manpage

from netlab import __version__, cli
from netlab.cli.shared.folding import EXIT_CODES
from netlab.cli.shared.parsing import Parser

EXAMPLES = "examples:"
#: A code begins a part of the line that explains them: "0 all passed, 1 a pair was not held".
CODE = re.compile(r"(?:^|,\s+)(\d+) ")


class CommandHelp(NamedTuple):
    """One command."""

    name: str  # netlab run
    summary: str
    parser: Parser

    @property
    def file(self) -> str:
        """The name of its page: ``netlab-run``."""
        return self.name.replace(" ", "-")


def commands() -> list[CommandHelp]:
    """All commands, in the order of netlab's help."""
    os.environ["COLUMNS"] = "80"  # argparse asks for the width of a terminal
    root = cli.parser()
    summaries = {each.dest: each.help or "" for each in root._parts._choices_actions}
    return [
        CommandHelp(f"netlab {name}", summaries[name], root.parts[name])
        for name in map(cli.name_of, cli.MODULES)
    ]


# --- the chapters of a page


def chapters(parser: Parser) -> Iterator[nodes.section]:
    """How it is called, what it does, its options, examples, exit codes; then its parts' own."""
    prog = parser.prog.replace(" ", "-")
    yield _chapter(prog, "Synopsis", _block(_usage(parser)))
    yield _chapter(prog, "Description", nodes.paragraph("", parser.description or ""))
    positional = [each for each in _shown(parser) if not each.option_strings]
    if positional and not parser.parts:
        yield _chapter(prog, "Arguments", _arguments(parser, positional))
    optional = [each for each in _shown(parser) if each.option_strings]
    yield _chapter(prog, "Options", _options(parser, optional))
    yield from _epilog(prog, parser.epilog or "")
    for part in parser.parts.values() if parser.prog != "netlab" else ():
        chapter = _chapter(part.prog.replace(" ", "-"), part.prog)
        chapter += [*chapters(part)]
        yield chapter


def overview() -> Iterator[nodes.section]:
    """The chapters of netlab itself, with a line on each command."""
    known = {each.name: each for each in commands()}
    synopsis, description, *rest = chapters(cli.parser())
    yield synopsis
    yield description
    for title, modules in cli.SECTIONS.items():
        told = (known[f"netlab {cli.name_of(module)}"] for module in modules)
        pairs = [(each.name, each.summary) for each in told]
        yield _chapter("netlab", title[:1].upper() + title[1:], _definitions(pairs))
    yield from rest


def _chapter(prog: str, title: str, *body: nodes.Node) -> nodes.section:
    made = nodes.section("", nodes.title("", title), *body)
    made["ids"].append(nodes.make_id(f"{prog}-{title}"))
    return made


def _usage(parser: Parser) -> str:
    return re.sub(r"^(usage: | {7})", "", parser.format_usage(), flags=re.MULTILINE).rstrip()


def _block(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language="text")


def _shown(parser: Parser) -> list[argparse.Action]:
    return [each for each in parser._actions if each.help != argparse.SUPPRESS]


def _explained(parser: Parser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _arguments(parser: Parser, actions: Iterable[argparse.Action]) -> nodes.definition_list:
    formatter = parser._get_formatter()
    return _definitions(
        [
            (
                formatter._format_args(each, (str(each.metavar or each.dest))),
                _explained(parser, each),
            )
            for each in actions
        ]
    )


def _options(parser: Parser, actions: Iterable[argparse.Action]) -> nodes.option_list:
    made = nodes.option_list()
    for action in actions:
        group = nodes.option_group()
        group["ids"].append(option_id(parser.prog, action.option_strings[-1]))
        taken = _taken(parser, action)
        for word in action.option_strings:
            option = nodes.option("", nodes.option_string("", word))
            if taken:
                option += nodes.option_argument("", taken, delimiter=" ")
            group += option
        told = nodes.description("", nodes.paragraph("", _explained(parser, action)))
        made += nodes.option_list_item("", group, told)
    return made


def _taken(parser: Parser, action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    return parser._get_formatter()._format_args(action, action.dest.upper())


def option_id(prog: str, option: str) -> str:
    """Where an option stands on the page of its command: ``netlab-run-ladder``."""
    return nodes.make_id(f"{prog} {option.lstrip('-')}")


def _definitions(pairs: Sequence[tuple[str, str]]) -> nodes.definition_list:
    made = nodes.definition_list()
    for term, told in pairs:
        item = nodes.definition_list_item("", nodes.term("", "", nodes.literal("", term)))
        item += nodes.definition("", nodes.paragraph("", told))
        made += item
    return made


# --- what stands below the options


def _epilog(prog: str, text: str) -> Iterator[nodes.section]:
    """Its examples, what else it says, and the exit codes, in chapters."""
    text, _, codes = text.partition(EXIT_CODES)
    said = nodes.Element()
    for indented, lines in itertools.groupby(filter(None, text.splitlines()), _is_indented):
        said += (_examples if indented else _words)([*lines])
    if len(said):
        yield _chapter(prog, "Examples", *said.children)
    if codes:
        _, *parts = CODE.split(" ".join(codes.split()))
        yield _chapter(
            prog, "Exit codes", _definitions([*zip(parts[::2], parts[1::2], strict=True)])
        )


def _is_indented(line: str) -> bool:
    return line.startswith(" ")


def _words(lines: Iterable[str]) -> list[nodes.paragraph]:
    text = " ".join(lines).removeprefix(EXAMPLES).strip()
    return [nodes.paragraph("", text)] if text else []


def _examples(lines: Sequence[str]) -> nodes.Element:
    halves = [re.split(r" {2,}", line.strip(), maxsplit=1) for line in lines]
    if all(len(half) == 1 for half in halves):
        return _block("\n".join(line.strip() for line in lines))
    return _definitions([(half[0], half[1] if len(half) > 1 else "") for half in halves])


# --- for man


def manuals() -> dict[str, str]:
    """The pages, by the names of their files: ``netlab-run.1``."""
    every = commands()
    pages = {"netlab.1": _manual("netlab", cli.DESCRIPTION, [*overview()], every)}
    for each in every:
        pages[f"{each.file}.1"] = _manual(each.file, each.summary, [*chapters(each.parser)])
    return pages


def _manual(
    name: str, summary: str, body: Sequence[nodes.section], others: Sequence[CommandHelp] = ()
) -> str:
    page = new_document(name)
    page += [nodes.title("", name), nodes.subtitle("", summary.rstrip("."))]
    about = {"Manual section": "1", "Manual group": "netlab", "Version": f"netlab {__version__}"}
    page += nodes.docinfo("", *(_field(key, value) for key, value in about.items()))
    page += body
    seen = [f"{each.file}(1)" for each in others] or ["netlab(1)"]
    page += _chapter(name, "See also", nodes.paragraph("", ", ".join(seen)))
    settings = {"output_encoding": "unicode", "datestamp": None, "generator": None}
    made: str = publish_from_doctree(page, writer=manpage.Writer(), settings_overrides=settings)
    return made


def _field(name: str, value: str) -> nodes.field:
    body = nodes.field_body("", nodes.paragraph("", value))
    return nodes.field("", nodes.field_name("", name), body)


def write(folder: Path) -> list[Path]:
    """Write the pages, and return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, text in manuals().items():
        files.append(folder / name)
        files[-1].write_text(text)
    return files


if __name__ == "__main__":
    write(Path(sys.argv[1]))
