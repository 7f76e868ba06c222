# SPDX-License-Identifier: GPL-2.0-or-later
"""How ``netlab watch`` is asked, how it ends, and what it leaves."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from .shell import NETLAB, PATIENCE, environment, netlab

BEGINNING = "watching "


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--every 0.5s", "expected 1s or more; found '0.5s'"),
        ("--every soon", "expected a duration"),
        ("--for ever", "expected a duration"),
        ("--prometheus 9123", "such as :9123; found '9123'"),
        ("--prometheus :99999", "such as :9123; found ':99999'"),
        ("--prometheus 999.9.9.9:9123", "there is no such address"),
        ("--textfile /dev/null", "--textfile: /dev/null cannot be written"),
        ("--netns no-such-namespace", "has no namespace 'no-such-namespace'"),
    ],
)
def test_what_is_wrong_is_said(words: str, said: str) -> None:
    done = netlab("watch", *words.split())
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_port_that_is_taken_is_the_machines_affair() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        done = netlab("watch", "--prometheus", where)
    assert (done.code, done.out) == (3, "")
    assert f"--prometheus {where} cannot be listened at: Address already in use" in done.err


def test_it_ends_by_itself() -> None:
    done = netlab("watch", "--every", "1s", "--for", "1.5s")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(BEGINNING)
    assert "\nwatched for 1.5" in done.out
    assert ", 2 looks: " in done.out
    assert "\033" not in done.out


def test_json_is_one_object_a_line() -> None:
    done = netlab("watch", "--json", "--for", "10ms")
    first, last = map(json.loads, done.out.splitlines())
    assert (first["event"], first["every"], first["sockets"] >= 0) == ("watching", 10.0, True)
    assert (last["event"], last["looks"], last["standing"]) == ("summary", 1, [])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_as_it_should_end(number: signal.Signals, tmp_path: Path) -> None:
    """The first line is there before anything else has happened: each is flushed."""
    words = [*NETLAB, "watch", "--textfile", str(tmp_path)]
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(BEGINNING)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert "1 look: 0 began, 0 ended, 0 still there" in out
    assert [*tmp_path.iterdir()] == []


def test_a_reader_that_has_gone_ends_it_in_silence() -> None:
    """Nothing is written after the first line, for nothing happens: it is seen all the same."""
    with subprocess.Popen(
        [*NETLAB, "watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert process.stderr.read() == ""


def test_colours_are_for_who_wants_them() -> None:
    done = netlab("watch", "--for", "10ms", FORCE_COLOR="1")
    assert done.out.startswith(f"\033[1m{BEGINNING}")
