# SPDX-License-Identifier: GPL-2.0-or-later
"""The parser of all commands: a mistake is answered with the closest match, by the command that it
was made in.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from netlab.cli.shared.folding import Help
from netlab.model.text import printable
from netlab.render.style import Style

HELP = ("help", "-h", "--help")
NUMBER = re.compile(r"-\d+$|-\d*\.\d+$")  # argparse takes these for words, not options
RUN = ("COMMAND", "PROGRAM")  # as words are called that are another program's command line

Section = tuple[str, Sequence[str]]  # a title, and commands


class Unknown(Exception):
    """An option that a parser does not have, and the words after it."""

    def __init__(self, parser: Parser, option: str, rest: Sequence[str]) -> None:
        super().__init__(option)
        self.parser = parser
        self.option = option
        self.rest = rest


class Parser(argparse.ArgumentParser):
    """The parser of netlab, of one command, or of a part of a command.

    Of the first alone: `whole` makes it with every command, where it was made with one only;
    `sections` are the commands in the order of the help; `guess` advises on a word that is not a
    command.
    """

    def __init__(
        self,
        *,
        whole: Callable[[], Parser] | None = None,
        sections: Sequence[Section] = (),
        guess: Callable[[str], str] = lambda word: "",
        **given: Any,
    ) -> None:
        super().__init__(**{"formatter_class": Help, **given})
        self._whole = whole
        self._sections = sections
        self._guess = guess
        self.otherwise: dict[str, str] = {}  # what to write instead of other commands' options
        self._parts: Any = None  # argparse does not export the type of a subparsers action

    def add_subparsers(self, **given: Any) -> Any:
        """Like argparse's; the parts are parsers like this one."""
        self._parts = super().add_subparsers(**{"parser_class": Parser, **given})
        return self._parts

    @property
    def parts(self) -> dict[str, Parser]:
        """Its commands by their names, if it has any."""
        return self._parts.choices if self._parts else {}

    @property
    def options(self) -> tuple[str, ...]:
        """Its options as they are written."""
        return tuple(self._option_string_actions)

    def leaves(self) -> Iterator[Parser]:
        """The parsers without parts: those below it, or itself."""
        if not self.parts:
            yield self
        for part in self.parts.values():
            yield from part.leaves()

    # --- reading

    def parse_known_args(  # type: ignore[override]  # it is overloaded there
        self, args: Iterable[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Read all of the words: an extra word is an error of the command that it was given to."""
        words = [*(sys.argv[1:] if args is None else args)]
        if "_ARGCOMPLETE" in os.environ:  # half a line is read: nothing in it is wrong yet
            asked = self.parts and words[:1] == ["help"]
            return super().parse_known_args(words[1:] if asked else words, namespace)
        words = self._help_asked(words)
        if self.parts and not words:
            self.error(f"expected {_one(self._parts)}{_known(self.parts)}")
        try:
            self._refuse_unknown(words)
            found, rest = super().parse_known_args(words, namespace)
        except Unknown as unknown:
            if self._whole is None:
                raise
            unknown.parser.error(_advice(unknown, self._whole()))
        if rest:
            self.error(self._too_many(rest))
        return found, rest

    def _help_asked(self, words: list[str]) -> list[str]:
        """``help run`` and ``-h run`` ask for the help of run."""
        if not self.parts or not words or words[0] not in HELP:
            return words
        first, *rest = words
        if first == "help" or (rest and not rest[0].startswith("-")):
            return [*(word for word in rest if word != "help"), "--help"]
        return words

    def _refuse_unknown(self, words: Sequence[str]) -> None:
        """Refuse unknown options before argparse, which would complain of a missing NAME first."""
        for number, word in enumerate(words, 1):
            if word == "--" or (self.parts and not word.startswith("-")):
                return
            if word.startswith("-") and not self._takes(word):
                raise Unknown(self, word.partition("=")[0], words[number:])

    def _takes(self, word: str) -> bool:
        if word == "-" or NUMBER.match(word) or " " in word:
            return True
        if word.startswith("--"):
            return any(each.startswith(word.partition("=")[0]) for each in self.options)
        first = self._option_string_actions.get(word[:2])
        if first is None or first.nargs != 0:  # -oFILE
            return first is not None
        return all(f"-{letter}" in self.options for letter in word[1:])

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        if action is not self._parts:
            found = f"found {value!r}{_hint(value, action.choices)}"
            raise argparse.ArgumentError(action, f"expected {_or(action.choices)}; {found}")
        guess = self._guess(value)
        close = f". {guess}" if guess else _hint(value, (*self.parts, *self.options, *HELP[:1]))
        known = _known(self.parts) if close == "." else ""
        what = f"no {str(action.metavar).lower()} is called {value!r}"
        raise argparse.ArgumentError(None, f"{what}{known or close}")

    # --- answering

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help; argparse itself keeps quiet about a disk that is full."""
        if file is not None and file is sys.stdout:
            file.write(message)
            file.flush()
        else:
            super()._print_message(message, file)

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and where help is. Exits with 2."""
        name = Style.of(sys.stderr)(f"{self.prog}:", "red", "bold")
        said = printable(message.removeprefix("argument "))  # words may be names of files
        self.exit(2, f"{name} {said}\nSee '{self.prog} --help'.\n")

    def _too_many(self, words: Sequence[str]) -> str:
        found = f"expected no more words; found {' '.join(map(repr, words))}"
        if self.program:
            return f"{found}{self.program}"
        for action in self._actions:
            if action.nargs in ("*", "+") and not action.option_strings:
                return f"{found}. All {action.metavar}s stand together, no option between them."
        return found

    @property
    def program(self) -> str:
        """Of a command that runs another one: where the words of that go. Else ''."""
        for action in self._actions:
            if action.nargs == "*" and action.metavar in RUN:
                return (
                    f". The words of {action.metavar} go after --: "
                    f"{self.prog} [OPTIONS] -- {action.metavar}"
                )
        return ""

    def format_help(self) -> str:
        """The help. With `sections`, the commands are grouped by these."""
        if not self._sections:
            return super().format_help()
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        lines = {each.dest: each for each in self._parts._choices_actions}
        options = [each for each in self._actions if each.option_strings]
        for title, actions in (
            *(
                (title, [lines[name] for name in names if name in lines])
                for title, names in self._sections
            ),
            ("options", options),
        ):
            formatter.start_section(title)
            formatter.add_arguments(actions)
            formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()


def _advice(unknown: Unknown, whole: Parser) -> str:
    """Advice on an option that does not exist."""
    parser, option = unknown.parser, unknown.option
    having = _having(option, whole)
    command = parser
    for word in unknown.rest:
        command = command.parts.get(word, command)
    later = _meant(option, command.options)
    if command is not parser and later and (later.startswith(option) or not having):
        return f"{option} goes after the command: {command.prog} {later}"
    problem = f"no option is called {option!r}"
    if option in parser.otherwise:
        return f"{problem} here: write {parser.otherwise[option]}."
    if having:
        return f"{problem} here. It belongs to {having}{parser.program}."
    own = _letter(option, parser.options) or _meant(option, parser.options)
    everywhere = (each for leaf in (whole, *whole.leaves()) for each in leaf.options)
    close = _meant(option, dict.fromkeys(everywhere))
    if close and close not in parser.options:
        own = f"{close} of {_having(close, whole)}{own and f', or {own}'}"
    if own:
        return f"{problem}. Did you mean {own}?{parser.program[1:]}"
    return f"{problem}{parser.program}."


def _meant(option: str, options: Iterable[str]) -> str:
    """The option that comes closest, also to -json, or ''."""
    known = [each for each in options if each.startswith("--")]
    if len(option) == len("-x"):
        return option if option in options else ""
    written = f"--{option.lstrip('-')}"
    begun = (each for each in known if each.startswith(written))
    return next(begun, "") or _hint(written, known)[len(". Did you mean ") : -1]


def _letter(option: str, options: Iterable[str]) -> str:
    """The options that begin with this letter."""
    first = f"-{option}".lower()
    return _or([each for each in options if len(option) == len("-x") and each.startswith(first)])


def _hint(found: str, words: Iterable[str]) -> str:
    from netlab.scenario.document import hint  # it needs YAML, which is slow to import

    return hint(found, tuple(words))


def _known(parts: Iterable[str], most: int = 5) -> str:
    """The end of a sentence, with the names if there are few."""
    names = [*parts]
    return f": {_or(names)}" if len(names) <= most else "."


def _one(parts: argparse.Action) -> str:
    word = str(parts.metavar)
    return f"{'an' if word[0] in 'AEIOU' else 'a'} {word}"


def _or(words: Iterable[str]) -> str:
    *most, last = [*words] or [""]
    return f"{', '.join(most)} or {last}" if most else last


def _having(option: str, whole: Parser, most: int = 4) -> str:
    """The commands that have this option, or ''."""
    progs = [leaf.prog for leaf in (whole, *whole.leaves()) if option in leaf.options]
    *first, last = progs or [""]
    if len(first) >= most:
        return f"{', '.join(first[: most - 1])} and {len(first) + 2 - most} more commands"
    return f"{', '.join(first)} and {last}" if first else last
