# SPDX-License-Identifier: GPL-2.0-or-later
"""Mistakes in a command line: each is answered with what comes close, by whom it concerns."""

from __future__ import annotations

import pytest

from netlab import cli
from netlab.cli.shared.parsing import Parser

#: What is typed, who answers, and what that says.
MISTAKES = [
    # commands
    ("rn", "netlab", "no command is called 'rn'. Did you mean run?"),
    ("Run", "netlab", "no command is called 'Run'. Did you mean run?"),
    ("ls", "netlab", "no command is called 'ls'. Did you mean list?"),
    ("hlep", "netlab", "no command is called 'hlep'. Did you mean help?"),
    ("help rn", "netlab", "no command is called 'rn'. Did you mean run?"),
    ("version", "netlab", "no command is called 'version'. Did you mean --version?"),
    ("qqqq --json", "netlab", "no command is called 'qqqq'."),
    ("fin-dropped", "netlab", "no command is called 'fin-dropped'. It is a scenario: "
     "'netlab run fin-dropped' plays it, 'netlab show fin-dropped' explains it."),
    ("my/own.yaml", "netlab", "no command is called 'my/own.yaml'. It is a scenario: "
     "'netlab run my/own.yaml' plays it, 'netlab show my/own.yaml' explains it."),
    ("baseline chek", "netlab baseline", "no action is called 'chek'. Did you mean check?"),
    ("baseline qqqq", "netlab baseline", "no action is called 'qqqq': record or check"),
    ("baseline", "netlab baseline", "expected an ACTION: record or check"),
    # options of the command itself
    ("run --laddr", "netlab run", "no option is called '--laddr'. Did you mean --ladder?"),
    ("run --laddr=3 --slow", "netlab run", "no option is called '--laddr'. Did you mean --ladder?"),
    ("show --laddr", "netlab show", "no option is called '--laddr'. Did you mean --ladder?"),
    ("run --banana", "netlab run", "no option is called '--banana'."),
    ("run -j", "netlab run", "no option is called '-j'. Did you mean --jobs, --json or --junit?"),
    ("list -json", "netlab list", "no option is called '-json'. Did you mean --json?"),
    ("run -help", "netlab run", "no option is called '-help'. Did you mean --help?"),
    ("-v", "netlab", "no option is called '-v'. Did you mean --version?"),
    ("--versoin", "netlab", "no option is called '--versoin'. Did you mean --version?"),
    ("baseline check x --kernl y", "netlab baseline check",
     "no option is called '--kernl'. Did you mean --kernel?"),
    # options of another command
    ("snapshot --ladder", "netlab snapshot",
     "no option is called '--ladder' here. It belongs to netlab run and netlab show."),
    ("snapshot --laddr", "netlab snapshot", "no option is called '--laddr'. Did you mean "
     "--ladder of netlab run and netlab show, or --address?"),
    ("list --ladr", "netlab list", "no option is called '--ladr'. Did you mean "
     "--ladder of netlab run and netlab show?"),
    ("run --masq", "netlab run", "no option is called '--masq'. Did you mean "
     "--mask of netlab snapshot?"),
    ("run -o x", "netlab run", "no option is called '-o' here. It belongs to netlab repro and "
     "netlab baseline record."),
    ("baseline record --explain", "netlab baseline record",
     "no option is called '--explain' here. It belongs to netlab diagnose."),
    ("run --version", "netlab run", "no option is called '--version' here. It belongs to netlab."),
    # options before their command
    ("--ipv6 run", "netlab", "--ipv6 goes after the command: netlab run --ipv6"),
    ("--ipv run", "netlab", "--ipv goes after the command: netlab run --ipv6"),
    ("--hold 5 run", "netlab", "--hold goes after the command: netlab run --hold"),
    ("--laddr run", "netlab", "--laddr goes after the command: netlab run --ladder"),
    ("--run x baseline check", "netlab", "--run goes after the command: netlab baseline check "
     "--run"),
    ("baseline --run x check", "netlab baseline", "--run goes after the command: netlab baseline "
     "check --run"),
    ("-o x repro", "netlab", "-o goes after the command: netlab repro -o"),
    ("--ladder snapshot", "netlab", "no option is called '--ladder' here. It belongs to netlab run "
     "and netlab show."),
    # options of a program that is run
    ("audit curl -sS http://server/", "netlab audit", "no option is called '-sS'. The words of "
     "PROGRAM go after --: netlab audit [OPTIONS] -- PROGRAM."),
    ("exec curl -o x server", "netlab exec", "no option is called '-o' here. It belongs to netlab "
     "repro and netlab baseline record. The words of COMMAND go after --: netlab exec [OPTIONS] -- "
     "COMMAND."),
    ("warp ls --quit", "netlab warp", "no option is called '--quit'. Did you mean --quiet? The "
     "words of COMMAND go after --: netlab warp [OPTIONS] -- COMMAND"),
    ("search curl --banana", "netlab search", "no option is called '--banana'. The words of "
     "COMMAND go after --: netlab search [OPTIONS] -- COMMAND."),
    ("audit a --cap 3s b", "netlab audit", "expected no more words; found 'b'. The words of "
     "PROGRAM go after --: netlab audit [OPTIONS] -- PROGRAM"),
    # choices
    ("completion bsh", "netlab completion",
     "shell: expected bash, zsh or fish; found 'bsh'. Did you mean bash?"),
    ("completion tcsh", "netlab completion", "shell: expected bash, zsh or fish; found 'tcsh'."),
    ("matrix --clock reel", "netlab matrix",
     "--clock: expected virtual or real; found 'reel'. Did you mean real?"),
    # values, and words too many
    ("run --jobs 0", "netlab run", "--jobs: expected a number from 1 on; found '0'"),
    ("run --hold", "netlab run", "--hold: expected one argument"),
    ("run --s", "netlab run", "ambiguous option: --s could match --slow, --sysctl"),
    ("doctor now", "netlab doctor", "expected no more words; found 'now'"),
    ("show a b", "netlab show", "expected no more words; found 'b'"),
    ("list a --slow b", "netlab list", "expected no more words; found 'b'. All NAMEs stand "
     "together, no option between them."),
    ("show", "netlab show", "the following arguments are required: NAME"),
]  # fmt: skip


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    """Who answers, and what that says; the second line says where help is."""
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    out, err = capsys.readouterr()
    assert (end.value.code, out) == (2, "")
    said, more = err.splitlines()
    who, _, what = said.partition(": ")
    assert more == f"See '{who} --help'."
    return who, what


