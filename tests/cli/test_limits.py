# SPDX-License-Identifier: GPL-2.0-or-later
"""Where something is scarce, forbidden or missing, netlab does without or names it: exit code 3."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from netlab.linux.privileges import in_user_namespace
from netlab.linux.syscalls import KINDS
from netlab.model.evidence import Evidence
from tests.programs import need

from .shell import NETLAB, PATIENCE, Done, environment

NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or in_user_namespace(), reason="mounts, as root of the machine"
)
HARM = Path(__file__).parents[1] / "harm"
#: Starts a program, so that it takes every kind of namespace.
PROGRAM = "tcp-client-keeps-sending"
#: As the default profiles of docker and podman do, without the three capabilities.
REFUSING = """
import os, sys
from netlab.linux import seccomp, syscalls
syscalls.no_new_privileges()
seccomp.CallFilter().enforce()
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
FILTERED = f"{shlex.join([sys.executable, '-c', REFUSING])} -m netlab"
#: As podman's does to a container without SYS_ADMIN.
NAMELESS = """
import errno, os, sys
from netlab.linux import seccomp, syscalls
seccomp.REFUSED, seccomp.UNKNOWN, seccomp.FAMILIES = ["sethostname"], [], range(seccomp.LAST_FAMILY)
syscalls.no_new_privileges()
seccomp.CallFilter().enforce()
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def through_a_shell(command: str) -> Done:
    """A command line of a shell, in which $netlab is netlab. There is never a traceback."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(netlab=" ".join(NETLAB)),
        timeout=PATIENCE,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def in_a_user_namespace(command: str) -> str:
    """What runs a command of a shell as root of a user namespace: its limits are its own."""
    return f"unshare -Ur sh -c {shlex.quote(command)}"


def in_a_mount_namespace(command: str, user: bool = False) -> str:
    """What runs a command of a shell where its mounts are seen by nobody else."""
    return f"unshare {'-Urm' if user else '-m'} --propagation private sh -c {shlex.quote(command)}"


def at_most(kind: str, number: int) -> str:
    """What limits the number of namespaces of a kind, in a user namespace."""
    return f"echo {number} >/proc/sys/user/max_{kind}_namespaces"


def without(*capabilities: str) -> str:
    """What takes capabilities from root."""
    dropped = ",".join(f"-{name}" for name in capabilities)
    return f"setpriv --bounding-set {dropped} --inh-caps {dropped}"


@pytest.fixture(autouse=True, scope="module")
def _programs() -> None:
    for name in ("unshare", "setpriv"):
        need(name)


RIGHTS = "give the container its rights: --cap-add NET_ADMIN --cap-add NET_RAW --cap-add SYS_ADMIN"
#: Where no lab can be built, and what is said of it.
IMPOSSIBLE = {
    "no network namespaces": (
        in_a_user_namespace(f"{at_most('net', 0)}; $netlab $words"), "user.max_net_namespaces=0"),
    "no user namespaces": (
        in_a_user_namespace(
            f"{at_most('user', 0)}; {without('all')} $netlab $words"
        ), "user.max_user_namespaces=0"),
    "system calls refused": (
        f"{without('all') if os.geteuid() == 0 else ''} {FILTERED} $words", RIGHTS),
    "system calls refused in spite of all rights": (
        f"unshare -Ur {FILTERED} $words", "no such profile: --security-opt seccomp=unconfined"),
    "few descriptors": (
        "ulimit -n 20; $netlab $words",
        "too many open files: raise the limit (20; ulimit -n), or run with --jobs 1"),
    "little memory": ("ulimit -v 60000; $netlab $words", "raise ulimit -v "),
    "little data": ("ulimit -d 40000; $netlab $words", "raise ulimit -d from 40000 to 49152"),
}  # fmt: skip
IMPOSSIBLE_FOR_ROOT = {
    "no capabilities": (
        f"{without('all')} $netlab $words", "root without CAP_SETFCAP may not be root of a user"),
    "no /proc": (
        in_a_mount_namespace("umount -l /proc && $netlab $words"), "/proc is not mounted here"),
}  # fmt: skip


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_run_and_doctor_name_what_is_in_the_way(name: str) -> None:
    command, said = IMPOSSIBLE[name]
    named_by_both(command, said)


@NEEDS_ROOT
@pytest.mark.parametrize("name", IMPOSSIBLE_FOR_ROOT)
def test_run_and_doctor_name_what_is_in_the_way_of_root(name: str) -> None:
    command, said = IMPOSSIBLE_FOR_ROOT[name]
    named_by_both(command, said)


def named_by_both(command: str, said: str) -> None:
    for words in ("run --hold 10ms port-open port-closed", "doctor"):
        done = through_a_shell(command.replace("$words", words))
        assert done.code == 3, (words, done)
        assert said in done.out + done.err, (words, done)
        assert "FAIL" not in done.out


@pytest.mark.parametrize("kind", sorted({*KINDS.values()} - {"net"}))
def test_where_programs_cannot_be_confined_the_limit_is_named(kind: str) -> None:
    """By the scenario that needs one, and by the doctor; the others pass."""
    limited = in_a_user_namespace(f"{at_most(kind, 0)}; $netlab $words")
    said = f"user.max_{kind}_namespaces"
    done = through_a_shell(limited.replace("$words", f"run --hold 10ms port-open {PROGRAM}"))
    assert done.code == 3
    assert "1 passed, 1 not built" in done.out
    (complaint,) = (line for line in done.out.splitlines() if line.startswith(f"{PROGRAM}: "))
    assert "cannot run 'tcp_client'" in complaint
    assert f"{said} (0 here)" in complaint or f"{said}=0" in complaint
    done = through_a_shell(limited.replace("$words", "doctor"))
    (line,) = (line for line in done.out.splitlines() if "confine a scenario's programs" in line)
    assert said in line


