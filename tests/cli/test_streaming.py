# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab run while it plays: what has ended is there, whoever reads it, and whatever ends it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab import scheduler
from netlab.model.evidence import Evidence
from netlab.render.fitting import width_of

from .shell import NETLAB, PATIENCE, environment, netlab, scenario
from .terminal import Terminal

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
PAGE = 4096  # bytes, the least that a pipe can hold


@contextlib.contextmanager
def started(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A run in a pipe, which is ended with the test."""
    process = subprocess.Popen(
        [*NETLAB, "run", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What came after the lines that were read. (`communicate` leaves out what was read ahead.)"""
    assert process.stdout is not None
    assert process.stderr is not None
    out, complaints = process.stdout.read(), process.stderr.read()
    process.wait(PATIENCE)
    return out, complaints


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two scenarios: one is over at once, the other lasts longer than any test."""
    scenario(tmp_path, name="at-once")
    scenario(tmp_path, pair="ESTABLISHED/ESTABLISHED", within="900s", name="never")
    return tmp_path


def is_there(path: Path) -> bool:
    """Whether a file is there before patience ends."""
    return bool(scheduler.wait(lambda: path.exists() or None, scheduler.now() + PATIENCE))


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_what_has_ended_is_shown_at_once_and_kept_when_a_signal_ends_the_run(
    number: signal.Signals, code: int, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with started(f"{folder}/", "--report", out, "--pcap", out) as run:
        assert run.stdout is not None
        head = [run.stdout.readline() for _ in range(3)]
        assert head[2].split()[:3] == ["PASS", "at-once", "CLOSED"]
        run.send_signal(number)
        run.send_signal(number)  # timeout(1) sends it twice
        rest, complaints = ended(run)
    assert run.returncode == code
    assert re.search(r"^1 passed in \d+\.\d s \(IPv4, kernel \S+\)\nstopped: 1 of 2 had not ended$",
                     rest, re.MULTILINE)  # fmt: skip
    assert complaints == "netlab: stopped: 1 of 2 had not ended\n"
    assert {path.name for path in out.iterdir()} == {
        "index.html", "at-once.json", "at-once.pcapng",
    }  # fmt: skip
    assert "1 of 2 scenarios had not ended" in " ".join((out / "index.html").read_text().split())


def test_records_are_whole_lines_and_appear_as_they_end(folder: Path) -> None:
    with started("--json", f"{folder}/") as run:
        assert run.stdout is not None
        assert json.loads(run.stdout.readline())["scenario"] == "at-once"
        run.send_signal(signal.SIGTERM)
        assert ended(run) == ("", "netlab: stopped: 1 of 2 had not ended\n")
    assert run.returncode == 143


def test_when_nothing_has_ended_a_signal_leaves_only_that(tmp_path: Path) -> None:
    never = scenario(tmp_path, pair="ESTABLISHED/ESTABLISHED", within="900s")
    marks = tmp_path / "marks"
    with started(never, "--report", marks) as run:
        assert is_there(marks)  # it was made after the signals were seen to
        run.send_signal(signal.SIGINT)
        out, complaints = run.communicate(timeout=PATIENCE)
    assert run.returncode == 130
    assert (out.splitlines()[0], complaints) == (
        "stopped: 1 of 1 had not ended", "netlab: stopped: 1 of 1 had not ended\n",
    )  # fmt: skip


def test_who_does_not_read_delays_no_lab(tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(12):
        scenario(many, name=f"number-{number}")
    out = tmp_path / "out"
    with started("--json", "--report", out, f"{many}/") as run:
        assert run.stdout is not None
        size = fcntl.fcntl(run.stdout, fcntl.F_SETPIPE_SZ, PAGE)
        assert is_there(out / "index.html")  # all was played, and nothing was read
        records = run.stdout.read()
        run.wait(PATIENCE)
    assert run.returncode == 0
    assert len(records) > 2 * size  # more than would have fitted
    runs = [Evidence.from_json(line) for line in records.splitlines()]
    assert {one.scenario for one in runs} == {f"number-{number}" for number in range(12)}


def test_a_reader_that_has_enough_ends_the_run(folder: Path) -> None:
    scenario(folder, name="at-once-too")
    head = f"{' '.join(NETLAB)} run {folder}/ | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", head], capture_output=True, text=True, timeout=PATIENCE, check=True,
        env=environment(),
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines()[0].startswith("outcome ")
    assert done.stdout.splitlines()[1] == "0"


def test_a_full_disk_is_said_in_words(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*NETLAB, "run", scenario(tmp_path)], stdout=full, stderr=subprocess.PIPE, text=True,
            env=environment(), timeout=PATIENCE, check=False,
        )  # fmt: skip
    said = "netlab: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (3, said)


def test_in_a_pipe_every_row_is_whole_and_the_columns_stand_below_each_other(
    tmp_path: Path,
) -> None:
    name = "a-name-that-is-a-good-deal-longer-than-a-terminal-of-eighty-columns-has-room-for-it"
    scenario(tmp_path, name="short")
    scenario(tmp_path, name=name)
    head, _, *rows = netlab("run", f"{tmp_path}/", COLUMNS="40").out.splitlines()[:4]
    assert len(rows) == 2
    assert sum(name in row for row in rows) == 1
    assert {row.index("CLOSED") for row in rows} == {head.index("client")}
    assert head.endswith("healed into")


def test_cells_of_the_atlas_appear_as_they_are_frozen() -> None:
    command = [*NETLAB, "atlas", "--json", "--hold", "30s"]  # those that need no run come first
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as atlas:
        assert atlas.stdout is not None
        assert json.loads(atlas.stdout.readline())["reachable"] is False
        atlas.send_signal(signal.SIGTERM)
        out, complaints = ended(atlas)
    assert atlas.returncode == 143
    assert all(json.loads(line)["kernel"] for line in out.splitlines())
    assert re.fullmatch(r"netlab: stopped: \d+ of \d+ had not ended\n", complaints)


# --- with a person at it


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (40, 24)], ids=str)
def test_rows_fit_the_terminal_and_the_bar_stands_below_them(
    size: tuple[int, int], folder: Path
) -> None:
    name = "a-name-that-is-a-good-deal-longer-than-eighty-columns-has-room-for-with-all-the-others"
    scenario(folder, name=name)
    with Terminal(folder, *size) as terminal:
        terminal.netlab("run", "./")
        screen = terminal.see(
            "PASS     at-once", "PASS     a-name", "playing" if size[0] > 40 else "pla"
        )
        lines = screen.rstrip().splitlines()
        assert max(map(width_of, lines)) <= size[0]  # a broken row would be seen as a longer one
        assert lines[0].startswith("outcome  scenario")
        assert all(line.startswith("PASS") for line in lines[2:4])
        assert lines[4].startswith("pla")
        terminal.keys("C-c")
        screen = terminal.see("stopped: 1 of 3 had not ended", "code=130")
        assert "playing" not in screen
        assert screen.count("had not ended") == 1
        assert terminal.is_as_before()


def test_wide_has_everything_on_a_terminal_too(tmp_path: Path) -> None:
    scenario(tmp_path, name="a-name-that-would-be-shortened-in-forty-columns")
    with Terminal(tmp_path, 40, 24) as terminal:
        terminal.netlab("run", "./", "--wide")
        screen = terminal.see("code=0")
    assert "healed into" in screen
    assert "a-name-that-would-be-shortened-in-forty-columns  CLOSED" in screen


def test_the_bar_stays_where_the_rows_go_elsewhere(folder: Path) -> None:
    with Terminal(folder) as terminal:
        terminal.shell(f"{' '.join(NETLAB)} run ./ >rows")
        terminal.see("playing", "1/2", "never")
        rows = folder / "rows"
        there = scheduler.wait(
            lambda: "PASS" in rows.read_text() or None, scheduler.now() + PATIENCE
        )
        assert there
        terminal.keys("C-c")
        screen = terminal.see("netlab: stopped: 1 of 2 had not ended", "code=130")
        assert "PASS" not in screen


def test_a_terminal_that_stands_still_delays_no_lab(folder: Path) -> None:
    os.remove(folder / "never.yaml")
    scenario(folder, "client: connect", pair="ESTABLISHED/ESTABLISHED", name="later")
    with Terminal(folder) as terminal:
        terminal.shell(f"read go; touch begun; {' '.join(NETLAB)} run ./ --report out")
        terminal.keys("Enter")
        assert is_there(folder / "begun")  # a shell that still reads would stand still, too
        terminal.keys("C-s")  # before the first row
        assert is_there(folder / "out" / "index.html")
        terminal.keys("C-q")
        terminal.see("2 passed", "code=0")


def test_without_unicode_what_is_cut_ends_in_a_dot(tmp_path: Path) -> None:
    scenario(tmp_path, name="a-name-that-would-be-shortened-in-forty-columns")
    with Terminal(tmp_path, 40, 24) as terminal:
        plain = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 NO_COLOR=1"
        terminal.shell(f"{plain} {' '.join(NETLAB)} run ./ 2>/dev/null")
        screen = terminal.see("code=0")
    assert "PASS     a-name-that-would-be-shortened.\n" in screen
