# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands and all of their options, as argparse has them."""

from __future__ import annotations

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from netlab import cli
from netlab.cli.shared.parsing import Parser
from reference import manual
from reference.markdown import contents, page, plain, sentence

HEAD = """\
Each page is what `netlab help COMMAND` says. Installed from a wheel, the same pages are there for
`man netlab` and `man netlab-run`."""


def pages() -> dict[str, str]:
    """A page for each command, and the one that lists them."""
    every = manual.commands()
    written = {
        f"commands/{each.file}.md": page(
            f"# {each.name}",
            plain(sentence(each.summary)),
            _directive(each.name),
        )
        for each in every
    }
    listed = contents([f"{each.name} <{each.file}>" for each in every])
    written["commands/index.md"] = page("# Commands", HEAD, _directive("netlab"), listed)
    return written


def _directive(name: str) -> str:
    return f"```{{netlab-command}} {name}\n```"


class CommandDirective(SphinxDirective):
    """The chapters of a command's help, whose options can be referred to: ``{option}``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """The chapters, as Sphinx takes them."""
        name = self.arguments[0]
        if name == "netlab":
            self._register(cli.parser())
            return [*manual.overview()]
        (parser,) = (each.parser for each in manual.commands() if each.name == name)
        for leaf in (parser, *parser.parts.values()):
            self._register(leaf)
        return [*manual.chapters(parser)]

    def _register(self, parser: Parser) -> None:
        domain = self.env.domains.standard_domain
        for action in parser._actions:
            for option in action.option_strings:
                place = manual.option_id(parser.prog, action.option_strings[-1])
                domain.add_program_option(
                    parser.prog.replace(" ", "-"), option, self.env.docname, place
                )