@pytest.mark.parametrize(("typed", "who", "what"), MISTAKES, ids=[typed for typed, *_ in MISTAKES])
def test_a_mistake_is_answered_with_what_comes_close(
    typed: str, who: str, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, *typed.split()) == (who, what)


@pytest.mark.parametrize("prog", [leaf.prog for leaf in cli.parser().leaves()])
def test_every_option_is_found_by_what_comes_close(
    prog: str, capsys: pytest.CaptureFixture[str]
) -> None:
    [leaf] = [leaf for leaf in cli.parser().leaves() if leaf.prog == prog]
    for option in leaf.options:
        slip = option[:4] + option[3:]  # a letter is there twice
        if option.startswith("--") and len(option) > 5:
            who, what = answer(capsys, *prog.split()[1:], slip)
            assert who == prog
            assert f"Did you mean {option}?" in what


def test_every_command_is_found_by_what_comes_close(capsys: pytest.CaptureFixture[str]) -> None:
    for name in cli.parser().parts:
        slip = name[:1] + name[:1] + name[1:]
        assert answer(capsys, slip)[1].endswith(f"Did you mean {name}?")


def test_what_is_right_is_taken_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    parser: Parser = cli.parser()
    assert parser.parse_args(["run", "--lad", "--hol=5", "a", "b"]).ladder  # as short as is clear
    assert parser.parse_args(["diagnose", "-", "a"]).files == ["-", "a"]
    assert parser.parse_args(["repro", "-", "-ox.yaml"]).output.name == "x.yaml"
    assert parser.parse_args(["list", "--", "--slow"]).names == ["--slow"]
    assert parser.parse_args(["matrix", "--kernel", "a", "b", "--list"]).kernel == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_a_mistake_has_colour_where_it_is_looked_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with pytest.raises(SystemExit):
        cli.main(["run", "--banana"])
    assert capsys.readouterr().err.startswith("\033[31;1mnetlab run:\033[0m no option")
