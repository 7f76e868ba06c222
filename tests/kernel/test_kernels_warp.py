# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab warp: a program in a guest is what it is outside, but for time, and leaves nothing.

Real kernels boot here, as in `test_kernels_boot`.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netlab.kernels.sources.kernel import Kernel
from netlab.scheduler import now, wait
from netlab.testbed.program import _tree

from .. import kunit, programs
from . import guests

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="guests are for x86_64 alone"),
    pytest.mark.needs("qemu-system-x86_64"),
    pytest.mark.timeout(400),  # for a machine whose cores are all taken
]
PATIENCE = 300.0  # seconds
ALL_OF_IT = """
echo out; echo err >&2
cat; cat given.txt
date +%s; sleep 3600; date +%s
cd && pwd && echo kept > kept && cat kept
test -t 1 || echo no terminal
sleep 50 &
exit 7
"""
CONNECT = """
import socket, time
began = time.monotonic()
try:
    socket.create_connection(("server", 80), 5)
except OSError as error:
    print(type(error).__name__, round(time.monotonic() - began))
"""
SAY_PORT = """
import socket
door = socket.create_server(("", {0}))
while True:
    door.accept()[0].send(b"{0}")
"""
ASK_BOTH = """
import socket
print(*(socket.create_connection(("server", port)).recv(9).decode() for port in (8000, 8001)))
"""


#: Answers each request after a minute, as a web server and as one of Prometheus.
ANSWER = """
import os, signal, socket, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
door = socket.create_server(("", 80))
while talk := door.accept()[0]:
    if not os.fork():
        time.sleep(60)
        talk.recv(65536)
        told = '{"metric": {"kernel": "%s"}, "value": [0, "1"]}' % os.uname().release
        told = '{"status": "success", "data": {"resultType": "vector", "result": [%s]}}' % told
        talk.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + told.encode())
        os._exit(0)
    talk.close()
"""
#: Programs in Python, C, JavaScript and Go. The first of those that ask waits for who answers.
OF_FOUR_LANGUAGES = """
python3 -c "$ANSWER" &
curl -sS --retry 60 --retry-delay 1 --retry-connrefused http://localhost; echo
node -e 'require("http").get("http://localhost", answer => answer.pipe(process.stdout))'; echo
promtool query instant http://localhost up
"""
#: Those of netlab matrix --small, which the tests before have fetched.
THREE_KERNELS = ("debian:bullseye", "debian:trixie", "debian:trixie-backports")


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return guests.cached()


