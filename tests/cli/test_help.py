# SPDX-License-Identifier: GPL-2.0-or-later
"""Help: that of every command fits its terminal, and is found where people look for it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab import cli
from netlab.cli.shared import folding
from netlab.cli.shared.parsing import Parser

from .terminal import Terminal


def parsers(parser: Parser | None = None) -> Iterator[Parser]:
    """That of netlab, and those of all commands and their actions."""
    parser = parser or cli.parser()
    yield parser
    for part in parser.parts.values():
        yield from parsers(part)


PARSERS = {parser.prog: parser for parser in parsers()}


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What is printed, with nothing on standard error and 0 as exit code."""
    try:
        code: object = cli.main(words)
    except SystemExit as end:
        code = end.code
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return out


def test_there_is_a_parser_of_every_command_and_action() -> None:
    assert len(PARSERS) == 1 + len(cli.MODULES) + 2
    assert {"netlab", "netlab list", "netlab baseline check"} <= PARSERS.keys()


# --- how wide it is


@pytest.mark.parametrize(("columns", "widest"), [(80, 80), (100, 100), (300, 100)])
@pytest.mark.parametrize("prog", PARSERS)
def test_help_fits_the_terminal(
    prog: str, columns: int, widest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert max(map(len, PARSERS[prog].format_help().splitlines())) <= widest


@pytest.mark.parametrize("prog", PARSERS)
def test_in_a_narrow_terminal_all_is_folded_but_a_command_to_be_copied(
    prog: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    help = PARSERS[prog].format_help()
    copied = {line.strip().partition("  ")[0] for line in str(PARSERS[prog].epilog).splitlines()}
    for line in help.splitlines():
        assert len(line) <= 40 or line.strip() in copied or re.fullmatch(r" +\[.*\]", line)


@pytest.mark.parametrize("columns", [1, 40, 80, 300])
@pytest.mark.parametrize("prog", PARSERS)
def test_nothing_is_lost_when_help_is_folded(
    prog: str, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    help = " ".join(PARSERS[prog].format_help().split())
    for text in (PARSERS[prog].description, PARSERS[prog].epilog):
        assert " ".join(str(text).split()) in help


@pytest.mark.parametrize("prog", PARSERS)
def test_help_can_be_read_in_every_locale(prog: str) -> None:
    assert PARSERS[prog].format_help().isascii()


def test_an_explanation_stands_beside_its_example_or_below_it() -> None:
    text = "examples:\n  ls  files\n  ls --a-long-option-of-it  " + "and more " * 4
    assert [*folding.folded(text, 40)] == [
        "examples:",
        "  ls  files",
        "  ls --a-long-option-of-it",
        "      and more and more and more and",
        "      more",
    ]
    wide = "  ls                        files"
    assert [*folding.folded(text, 80)][1] == wide


# --- what it has


@pytest.mark.parametrize("prog", PARSERS)
def test_help_ends_with_examples_and_exit_codes(prog: str) -> None:
    help = PARSERS[prog].format_help()
    assert re.search(rf"^examples:\n(?:  .*\n)*?  .*{prog}\b", help, re.MULTILINE)
    assert re.search(r"^exit codes: 0 \w", help, re.MULTILINE)


def test_the_help_of_netlab_has_a_line_on_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, "--help").splitlines()
    for title, modules in cli.SECTIONS.items():
        place = lines.index(f"{title}:")
        for module in modules:
            name = cli.name_of(module)
            assert any(re.match(rf"  {name}  +\w", line) for line in lines[place + 1 :]), name


# --- where people look for it


@pytest.mark.parametrize(
    ("guess", "command"),
    [
        ("help", ""),
        ("help help", ""),
        ("-h", ""),
        ("help --help", ""),
        ("help run", "run"),
        ("-h run", "run"),
        ("--help run", "run"),
        ("run -h", "run"),
        ("run fin-dropped --help", "run"),
        ("help show", "show"),
        ("help run fin-dropped", "run"),
        ("help baseline", "baseline"),
        ("baseline help", "baseline"),
        ("baseline help check", "baseline check"),
        ("help baseline check", "baseline check"),
        ("--help baseline check", "baseline check"),
    ],
)
def test_help_is_where_people_guess_it(
    guess: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shown(capsys, *guess.split()) == PARSERS[f"netlab {command}".strip()].format_help()


def test_netlab_alone_says_what_it_is_and_what_it_can_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = shown(capsys)
    assert out.startswith(cli.DESCRIPTION)
    for module in cli.MODULES:
        assert re.search(rf"^  \w.*  .*\b{cli.name_of(module)}\b", out, re.MULTILINE), module
    assert "'netlab help COMMAND'" in out


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
def test_netlab_alone_is_one_screen(tmp_path: Path, width: int, height: int) -> None:
    with Terminal(tmp_path, width, height) as terminal:
        terminal.netlab()
        screen = terminal.see("code=0")
    assert cli.DESCRIPTION in screen
    for wish, command, _ in cli.DOORS:
        assert f"{wish}:\n  {command}  " in screen
    assert "'netlab help COMMAND' explains one.\n" in screen


# --- what it costs


@pytest.mark.parametrize("command", ["list", "snapshot", "baseline"])
def test_a_command_that_is_known_is_read_alone(command: str) -> None:
    assert [*cli.parser(command).parts] == [command]


def test_a_command_does_not_import_the_others() -> None:
    code = "import sys; from netlab import cli; cli.main(['list']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("netlab.cli.")}
    assert "netlab.cli.commands.list_" in loaded
    assert (
        not {"netlab.cli.commands.matrix", "netlab.cli.commands.atlas", "netlab.cli.commands.run"}
        & loaded
    )


def test_each_door_is_a_command_that_there_is() -> None:
    for _, command, _ in cli.DOORS:
        words = command.rpartition("netlab ")[2].split()
        assert cli.parser(words[0]).parse_args(words).main
