# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab exec: a command in a lab behaves as it does outside, but for the network; it can tell the
lab what to do, and nothing is left of it.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from netlab.testbed.control import NAME, Control
from netlab.testbed.hops import lacking
from netlab.testbed.lab import Lab
from netlab.testbed.net import ADDRESSES, Net
from netlab.testbed.orders import LARGEST
from tests.kernel import tools

from .shell import NETLAB, PATIENCE, environment, netlab, netlab_in

HTTP = "python3 -m http.server --bind :: 8000"
DEAF = "drop: {segment: SYN|ACK, to: client}"
CONNECT = """
import socket, sys
try:
    socket.create_connection(("server", 8000), 0.3)
except OSError as error:
    sys.exit(type(error).__name__)
"""


@pytest.fixture
def mark() -> str:
    """What every process of a command has in its environment."""
    return uuid.uuid4().hex


# --- the command


def test_what_goes_in_and_comes_out_is_the_commands_own() -> None:
    done = subprocess.run(
        [*NETLAB, "exec", "--", "sh", "-c", "cat; echo trouble >&2; exit 7"],
        input="hello\n", capture_output=True, text=True, timeout=PATIENCE, check=False,
        env=environment(),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (7, "hello\n", "trouble\n")


NAT = """\
source: here
path: [router, nat]
steps: [{server: listen}]
expect: {pair: {client: CLOSED, server: LISTEN}, cause: nobody connects}
"""


def test_the_hops_of_a_file_are_on_the_way(tmp_path: Path) -> None:
    tools.program("ip")
    if reason := lacking("tracking"):
        pytest.skip(reason)
    path = tmp_path / "behind-a-nat.yaml"
    path.write_text(NAT)
    asks = "ip route get $(getent hosts $NETLAB_SERVER | cut -d ' ' -f 1)"
    done = netlab("exec", path, "--", "sh", "-c", asks)
    assert done.code == 0, done.err
    assert " dev eth1 " in done.out


def test_a_command_that_a_signal_ends_is_reported_as_shells_do() -> None:
    assert netlab("exec", "--", "sh", "-c", "kill -9 $$").code == 128 + signal.SIGKILL


@pytest.mark.parametrize("family", [(), ("--ipv6",)], ids=["IPv4", "IPv6"])
def test_a_server_and_a_fault_are_there_before_it(family: tuple[str, ...]) -> None:
    given = ("exec", *family, "--serve", HTTP, "--ready", "8000")
    assert netlab(*given, "--", sys.executable, "-c", CONNECT).code == 0
    done = netlab(*given, "--step", DEAF, "--", sys.executable, "-c", CONNECT)
    assert (done.code, done.err) == (1, "TimeoutError\n")


def test_a_files_steps_are_done_before_it(tmp_path: Path) -> None:
    text = f"source: x\nsteps:\n  - server: {{listen: 8000}}\n  - {DEAF}\n"
    text += "expect:\n  pair: {client: CLOSED, server: LISTEN}\n  cause: x\n"
    (tmp_path / "a.yaml").write_text(text)
    done = netlab("exec", tmp_path / "a.yaml", "--", sys.executable, "-c", CONNECT)
    assert (done.code, done.err) == (1, "TimeoutError\n")


def test_a_files_programs_are_started_only_if_somebody_allows_it(tmp_path: Path) -> None:
    text = "source: x\nsteps:\n  - server: {run: 'touch /tmp/x'}\n"
    text += "expect:\n  pair: {client: CLOSED, server: CLOSED}\n  cause: x\n"
    (tmp_path / "a.yaml").write_text(text)
    done = netlab("exec", tmp_path / "a.yaml", "--", "echo", "started")
    assert (done.code, done.out) == (2, "")
    assert "a.yaml:3: starts a program on the server. Read the file, and if it may" in done.err
    assert netlab("exec", "--allow-programs", tmp_path / "a.yaml", "--", "echo", "it").out == "it\n"


def test_a_step_that_fails_is_told_by_its_line(tmp_path: Path) -> None:
    text = "source: x\nsteps:\n  - server: listen\n  - server: {listen: 80}\n"
    text += (
        "  - server: {listen: 80}\nexpect:\n  pair: {client: CLOSED, server: LISTEN}\n  cause: x\n"
    )
    (tmp_path / "a.yaml").write_text(text)
    done = netlab_in(tmp_path, "exec", "a.yaml", "--", "true")
    said = "netlab: a.yaml:5: server: {listen: 80}: expected no error; found EADDRINUSE\n"
    assert (done.code, done.err) == (1, said)


def test_a_server_that_fails_is_told_if_the_command_fails_too() -> None:
    serves = "import socket; socket.create_server(('', 80)).accept(); raise SystemExit('no config')"
    given = (
        "exec",
        "--serve",
        f'{sys.executable} -c "{serves}"',
        "--ready",
        "80",
        "--",
        "sh",
        "-c",
    )
    asks = (
        f"{sys.executable} -c \"import socket; socket.create_connection(('server', 80)).recv(1)\""
    )
    failed = netlab(*given, f"{asks}; sleep 0.3; exit 5")
    assert failed.code == 5
    assert "has ended meanwhile: exit code 1; it wrote:\n    no config\n" in failed.err
    assert netlab(*given, asks).err == ""


def test_several_servers_are_there_before_it() -> None:
    given = [
        word
        for port in ("8000", "8001")
        for word in (
            "--serve",
            f"{sys.executable} -m http.server --bind :: {port}",
            "--ready",
            port,
        )
    ]
    connect = "import socket; [socket.create_connection(('server', 8000 + n), 9) for n in (0, 1)]"
    assert netlab("exec", *given, "--", sys.executable, "-c", connect).code == 0


def test_its_environment_names_what_there_is() -> None:
    asked = "import os, json; print(json.dumps(dict(os.environ)))"
    done = netlab("exec", "--", sys.executable, "-c", asked, MINE="kept")
    found = json.loads(done.out)
    assert (found["MINE"], found["NETLAB_SERVER"]) == ("kept", "server")
    assert {found[f"NETLAB_{name.upper()}"].split(":")[0] for name in ADDRESSES} == {"server"}
    assert found["NETLAB_CONTROL"] == f"@{NAME}"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "no command to run: netlab exec [OPTIONS] -- COMMAND ..."),
        (("--",), 2, "no command to run"),
        (("--step", "dorp: {}", "--", "true"), 2, "--step:1: no step is called 'dorp'. Did you"),
        (("--serve", "x", "--", "true"), 2, "--serve and --ready go together"),
        (("--serve", "x", "--serve", "y", "--ready", "1", "--", "true"), 2, "go together"),
        (("--serve", "sleep 9", "--ready", "65536", "--", "true"), 3, "ready: expected a port"),
        (
            ("--fault", "syn-lost", "--", "true"),
            2,
            "no option is called '--fault' here: write --step 'd",
        ),
        (
            ("--step", "client: {send: x}", "--", "true"),
            1,
            "netlab: --step:1: client has no connec",
        ),
        (("--step", "remove: x", "--", "true"), 3, "netlab: --step:1: no fault is called 'x'"),
        (("--serve", "no-such", "--ready", "80", "--", "true"), 3, "cannot run 'no-such'"),
        (("--serve", "true", "--ready", "80", "--", "true"), 1, "ended before it was listening"),
        (("--", "no-such-program"), 3, "cannot run 'no-such-program': No such file or directory"),
        (("no-such.yaml", "--", "true"), 2, "no-such.yaml: no such file"),
    ],
)
def test_what_is_wrong_is_one_sentence(words: tuple[str, ...], code: int, said: str) -> None:
    done = netlab("exec", *words)
    assert (done.code, done.out) == (code, "")
    assert said in done.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_who_asks_for_an_end_asks_the_command(number: signal.Signals, mark: str) -> None:
    script = f"trap 'echo bye; exit 3' {number.name[3:]}; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [*NETLAB, "exec", "--", "sh", "-c", script],
        stdout=subprocess.PIPE, text=True, env=environment(NETLAB_TEST_MARK=mark),
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == "bye\n"
        assert process.wait(PATIENCE) == 3
    assert tools.left_over(mark) == []


