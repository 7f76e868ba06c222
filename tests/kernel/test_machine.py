# SPDX-License-Identifier: GPL-2.0-or-later
"""The rest of a lab's machines: programs that run there, sysctls, and what is given back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netlab.linux import closing, sysctl
from netlab.linux import namespace as namespaces
from netlab.model.errors import LabError
from netlab.testbed.lab import Lab
from netlab.testbed.program import Program

from . import tools

#: A program, and one that starts another.
PROGRAMS = {"a program": ["sleep", "1000"], "its child": ["sh", "-c", "sleep 1000 & wait"]}
every_program = pytest.mark.parametrize("command", PROGRAMS.values(), ids=PROGRAMS)

#: Runs a program in a lab until it is killed.
KEEPER = """
import sys
from netlab import Lab
with Lab() as lab:
    lab.client.run(sys.argv[1:])
    sys.stdin.read()
"""
#: Builds labs until there are no descriptors left, gives them back, and says what it has seen.
GREEDY = """
import os, resource
from netlab import Lab, LabError
Lab().close()
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
before = len(os.listdir("/proc/self/fd"))
labs = []
for limit in range(256, 226, -1):  # so that it is another descriptor each time that is not there
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, 256))
    try:
        while True:
            labs.append(Lab())
    except LabError as error:
        print(error)
    while labs:
        labs.pop().close()
print(len(os.listdir("/proc/self/fd")) - before)
"""


def finished(lab: Lab, program: Program) -> int | None:
    lab.wait(lambda: program.exit_code is not None, tools.PATIENCE)
    return program.exit_code


# --- programs


def test_a_program_runs_in_the_hosts_namespace_and_its_output_is_kept(lab: Lab) -> None:
    program = lab.server.run(["readlink", "/proc/self/ns/net"])
    assert finished(lab, program) == 0
    assert program.output == f"net:[{os.fstat(lab.server.namespace.fd).st_ino}]\n"


def test_a_program_is_told_both_addresses(lab: Lab) -> None:
    program = lab.client.run(["echo", "from {client} to {server}"])
    assert finished(lab, program) == 0
    assert program.output == f"from {lab.client.address} to {lab.server.address}\n"


def test_other_braces_are_the_programs_own(lab: Lab) -> None:
    program = lab.client.run(["echo", "{print $1}", "{}", "${HOME}", "{server}"])
    assert finished(lab, program) == 0
    assert program.output == f"{{print $1}} {{}} ${{HOME}} {lab.server.address}\n"


def test_a_program_gets_signals(lab: Lab) -> None:
    command = "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.01; done"
    program = lab.client.run(["sh", "-c", command])
    assert lab.wait(lambda: program.output or None, tools.PATIENCE) == "ready\n"
    assert program.exit_code is None
    lab.client.signal(signal.SIGINT)
    assert finished(lab, program) == 7
    assert program.output == "ready\ninterrupted\n"


def test_errors_of_a_program_are_apart_from_its_output(lab: Lab) -> None:
    program = lab.client.run(["sh", "-c", "echo one; echo two >&2; kill -9 $$"])
    assert finished(lab, program) == -signal.SIGKILL
    assert (program.output, program.errors, program.said) == ("one\n", "two\n", "one\ntwo\n")


def test_what_is_no_program_is_refused(lab: Lab) -> None:
    lab.context.names()  # they stay, and so does what sees openings
    lab.client.expect_strangers()
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(LabError, match=r"^cannot run 'no-such-program': "):
        lab.client.run(["no-such-program", "{server}"])
    assert lab.client.programs == []
    assert len(os.listdir("/proc/self/fd")) == descriptors


@every_program
def test_it_ends_with_its_lab(mark: str, command: list[str]) -> None:
    with Lab() as lab:
        lab.client.run(command)
        assert lab.wait(lambda: sleeping(mark) or None, tools.PATIENCE)
    assert tools.left_over(mark) == []


@every_program
def test_it_ends_with_netlab_however_that_ends(mark: str, command: list[str]) -> None:
    keeper = subprocess.Popen([sys.executable, "-c", KEEPER, *command], stdin=subprocess.PIPE)
    try:
        assert tools.wait(lambda: sleeping(mark) or None)
    finally:
        keeper.kill()
        keeper.communicate()
    assert tools.left_over(mark) == []


def sleeping(mark: str) -> bool:
    """Whether the innermost of the test's processes has come as far as it should."""
    return any(
        Path(f"/proc/{process}/comm").read_text() == "sleep\n" for process in tools.marked(mark)
    )


