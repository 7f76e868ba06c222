# SPDX-License-Identifier: GPL-2.0-or-later
"""What a stranger's scenarios start is said before, and starts only if somebody allows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .shell import netlab
from .terminal import Terminal

TEXT = """\
source: somebody
steps:
  - server: listen
  - client: {run: "sh -c 'echo I am here; exec sleep 1000'"}
  - client: connect
  - server: accept
expect:
  pair: {client: ESTABLISHED, server: ESTABLISHED}
  cause: nothing is wrong
"""
SAID = "on the client: sh -c 'echo I am here; exec sleep 1000'"


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    path = tmp_path / "strangers.yaml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize(
    "command",
    [
        "run FILE",
        "freeze FILE",
        "show --ladder FILE",
        "teach FILE",
        "matrix FILE --kernel host",
        "baseline record FILE",
    ],
)
def test_nothing_starts_that_nobody_has_allowed(strangers: Path, command: str) -> None:
    done = netlab(*command.replace("FILE", str(strangers)).split())
    assert (done.code, done.out) == (2, "")
    assert f"strangers runs, confined, {SAID}" in done.err
    side, command = SAID.split(": ", 1)
    assert f"strangers.yaml:4: starts a program {side}. Read the file, and if it may" in done.err
    assert (
        f"--allow-programs (pytest: netlab_programs = true). The program: {command}\n" in done.err
    )


def test_it_is_said_and_played_where_it_is_allowed(strangers: Path) -> None:
    done = netlab("run", "--json", "--allow-programs", strangers)
    assert done.code == 0, done
    assert SAID in done.err
    (program,) = json.loads(done.out)["programs"]
    assert program == {
        "side": "client",
        "command": "sh -c 'echo I am here; exec sleep 1000'",
        "exit_code": None,
        "output": "I am here\n",
    }


def test_what_starts_no_program_needs_no_leave(tmp_path: Path) -> None:
    path = tmp_path / "plain.yaml"
    path.write_text("\n".join(line for line in TEXT.splitlines() if "run:" not in line))
    done = netlab("run", path)
    assert (done.code, done.err) == (0, "")


def test_what_came_with_netlab_needs_none_either() -> None:
    done = netlab("run", "tcp-client-keeps-sending")
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("answer", "end"), [("y", "1 passed"), ("n", "Read the file"), ("", "Read")]
)
def test_at_a_terminal_netlab_asks(tmp_path: Path, strangers: Path, answer: str, end: str) -> None:
    with Terminal(tmp_path, width=120) as terminal:
        terminal.netlab("run", str(strangers))
        terminal.see(SAID, "Start what did not come with netlab? [y/N]")
        terminal.keys(*answer, "Enter")
        terminal.see(end)


def test_a_failure_shows_what_a_program_said(tmp_path: Path) -> None:
    path = tmp_path / "ends.yaml"
    text = TEXT.replace("exec sleep 1000", "exit 3").replace("cause:", "within: 500ms\n  cause:")
    path.write_text(text.replace("server: ESTABLISHED", "server: FIN_WAIT1"))
    done = netlab("run", "--allow-programs", path)
    assert done.code == 1
    assert "client ran sh -c 'echo I am here; exit 3': exit code 3\n    I am here" in done.out