#: What netlab does without.
POSSIBLE = {
    **{f"10 {kind} namespaces": in_a_user_namespace(f"{at_most(kind, 10)}; $netlab $words")
       for kind in KINDS.values()},
    "no name for a host": f"{shlex.join([sys.executable, '-c', NAMELESS])} -m netlab $words",
    "64 descriptors": "ulimit -n 64; $netlab $words",
    "256 descriptors": "ulimit -n 256; $netlab $words",
}  # fmt: skip
POSSIBLE_FOR_ROOT = {
    **{f"no {name}": f"{without(name)} $netlab $words"
       for name in ("net_raw", "net_admin", "sys_admin")},
    "no /sys": in_a_mount_namespace("mount -t tmpfs none /sys && $netlab $words"),
    "no /dev": in_a_mount_namespace("mount -t tmpfs none /dev && $netlab $words"),
    "a mount below /tmp": in_a_mount_namespace("mount -t tmpfs none $folder && $netlab $words"),
    "parts of /proc hidden": in_a_mount_namespace(
        "mount --bind /dev/null /proc/timer_list && unshare -Urm $netlab $words"),
    "/proc/sys read-only": in_a_mount_namespace(
        "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && "
        "$netlab $words"),
}  # fmt: skip
SOME = f"port-open port-closed syn-rejected-with-tcp-reset synack-dropped fins-cross {PROGRAM}"


@pytest.mark.parametrize("name", POSSIBLE)
def test_what_is_scarce_is_done_without(name: str) -> None:
    passes_all(POSSIBLE[name])


@NEEDS_ROOT
@pytest.mark.parametrize("name", POSSIBLE_FOR_ROOT)
def test_what_root_lacks_is_done_without(name: str) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        passes_all(POSSIBLE_FOR_ROOT[name].replace("$folder", folder))


def passes_all(command: str) -> None:
    done = through_a_shell(command.replace("$words", f"run --hold 10ms {SOME}"))
    assert done.code == 0, done
    assert "6 passed" in done.out
    done = through_a_shell(command.replace("$words", "doctor"))
    assert done.code == 0, done
    assert "ok       confine a scenario's programs" in done.out


@NEEDS_ROOT
def test_root_that_cannot_confine_programs_says_with_what_it_could() -> None:
    """The scenario that needs one is not built, and the others pass."""
    dropped = without("setuid", "setgid", "setfcap")
    done = through_a_shell(f"{dropped} $netlab run --hold 10ms port-open {PROGRAM}")
    assert done.code == 3
    assert "1 passed, 1 not built" in done.out
    said = "give it --cap-add SETUID --cap-add SETGID, or --user 1000"
    assert said in done.out
    done = through_a_shell(f"{dropped} $netlab doctor")
    (line,) = (line for line in done.out.splitlines() if "confine a scenario's programs" in line)
    assert said in line


@NEEDS_ROOT
def test_a_program_has_its_limit_of_memory_where_parts_of_proc_are_hidden() -> None:
    """There it has no /proc of its own, and netlab counts by the one outside."""
    played = f"$netlab run --json --allow-programs {HARM}/fills-the-memory-by-many.yaml"
    done = through_a_shell(
        in_a_mount_namespace(
            f"mount --bind /dev/null /proc/timer_list && exec unshare -Urm {played}"
        )
    )
    (program,) = Evidence.from_json(done.out).programs
    assert program.exit_code == -9


@pytest.mark.parametrize("limit", [64, 256])
def test_the_number_of_labs_that_is_advised_works(limit: int) -> None:
    """Also where those few are recorded."""
    names = "port-open port-closed synack-dropped fins-cross fin-dropped data-dropped syn-dropped"
    asking = "from netlab.linux import privileges as p; p.prepare(); print(p.labs_at_once())"
    advised = shlex.join([sys.executable, "-c", asking])
    done = through_a_shell(
        f"ulimit -n {limit}; $netlab run --hold 10ms --ladder --jobs $({advised}) {names}"
    )
    assert done.code == 0, done.out
    assert "7 passed" in done.out


READ_ONLY = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && "


@NEEDS_ROOT
def test_a_setting_in_a_read_only_proc_sys_is_the_labs_own() -> None:
    """Outside netlab's own mount namespace it stays read-only."""
    still = "grep -q ' /proc/sys ro' /proc/self/mountinfo"
    done = through_a_shell(
        in_a_mount_namespace(f"{READ_ONLY} $netlab run --sysctl tcp_sack=0 port-open && {still}")
    )
    assert done.code == 0, done


@NEEDS_ROOT
def test_a_setting_that_cannot_be_made_writable_is_named() -> None:
    done = through_a_shell(
        in_a_mount_namespace(
            f"{READ_ONLY} exec unshare -Urm $netlab run --sysctl tcp_sack=0 port-open"
        )
    )
    assert done.code == 3
    assert "sysctl net.ipv4.tcp_sack=0: Read-only file system" in done.out
    done = through_a_shell(in_a_mount_namespace(f"{READ_ONLY} exec unshare -Urm $netlab doctor"))
    assert done.code == 0
    (line,) = (line for line in done.out.splitlines() if "set a lab's sysctls" in line)
    assert line.startswith("absent")
    assert "Read-only file system (of a container: give it --cap-add SYS_ADMIN" in line
    (line,) = (line for line in done.out.splitlines() if "small connection tables" in line)
    assert line.startswith("absent")
