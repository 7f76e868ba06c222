# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs in a lab: how they are started and awaited, who they are, and that their connections are
followed as netlab's own.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import pwd
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from textwrap import shorten
from typing import Any

import pytest

from netlab.linux import nstat
from netlab.linux.names import HOSTS
from netlab.model.errors import ActionFailed, LabError, NotHeld
from netlab.model.tcp import ACK, FIN, SYN, State
from netlab.model.vocabulary import Family, Side
from netlab.observe import capture
from netlab.render import failure
from netlab.render.style import Style
from netlab.scenario.loader import load, parse
from netlab.scenario.runner import Options, play
from netlab.testbed.flows import LONGEST
from netlab.testbed.hops.base import Hop
from netlab.testbed.lab import Lab
from netlab.testbed.program import Program
from netlab.testbed.sockets import written

from . import tools

#: Listens on the port that is its argument, says so, and answers "hello" to one after the other.
SERVER = """
import socket, sys
place = ("::", int(sys.argv[1]))
listening = socket.create_server(place, family=socket.AF_INET6, dualstack_ipv6=True)
print("I listen", flush=True)
kept = []
while True:
    connection, peer = listening.accept()
    connection.sendall(b"hello")
    kept.append(connection)
"""
PYTHON = [sys.executable, "-c"]


def serve(lab: Lab, port: int = 8000) -> Program:
    return lab.server.start([*PYTHON, SERVER, str(port)], ready=port)


# --- being ready


def test_a_program_is_ready_when_it_listens(lab: Lab) -> None:
    serve(lab)
    with lab.client:
        assert socket.create_connection(("server", 8000)).recv(5) == b"hello"


def test_a_program_is_ready_when_it_says_so_or_a_condition_holds(lab: Lab) -> None:
    said = lab.server.start([*PYTHON, SERVER, "1"], ready="I listen")
    assert said.output.rstrip("\n") == "I listen"  # its end comes in a write of its own
    lab.client.start("sleep 100", ready=lambda: len(lab.client.programs))


def test_who_ends_before_is_told_with_its_last_words(lab: Lab) -> None:
    command = ["sh", "-c", "echo one; echo no such file >&2; exit 3"]
    with pytest.raises(ActionFailed) as failed:
        lab.server.start(command, ready=8000)
    first, *words = str(failed.value).splitlines()
    assert first.endswith("has ended before it was listening on port 8000: exit code 3; it wrote:")
    assert words == ["    one", "    no such file"]


def test_who_goes_into_the_background_is_told_to_stay(lab: Lab) -> None:
    with pytest.raises(ActionFailed, match=r"exit code 0 \(if it puts itself into the background"):
        lab.server.start("true", ready=8000)


def test_who_is_never_ready_is_ended(lab: Lab, mark: str) -> None:
    with pytest.raises(
        ActionFailed, match=r"was not listening on port 8000 within 0\.2 s; it wrote"
    ):
        lab.server.start(
            ["sh", "-c", "trap '' TERM; echo I wait; sleep 100"], ready=8000, within=0.2
        )
    assert tools.left_over(mark) == []


@pytest.mark.parametrize("ready", [0, 65536, "", None, 80.0])
def test_what_can_never_be_ready_is_told_before(lab: Lab, ready: Any) -> None:
    with pytest.raises(
        LabError, match=r"^ready: expected a port that it listens on \(1 to 65535\)"
    ):
        lab.server.start("sleep 9", ready=ready)
    assert lab.server.programs == []


def test_a_port_that_is_taken_is_told_before(lab: Lab) -> None:
    serve(lab)
    with pytest.raises(
        LabError, match=r"^server: port 8000 is taken already: LISTEN .*SERVER|python"
    ):
        serve(lab)


