# SPDX-License-Identifier: GPL-2.0-or-later
"""What comes from outside is printed as text: no terminal obeys it, whichever command shows it."""

from __future__ import annotations

import ctypes
import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.kernels.vm.transcript import Transcript
from netlab.model.tcp import State
from netlab.model.text import UNPRINTABLE
from netlab.snapshot.records import Sample, Snapshot, Socket
from tests.unit.model.test_kernel_run import RUN
from tests.unit.snapshot.build import stored

from .shell import Done, netlab_in

EVIL = "\x1b]0;PWNED\x07\x1b[2J"
#: What YAML lets pass, and a terminal turns around.
TURNED = "\u202e"
PR_SET_NAME = 15


def harmless(done: Done) -> str:
    """All that was printed, of which no terminal obeys anything; the hostile text is in it."""
    said = done.out + done.err
    assert UNPRINTABLE.search(said) is None, repr(said)
    assert re.search(r"\\+x1b|\\+u202e|\\\\+x9b", said), said
    return said


def story(name: str) -> str:
    """A scenario whose comments are hostile, and that fails where its name says so."""
    server = "CLOSED" if "fails" in name else "LISTEN"
    return (
        f"# a story {TURNED} that turns\nsource: x\nsteps:\n  - server: listen  # {TURNED}\n"
        f"expect:\n  pair: {{client: CLOSED, server: {server}}}\n  within: 100ms\n"
        "  hold: 10ms\n  cause: none\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (f"fails{EVIL}", f"holds{EVIL}", "plain"):
        (tmp_path / f"{name}.yaml").write_text(story(name))
    (tmp_path / f"raw{EVIL}.yaml").write_text(f"# {EVIL}\n" + story("raw"))
    return tmp_path


@pytest.mark.parametrize("command", ["run", "run --ladder", "run --json", "show"])
@pytest.mark.parametrize("name", ["fails", "holds", "raw"])
def test_names_and_texts_of_scenarios(folder: Path, command: str, name: str) -> None:
    harmless(netlab_in(folder, *command.split(), f"{name}{EVIL}.yaml"))


def test_comments_of_scenarios(folder: Path) -> None:
    for command in ("show", "teach"):
        said = harmless(netlab_in(folder, command, "plain.yaml"))
        assert "a story" in said


def test_stories_in_python(tmp_path: Path) -> None:
    head = "from netlab import State, story\n\n"
    text = (
        '@story(source="s\\x1b[2J", cause="c\\x1b[2J")\n'
        'def one_two(lab):\n    """Docs\\x1b[2J."""\n'
        "    lab.expect(State.CLOSED, State.CLOSED, hold=0.1)\n"
    )
    (tmp_path / "good.py").write_text(head + text)
    harmless(netlab_in(tmp_path, "show", "good.py"))
    (tmp_path / "bad.py").write_text(head + f"# {EVIL}\n" + text)
    said = harmless(netlab_in(tmp_path, "show", "bad.py"))
    assert "bad.py:3: the control character" in said


def test_what_programs_write(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "source: x\nsteps:\n  - server: listen\n"
        '  - client: {run: "sh -c \'printf \\"\\\\033[2J\\\\033]0;x\\\\007\\" >&2; exit 3\'"}\n'
        "expect:\n  pair: {client: CLOSED, server: LISTEN}\n  cause: none\n"
    )
    done = netlab_in(tmp_path, "run", "mine.yaml")
    assert UNPRINTABLE.search(done.out + done.err) is None, repr(done)


@pytest.mark.parametrize("command", ["diagnose", "repro", "diagnose --json", "diagnose --explain"])
def test_snapshots_and_pastes(tmp_path: Path, command: str) -> None:
    owner = f'users:(("{EVIL}",pid=1,fd=3))'
    sockets = tuple(
        Socket(
            State.CLOSE_WAIT, ("10.0.0.2", 80), ("10.0.0.1", port), 1, 0, inode=port, owner=owner
        )
        for port in (4000, 4001)
    )
    text = stored(Snapshot((Sample(sockets, source=f"s{EVIL}"),), f"web{EVIL}"))
    raw = text.replace("PWNED", "\x9b\u202e")  # JSON lets these pass as they are
    line = f'CLOSE-WAIT 1 0 10.0.0.2:80 10.0.0.1:4000 users:(("{EVIL}\x9b\u202e",pid=1,fd=3))\n'
    for name, content in (("a.json", text), ("raw.json", raw), ("ss.txt", line),
                          (f"{EVIL}.json", text), (f"{EVIL}.txt", EVIL + "\n")):  # fmt: skip
        (tmp_path / name).write_text(content)
        done = netlab_in(tmp_path, *command.split(), name)
        assert UNPRINTABLE.search(done.out + done.err) is None, repr(done)


@pytest.fixture
def named() -> Iterator[None]:
    """A stuck connection of this process, which calls itself something else meanwhile."""
    libc = ctypes.CDLL(None)
    before = Path("/proc/self/comm").read_bytes().rstrip(b"\n")
    libc.prctl(PR_SET_NAME, EVIL.encode()[:15], 0, 0, 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        with listener.accept()[0]:
            client.close()  # the server does not: CLOSE_WAIT
            yield
    libc.prctl(PR_SET_NAME, before, 0, 0, 0)


def test_names_of_processes(named: None, tmp_path: Path) -> None:
    harmless(netlab_in(tmp_path, "snapshot"))
    for words in (("diagnose",), ("diagnose", "--json"), ("snapshot", "--mask")):
        done = netlab_in(tmp_path, *words)
        assert UNPRINTABLE.search(done.out + done.err) is None, repr(done)


@pytest.mark.parametrize(
    "command",
    ["compare a.jsonl b.jsonl", "compare a.jsonl b.jsonl --json", "baseline record --run b.jsonl",
     "compare .", "baseline check base.yaml --run b.jsonl"],
)  # fmt: skip
def test_stored_runs(tmp_path: Path, command: str) -> None:
    first, second = RUN, replace(
        RUN,
        machine=replace(RUN.machine, release=f"6.19{EVIL}", spec=f"s{EVIL}", distribution=EVIL),
        sysctls={f"net.ipv4.tcp_sack{EVIL}": EVIL},
        counters=(f"Tcp{EVIL}",),
    )  # fmt: skip
    first.write(tmp_path / "a.jsonl")
    second.write(tmp_path / "b.jsonl")
    base = netlab_in(tmp_path, "baseline", "record", "--run", "a.jsonl", "-o", "base.yaml")
    assert base.code == 0, base.err
    harmless(netlab_in(tmp_path, *command.split()))


@pytest.mark.parametrize("command", ["matrix --kernel", "compare", "baseline check", "atlas"])
def test_names_that_mean_nothing(tmp_path: Path, command: str) -> None:
    harmless(netlab_in(tmp_path, *command.split(), f"x{EVIL}"))


def test_what_a_guest_writes() -> None:
    said = Transcript(memory=512)
    said.take("console", f"Kernel panic - not syncing: {EVIL}\x9b2J{TURNED}\n".encode())
    assert UNPRINTABLE.search(said.error() + "".join(said.last_lines())) is None
    said.take(
        "records", json.dumps({"record": f"s{EVIL}", "value": {"name": EVIL}}).encode() + b"\n"
    )
    assert UNPRINTABLE.search(said.error()) is None
    for record in (b'{"record": "error"}\n', b'{"record": "error", "value": 3}\n'):
        said.take("records", record)
        assert said.error()
    said.take("complaints", f"qemu: {EVIL}".encode())
    assert os.linesep not in said.error()
