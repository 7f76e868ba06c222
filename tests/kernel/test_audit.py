# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs under every fault, on the real kernel: what they do is named, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

from netlab.audit import faults, run
from netlab.audit.plan import AuditPlan
from netlab.model.auditing import AuditCell, AuditPlay
from netlab.model.errors import ScenarioError

PYTHON = (sys.executable, "-ISc")
CAP = 3.0  # seconds
#: Asks once, with no time-out at all, and prints what comes.
ASKS = """
import socket
s = socket.create_connection(("{server}", {port}))
s.sendall(b"hello\\n")
f = s.makefile("rb")
line = f.readline()
if not line.endswith(b"\\n"):
    raise SystemExit("no answer: " + repr(line))
print(line)
"""
#: The same, with a time-out of half a second for each call.
IN_TIME = ASKS.replace("{port}))", "{port}), 0.5)")
#: Asks twice on one connection.
TWICE = ASKS.replace("print(line)", "s.sendall(b'again\\n'); print(line, f.readline())")
#: Asks again on a new connection, whatever became of the first.
AGAIN = f"""
for _ in range(2):
    try:
        exec({ASKS!r})
        break
    except (OSError, SystemExit):
        pass
"""


def audited(program: str, *names: str, **given: object) -> Mapping[str, AuditCell]:
    """The cells of a program in Python that talks in lines."""
    plan = AuditPlan((*PYTHON, program), talks="line", cap=CAP, promise=CAP, **given)  # type: ignore[arg-type]
    chosen = faults.chosen(names)
    return {cell.fault: cell for cell in run.audit(plan, chosen, run.sound(plan))}


def words(cells: Mapping[str, AuditCell]) -> dict[str, str]:
    return {name: cell.word for name, cell in cells.items()}


@pytest.fixture(scope="module")
def asks() -> Mapping[str, AuditCell]:
    return audited(ASKS)


def test_a_client_without_a_time_out(asks: Mapping[str, AuditCell]) -> None:
    hang = ("syn-lost", "syn-ack-lost", "never-accepted", "queue-full", "silent-server",
            "request-lost", "reply-lost", "half-then-silence", "window-closed",
            "one-byte-a-second")  # fmt: skip
    say = ("refused", "unreachable", "half-then-fin", "half-then-rst", "rst-without-reply",
           "closed-without-reply")  # fmt: skip
    later = ("idle-then-cut", "idle-then-closed", "nat-forgot", "server-moved", "server-restarted")
    found = words(asks)
    assert {name: found.pop(name) for name in hang} == dict.fromkeys(hang, "hangs")
    assert {name: found.pop(name) for name in say} == dict.fromkeys(say, "error")
    assert {name: found.pop(name) for name in later} == dict.fromkeys(later, "not reached")
    assert found.pop("mtu-black-hole") == "not reached"  # nothing that it says is so long
    assert found.pop("connection-storm") in ("fine", "hangs")  # its SYN is sent again after 3 s
    assert {*found.values()} == {"fine"}, found


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("syn-lost", "until 1"),
        ("request-lost", "tcp_retries2=15"),
        ("silent-server", "for ever: ESTABLISHED, and no timer runs, in recvfrom() on 10."),
        ("window-closed", "for ever: the peer's window is closed"),
        ("one-byte-a-second", "bytes are still to come"),
    ],
)
def test_until_when_it_hangs_is_told(fault: str, says: str, asks: Mapping[str, AuditCell]) -> None:
    assert says in asks[fault].why


def test_a_client_with_a_time_out_says_so_in_time() -> None:
    found = words(audited(IN_TIME, "syn-lost", "silent-server", "half-then-silence", "delay-*"))
    assert found == {
        "syn-lost": "error", "silent-server": "error", "half-then-silence": "error",
        "delay-300ms": "error",
    }  # fmt: skip


def test_what_happens_between_two_requests() -> None:
    cells = audited(TWICE, "idle-*", "nat-forgot", "server-moved")
    found = words(cells)
    assert found["idle-then-cut"] == found["nat-forgot"] == "hangs"
    assert found["server-moved"] == "error"
    assert found["idle-then-closed"] in ("error", "fine", "short")
    assert all(cell.play.reached for cell in cells.values())


def test_what_is_sent_twice_is_seen_by_the_server() -> None:
    cells = audited(AGAIN, "rst-without-reply", "refused")
    assert cells["rst-without-reply"].word == "sent twice"
    assert "the server saw hello twice" in cells["rst-without-reply"].why
    assert "sent twice" not in cells["refused"].why


def test_swallowing_the_end_is_short() -> None:
    careless = ASKS.replace('if not line.endswith(b"\\n"):', "if False:")
    cells = audited(careless, "half-then-fin", "closed-without-reply", "half-then-rst")
    assert cells["half-then-fin"].word == cells["closed-without-reply"].word == "short"
    assert cells["half-then-rst"].word == "error"


def test_spinning_is_no_waiting() -> None:
    spin = ASKS.replace("f = ", "s.setblocking(False)\nf = ").replace(
        "line = f.readline()", "line = b''\nwhile not line: line = f.readline() or b''"
    )
    plan = AuditPlan((*PYTHON, spin), talks="line", cap=5.0, promise=5.0)
    (cell,) = run.audit(plan, faults.chosen(["silent-server"]), run.sound(plan))
    assert cell.judgements[0].word == "spins"


def test_dying_of_a_signal_and_leaving_others_behind() -> None:
    dying = f"""
import os, signal, subprocess
try:
    exec({ASKS!r})
except OSError:
    os.kill(os.getpid(), signal.SIGSEGV)
except SystemExit:
    subprocess.Popen(["sleep", "60"])
"""
    cells = audited(dying, "refused", "closed-without-reply")
    assert cells["refused"].word == "dies"
    assert cells["closed-without-reply"].judgements[-1].word == "leaks"
    assert "sleep" in cells["closed-without-reply"].why