def test_an_end_is_waited_for_and_a_program_that_goes_on_is_told(lab: Lab) -> None:
    assert lab.client.run("sh -c 'exit 7'").wait() == 7
    waits = lab.client.run("sh -c 'echo I wait; sleep 100'")
    with pytest.raises(ActionFailed, match=r"has not ended within 0.2 s; it wrote:\n    I wait"):
        waits.wait(0.2)


def test_who_writes_without_end_is_ended(lab: Lab) -> None:
    program = lab.client.run("yes")
    with pytest.raises(ActionFailed, match=r"^yes; it was ended, because .* more than 64 MiB; it"):
        program.wait(tools.PATIENCE)
    assert program.exit_code in (-signal.SIGKILL, 1)  # netlab was faster, or `yes` had no room left
    with pytest.raises(ActionFailed, match="it was ended, because it has written more than 64 MiB"):
        lab.client.start("yes", ready=8000, within=tools.PATIENCE)


def test_what_is_written_while_nobody_looks_has_a_limit_too(lab: Lab) -> None:
    many = "head -c 1000000000 /dev/zero"
    goes_on = lab.client.run(["sh", "-c", f"{many}; {many} >&2; echo tried; exec sleep 100"])
    gives_up = lab.client.run(f"{many}")
    deadline = time.monotonic() + tools.PATIENCE
    while gives_up.exit_code is None or "sleep\n" not in _names(goes_on):
        assert time.monotonic() < deadline  # a test that computes, and leaves netlab no time
    for program in (goes_on, gives_up):
        assert 64 << 20 < len(program.output) + len(program.errors) < 65 << 20
    assert gives_up.exit_code == 1
    for program in (goes_on, gives_up):
        with pytest.raises(
            ActionFailed, match="was ended, because it has written more than 64 MiB"
        ):
            program.wait()
    assert goes_on.exit_code == -signal.SIGKILL


def _names(program: Program) -> set[str]:
    found = set()
    for each in program.processes():
        with contextlib.suppress(FileNotFoundError):  # it has ended since
            found.add(Path(f"/proc/{each}/comm").read_text())
    return found


def test_the_last_of_much_is_told(lab: Lab) -> None:
    program = lab.client.run(["sh", "-c", "head -c 40000000 /dev/zero; echo; echo the end; exit 3"])
    assert program.wait() == 3
    assert program.output.endswith("the end\n")
    assert program.record(Side.CLIENT).output.endswith("the end\n")


def test_a_stream_may_be_opened_by_its_name_again(lab: Lab) -> None:
    code = "echo one; echo two > /dev/stderr; echo three > /dev/stderr"
    for user in (None, "nobody"):
        program = lab.client.run(["sh", "-c", code], user=user)
        assert (program.wait(), program.output, program.errors) == (0, "one\n", "three\n")


def test_a_program_that_is_killed_has_let_go_of_its_port(lab: Lab) -> None:
    for _ in range(10):
        program = lab.server.start([*PYTHON, SERVER, "8000"], ready=8000)
        program.kill()
        assert program.exit_code == -signal.SIGKILL
        assert lab.server.sockets(port=8000) == []
        program.kill()  # harmless


# --- how it is started


def test_a_command_is_split_as_a_shell_does_it_and_nothing_is_expanded(lab: Lab) -> None:
    program = lab.client.run("printf '%s|' 'a b' $HOME * {server}")
    program.wait()
    assert program.output == f"a b|$HOME|*|{lab.server.address}|"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("echo 'a", 'command: "echo \'a": no closing quotation'),
        ("", "command: expected words, as a string or a list; found ''"),
        ([], r"command: expected words, as a string or a list; found \[\]"),
        (["sleep", 1], r"command: expected words, as a string or a list; found \['sleep', 1\]"),
        ("no-such-program", "cannot run 'no-such-program': No such file or directory"),
    ],
)
def test_what_is_no_command_is_refused(lab: Lab, command: object, why: str) -> None:
    with pytest.raises(LabError, match=f"^{why}"):
        lab.client.run(command)  # type: ignore[arg-type]


