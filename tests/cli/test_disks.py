# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks that are full, or read-only: one sentence, exit code 3, and no half file. What was played
is printed all the same.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from netlab.linux.privileges import in_user_namespace

from .shell import NETLAB, PATIENCE, environment

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or in_user_namespace(), reason="mounts, as root of the machine"
)
PLAYED = "--hold 10ms port-open"
STUCK = """\
$ ss -tanoei
State    Recv-Q Send-Q Local Address:Port Peer Address:Port
SYN-SENT 0      1      10.0.0.1:40000     10.0.0.2:5555 timer:(on,7sec,3) ino:1 sk:1 <->
"""
#: What makes a small disk useless: before anything is played, and once the first files are there.
FULL = "dd if=/dev/zero of=filler 2>/dev/null"
READ_ONLY = "mount -o remount,ro ."


class Done(NamedTuple):
    """What a command on such a disk printed, and what is on the disk then."""

    code: int
    out: str
    err: str
    files: list[str]


def on_a_disk(folder: Path, command: str, spoilt: str, size: str = "64k") -> Done:
    """Run a command in a small file system of its own, in which `spoilt` was run before.

    $disk is that, $given a folder of files to read, $netlab netlab.
    """
    disk, given = folder / "disk", folder / "given"
    disk.mkdir()
    given.mkdir()
    (given / "stuck.txt").write_text(STUCK)
    script = (
        f'mount -t tmpfs -o size={size} tmpfs "$disk" && cd "$disk" && {{ {spoilt}; cd /; '
        f'{command}; code=$?; ls -A "$disk" >"$given/left"; exit $code; }}'
    )
    cache = {"NETLAB_CACHE": str(folder / "cache"), "disk": str(disk), "given": str(given)}
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(netlab=" ".join(NETLAB), PYTHONDONTWRITEBYTECODE="1", **cache),
        timeout=PATIENCE,
        check=False,
    )
    files = (given / "left").read_text().split()
    return Done(done.returncode, done.stdout, done.stderr, [f for f in files if f != "filler"])


def is_one_sentence(err: str, said: str) -> bool:
    """True if this is said, once, and nothing like a traceback."""
    about = [line for line in err.splitlines() if "cannot be written" in line or said in line]
    return len(about) == 1 and said in about[0] and "Traceback" not in err


ASKED = {
    "report": f"$netlab run {PLAYED} --report $disk",
    "pcap": f"$netlab run {PLAYED} --pcap $disk",
    "audit, pcap": "$netlab audit --talks line --cap 1s --fault refused --pcap $disk -- true",
    "matrix, report": f"$netlab matrix --kernel host --report $disk {PLAYED}",
    "matrix, output": f"$netlab matrix --kernel host --output $disk {PLAYED}",
    "baseline": f"$netlab baseline record {PLAYED} -o $disk/a.yaml",
    "repro": "$netlab repro $given/stuck.txt -o $disk/a.yaml",
}


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [(FULL, "No space left on device"), (READ_ONLY, "Read-only file system")],
    ids=["full", "read-only"],
)
@pytest.mark.parametrize("command", ASKED.values(), ids=ASKED)
def test_where_nothing_can_be_written(tmp_path: Path, command: str, spoilt: str, said: str) -> None:
    done = on_a_disk(tmp_path, command, spoilt)
    assert done.code == 3, done.err
    assert is_one_sentence(done.err, said), done.err
    assert done.files == []


@pytest.mark.parametrize(
    ("command", "size", "kept"),
    [
        (ASKED["report"], "24k", "1 passed"),
        (ASKED["matrix, report"], "32k", "1 passed"),
        ("NETLAB_CACHE=$disk $netlab matrix --kernel host " + PLAYED, "8k", "1 passed"),
    ],
    ids=["report", "matrix, report", "cache"],
)
def test_a_disk_that_is_full_later_costs_no_result(
    tmp_path: Path, command: str, size: str, kept: str
) -> None:
    done = on_a_disk(tmp_path, command, ":", size)
    assert done.code == 3, done.out + done.err
    assert kept in done.out
    assert is_one_sentence(done.err, "No space left on device"), done.err
    assert not any(name.startswith(".") or name.endswith(".part") for name in done.files)
    assert "index.html" not in done.files


@pytest.mark.parametrize("spoilt", [FULL, READ_ONLY], ids=["full", "read-only"])
@pytest.mark.parametrize("variable", ["TMPDIR", "HOME", "NETLAB_CACHE"])
def test_a_run_needs_no_folder_of_its_own(tmp_path: Path, variable: str, spoilt: str) -> None:
    for command in (f"run {PLAYED}", "list port-open", "diagnose $given/stuck.txt >/dev/null || :"):
        folder = tmp_path / command.split()[0]
        folder.mkdir()
        done = on_a_disk(folder, f"{variable}=$disk $netlab {command}", spoilt)
        assert (done.code, done.err, done.files) == (0, "", [])


def test_where_the_temporary_folder_is_full_another_serves(tmp_path: Path) -> None:
    """The scenarios of one's own go there, on their way into a guest."""
    command = f"cp {Path(__file__).parents[2]}/scenarios/probes/port-open.yaml $given/mine.yaml; "
    done = on_a_disk(
        tmp_path,
        f"{command} TMPDIR=$disk $netlab matrix --kernel host --hold 10ms $given/mine.yaml",
        FULL,
    )
    assert done.code == 0, done.out + done.err
    assert "1 passed" in done.out
    assert done.files == []