def test_a_killed_one_leaves_nothing(mark: str) -> None:
    with subprocess.Popen(
        [*NETLAB, "exec", "--", "sh", "-c", "sleep 1000 & echo ready; sleep 1000"],
        stdout=subprocess.PIPE, text=True, env=environment(NETLAB_TEST_MARK=mark),
    ) as process:  # fmt: skip
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.kill()
    assert tools.left_over(mark) == []


def test_it_loads_little_for_a_command_that_asks_for_nothing() -> None:
    """Each of these is 10 to 80 ms that every command in a lab would wait for."""
    code = "import sys, netlab.cli; netlab.cli.main(['exec', '--', 'true']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {*done.stdout.split()}
    assert "netlab.testbed.lab" in loaded
    spared = {
        *("hashlib", "http.server", "pyroute2", "scapy", "yaml"),
        *("netlab.scenario", "netlab.testbed.carrier", "netlab.testbed.recorder"),
    }
    assert not spared & loaded


# --- what it may tell the lab


def mine(process: int) -> bool:
    """Whether a process is this one."""
    return process == os.getpid()


class Orders:
    """Asks as a program in the lab does, while the lab's owner has time."""

    def __init__(self, net: Net, control: Control) -> None:
        self.net = net
        self.answer, self.file = control.answer, control.file

    def connected(self) -> socket.socket:
        """A connection to who answers."""
        with self.net.lab.client.namespace:
            found = socket.socket(socket.AF_UNIX)
        found.connect(f"\0{NAME}")
        return found

    def ask(self, verb: str, path: str, body: object = None, raw: str = "") -> tuple[int, object]:
        """The answer's status and what it says."""
        connection = HTTPConnection("lab")
        connection.sock = self.connected()
        if isinstance(body, Iterator):
            connection.request(verb, path, body, encode_chunked=True)
        else:
            connection.request(verb, path, raw or (None if body is None else json.dumps(body)))
        self.answer()
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


