# SPDX-License-Identifier: GPL-2.0-or-later
"""The live view, with a person at the keys: what is seen, what is done, what is left behind."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab import scheduler
from netlab.live.session import HOLD
from netlab.model.vocabulary import Side
from netlab.scenario import loader

from .shell import NETLAB, PATIENCE, netlab
from .terminal import Terminal

#: The view breaks where it draws, or before there is a screen at all.
BROKEN = """\
from netlab import cli
from netlab.live import panels
def broken(*arguments): raise ValueError("a test")
panels.{part} = broken
raise SystemExit(cli.main(["lab"]))
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """80 columns and 24 lines."""
    with Terminal(tmp_path) as opened:
        yield opened


def write_scenario(terminal: Terminal, name: str, story: str) -> None:
    """Once the pair holds, press w and answer."""

    def holds() -> bool | None:
        lasts = re.findall(r"for (\d+\.\d) s", terminal.screen())
        return (len(lasts) == len(Side) and min(map(float, lasts)) > HOLD + 0.1) or None

    assert scheduler.wait(holds, scheduler.now() + PATIENCE), terminal.screen()
    terminal.keys("w")
    terminal.see("write what was done as a scenario", ".yaml", "Enter: its story")
    terminal.keys("C-u")
    terminal.see_no(".yaml")
    terminal.write(name)
    terminal.see(name)
    terminal.keys("Enter")
    terminal.see("Enter: write it")
    terminal.write(story)
    terminal.see(story)
    terminal.keys("Enter")


# --- a person freezes, heals, closes, saves


def test_a_frozen_pair_is_seen_healed_closed_and_saved(terminal: Terminal) -> None:
    terminal.netlab("freeze", "synack-dropped")
    screen = terminal.see("SYN_SENT", "SYN_RECV", "SYN|ACK lost to client", "TCPSynRetrans")
    assert "timer    retransmit" in screen
    assert "client CLOSED → SYN_SENT" in screen
    terminal.keys("H")
    terminal.see("client SYN_SENT → ESTABLISHED", "(1 removed)")
    terminal.keys("x")
    terminal.see("→ FIN_WAIT2", "→ CLOSE_WAIT")
    write_scenario(terminal, "late.yaml", "A test.")
    terminal.see("written. Play it: netlab run late.yaml")
    terminal.keys("q")
    terminal.see("left as FIN_WAIT2/CLOSE_WAIT, after 2 steps of your own", "code=0")
    terminal.see("written: late.yaml, to be played with: netlab run late.yaml")
    assert terminal.is_as_before()
    done = netlab("run", terminal.folder / "late.yaml")
    assert (done.code, done.err) == (0, "")


def test_in_the_lab_a_fin_is_lost_and_saved(terminal: Terminal) -> None:
    terminal.netlab("lab")
    terminal.see("netlab lab", "to begin: Tab selects the server")
    terminal.keys("Tab", "l")
    terminal.see("server listens", "LISTEN")
    terminal.keys("d")
    terminal.see("lose on the way to the server", "5  FIN ")
    terminal.keys("5")
    terminal.see("FIN lost to server", "0 packets")
    terminal.keys("Left", "c")
    terminal.see("client CLOSED → ESTABLISHED")
    terminal.keys("x")
    terminal.see("FIN_WAIT1", "ESTABLISHED", "client ESTABLISHED → FIN_WAIT1", "TcpRetransSegs")
    write_scenario(terminal, "mine.yaml", "A test.")
    terminal.see("written. Play it: netlab run mine.yaml")
    terminal.keys("q")
    terminal.see("written: mine.yaml", "code=0")
    assert terminal.is_as_before()
    path = terminal.folder / "mine.yaml"
    assert str(loader.load(path).expect.claim) == "FIN_WAIT1/ESTABLISHED"
    assert len(path.read_text().splitlines()) <= 20
    done = netlab("run", path)
    assert (done.code, done.err) == (0, "")


def test_data_goes_over_and_is_read(terminal: Terminal) -> None:
    terminal.netlab("lab")
    terminal.see("to begin")
    terminal.keys("Tab", "l", "Tab", "c")
    terminal.see("client CLOSED → ESTABLISHED")
    terminal.keys("s")
    terminal.see("the client sends")
    terminal.write("hello")
    terminal.see("hello")
    terminal.keys("Enter")
    terminal.see("receive 5 B")
    terminal.keys("Right", "r")
    terminal.see("server has not accepted the connection: press a")
    terminal.keys("a", "r")
    terminal.see("server reads 5 bytes", "server read 'hello'")