def test_its_environment_folder_and_input_are_given(lab: Lab, tmp_path: Path) -> None:
    program = lab.client.run(
        ["sh", "-c", "cat; pwd; echo $WHO $HOME"], env={"WHO": "me"}, cwd=tmp_path, stdin="hello\n"
    )
    assert program.wait() == 0
    assert program.output == f"hello\n{tmp_path}\nme {os.environ['HOME']}\n"
    with pytest.raises(LabError, match=r"^cwd: '/no/such' is not a folder$"):
        lab.client.run("true", cwd="/no/such")


def test_it_may_be_somebody_else(lab: Lab) -> None:
    nobody = pwd.getpwnam("nobody")
    program = lab.server.run(["sh", "-c", "id -u; id -g; echo $USER"], user="nobody")
    assert program.wait() == 0
    assert program.output.split() == [str(nobody.pw_uid), str(nobody.pw_gid), "nobody"]
    with pytest.raises(LabError, match=r"^user: this machine has none called 'no-such'"):
        lab.server.run("true", user="no-such")


def test_somebody_else_ends_with_netlab_too(lab: Lab, mark: str) -> None:
    program = lab.server.run("sleep 1000", user="nobody")
    assert tools.wait(lambda: tools.marked(mark) or None)
    program.kill()
    assert tools.left_over(mark) == []


# --- names


def test_an_end_has_more_names_by_choice(lab: Lab) -> None:
    before = HOSTS.read_text()
    lab.server.known_as("api.example.com", "redis", "redis")
    with lab.client:
        lab.server.known_as("later")  # also for who is there already
        found = {socket.getaddrinfo(name, 80)[0][4][0] for name in ("redis", "later", "server")}
    assert found == {lab.server.address}
    program = lab.client.run(["getent", "hosts", "api.example.com", "later"])
    assert program.wait() == 0
    assert program.output.count(lab.server.address) == 2, program.output
    assert HOSTS.read_text() == before


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("client", r"client is the name of .* already"),
        ("", r"known as: expected the name of a host; found ''"),
        ("a b", r"known as: expected the name of a host; found 'a b'"),
        ("a\n10.0.0.1 b", r"known as: expected the name of a host; found 'a\\n10"),
    ],
)
def test_what_is_no_name_of_an_end_is_refused(lab: Lab, name: str, complaint: str) -> None:
    with pytest.raises(LabError, match=f"^{complaint}"):
        lab.server.known_as(name)


def test_names_are_known_inside_and_nowhere_else(lab: Lab) -> None:
    before = HOSTS.read_text()
    command = ["getent", "hosts", "client", "server"]
    known = lab.client.run(command)
    assert known.wait() == 0
    assert known.output.split()[::2] == [lab.client.address, lab.server.address]
    for name, host in (("client", lab.client), ("server", lab.server)):
        with lab.server:
            assert socket.getaddrinfo(name, 80)[0][4][0] == host.address
    assert HOSTS.read_text() == before
    with pytest.raises(OSError, match=r"."):
        socket.getaddrinfo("server", 80)


def test_what_the_machine_knows_is_known_inside_too(lab: Lab) -> None:
    machines = HOSTS.read_text().splitlines()
    with lab.client:
        assert socket.gethostbyname("localhost") == "127.0.0.1"
        assert HOSTS.read_text().splitlines()[2:] == machines


# --- inside


def test_a_thread_is_on_a_host_and_comes_back(lab: Lab, tmp_path: Path) -> None:
    folder, network = os.getcwd(), os.readlink("/proc/thread-self/ns/net")
    mounts = os.readlink("/proc/thread-self/ns/mnt")
    with lab.client, lab.server, lab.client:
        assert os.fstat(lab.client.namespace.fd).st_ino == _own_network()
        assert os.getcwd() == folder
        (tmp_path / "seen").write_text("outside, too")
    assert os.readlink("/proc/thread-self/ns/net") == network
    assert os.readlink("/proc/thread-self/ns/mnt") == mounts
    assert (os.getcwd(), (tmp_path / "seen").read_text()) == (folder, "outside, too")