@pytest.fixture
def orders() -> Iterator[Orders]:
    with Lab() as lab, Net(lab) as net, closing(Control(net, mine)) as control:
        yield Orders(net, control)


def test_what_it_takes_is_told(orders: Orders) -> None:
    status, known = orders.ask("GET", "/")
    assert status == 200
    assert isinstance(known, dict)
    assert known["POST /drop"] == (
        "Lose segments on their way to a host. Takes: segments, to, port, first, after, name"
    )
    assert orders.ask("POST", "/fly", {}) == (
        404, {"error": "there is no POST /fly", "known": known},
    )  # fmt: skip


def hello(connection: socket.socket) -> None:
    connection.sendall(b"hello")
    connection.recv(1)


def test_a_fault_comes_and_goes(orders: Orders) -> None:
    net = orders.net
    echo = net.serve(hello)
    assert orders.ask("POST", "/drop", {"segments": "SYN|ACK", "to": "client"}) == (
        200, {"name": "drop-1"},
    )  # fmt: skip
    with net.lab.client, pytest.raises(TimeoutError):
        socket.create_connection(echo, 0.2)
    wanted = {"client": "CLOSED", "server": "SYN_RECV", "port": echo.port}
    status, held = orders.ask("POST", "/expect", wanted)
    assert (status, held["pair"] if isinstance(held, dict) else None) == (200, "CLOSED/SYN_RECV")
    status, removed = orders.ask("POST", "/remove", {"name": "drop-1"})
    assert status == 200
    assert isinstance(removed, dict)
    assert removed["dropped"] >= 1
    with net.lab.client, socket.create_connection(echo, PATIENCE) as client:
        assert client.recv(5) == b"hello"
        status, found = orders.ask("GET", "/sockets")
        assert isinstance(found, list)
        ports = {(each["at"], each["state"], *each["local"][1:]) for each in found}
        assert ("client", "ESTABLISHED", client.getsockname()[1]) in ports
        status, flows = orders.ask("GET", "/flows")
        assert isinstance(flows, list)
        assert flows[-1]["client"] == list(client.getsockname()[:2])


def test_addresses_servers_and_cuts_are_asked_for(orders: Orders) -> None:
    net = orders.net
    _, known = orders.ask("GET", "/addresses")
    assert isinstance(known, dict)
    assert known.keys() == {*ADDRESSES}
    assert known["blackhole"] == {
        "host": "server", "port": net.blackhole.port, "url": net.blackhole.url
    }  # fmt: skip
    _, http = orders.ask("POST", "/serve", {"command": "python3 -m http.server --bind :: {port}"})
    assert isinstance(http, dict)
    assert orders.ask("POST", "/cut", {}) == (200, {})
    with net.lab.client, pytest.raises(TimeoutError):
        socket.create_connection((http["host"], http["port"]), 0.2)
    assert orders.ask("POST", "/heal") == (200, {})
    with net.lab.client:
        socket.create_connection((http["host"], http["port"]), PATIENCE).close()


def test_the_wire_is_slow_until_it_heals(orders: Orders) -> None:
    assert orders.ask("POST", "/slow", {"delay": "20ms", "profile": "3g"}) == (200, {})
    assert [each.kind for each in orders.net.lab.faults] == ["profile", "delay"]
    assert orders.ask("POST", "/heal") == (200, {})
    assert not any(each.in_force for each in orders.net.lab.imposed)