# --- keys that cannot do anything say why


def test_wrong_keys_say_why(terminal: Terminal) -> None:
    terminal.netlab("lab")
    terminal.see("to begin")
    for key, why in (
        ("x", "client has no connection: press c"),
        ("a", "client does not listen: press l"),
        ("u", "nothing is in force: d drops"),
        ("H", "nothing is in force: d drops"),
        ("w", "nothing to write yet"),
    ):
        terminal.keys("Tab", "BTab")  # another message in between
        terminal.see("these keys act on the client")
        terminal.keys(key)
        terminal.see(why)
    terminal.keys("c")
    terminal.see("client connect: ECONNREFUSED, connection refused")


def test_a_file_is_not_overwritten_unasked(terminal: Terminal) -> None:
    path = terminal.folder / "mine.yaml"
    path.write_text("precious")
    terminal.netlab("lab")
    terminal.see("to begin")
    terminal.keys("Right", "l")
    terminal.see("server CLOSED → LISTEN")
    write_scenario(terminal, "mine.yaml", "A test.")
    terminal.see("mine.yaml already exists: Enter again overwrites it")
    assert path.read_text() == "precious"
    terminal.keys("Enter")
    terminal.see("written. Play it: netlab run mine.yaml")
    assert loader.load(path).story == "A test."


# --- what it shows


def test_every_key_is_shown_in_80_columns(terminal: Terminal) -> None:
    terminal.netlab("lab")
    lines = terminal.see("q quit").splitlines()
    shown = " ".join(["", *lines[-2:]])
    for key in ("Tab", *"clasrfxkvdjpuHw?q"):
        assert f" {key} " in shown
    assert "…" not in shown


def test_the_commands_for_another_terminal_are_a_key_away(terminal: Terminal) -> None:
    terminal.netlab("freeze", "fin-dropped")
    terminal.see("FIN lost to server")
    terminal.keys("?")
    terminal.see("ss -tanoe", "nft list ruleset", "nsenter", "any key closes this")
    terminal.keys("Space")
    terminal.see("FIN lost to server")


def test_a_larger_terminal_shows_them_at_once(tmp_path: Path) -> None:
    with Terminal(tmp_path, 120, 40) as terminal:
        terminal.netlab("freeze", "fin-dropped")
        terminal.see("look yourself, from another terminal", "ss -tanoe", "nft list ruleset")


def test_the_countdown_moves(terminal: Terminal) -> None:
    terminal.netlab("freeze", "synack-dropped")
    first = terminal.see("timer    retransmit")

    def moved() -> bool | None:
        lines = [line for line in terminal.screen().splitlines() if "timer" in line]
        return (bool(lines) and lines[0] not in first) or None

    assert scheduler.wait(moved, scheduler.now() + PATIENCE)


# --- packets, and how much room there is


def test_packets_are_seen_as_they_are_lost_and_as_they_cross(terminal: Terminal) -> None:
    terminal.netlab("freeze", "fin-dropped")
    lost = r"\d\.\d{3}  client → server  FIN seq=1 ack=1 again \d ✗ drop-1, server input *\n"
    screen = terminal.see("again 2 ✗ drop-1, server input")
    assert re.search(lost, screen), screen
    terminal.keys("H")
    healed = terminal.see("client ← server  ACK seq=1 ack=2", "FIN_WAIT2", "CLOSE_WAIT")
    assert re.search(r"client → server  FIN seq=1 ack=1 again \d *\n", healed), healed


