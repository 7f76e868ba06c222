# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab search: what it finds fits one screen, is played again by the command that it names, and
is written as a scenario; what cannot be searched is told in a sentence.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .shell import NETLAB, PATIENCE, environment, netlab

BUGS = Path(__file__).parents[1] / "search" / "bugs"


def asked(bug: str, *options: str) -> list[str]:
    """A search in the program of that name, whose client and server are one file."""
    line = shlex.join([sys.executable, "-S", "-E", str(BUGS / f"{bug}.py")])
    served = ["--server", f"{line} server {{port}}", "--port", "8000", "--cap", "3s"]
    return ["search", *served, *options, "--", *shlex.split(line), "client", "{port}"]


BROKEN = asked("server_resets_too_early", "--only", "drop")


def test_what_is_found_is_on_one_screen_and_is_seen_again_by_the_command_it_names() -> None:
    code, out, err = netlab(*BROKEN)
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert len(lines) <= 40
    table = [line.split() for line in lines if line.startswith(("  server ", "  client "))]
    assert ["client", "3", "DATA", "seq=1:7", "ack=9", "error"] in table
    assert {row[-1] for row in table} <= {"fine", "error", "met"}  # or not, if it does not come
    at = lines.index("drop seq=1 to client: error")
    assert lines[at + 1].startswith("  it ends with exit code 1 after ")
    assert "ConnectionResetError" in lines[at + 2]
    assert " trials: " in lines[-1]
    assert " 1 failed" in lines[-1]
    again = next(line for line in lines if line.startswith("again: "))
    words = shlex.split(again.removeprefix("again: "))
    assert words[0] == "netlab"
    done = subprocess.run(
        [*NETLAB, *words[1:]], capture_output=True, text=True, timeout=PATIENCE, check=False,
        env=environment(),
    )  # fmt: skip
    assert done.returncode == 1
    assert "ConnectionResetError" in done.stderr


def test_no_more_labs_are_open_than_are_asked_for(tmp_path: Path) -> None:
    """Each program says when it begins and when it ends: one after the other."""
    file = tmp_path / "said"
    says = f"open({str(file)!r}, 'a').write"
    asks = "s = socket.create_connection(('{server}', {port})); s.sendall(b'hello\\n'); s.recv(9)"
    line = (sys.executable, "-ISc", f"import socket; {says}('b'); {asks}; {says}('e')")
    tried = ("--talks", "line", "--only", "drop", "--most", "1", "--jobs", "1")
    assert netlab("search", *tried, "--", *line).code == 0
    said = file.read_text()
    assert said == "be" * (len(said) // 2)
    assert len(said) >= 6


def test_a_program_that_does_without_each_packet_is_fine() -> None:
    """Only the first of its packets is tried alone."""
    serving = ("--server", "python3 -m http.server --bind :: {port}", "--ready", "8000")
    tried = ("--most", "1", "--pairs", "--random", "1", "--seed", "1", "--only", "drop")
    curl = ("curl", "-sS", "-o", "/dev/null", "http://{server}:{port}/")
    code, out, err = netlab("search", *serving, *tried, "--", *curl)
    assert code == 0, out
    assert "netlab: --most 1 of the exchange's " in err
    assert " failed" not in out
    assert "again:" not in out


def test_for_programs_each_trial_is_an_object(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    code, out, err = netlab("search", "--json", "--output", tmp_path, *BROKEN[1:])
    trials = [json.loads(line) for line in out.splitlines()]
    failed = [trial for trial in trials if trial["failed"]]
    assert (code, len(failed)) == (1, 1)
    assert failed[0]["steps"] == ["drop: {packet: seq=1, to: client}"]
    assert (failed[0]["verdict"], failed[0]["exit_code"], failed[0]["seen"]) == ("error", 1, 2)
    assert failed[0]["case"][0] == {
        "word": "drop", "to": "client", "connection": 1, "packet": "seq=1", "again": 0
    }  # fmt: skip
    written = tmp_path / "drop-seq-1-to-client"
    assert f"written: {written}.yaml, {written.name}.txt\n" in err
    assert written.with_suffix(".yaml").read_text().count("\n") <= 20
    assert "✗" in written.with_suffix(".txt").read_text()


def test_a_check_decides_where_one_is_given() -> None:
    code, out, _ = netlab(
        *asked("server_resets_too_early", "--only", "drop", "--fails-when", "false")
    )
    assert code == 0, out


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["search"], 2, "no command to run: netlab search [OPTIONS] -- COMMAND ..."),
        (["search", "--", "true"], 2, "a search needs a server that the command talks with"),
        (
            asked("order_placed_twice", "--only", "delay"),
            2,
            "--only: expected drop, cut, double or",
        ),
        (
            asked("order_placed_twice", "--cap", "1ms"),
            2,
            "does not end within 0.001 s on a healthy",
        ),
        (asked("order_placed_twice", "--fails-when", "true"), 2, "says of a healthy network, too"),
        ([*asked("order_placed_twice")[:-7], "--", "false"], 2, "too: exit code 1"),
        ([*asked("order_placed_twice")[:-7], "--", "true"], 2, "no TCP segment went between"),
        (
            ["search", "--server", "false", "--ready", "80", "--", "true"],
            1,
            "before it was listening",
        ),
    ],
)
def test_what_cannot_be_searched_is_told(words: list[str], code: int, says: str) -> None:
    done = netlab(*words)
    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert "Traceback" not in done.err


def test_a_small_server_of_netlabs_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "line.yaml"
    file.write_text('port: 4000\ntalk: [{expect: "?"}, {send: "yes"}, {close: yes}]')
    asks = "import socket; s = socket.create_connection(('server', 4000)); s.send(b'?')"
    line = (sys.executable, "-ISc", f"{asks}; assert s.recv(9) == b'yes'")
    done = netlab("search", "--talks", file, "--only", "drop", "--most", "2", "--", *line)
    assert done.code == 0, done.out + done.err
    assert "0 failed" in done.out or " fine" in done.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--talks", "gopher"), "nobody here talks 'gopher'"),
        (("--talks", "http", "--server", "true"), "not both it and --server"),
        (("--talks", "tls-http"), "only an audit has this server"),
        (("--talks", "http", "--ready", "soon"), "--ready is one; found 'soon'"),
    ],
)
def test_what_netlab_has_no_server_of_is_told(words: tuple[str, ...], says: str) -> None:
    code, out, err = netlab("search", *words, "--", "true")
    assert (code, out) == (2, "")
    assert says in err