@pytest.mark.parametrize(
    ("path", "raw", "status", "said"),
    [
        ("/drop", "{", 400, "the request is not JSON: "),
        ("/drop", "[" * 100_000, 400, "the request is not JSON: "),
        ("/drop", "[]", 400, "expected a mapping, such as {}"),
        ("/drop", "{}", 400, "missing a required argument: 'segments'. POST /drop takes: "),
        ("/drop", '{"segments": "SYN", "to": "x"}', 400, "no side is called 'x'"),
        ("/drop", '{"segments": 1, "to": "client"}', 400, "POST /drop takes: segments"),
        ("/drop", '{"segments": [1], "to": "client"}', 400, "expected a text or a list of texts"),
        (
            "/drop",
            '{"segments": "SYN", "to": "client", "port": "80"}',
            400,
            "port: expected a whole "
            'number or null; found "80". POST /drop takes: segments, to, port',
        ),
        (
            "/drop",
            '{"segments": "SYN", "to": "client", "port": 99999}',
            400,
            "port: expected a whole",
        ),
        (
            "/drop",
            '{"segments": "SYN", "to": "client", "name": "a b"}',
            400,
            "name: expected letters",
        ),
        ("/remove", '{"name": "drop-1"}', 400, "no fault is called 'drop-1'. Known: none"),
        ("/slow", '{"loss": true}', 400, "loss: expected a number or a text; found true"),
        ("/slow", '{"delay": Infinity}', 400, "is not JSON: Infinity is no number of JSON"),
        ("/half", '{"count": 1e999}', 400, "count: expected a whole number; found Infinity"),
        ("/half", '{"count": -1}', 400, "half: expected a whole number, 1 to 16777216; found -1"),
        ("/serve", '{"command": "true", "ready": 99999}', 400, "ready: expected a port that it"),
        ("/serve", '{"command": "echo \\u0000"}', 400, "command: expected words, as a string"),
        ("/slow", '{"delay": "1h"}', 400, "delay: expected 0 to 60 seconds, such as 40ms"),
        ("/slow", '{"profile": "tin"}', 400, "profile: expected one of lte, 3g, wifi"),
        ("/cut", '{"now": 1}', 400, "got an unexpected keyword argument 'now'"),
        ("/serve", '{"command": "no-such"}', 400, "cannot run 'no-such'"),
        ("/serve", '{"command": "true"}', 409, "has ended before"),
        ("/expect", '{"client": "CLOSED", "server": "X"}', 400, "no state is called 'X'"),
        ("/expect", '{"client": "LISTEN", "server": "LISTEN", "within": 0.1}', 409, "not reached"),
        ("/half", '{"count": "many"}', 400, "POST /half takes: count"),
    ],
)
def test_a_wrong_order_is_answered_in_one_sentence(
    orders: Orders, path: str, raw: str, status: int, said: str
) -> None:
    found, answer = orders.ask("POST", path, raw=raw)
    assert isinstance(answer, dict)
    assert (found, said in answer["error"]) == (status, True), answer


@pytest.mark.parametrize("verb", ["PUT", "DELETE", "OPTIONS"])
def test_what_is_no_order_is_answered_in_json_too(orders: Orders, verb: str) -> None:
    assert orders.ask(verb, "/cut") == (
        501, {"error": "Not Implemented: an order is a GET or a POST of HTTP/1"},
    )  # fmt: skip