def test_any_size_shows_what_it_has_room_for(tmp_path: Path) -> None:
    with Terminal(tmp_path, 20, 6) as terminal:
        terminal.netlab("freeze", "fin-dropped")
        terminal.see("client FIN_WAIT1", "server ESTABLISHED", "Too small for more:", "q quits")
        terminal.resize(30, 10)
        terminal.see(
            "▶client FIN_WAIT1", " server ESTABLISHED", "FIN lost", "→ FIN again 2 ✗ drop-1"
        )
        terminal.keys("Tab")
        terminal.see("▶server ESTABLISHED", "these keys act on the server")
        terminal.keys("?")
        terminal.see("Tab side", "up, down: more")
        terminal.keys("Space")
        terminal.see("▶server ESTABLISHED")
        terminal.resize(8, 2)
        terminal.see("client")
        terminal.resize(80, 24)
        usual = terminal.see(
            "╭─ client 10.", "▶ server 10.", "again 3 ✗ drop-1, server input", "q quit"
        )
        assert "faults" in usual
        assert "TcpRetransSegs" in usual
        terminal.resize(120, 40)
        tall = terminal.see(
            "look yourself", "client → server  SYN seq=0", "again 3 ✗ drop-1", "q quit"
        )
        assert tall.count("client → server") > usual.count("client → server")
        terminal.keys("q")
        terminal.see("code=0")
        assert terminal.is_as_before()


def test_without_letters_and_colours_it_can_be_read_as_well(tmp_path: Path) -> None:
    with Terminal(tmp_path, NO_COLOR="1", LC_ALL="C") as terminal:
        terminal.netlab("freeze", "synack-dropped")
        screen = terminal.see(".- > client 10.", "SYN_RECV", "again 1 x drop-1, client input")
        assert "timer    retransmit ==" in screen
        assert screen.replace("? look", "").isascii()
        assert "?" not in screen.replace("? look", "")


# --- how it ends


def test_after_a_time_it_heals_by_itself(terminal: Terminal) -> None:
    terminal.netlab("freeze", "fin-dropped", "--for", "2s")
    terminal.see("heals in", "FIN_WAIT1")
    terminal.see("healed into FIN_WAIT2/CLOSE_WAIT", "code=0")
    assert terminal.is_as_before()


def test_who_leaves_without_touching_it_sees_it_heal(terminal: Terminal) -> None:
    terminal.netlab("freeze", "fin-dropped")
    terminal.see("FIN_WAIT1", "FIN lost to server")
    terminal.keys("q")
    terminal.see("healed into FIN_WAIT2/CLOSE_WAIT", "code=0")
    assert terminal.is_as_before()


@pytest.mark.parametrize("command", [["lab"], ["freeze", "fin-dropped"]], ids=" ".join)
def test_ctrl_c_leaves_the_terminal_as_it_was(command: list[str], terminal: Terminal) -> None:
    terminal.netlab(*command)
    terminal.see("q quit")
    terminal.keys("d")
    terminal.see("lose on the way")  # Ctrl-C ends it from a question too
    terminal.keys("C-c")
    terminal.see("netlab: stopped; nothing is left behind", "code=130")
    assert terminal.is_as_before()


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_a_signal_leaves_the_terminal_as_it_was(
    number: signal.Signals, code: int, terminal: Terminal
) -> None:
    terminal.shell(f"sh -c 'echo $$ >pid; exec {shlex.join(NETLAB)} lab'")
    terminal.see("q quit")
    os.kill(int((terminal.folder / "pid").read_text()), number)
    terminal.see(f"code={code}")
    assert terminal.is_as_before()


@pytest.mark.parametrize("part", ["log", "keys"])
def test_a_bug_is_told_on_a_terminal_that_can_be_used(part: str, terminal: Terminal) -> None:
    (terminal.folder / "bug.py").write_text(BROKEN.format(part=part))
    terminal.shell(f"{shlex.quote(sys.executable)} bug.py")
    told = "netlab: the live view broke, which is a bug of netlab: ValueError: a test at "
    screen = terminal.see("code=3")
    assert told in " ".join(screen.split())
    assert "Traceback" not in screen
    assert terminal.is_as_before()


# --- without a terminal, or without wanting one


def test_plain_prints_lines_on_a_terminal_too(terminal: Terminal) -> None:
    terminal.netlab("freeze", "fin-dropped", "--plain")
    terminal.see("fin-dropped is frozen: FIN_WAIT1/ESTABLISHED", "  both")
    terminal.keys("C-c")
    terminal.see("netlab: stopped; nothing is left behind", "code=130")


def test_a_lab_without_a_terminal_says_what_there_is_instead() -> None:
    done = netlab("lab")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("netlab: the lab needs a terminal. Without one, write a scenario")
