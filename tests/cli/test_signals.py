# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals that ask netlab to end, at any moment, and twice: one sentence, the code that shells
report, and nothing is left.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

import netlab
from netlab import scheduler
from tests.kernel.tools import left_over

from .shell import NETLAB, PATIENCE, environment

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COMMANDS = (
    "run --hold 10s port-open",
    "freeze port-closed",
    "snapshot --twice 60",
    "matrix --kernel host --hold 10s port-open",
)
#: Seconds from the first moment at which netlab hears signals, and between two of them.
MOMENTS, GAPS = (0.0, 0.05, 0.2, 0.6), (0.0, 0.03)
#: Prints what `netlab` has imported when it begins to hear signals.
UNHEARD = """
import sys
sys.path.append(sys.argv[1])
import netlab.__main__
print(*sys.modules)
"""
#: Is asked to end where Python ignores what is raised, twice in a row, and would wait for an hour.
IGNORED = """
import signal, sys, time, weakref
import netlab.__main__ as entry
import netlab.cli

class Thing:
    def __del__(self):
        signal.raise_signal(number)
        time.sleep(0)

def command():
    thing = Thing()
    watched = weakref.ref(thing, lambda gone: time.sleep(0.1))  # here it is raised again, in vain
    del thing
    time.sleep(3600)
    return 0

number = int(sys.argv[1])
netlab.cli.main = command
sys.exit(entry.main())
"""

#: Is asked to end while a thread of its own, which Python waits for, waits for ever.
STUCK = """
import signal, sys, threading
import netlab.__main__ as entry
import netlab.cli

def command():
    threading.Thread(target=threading.Event().wait).start()
    signal.raise_signal(signal.SIGTERM)

netlab.cli.main = command
sys.exit(entry.main())
"""
#: Raises SIGINT at one place of those that start threads, take locks and draw; prints their number.
PLACES = """
import signal, sys
import netlab.__main__ as entry

WHERE = "/threading.py", "/queue.py", "/concurrent/", "/linux/threads.py", "/closing.py", "/rich/"
chosen, met = int(sys.argv.pop(1)), set()

def trace(frame, event, argument):
    place = frame.f_code.co_filename, frame.f_lineno, event
    if not any(each in place[0] for each in WHERE):
        return None
    if place not in met:
        met.add(place)
        if len(met) == chosen:
            sys.settrace(None)
            signal.raise_signal(signal.SIGINT)
    return trace

def listen(heard, listen=entry._listen):
    listen(heard)
    sys.settrace(trace)

entry._listen = listen
code = entry.main()
sys.settrace(None)
print(len(met))
sys.exit(code)
"""
#: Every so many of those places are tried.
STEP = 12


def hears(process: int) -> bool | None:
    """True once a process catches SIGHUP, which Python does not by itself."""
    with contextlib.suppress(OSError):
        caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{process}/status").read_text())
        if caught and int(caught[1], 16) >> (signal.SIGHUP - 1) & 1:
            return True
    return None


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.split()[0])
def test_twice_in_a_row_at_any_moment(command: str, number: signal.Signals, tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    for moment, gap in itertools.product(MOMENTS, GAPS):
        with subprocess.Popen(
            [*NETLAB, *command.split()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(NETLAB_TEST_MARK=mark, NETLAB_CACHE=str(tmp_path)),
        ) as process:
            assert scheduler.wait(lambda: hears(process.pid), scheduler.now() + PATIENCE)
            for pause in (moment, gap):
                scheduler.wait(process.poll, scheduler.now() + pause)
                process.send_signal(number)
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 128 + number, (moment, gap, err)
        assert re.fullmatch(r"(.*\n)?netlab: stopped[:;] .*\n", err, re.DOTALL), (moment, gap)
        assert "Traceback" not in err
        assert "Exception" not in err
    assert left_over(mark) == []


def test_at_any_place_of_what_starts_threads_and_takes_locks(tmp_path: Path) -> None:
    """Where a lock stays taken, or a thread is never told to end, the process never ends."""

    def interrupted_at(place: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", PLACES, str(place), "freeze", "port-closed", "--for", "0.1"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
            env=environment(NETLAB_CACHE=str(tmp_path)),
        )  # fmt: skip

    whole = interrupted_at(0)
    assert whole.returncode == 0, whole.stderr
    places = range(1, int(whole.stdout.split()[-1]), STEP)
    assert len(places) > 15
    for place in places:
        done = interrupted_at(place)
        assert done.returncode == 128 + signal.SIGINT, (place, done.stderr)
        assert done.stderr == "netlab: stopped; nothing is left behind\n", place


def test_a_thread_that_never_ends_keeps_nobody_who_was_asked_to_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.stderr == "netlab: stopped; nothing is left behind\n"
    assert done.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_where_python_ignores_what_is_raised_a_signal_is_not_lost(number: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IGNORED, str(int(number))],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.stderr == "netlab: stopped; nothing is left behind\n"
    assert done.returncode == 128 + number


def test_an_alarm_of_somebody_elses_ends_it_as_any_signal_does() -> None:
    with subprocess.Popen(
        [*NETLAB, "snapshot", "--twice", "60"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(),
    ) as process:  # fmt: skip
        assert scheduler.wait(lambda: hears(process.pid), scheduler.now() + PATIENCE)
        process.send_signal(signal.SIGALRM)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGALRM
    assert err == "netlab: stopped; nothing is left behind\n"


def test_little_is_imported_before_signals_are_heard() -> None:
    """Until then Ctrl-C is Python's own, with a traceback: typing alone takes 10 ms."""
    done = subprocess.run(
        [sys.executable, "-ISc", UNHEARD, str(Path(netlab.__file__).parents[1])],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = done.stdout.split()
    assert "netlab.__main__" in imported
    assert not {"typing", "traceback", "linecache", "re", "pathlib"} & {*imported}
