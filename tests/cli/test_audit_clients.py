# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab audit --clients``: a list of clients, what is kept of it, its table, and one alone."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from netlab.audit.many import TOO_BUSY
from netlab.model.auditing import NOT_PLAYED
from netlab.model.errors import LabError
from netlab.testbed.program import filled_in
from tests.kernel.test_audit import ASKS

from .shell import Done, netlab

SERVER = """
import os, socket, sys
open(os.path.join(sys.argv[2], "key"), "w").write("sesame")
os.chmod(os.path.join(sys.argv[2], "key"), 0o644)
listener = socket.create_server(("", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    connection.recv(100)
    connection.sendall(b"hello")
    connection.close()
"""
KNOCKS = """
import os, socket
print(open(os.environ["KEY"]).read())
s = socket.create_connection((os.environ["NETLAB_SERVER"], int(os.environ["NETLAB_PORT"])), 3)
s.sendall(b"knock")
assert s.recv(100) == b"hello"
"""
LIST = """
recommended: --careful
servers:
  door: {command: "{python} door.py {port} {folder}", env: {KEY: "{folder}/key"}}
clients:
  - {name: hasty, command: "{python} hasty.py", talks: line, version: echo 1.2}
  - {name: patient, command: "{python} patient.py", talks: line}
  - {name: knocker, command: "{python} knocker.py", talks: knocks, server: door}
  - {name: absent, command: ./not-there, talks: line}
  - {name: broken, command: "false", talks: line}
  - {name: unmade, command: "true", build: sh -c 'echo no compiler in $TMPDIR; exit 1', talks: line}
  - {name: untold, command: "true", build: ./not-there, talks: line}
"""
TIMES = 5  # that the machine may be too busy
FAULTS = ("--fault", "silent-server", "--fault", "refused", "--cap", "6s")


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A list of seven clients, three of which can be played."""
    at = {"server": "server", "port": "7000"}
    hasty = ASKS.replace("{port}))", "{port}), 3)")
    programs = {"hasty": filled_in(hasty, at), "patient": filled_in(ASKS, at)}
    programs |= {"knocker": KNOCKS, "door": SERVER}
    for name, text in programs.items():
        (tmp_path / f"{name}.py").write_text(text)
    file = tmp_path / "clients.yaml"
    file.write_text(LIST)
    return file


def played(*words: str | Path) -> Done:
    """An audit of a list, again while a busy machine has kept some of its cells from being played:
    each time those alone, where they are kept.
    """
    for _ in range(TIMES):
        done = netlab("audit", "--clients", *words)
        if done.code != LabError.exit_code:
            break
    return done


def test_a_list_is_played_once_and_told_as_lines_and_as_a_page(listed: Path) -> None:
    cells, table = listed.with_name("cells"), listed.with_name("table.md")
    words = (listed, *FAULTS, "--resume", cells, "--way", "defaults")
    done = played(*words, "--table", table)
    assert done.code == 1, done
    hasty, patient, knocker, absent, broken, *unmade, _, closing, written = done.out.splitlines()
    assert hasty.split() == ["hasty", "1.2", "2", "error"]
    assert "patient" in patient
    assert "1 hangs" in patient
    assert "1 error" in patient
    assert knocker.split()[0] == "knocker"
    assert "2 error" in knocker
    assert "there is no program './not-there'" in absent
    assert "it fails already, with exit code 1" in broken
    assert re.search("not played: sh -c .*: no compiler in /.*/built-", unmade[0])
    assert "not played: ./not-there: cannot run './not-there': No such file" in unmade[1]
    assert closing.startswith("6 cells in ")
    assert written == f"written: {table}"
    assert "| silent-server | error" in table.read_text()

    kept = cells.read_text()
    assert len([each for each in kept.splitlines() if TOO_BUSY not in each]) == 6
    again = netlab("audit", "--clients", *words)
    assert cells.read_text() == kept  # none was played again
    assert again.out.splitlines()[:3] == done.out.splitlines()[:3]


def test_what_a_busy_machine_kept_from_being_played_is_played_and_kept(listed: Path) -> None:
    file = listed.with_name("cells")
    words = (listed, *FAULTS[2:], "--way", "defaults", "--json", "--resume", file, "hasty")
    played(*words)
    cell = json.loads(file.read_text().splitlines()[-1])
    busy = {**cell, "word": NOT_PLAYED, "why": TOO_BUSY}
    file.write_text(f"{json.dumps(busy)}\n")
    played(*words)
    assert json.loads(file.read_text().splitlines()[-1])["word"] == cell["word"] == "error"


def test_each_cell_names_the_command_that_plays_it_again(listed: Path) -> None:
    words = (*FAULTS[2:], "--way", "recommended", "--json", "patient")
    done = played(listed, *words)
    records = [json.loads(text) for text in done.out.splitlines()]
    assert [each["fault"] for each in records] == ["refused"]
    for record in records:
        _, *again = shlex.split(record["command"])
        told = netlab(*again)
        assert f"verdict    {record['word']}" in told.out
        assert again[-3:] == ["--way", "recommended", "patient"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--clients", "{}", "nobody"), "no client is called 'nobody'"),
        (("--clients", "{}", "--cures"), "--cures is for one program, not for a list"),
        (("--clients", "{}", "absent"), "there is no program './not-there'"),
        (("--clients", "not-there.yaml"), "not-there.yaml"),
        (("--table", "x.md", "--", "true"), "--table is for a list of clients"),
        (("--clients", "{}", "--resume", "{}"), "has no cells of an audit"),
    ],
)
def test_a_mistake_is_one_sentence(listed: Path, words: tuple[str, ...], says: str) -> None:
    done = netlab("audit", *(word.format(listed) for word in words))
    assert done.code == 2
    assert says in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