class Warp:
    """The command, on one kernel."""

    def __init__(self, spec: str, folder: Path) -> None:
        self.folder = folder
        self._words = ["nice", sys.executable, "-m", "netlab", "warp", "--kernel", spec]

    def __call__(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run it to its end, with that on standard input."""
        return subprocess.run(
            [*self._words, *words], input=given, capture_output=True, text=True,
            timeout=PATIENCE, check=False, cwd=self.folder,
        )  # fmt: skip

    def started(self, *words: str) -> subprocess.Popen[bytes]:
        """Start it."""
        return subprocess.Popen(
            [*self._words, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder
        )


@pytest.fixture
def warp(kernel: Kernel, tmp_path: Path) -> Warp:
    return Warp(f"{kernel.image}:{kernel.modules}", tmp_path)


def test_an_hour_of_a_program_with_all_that_it_takes_for_granted(warp: Warp) -> None:
    (warp.folder / "given.txt").write_text("given\n")
    done = warp(
        *("--with", "date", "sleep", "given.txt", "--input", "-", "--", "sh", "-c", ALL_OF_IT),
        given="typed\n",
    )
    home = os.environ["HOME"]
    out, typed, given, before, after, *rest = done.stdout.splitlines()
    assert (done.returncode, out, typed, given) == (7, "out", "typed", "given"), done.stderr
    assert rest == [home, "kept", "no terminal"]
    assert 3600 <= int(after) - int(before) <= 3601
    error, end, left = done.stderr.splitlines()
    assert error == "err"
    assert "sh ended with exit code 7 after 1 h of the guest's time, " in end
    assert left.endswith("still running then, and ended with the guest: sleep")


@pytest.mark.needs("curl", "node", "promtool")
@pytest.mark.parametrize("spec", THREE_KERNELS)
def test_programs_of_four_languages_talk_on_three_kernels(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSWER", ANSWER)
    done = Warp(spec, tmp_path)("--", "sh", "-c", OF_FOUR_LANGUAGES)
    if "is configured for no mirror" in done.stderr:
        programs.lacking(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    page, again, metric = done.stdout.splitlines()
    release = json.loads(page)["data"]["result"][0]["metric"]["kernel"]
    assert (again, metric) == (page, f'{{kernel="{release}"}} => 1 @[0]')
    end = done.stderr.splitlines()[-2]
    assert "exit code 0 after 3 min " in end
    assert end.endswith(f"on Linux {release}")


def test_a_program_that_never_ends_is_ended_and_what_it_waits_for_is_said(warp: Warp) -> None:
    words = ("--terminal", "--user", "nobody", "--until", "10min", "--date", "2031-05-06")
    done = warp(*words, "--", "sh", "-c", "tty; id -un; date +%F; exec sleep infinity")
    assert done.stdout.splitlines() == ["/dev/pts/0", "nobody", "2031-05-06"], done.stderr
    assert done.returncode == 3
    assert "sh had not ended after 10 min of the guest's time, " in done.stderr
    assert "it was at sleep (waits in " in done.stderr


def test_a_program_that_takes_all_memory_is_ended_and_told_so(warp: Warp) -> None:
    done = warp("--", "tail", "/dev/zero")
    assert done.returncode == 128 + signal.SIGKILL
    assert "the guest ran out of its " in done.stderr
    assert "tail ended with signal 9" in done.stderr


def test_a_program_that_starts_processes_without_end_is_ended_and_told_so(warp: Warp) -> None:
    done = warp("--", "sh", "-c", "f() { f | f & }; f; sleep infinity")
    assert done.returncode == 3
    assert "sh was ended: after " in done.stderr
    assert "it had 1000 processes, the most that a guest has" in done.stderr


def test_in_a_lab_the_network_misbehaves_as_in_netlab_exec(warp: Warp) -> None:
    step = "drop: {segment: SYN, to: server}"
    done = warp("--step", step, "--", sys.executable, "-c", CONNECT)
    assert (done.returncode, done.stdout) == (0, "TimeoutError 5\n"), done.stderr


def test_several_servers_are_there_before_the_command(warp: Warp) -> None:
    served = [
        word
        for port in ("8000", "8001")
        for word in ("--serve", f"{sys.executable} -c '{SAY_PORT.format(port)}'", "--ready", port)
    ]
    done = warp(*served, "--", sys.executable, "-c", ASK_BOTH)
    assert (done.returncode, done.stdout) == (0, "8000 8001\n"), done.stderr


def test_a_guest_is_there_after_so_many_instructions(warp: Warp) -> None:
    """Each takes a nanosecond of its time, however busy this machine is. The kernel uses none that
    QEMU computes wrongly (CMPXCHG16B, whose flags make an interrupt end in a panic).
    """
    done = warp("--", "cat", "/proc/uptime", "/proc/cpuinfo")
    assert 0.5 < float(done.stdout.split()[0]) < 1.5, done.stderr
    flags = next(line for line in done.stdout.splitlines() if line.startswith("flags"))
    assert "cx8" in flags.split()
    assert "cx16" not in flags.split()


def test_a_kernel_that_wants_signatures_gets_them(warp: Warp) -> None:
    done = warp("--append", "module.sig_enforce=1", "--", "cat", "/proc/modules")
    assert "tcp_diag" in done.stdout, done.stderr


def test_a_reader_that_goes_away_ends_it(warp: Warp) -> None:
    with warp.started("--", "yes") as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == b"y\ny\n"
        process.stdout.close()
        assert process.wait(PATIENCE) == 0


def test_one_of_the_kernels_own_tests_passes_in_a_guest(warp: Warp) -> None:
    source = kunit.tree() / kunit.SELFTESTS / "reuseaddr_conflict.c"
    program = warp.folder / source.stem
    subprocess.run([programs.need("gcc"), "-o", program, source], check=True, timeout=PATIENCE)
    done = warp("--", f"./{program.name}")
    assert done.returncode == 0, done.stderr
    assert "Success\n" in done.stderr


def guest_of(process: int) -> int | None:
    """The QEMU that a process has started, once it runs."""
    for each in _tree(process):
        if b"qemu" in Path(f"/proc/{each}/exe").resolve().name.encode():
            return each
    return None


def test_a_killed_netlab_leaves_no_guest(warp: Warp) -> None:
    with warp.started("--", "sleep", "infinity") as process:
        guest = wait(lambda: guest_of(process.pid), now() + PATIENCE)
        assert guest is not None
        process.kill()
        assert wait(lambda: not alive(guest) or None, now() + PATIENCE)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--"], "no command to run: netlab warp [OPTIONS] -- COMMAND ..."),
        (["--serve", "x", "--", "true"], "--serve and --ready go together"),
        (["--ready", "80", "--", "true"], "--serve and --ready go together"),
        (["--kernel", "host", "--", "true"], "this kernel runs already"),
        (["--memory", "100", "--", "true"], "too much for --memory 100: give "),
        (["--root", "/no/such", "--", "true"], "--root /no/such: there is no such folder"),
        (["--root", "/", "--user", "nobody", "--", "true"], "--user is one of this machine"),
        (["--", "no-such-program"], "there is no program 'no-such-program'"),
        (["--until", "soon", "--", "true"], "expected a duration such as 1.2s, 300ms, 2min or 1h"),
        (["--until", "0h", "--", "true"], "a program needs some time: 30s, 10min or 2h"),
        (["--date", "soon", "--", "true"], "expected a date such as 2026-01-01"),
    ],
)
def test_what_cannot_be_run_is_said_before_anything_boots(
    words: list[str], problem: str, warp: Warp
) -> None:
    done = warp(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in " ".join(done.stderr.split())