def test_threads_that_begin_inside_stay_and_others_are_not_moved(lab: Lab) -> None:
    seen: dict[str, int] = {}
    entered, done = threading.Event(), threading.Event()

    def look(name: str) -> None:
        entered.wait(tools.PATIENCE)
        seen[name] = _own_network()
        done.wait(tools.PATIENCE)

    home = _own_network()
    other = threading.Thread(target=look, args=["other"])
    other.start()
    with lab.client:
        mine = threading.Thread(target=look, args=["mine"])
        mine.start()
        entered.set()
        tools.wait(lambda: len(seen) == 2 or None)
    assert _own_network() == home  # though a thread that has begun inside still shares its folders
    done.set()
    mine.join()
    other.join()
    assert seen == {"other": home, "mine": os.fstat(lab.client.namespace.fd).st_ino}


def test_an_error_inside_brings_the_thread_back(lab: Lab) -> None:
    home = _own_network()
    with pytest.raises(ZeroDivisionError), lab.server:
        raise ZeroDivisionError
    assert _own_network() == home


def test_a_running_event_loop_is_refused_in_plain_words(lab: Lab) -> None:
    async def main() -> None:
        with lab.client:
            pass

    with pytest.raises(LabError, match=r"with lab\.client: asyncio\.run\(main\(\)\)$"):
        asyncio.run(main())


def _own_network() -> int:
    return os.stat("/proc/thread-self/ns/net").st_ino


# --- connections that nobody announced


def test_a_programs_connection_is_followed_from_its_first_state(lab: Lab) -> None:
    serve(lab)
    code = "import socket; c = socket.create_connection(('server', 8000)); c.recv(5); c.recv(1)"
    with lab.drop(SYN | ACK, to=lab.client):
        client = lab.client.run([*PYTHON, code])
        lab.expect("SYN_SENT", "SYN_RECV", hold=0.2)
    lab.expect("ESTABLISHED", "ESTABLISHED", program=client)


def test_connections_are_told_apart_by_port_program_and_order(lab: Lab) -> None:
    one, other = serve(lab, 8000), serve(lab, 8001)
    with lab.client:
        three = [_seen(lab, port) for port in (8000, 8001, 8000)]
    assert [each.recv(5) for each in three] == [b"hello"] * 3
    with lab.drop(FIN, to=lab.server):
        three[1].close()
        lab.expect("FIN_WAIT1", "ESTABLISHED", port=8001)
        lab.expect("FIN_WAIT1", "ESTABLISHED", program=other)
        lab.expect("FIN_WAIT1", "ESTABLISHED", number=1)
        lab.expect("ESTABLISHED", "ESTABLISHED", port=8000)
        lab.expect("ESTABLISHED", "ESTABLISHED", program=one, number=0)
        assert [str(flow.pair) for flow in lab.flows()] == [
            "ESTABLISHED/ESTABLISHED",
            "FIN_WAIT1/ESTABLISHED",
            "ESTABLISHED/ESTABLISHED",
        ]
        assert len(lab.flows(port=8000)) == len(lab.flows(program=one)) == 2
    three[0].close()
    three[2].close()


def _seen(lab: Lab, port: int) -> socket.socket:
    connection = socket.create_connection(("server", port))
    lab.sample()
    return connection


def test_what_the_lab_has_opened_itself_comes_before_what_programs_have(lab: Lab) -> None:
    serve(lab)
    lab.server.listen(9000)
    lab.client.connect(9000)
    with lab.client:
        other = socket.create_connection(("server", 8000))
        assert other.recv(5) == b"hello"
    lab.sample()
    with lab.drop(FIN, to=lab.server):
        lab.client.close()
        lab.expect("FIN_WAIT1", "ESTABLISHED")
        lab.expect("ESTABLISHED", "ESTABLISHED", port=8000)
        assert [flow.adopted for flow in lab.flows()] == [False, True]
    other.close()