# --- sysctls


def test_a_sysctl_is_set_at_one_end_only(lab: Lab) -> None:
    own = Path("/proc/sys/net/ipv4/tcp_fin_timeout")
    before = own.read_text()
    assert lab.client.sysctl("tcp_fin_timeout", 7) == "7"
    assert lab.client.sysctl("net.ipv4.tcp_fin_timeout") == "7"
    assert lab.server.sysctl("tcp_fin_timeout") != "7"
    assert own.read_text() == before


def test_a_sysctl_of_several_values_is_read_as_it_is_written(lab: Lab) -> None:
    assert lab.client.sysctl("ip_local_port_range", "40000 40003").split() == ["40000", "40003"]


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("tcp_no_such", None, "this kernel has no sysctl net.ipv4.tcp_no_such"),
        ("tcp_syncookies", "many", "sysctl net.ipv4.tcp_syncookies=many: Invalid argument"),
        ("net.ipv4", None, "sysctl net.ipv4"),
        ("net.ipv4.route.flush", None, "sysctl net.ipv4.route.flush"),
    ],
)
def test_a_sysctl_that_cannot_be_says_why(
    lab: Lab, name: str, value: str | None, complaint: str
) -> None:
    with pytest.raises(LabError, match=f"^{complaint}"):
        lab.client.sysctl(name, value)
    assert value or not lab.client.has_sysctl(name)
    assert lab.client.has_sysctl("tcp_fin_timeout")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("kernel.hostname", "belongs to the whole machine"),
        ("vm.swappiness", "belongs to the whole machine"),
        ("/tmp/file", "is not the name"),
        ("/etc.passwd", "is not the name"),
        ("net/../kernel/hostname", "is not the name"),
        ("net.ipv4.../../kernel/hostname", "is not the name"),
        ("..kernel.hostname", "is not the name"),
        ("", "is not the name"),
    ],
)
def test_nothing_but_the_network_of_a_lab_is_set(lab: Lab, name: str, complaint: str) -> None:
    kept = {path: Path(path).read_text() for path in ("/proc/sys/kernel/hostname", "/etc/passwd")}
    with pytest.raises(LabError, match=complaint):
        lab.client.sysctl(name, "x")
    assert {path: Path(path).read_text() for path in kept} == kept
    assert not Path("/tmp/file").exists()


def test_a_setting_that_changes_outside_too_is_set_back(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linux before 5.13 has such settings; here the look outside is made to see one."""
    outside = iter(("60", "7"))
    written: list[tuple[str, object]] = []
    monkeypatch.setattr(namespaces, "_value", lambda name: next(outside))
    monkeypatch.setattr(sysctl, "write", lambda *what: written.append(what))
    with pytest.raises(LabError, match=r"net\.ipv4\.tcp_fin_timeout belongs to the whole machine"):
        lab.client.sysctl("tcp_fin_timeout", 7)
    assert written == [("net.ipv4.tcp_fin_timeout", 7), ("net.ipv4.tcp_fin_timeout", "60")]


# --- what is given back


def test_a_lab_gives_all_its_descriptors_back(lab: Lab) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with Lab(lab.family) as another:
        another.server.listen()
        another.client.connect()
        another.server.accept()
        another.client.probe(timeout=0.1)
        another.client.run(["true"])
    closing.finish()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_lab_that_cannot_be_built_leaves_no_descriptor_open() -> None:
    done = subprocess.run(
        [sys.executable, "-c", GREEDY], capture_output=True, text=True, check=False
    )
    *complaints, left = done.stdout.split("\n")[:-1] or [""]
    assert done.stderr == ""
    assert len(complaints) == 30
    assert {complaint.split(":")[0] for complaint in complaints} == {"too many open files"}
    assert left == "0"
