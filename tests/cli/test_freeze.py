# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab freeze: the printed commands look at the frozen pair, and nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.linux.privileges import in_user_namespace
from netlab.scenario import catalogue

from .shell import NETLAB, PATIENCE, environment, netlab, scenario

pytestmark = pytest.mark.needs("nsenter", "ss", "nft")  # in the commands that freeze prints


class Frozen:
    """A pair that is held by another process, and what that process says about it."""

    def __init__(self, name: str | Path) -> None:
        self.process = subprocess.Popen(
            [*NETLAB, "freeze", "--allow-programs", str(name)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
        )  # fmt: skip
        assert self.process.stdout is not None
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("  both"):  # the last line, until something changes
                break

    def command(self, side: str, tool: str) -> str:
        """The printed command that runs a tool at one side."""
        (found,) = [line.split(maxsplit=1)[1] for line in self.lines
                    if line.startswith(f"  {side}") and f" {tool}" in line]  # fmt: skip
        return found

    def look(self, side: str, tool: str, options: str = "") -> str:
        """What that command shows to the person who types it."""
        typed = self.command(side, tool) + options
        done = subprocess.run(
            ["sh", "-c", typed], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=PATIENCE, check=True,
        )  # fmt: skip
        return done.stdout

    def namespaces(self) -> set[str]:
        """The identities of both ends' namespaces."""
        entries = {match for line in self.lines for match in re.findall(r"--net=(\S+)", line)}
        return {os.readlink(entry) for entry in entries}

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; the exit code, and what was complained of."""
        self.process.send_signal(number)
        _, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, err


@contextlib.contextmanager
def frozen(name: str | Path) -> Iterator[Frozen]:
    """Hold a pair for the body."""
    held = Frozen(name)
    try:
        yield held
    finally:
        held.process.kill()
        held.process.communicate()


def inhabitants(namespaces: set[str], mark: str) -> set[int]:
    """The processes that live in a namespace, or hold one by a descriptor.

    Only those with `mark` in their environment, as all have that the test has started: a namespace
    that is gone leaves its number to the next one on this machine, and that may be anybody's.
    """
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile, or is somebody else's
            links = [process / "ns" / "net", *(process / "fd").iterdir()]
            inside = any(_link(link) in namespaces for link in links)
            if inside and mark.encode() in (process / "environ").read_bytes():
                found.add(int(process.name))
    return found


def _link(path: Path) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def ended(process: int) -> bool:
    """Whether a process ends by itself."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        if select.select([descriptor], [], [], PATIENCE)[0]:
            return True
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        return False
    finally:
        os.close(descriptor)


@pytest.mark.skipif(
    in_user_namespace(), reason="the commands are for a terminal outside the user namespace"
)
def test_the_printed_commands_look_at_both_ends() -> None:
    with frozen("synack-dropped") as held:
        assert held.lines[0] == "synack-dropped is frozen: SYN_SENT/SYN_RECV"
        assert "SYN-SENT" in held.look("client", "ss")
        assert {"LISTEN", "SYN-RECV"} <= {*held.look("server", "ss").split()}
        assert "counter packets" in held.look("client", "nft")
        assert not [line for line in held.lines if line.startswith("  server") and "nft" in line]


@pytest.mark.needs("tcpdump")
@pytest.mark.skipif(os.geteuid() != 0 or in_user_namespace(), reason="only root may watch")
def test_the_printed_command_watches_the_packets() -> None:
    with frozen("synack-dropped") as held:
        packet = held.look("both", "tcpdump", " -c 1 tcp 2>/dev/null")  # a SYN is sent again
        assert re.search(r"10\.\d+\.\d+\.[12]\.\d+ > 10\.\d+\.\d+\.[12]\.\d+: Flags \[S", packet)


def test_after_a_time_the_pair_heals() -> None:
    done = netlab("freeze", "fin-dropped", "--for", "100ms")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("fin-dropped is frozen: FIN_WAIT1/ESTABLISHED\n")
    assert done.out.endswith("\nhealed into FIN_WAIT2/CLOSE_WAIT\n")


def test_each_packet_is_told_with_its_time_and_with_the_fault_that_dropped_it() -> None:
    done = netlab("freeze", "fin-dropped", "--for", "500ms")
    told = re.findall(r"^\+(\d+\.\d\d) s (.*)$", done.out, re.MULTILINE)
    assert [what for _, what in told][:3] == [
        "client → server  SYN seq=0",
        "client ← server  SYN|ACK seq=0 ack=1",
        "client → server  ACK seq=1 ack=1",
    ]
    lost = [what for _, what in told if what.endswith(" ✗ drop-1, server input")]
    assert len(lost) >= 3
    assert lost[1] == "client → server  FIN seq=1 ack=1 again 1 ✗ drop-1, server input"
    times = [float(at) for at, _ in told]
    assert times == sorted(times)


def test_a_story_is_played_up_to_its_pair_and_on_after_a_time() -> None:
    done = netlab("freeze", "socket-is-connected-with-itself", "--for", "10ms")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("socket-is-connected-with-itself is frozen: ESTABLISHED/CLOSED\n")
    assert done.out.endswith("\nhealed into TIME_WAIT/CLOSED\n")


def test_what_changes_meanwhile_is_told(tmp_path: Path) -> None:
    path = scenario(tmp_path, "client: {sysctl: {tcp_fin_timeout: 2}}", "client: connect",
                    "server: accept", "client: close", pair="FIN_WAIT2/CLOSE_WAIT")  # fmt: skip
    done = netlab("freeze", path, "--for", "4s")
    assert done.code == 0
    assert re.search(r"^\+\d\.\d\d s now CLOSED/CLOSE_WAIT, 0 dropped$", done.out, re.MULTILINE)


QUICK = [each.name for each in catalogue.everything() if not each.slow]
#: A process for each scenario, eight at a time, all of one that has imported everything: Python's
#: start takes longer than its command. What each prints is in a file of its name.
FREEZER = """
import os, sys, traceback
from netlab.cli import main
import netlab.scenario.runner, netlab.testbed.lab

folder, *names = sys.argv[1:]

def freeze(name):
    for number in (1, 2):
        os.dup2(os.open(f"{folder}/{name}", os.O_CREAT | os.O_WRONLY | os.O_APPEND), number)
    print("exit code", main(["freeze", name, "--for", "10ms"]), flush=True)

for number, name in enumerate(names):
    if number >= 8:
        os.wait()
    if not os.fork():
        try:
            freeze(name)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
for _ in names[-8:]:
    os.wait()
"""


def test_every_scenario_can_be_frozen(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", FREEZER, str(tmp_path), *QUICK],
        stdin=subprocess.DEVNULL, env=environment(), check=True,
    )  # fmt: skip
    printed = {name: (tmp_path / name).read_text() for name in QUICK}
    problems = {
        name: text
        for name, text in printed.items()
        if not (text.startswith(f"{name} is frozen: ") and text.endswith("\nexit code 0\n"))
    }
    assert problems == {}


def test_over_ipv6_it_is_the_same() -> None:
    done = netlab("freeze", "--ipv6", "syn-dropped", "--for", "10ms")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("syn-dropped is frozen: SYN_SENT/LISTEN\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_however_it_ends_nothing_is_left(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = uuid.uuid4().hex
    monkeypatch.setenv("NETLAB_TEST_MARK", mark)
    program = f"env NETLAB_TEST_MARK={mark} sleep 1000"  # a confined one inherits nothing
    with frozen(scenario(tmp_path, f"client: {{run: {program}}}")) as held:
        namespaces = held.namespaces()
        programs = inhabitants(namespaces, mark) - {held.process.pid}
        assert programs, "nothing runs that could be left behind"
        code, err = held.end(number)
        _, *said = err.splitlines()  # the first is about the program
        if number is signal.SIGKILL:
            assert (code, said) == (-number, [])
        else:
            assert (code, said) == (128 + number, ["netlab: stopped; nothing is left behind"])
        assert all(map(ended, programs)), "a program outlives netlab"
        assert len(namespaces) == 2
        assert inhabitants(namespaces, mark) == set()


def test_a_pair_that_is_not_reached_cannot_be_frozen(tmp_path: Path) -> None:
    path = scenario(tmp_path, pair="ESTABLISHED/ESTABLISHED", within="300ms")
    done = netlab("freeze", path)
    assert done.code == 1
    assert f"{path}:5: pair not reached" in done.out
    assert "is frozen" not in done.out
