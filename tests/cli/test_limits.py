# SPDX-License-Identifier: GPL-2.0-or-later
"""Where something is scarce, forbidden or missing, netlab does without or names it: exit code 3."""

from __future__ import annotations

import os
import subprocess

import pytest

from netlab.linux.privileges import in_user_namespace

from .shell import NETLAB, PATIENCE, Done, environment

NEEDS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or in_user_namespace(), reason="mounts, as root of the machine"
)


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


@pytest.mark.parametrize("limit", [64, 256])
def test_fewer_descriptors_are_fewer_labs_at_once(limit: int) -> None:
    names = "port-open port-closed syn-rejected-with-tcp-reset synack-dropped"
    done = through_a_shell(f"ulimit -n {limit}; $netlab run --hold 10ms {names}")
    assert done.code == 0, done.out
    assert "4 passed" in done.out


def test_too_few_for_one_lab_is_said_with_the_limit() -> None:
    done = through_a_shell("ulimit -n 20; $netlab run port-open port-closed")
    assert done.code == 3
    assert "too many open files: raise the limit (20; ulimit -n), or run with --jobs 1" in done.out
    assert "0 failed" not in done.out
    assert "2 not built" in done.out


@NEEDS_ROOT
def test_a_read_only_proc_sys_is_done_without() -> None:
    """As Docker, Podman and systemd's ProtectKernelTunables give it."""
    done = through_a_shell(
        "unshare -m --propagation private sh -c 'mount --bind /proc/sys /proc/sys && "
        "mount -o remount,bind,ro /proc/sys && $netlab run --hold 10ms port-open && $netlab doctor'"
    )
    assert done.code == 0, done.err
    assert "1 passed" in done.out


@NEEDS_ROOT
def test_a_setting_in_a_read_only_proc_sys_is_named() -> None:
    done = through_a_shell(
        "unshare -m --propagation private sh -c 'mount --bind /proc/sys /proc/sys && "
        "mount -o remount,bind,ro /proc/sys && $netlab run --sysctl tcp_sack=0 port-open'"
    )
    assert done.code == 3
    assert "sysctl net.ipv4.tcp_sack=0: Read-only file system" in done.out


@NEEDS_ROOT
def test_without_proc_it_says_what_to_mount() -> None:
    for command in ("run port-open", "doctor"):
        done = through_a_shell(
            f"unshare -m --propagation private sh -c 'umount -l /proc && $netlab {command}'"
        )
        assert done.code == 3
        assert "/proc is not mounted here" in done.out + done.err


def test_a_limit_of_namespaces_is_named() -> None:
    done = through_a_shell(
        "unshare -Ur sh -c 'echo 0 > /proc/sys/user/max_net_namespaces && $netlab run port-open'"
    )
    if "max_net_namespaces" not in done.out + done.err:
        pytest.skip(f"no user namespaces here: {done.err}")
    assert done.code == 3
    assert "user.max_net_namespaces" in done.err