def test_holding_what_is_over_beside_newer_connections() -> None:
    leaking = f"""
import time
kept = []
for _ in range(4):
    try:
        exec({ASKS!r})
        break
    except SystemExit:
        kept.append(s)
        time.sleep(0.7)
"""
    cells = audited(leaking, "closed-without-reply")
    assert "leaks" in [each.word for each in cells["closed-without-reply"].judgements]


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("raise SystemExit('needs a terminal')", "fails already, with exit code 1.*terminal"),
        ("print(1)", "never connects to the server's port 7000"),
        ("import time; time.sleep(60)", "has not ended after 3 s"),
        ("import sys\nwhile True: sys.stdout.write('x' * 4096)", "more than 64 MiB"),
        ("import os, time\nif os.fork() == 0: time.sleep(60)", "behind without any fault"),
        ("x = []\nwhile True: x.append(bytearray(1 << 24))", "of memory"),
    ],
)
def test_who_does_not_work_even_without_a_fault_is_told_why(program: str, says: str) -> None:
    plan = AuditPlan((*PYTHON, program), talks="line", cap=CAP, promise=CAP)
    with pytest.raises(ScenarioError, match=f"(?s){says}"):
        run.sound(plan)


def test_what_cannot_be_run_is_refused_before_anything_is_built() -> None:
    with pytest.raises(ScenarioError, match=r"there is no program '\./no-such-client'"):
        AuditPlan(("./no-such-client",)).check()
    with pytest.raises(ScenarioError, match="nobody here talks 'gopher'"):
        AuditPlan(("true",), talks="gopher").check()
    with pytest.raises(ScenarioError, match="--server needs --port"):
        AuditPlan(("true",), server="true").check()


def test_a_server_of_ones_own_is_behind_the_same_faults() -> None:
    echo = f"{sys.executable} -ISc '{ECHO}'"
    cells = audited(ASKS, "refused", "silent-server", "half-then-fin", "reply-lost",
                    server=echo, port=7000)  # fmt: skip
    assert words(cells) == {
        "refused": "error", "silent-server": "hangs", "half-then-fin": "error",
        "reply-lost": "hangs",
    }  # fmt: skip


ECHO = """
import socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: self.wfile.write(line)
socketserver.ThreadingTCPServer(("", {port}), Echo).serve_forever()
"""


def test_what_would_have_helped_is_tried() -> None:
    plan = AuditPlan((*PYTHON, ASKS), talks="line", cap=7.0, promise=7.0)
    base, chosen = run.sound(plan), faults.chosen(["request-lost", "silent-server"])
    hung = [
        run.cell(each, AuditPlay(each.name, 7.0, reached_at=0.1), base, plan) for each in chosen
    ]
    found = {cell.fault: cell.helped for cell in run.cured(plan, chosen, hung, base)}
    helped = {name: {one.cure for one in tried if one.changed} for name, tried in found.items()}
    assert helped["request-lost"] == {"TCP_USER_TIMEOUT=5s"}
    assert helped["silent-server"] == set()  # its kernel answers: only a limit of one's own


def test_families_and_names() -> None:
    from netlab.model.vocabulary import Family

    cells = audited(ASKS, "refused", "half-then-fin", family=Family.IPV6)
    assert words(cells) == {"refused": "error", "half-then-fin": "error"}


#: Serves one client after the other, without a time-out.
SINGLE = """
import socket
s = socket.create_server(("", {port}))
while True:
    c, _ = s.accept()
    with c, c.makefile("rb") as lines:
        for line in lines:
            c.sendall(b"you said: " + line)
"""
#: A thread for each, with a time-out.
THREADED = """
import socketserver
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 300
    def handle_error(self, *_): pass
class Echo(socketserver.StreamRequestHandler):
    timeout = 1.0
    def handle(self):
        for line in self.rfile: self.wfile.write(b"you said: " + line)
Server(("", {port}), Echo).serve_forever()
"""


def served(program: str, *names: str, cap: float = CAP) -> dict[str, str]:
    """The verdicts on a server in Python that talks in lines."""
    plan = AuditPlan((*PYTHON, program), "line", True, port=7000, cap=cap, promise=cap)
    base, chosen = run.sound_server(plan), faults.chosen_of_servers(names)
    return {cell.fault: cell.word for cell in run.audit_server(plan, chosen, base)}


def test_a_server_that_serves_everybody() -> None:
    found = served(THREADED, cap=10.0)
    assert found == dict.fromkeys(faults.of_servers(), "fine")


def test_a_server_that_waits_for_each_client() -> None:
    found = served(SINGLE, "client-*")
    waits = ("client-vanishes", "client-dribbles", "client-never-reads", "client-says-nothing")
    assert {name: found[name] for name in waits} == dict.fromkeys(waits, "hangs")
    assert found["client-resets"] == "dies"
    assert found["client-half-closes"] == "fine"


def test_a_server_that_never_lets_go() -> None:
    found = served(THREADED.replace("1.0", "None"), "client-says-nothing", "client-dribbles")
    assert found == {"client-says-nothing": "leaks", "client-dribbles": "fine"}


def test_a_server_that_does_not_serve_is_told_why() -> None:
    plan = AuditPlan((*PYTHON, "raise SystemExit('no')"), "line", True, port=7000)
    with pytest.raises(ScenarioError, match="ended before it was listening on port 7000"):
        run.sound_server(plan)