def test_what_one_host_says_to_itself_is_no_connection_between_two(lab: Lab) -> None:
    with lab.client:
        listening = socket.create_server(("127.0.0.1", 0))
        to_itself = socket.create_connection(listening.getsockname())
    lab.sample()
    assert lab.flows() == []
    to_itself.close()
    listening.close()


def test_where_none_has_been_seen_the_failure_says_so(lab: Lab) -> None:
    serve(lab)
    with pytest.raises(NotHeld, match="no connection to port 8000 has been seen") as failed:
        lab.expect("ESTABLISHED", "ESTABLISHED", port=8000, within=0.1)
    client, server = failed.value.failure.rows
    assert (client.found, server.found) == ("nothing", "LISTEN")
    assert "CLOSED" not in "\n".join(failure.rows(failed.value.failure, Style(False)))


def test_where_too_few_have_been_seen_the_failure_lists_them(lab: Lab) -> None:
    program = serve(lab)
    waits = lab.client.run("sleep 100")
    with lab.client:
        several = [_seen(lab, 8000) for _ in range(10)]
    with pytest.raises(NotHeld, match="no number 10 among 10 connections to port 8000") as few:
        lab.expect("ESTABLISHED", "ESTABLISHED", port=8000, number=10, within=0.1)
    first, *_, last = few.value.failure.notes
    assert repr(lab.flows()[0])[1:-1] in first
    ends = (several[0].getsockname()[:2], (lab.server.address, 8000))
    held = f"client this process, server {shorten(str(program), LONGEST)}"
    assert first == f"number 0: {' -> '.join(map(written, ends))}, ESTABLISHED/ESTABLISHED, {held}"
    assert last == "and 2 more"
    with pytest.raises(NotHeld, match=r"no connection of sleep 100 .* hosts, but 10 others"):
        lab.expect("ESTABLISHED", "ESTABLISHED", program=waits, within=0.1)
    for each in several:
        each.close()


# --- connections that no sample shows

#: Accepts so many connections at a port, and says how many of them it has had.
ACCEPTING = """
import socket, sys
port, number = map(int, sys.argv[1:])
listening = socket.create_server(
    ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=4096
)
for count in range(number):
    listening.accept()[0].close()
print(count + 1, flush=True)
"""
#: Opens them, from one port after the other, and resets each.
OPENING = """
import socket, struct, sys
port, number, source = map(int, sys.argv[1:])
for count in range(number):
    connection = socket.socket(socket.getaddrinfo("server", port)[0][0])
    connection.bind(("", source + count % 1000 if source else 0))
    connection.connect(("server", port))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
"""


def short_ones(lab: Lab, number: int, port: int = 8000, source: int = 0) -> None:
    """Have as many connections opened and reset while nobody looks."""
    server = lab.server.start([*PYTHON, ACCEPTING, str(port), str(number)], ready=port)
    with lab.client:
        opening = [*PYTHON, OPENING, *map(str, (port, number, source))]
        subprocess.run(opening, check=True, timeout=tools.PATIENCE)
    assert server.wait() == 0
    assert server.output == f"{number}\n"


@pytest.mark.parametrize("family", Family, ids=str)
def test_connections_that_no_sample_shows_are_counted_once(family: Family) -> None:
    with Lab(family) as lab:
        lab.server.expect_strangers()
        opened = {host.side: host.counters.read() for host in lab.hosts}
        short_ones(lab, 200)
        short_ones(lab, 10, 8001, source=20000)
        assert len(lab.flows(port=8000)) == 200
        assert [flow.client[1] for flow in lab.flows(port=8001)] == [*range(20000, 20010)]
        for side, name in ((Side.CLIENT, "TcpActiveOpens"), (Side.SERVER, "TcpPassiveOpens")):
            counters = nstat.difference(opened[side], lab.host(side).counters.read())
            assert counters[name] == len(lab.flows()) == 210
        lab.expect("CLOSED", "CLOSED", port=8000, number=150)


