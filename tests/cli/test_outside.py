# SPDX-License-Identifier: GPL-2.0-or-later
"""Files from outside: what is no regular file, too large or a lie is one sentence, at once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.snapshot.parse import file

from .shell import NETLAB, PATIENCE, environment, netlab

#: The commands that read a file, each with `@` for its name.
READERS = (
    "run @.yaml", "show @.yaml", "freeze @.yaml", "teach @.yaml", "matrix @.yaml", "run @.py",
    "diagnose @", "diagnose good @", "repro @", "baseline check @", "baseline record --run @",
    "compare @ @", "matrix --kernel @", "matrix --kernel @.deb", "matrix --kernel @.rpm",
)  # fmt: skip


def put(kind: str, place: Path) -> None:
    """Make a file that is none."""
    match kind:
        case "a pipe":
            os.mkfifo(place)
        case "a socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(place))
        case "a device":
            place.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        *(("a pipe", command) for command in READERS),
        *((kind, command) for kind in ("a socket", "a device")
          for command in ("run @.yaml", "diagnose @", "compare @ @", "matrix --kernel @")),
    ],
)  # fmt: skip
def test_what_is_no_file_is_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, command: str
) -> None:
    """A pipe without a writer would make it wait, and /dev/zero never ends."""
    monkeypatch.chdir(tmp_path)  # the path of a socket may not be long
    words = command.replace("@", "it").split()
    for name in {word for word in words if word.startswith("it")}:
        put(kind, Path(name))
    Path("good").write_text("ESTAB 0 0 10.0.0.1:80 10.0.0.2:4000\n")
    done = netlab(*words)
    assert done.code == 2, done.out + done.err
    assert f"is {kind}, and " in done.err
    assert done.err.endswith(" is a regular file\n")
    assert len(done.err.splitlines()) == 1


@pytest.fixture
def pipe() -> Iterator[int]:
    """The end of a pipe that a listing comes out of, as a shell hands it over for <(ss -tan)."""
    out, into = os.pipe()
    os.write(into, b"CLOSE-WAIT 1 0 10.0.0.1:80 10.0.0.2:4000\n")
    os.close(into)
    yield out
    os.close(out)


def test_a_pipe_that_the_shell_hands_over_is_read(pipe: int) -> None:
    done = subprocess.run(
        [*NETLAB, "diagnose", f"/dev/fd/{pipe}"],
        pass_fds=[pipe],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE,
        check=False,
    )
    assert "not-closed" in done.stdout, done.stderr


def test_standard_input_may_be_closed_or_endless() -> None:
    netlab_diagnoses = f"{' '.join(NETLAB)} diagnose -"
    for shell, said in (
        (f"{netlab_diagnoses} <&-", "standard input: it is empty"),
        (f"{netlab_diagnoses} < /dev/zero", "standard input: is larger than 64 MiB: print less"),
    ):
        done = subprocess.run(
            shell, shell=True, capture_output=True, text=True, env=environment(), check=False
        )
        assert done.returncode == 2
        assert said in done.stderr


@pytest.mark.parametrize(
    ("command", "most"),
    [
        ("diagnose @", file.LARGEST), ("repro @", file.LARGEST),
        ("baseline check @", 1 << 20), ("baseline record --run @", 16 << 20),
        ("compare @ @", 16 << 20), ("run @.yaml", 1 << 16),
    ],
)  # fmt: skip
def test_a_file_without_end_is_refused_unread(tmp_path: Path, command: str, most: int) -> None:
    for name in ("it", "it.yaml"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 40)  # a terabyte of zeros, which takes no space
    done = netlab(*command.replace("@", str(tmp_path / "it")).split())
    size = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
    assert done.code == 2
    assert f"is larger than {size}: " in done.err


def test_a_count_is_not_believed(tmp_path: Path) -> None:
    """Ten bytes more in a file must not be a million sockets."""
    block = {"state": "CLOSE_WAIT", "local": 0, "local_port": 80, "remote": 1, "remote_port": 4000,
             "rx_queue": 0, "tx_queue": 0, "inode": 5, "info": {}}  # fmt: skip
    look = {"at": 1.0, "counters": {}, "sysctls": {}, "addresses": ["10.0.0.1", "10.0.0.2"]}
    path = tmp_path / "snapshot.json"
    for size, said in (
        (1_000_000, "'size' is 1000000, and nothing tells that many sockets apart"),
        (3_000_000, "one 'size' is 3000000, and a file has from 1 to 1000000 sockets"),
    ):
        look["blocks"] = [{**block, "size": size}]
        path.write_text(json.dumps({"netlab": "snapshot", "version": 1, "looks": [look]}))
        done = netlab("diagnose", path)
        assert done.code == 2
        assert said in done.err