def test_a_bug_is_an_answer_too(orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(net: Net) -> None:
        raise KeyError("no such")

    monkeypatch.setattr(Net, "cut", cut)
    status, said = orders.ask("POST", "/cut")
    assert status == 500
    assert "this is a bug of netlab's: KeyError: 'no such' (" in str(said)


def test_an_order_may_come_in_chunks(orders: Orders) -> None:
    """As Node sends what is written before its end, and Go what has no length."""
    parts = [b'{"segments": "SYN", ', b'"to": "server"}']
    assert orders.ask("POST", "/drop", iter(parts)) == (200, {"name": "drop-1"})
    with orders.connected() as asking:
        asking.sendall(b"POST /cut HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        asking.sendall(b"2;a=b\r\n{}\r\n0\r\nTrailer: x\r\n\r\n")
        orders.answer()
        assert asking.recv(1 << 16).startswith(b"HTTP/1.0 200 ")


@pytest.mark.parametrize("length", [b"x", b"100001", b"-1"])
def test_chunks_are_no_larger_than_anybody_needs_either(orders: Orders, length: bytes) -> None:
    with orders.connected() as asking:
        asking.sendall(b"POST /cut HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n" % length)
        orders.answer()
        assert asking.recv(1 << 16).startswith(b"HTTP/1.0 400 ")


def test_an_order_that_takes_its_time_says_nothing_of_how_busy_this_machine_is() -> None:
    command = f"sh -c 'sleep 1.2; {HTTP}'"
    asks = textwrap.dedent(f"""
        import json, socket
        from http.client import HTTPConnection
        def ask(path, body):
            lab = HTTPConnection("lab")
            lab.sock = socket.socket(socket.AF_UNIX)
            lab.sock.connect("\\0{NAME}")
            lab.request("POST", path, json.dumps(body))
            answer = lab.getresponse()
            return answer.status, json.loads(answer.read())
        print(ask("/serve", {{"command": {command!r}, "ready": 8000}})[0])
        wanted = {{"client": "ESTABLISHED", "server": "ESTABLISHED", "within": 0.1}}
        print(*ask("/expect", wanted))
    """)
    done = netlab("exec", "--", sys.executable, "-c", asks)
    assert done.out.splitlines()[0] == "200", done.out + done.err
    assert "409 {'error': 'pair not reached" in done.out


def test_a_request_is_no_larger_than_anybody_needs(orders: Orders) -> None:
    with orders.connected() as asking:
        asking.sendall(b"POST /cut HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (LARGEST + 1))
        orders.answer()
        assert b"a request has 1048576 bytes at most" in asking.recv(1 << 16)


def test_who_asks_half_and_goes_is_nobodys_trouble(orders: Orders) -> None:
    with orders.connected() as gone:
        gone.sendall(b"POST /cut HTTP/1.1\r\nContent-Le")
    orders.answer()
    assert orders.ask("GET", "/flows") == (200, [])


@pytest.mark.parametrize("confined", [True, False])
def test_a_program_that_is_not_the_command_is_not_answered(orders: Orders, confined: bool) -> None:
    """It could have netlab start others, which are not confined."""
    order = 'POST /serve HTTP/1.0\\r\\nContent-Length: 21\\r\\n\\r\\n{"command": "sleep 9"}'
    asks = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('\\0{NAME}'); "
    asks += f"s.sendall(b'{order}'); print('answered', s.recv(1) != b'')"
    program = orders.net.lab.client.run(["python3", "-c", asks], confined=confined)

    def ended() -> bool | None:
        orders.answer()
        return program.exit_code is not None or None

    assert orders.net.lab.context.wait(ended, PATIENCE)
    assert "True" not in program.said, program.said
    assert [str(each) for each in orders.net.lab.server.programs] == []


@pytest.mark.parametrize(
    "at", ["'\\0' + environ['NETLAB_CONTROL'][1:]", "environ['NETLAB_CONTROL_FILE']"]
)
def test_the_command_itself_is_answered_and_so_are_its_children(at: str) -> None:
    asks = "import socket; from os import environ; s = socket.socket(socket.AF_UNIX); "
    asks += f"s.connect({at}); "
    asks += r"s.sendall(b'GET /flows HTTP/1.0\r\n\r\n'); print(s.recv(12).decode())"
    for command in (
        [sys.executable, "-c", asks],
        ["sh", "-c", '"$0" -c "$1"; true', sys.executable, asks],
    ):
        assert netlab("exec", "--", *command).out == "HTTP/1.0 200\n"


def test_who_finds_the_file_and_is_not_the_command_is_not_answered(orders: Orders) -> None:
    asks = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({orders.file!r}); "
    asks += r"s.sendall(b'GET /flows HTTP/1.0\r\n\r\n'); print('answered', s.recv(12))"
    with subprocess.Popen(
        [sys.executable, "-c", asks], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while process.poll() is None:
            orders.answer()
            time.sleep(0.01)
        said, complaint = process.communicate()
    assert "answered" not in said
    assert "ConnectionResetError" in complaint  # it was heard, and nothing came of it


def test_nobody_else_can_ask(orders: Orders) -> None:
    """The socket's name is the client host's own."""
    outside = socket.socket(socket.AF_UNIX)
    with outside, pytest.raises(ConnectionRefusedError):
        outside.connect(f"\0{NAME}")
    assert f"@{NAME}" not in Path("/proc/net/unix").read_text().split()