def test_the_same_ends_again_are_another_connection(lab: Lab) -> None:
    for _ in range(3):
        short_ones(lab, 1, source=20000)
    lab.sample()
    short_ones(lab, 1, source=20000)
    assert [flow.client[1] for flow in lab.flows(port=8000)] == [20000] * 4


def test_what_samples_show_is_not_counted_again(lab: Lab) -> None:
    serve(lab)
    with lab.client:
        for _ in range(20):
            connection = _seen(lab, 8000)
            assert connection.recv(5) == b"hello"
            connection.close()
            lab.sample()
    assert len(lab.flows()) == 20


def test_one_that_is_refused_or_not_answered_is_one(lab: Lab) -> None:
    with lab.client:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("server", 9))
        with lab.drop(SYN, to=lab.server), pytest.raises(TimeoutError):
            socket.create_connection(("server", 9), timeout=1.5)  # its SYN is sent again
    assert len(lab.flows(port=9)) == 2


def test_what_no_socket_has_sent_is_no_connection(lab: Lab) -> None:
    lab.client.expect_strangers()
    lab.client.flood(3)
    lab.sample()
    assert lab.flows() == []


def test_they_are_seen_over_a_path_and_a_wire_that_was_laid_later() -> None:
    with Lab() as lab:
        lab.path(Hop())
        short_ones(lab, 5)
        assert len(lab.flows(port=8000)) == 5
    with Lab() as lab:
        lab.client.expect_strangers()
        lab.wire.delay("5ms")
        short_ones(lab, 5)
        assert len(lab.flows(port=8000)) == 5


def test_no_descriptor_for_seeing_them_is_told(lab: Lab) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))), hard))
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        os.close(taken.pop())  # for the way home from the host
        with pytest.raises(LabError, match="too many open files"):
            lab.client.expect_strangers()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)
    short_ones(lab, 3)
    assert len(lab.flows(port=8000)) == 3


def test_too_many_to_keep_are_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "QUEUE", 8192)
    short_ones(lab, 100)
    lab.sample()
    with pytest.raises(LabError, match=r"that \d+ SYNs could not be kept.* call lab.sample"):
        lab.flows(port=8000)
    with pytest.raises(LabError, match="could not be kept"):
        lab.expect("CLOSED", "CLOSED", port=8000, number=3)
    lab.server.listen()
    lab.client.connect()
    lab.expect("ESTABLISHED", "ESTABLISHED")  # this one netlab itself has opened


# --- sockets


def test_sockets_are_listed_with_who_holds_them(lab: Lab) -> None:
    server = serve(lab)
    with lab.client, socket.create_connection(("server", 8000)) as mine:
        assert mine.recv(5) == b"hello"
        (client,) = lab.client.sockets(port=8000)
        assert client.local == mine.getsockname()[:2]
        assert (client.remote, client.state) == ((lab.server.address, 8000), State.ESTABLISHED)
        assert (client.owner, client.program) == ("this process", None)
        (accepted,) = lab.server.sockets(program=server, state="ESTAB")
        assert (accepted.program, accepted.remote) == (server, client.local)
        judged = [each for each in tools.sockets(lab.server) if each.state is State.ESTABLISHED]
        assert [(each.local[1], each.remote[1]) for each in judged] == [accepted.ports]
        with pytest.raises(LabError, match="no state is called 'ESTABLISH'"):
            lab.server.sockets(state="ESTABLISH")


def test_sockets_that_are_left_are_told(lab: Lab) -> None:
    serve(lab)
    with lab.client:
        leaked = socket.create_connection(("server", 8000))
    with pytest.raises(ActionFailed) as failed:
        lab.expect_no_sockets(at=lab.client, within=0.1)
    first, line = str(failed.value).splitlines()
    assert first == "after 0.1 s sockets are left:"
    assert re.fullmatch(r"  client: ESTABLISHED \S+ -> \S+:8000 \(this process\)", line)
    lab.expect_no_sockets(at="client", may_stay=["ESTABLISHED"])
    leaked.close()
    lab.expect_no_sockets(at=lab.client, may_stay=["TIME_WAIT", "FIN_WAIT2"])


def test_a_refused_name_is_an_error_of_the_application(lab: Lab) -> None:
    with lab.client, pytest.raises(OSError, match=r".") as refused:
        socket.create_connection(("server", 1), timeout=5)
    assert refused.value.errno == errno.ECONNREFUSED


# --- in YAML


TWIN = """\
# curl gives up: the server's SYN-ACKs are lost.
source: a test
steps:
  - server: {start: 'python3 -m http.server --bind :: 8000', ready: 8000}
  - drop: {segment: SYN|ACK, to: client}
  - client: {run: 'curl -sS --max-time 2 http://server:8000/'}
expect:
  pair: {client: SYN_SENT, server: SYN_RECV}
  hold: 200ms
  program: {exits: 28, within: 9s, says: timed out}
  cause: curl has given up
"""


@pytest.mark.needs("curl")
@pytest.mark.parametrize("family", Family, ids=str)
def test_a_file_says_how_a_program_is_started_and_how_one_ends(family: Family) -> None:
    run = play(parse(TWIN, Path("twin.yaml")), Options(family=family))
    assert (run.outcome, run.failure) == ("pass", None), run
    assert [each.exit_code for each in run.programs] == [28, None]


@pytest.mark.needs("curl")
@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        (
            "exits: 28",
            "exits: 7",
            10,
            "the program's end: expected exit code 7; found exit code 28",
        ),
        ("exits: 28", "exits: SIGKILL", 10, "expected ended by SIGKILL"),
        ("timed out", "refused", 10, "the program did not say 'refused'"),
        ("within: 9s", "within: 300ms", 10, "the program has not ended within 0.3 s"),
        ("ready: 8000", "ready: 8001, within: 300ms", 4, "was not listening on port 8001 within"),
        (
            "http.server",
            "no.such",
            4,
            "has ended before it was listening on port 8000: exit code 1",
        ),
    ],
)
def test_what_a_file_says_of_a_program_can_be_wrong(
    old: str, new: str, line: int, says: str
) -> None:
    assert TWIN.count(old) == 1
    run = play(parse(TWIN.replace(old, new), Path("twin.yaml")))
    assert run.failure
    assert says in run.failure.summary
    assert run.failure.line == line
    assert run.programs, "what they wrote is part of the failure"


ASKS = """\
source: a test
steps:
  - client: {run: '{python} -c "import pyroute2"'}
expect:
  pair: {client: CLOSED, server: CLOSED}
  hold: 50ms
  program: {exits: 0}
  cause: this is a test
"""


def test_netlabs_own_python_has_its_packages() -> None:
    run = play(parse(ASKS, Path("asks.yaml")))
    assert (run.outcome, run.failure) == ("pass", None), run
    without = ASKS.replace("{python} -c", "env -u PYTHONPATH {python} -c")
    assert (
        "No module named 'pyroute2'" in play(parse(without, Path("asks.yaml"))).programs[0].output
    )


def test_a_file_may_name_its_folder() -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest lets nobody else into its folders
        folder = Path(name)
        folder.chmod(0o755)
        _in_its_folder(folder)


def _in_its_folder(folder: Path) -> None:
    (folder / "said.txt").write_text("hello\n")
    text = TWIN.replace("curl -sS --max-time 2 http://server:8000/", "cat {folder}/said.txt")
    (folder / "a.yaml").write_text(text)
    assert "hello" in play(load(folder / "a.yaml")).programs[0].output
