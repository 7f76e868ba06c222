# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs under every fault, on the real kernel: what they do is named, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from netlab.audit import faults, run
from netlab.audit.plan import AuditPlan
from netlab.model.auditing import AuditCell, AuditPlay
from netlab.model.errors import ScenarioError

#: What Python says of a time-out that others have set: of SO_RCVTIMEO, or where it was in recv(2)
#: already when that was set, of the connection's end.
TIMED_OUT = ("Resource temporarily unavailable", "Software caused connection abort")
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
#: Asks for a page over HTTP, and once more if the connection is reset.
GETS = """
import urllib.request
for last in (False, True):
    try:
        print(len(urllib.request.urlopen("http://{server}:{port}/health", timeout=2).read()))
        break
    except ConnectionError:
        if last:
            raise
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
           "rst-once", "closed-without-reply")  # fmt: skip
    later = ("idle-then-cut", "idle-then-closed", "nat-forgot", "server-moved", "server-restarted")
    found = words(asks)
    assert {name: found.pop(name) for name in hang} == dict.fromkeys(hang, "hangs")
    assert {name: found.pop(name) for name in say} == dict.fromkeys(say, "error")
    assert {name: found.pop(name) for name in later} == dict.fromkeys(later, "not reached")
    for name in later:
        assert asks[name].why.startswith("it meets a second request"), name
        assert asks[name].why.endswith(", and there was none"), name
    assert found.pop("mtu-black-hole") == "not reached"  # nothing that it says is so long
    assert "a packet of more than 1280 bytes" in asks["mtu-black-hole"].why
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


def test_who_has_looked_and_gone_on_will_do_so_again() -> None:
    patient = f"select.select([s], [], [], {CAP * 0.55})"
    ticking = ASKS.replace("f = ", f"import select\nwhile not {patient}[0]: pass\nf = ")
    (cell,) = audited(ticking, "silent-server").values()
    clock = "unless a clock of its own ends it sooner: it looks every "
    assert f"for ever: ESTABLISHED, and no timer runs, {clock}" in cell.why


@pytest.mark.needs("promtool")
def test_a_timer_that_go_has_stopped_is_no_time_out(tmp_path: Path) -> None:
    """Its runtime's poller has the 10 s that promtool gives to opening a connection; what comes
    afterwards has minutes.
    """
    reply = '{"status": "success", "data": {"resultType": "vector", "result": []}}'
    file = tmp_path / "prometheus.yaml"
    file.write_text(f"""
talk:
  - expect: "query=up"
  - send: "HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\n"
  - send: "Content-Length: {len(reply)}\\r\\n\\r\\n"
  - send: '{reply}'
""")
    asks = ("promtool", "query", "instant", "http://{server}:{port}", "up")
    plan = AuditPlan(asks, talks=str(file), port=9090, cap=CAP, promise=CAP)
    (cell,) = run.audit(plan, faults.chosen(["never-accepted"]), run.sound(plan))
    assert cell.why.startswith("for ever: ESTABLISHED")


def test_a_close_that_waits_has_a_connection_that_ends() -> None:
    linger = "socket.SOL_SOCKET, socket.SO_LINGER, b'\\1\\0\\0\\0\\x78\\0\\0\\0'"
    closing = f"{ASKS}s.setsockopt({linger}); f.close(); s.close()"
    (cell,) = audited(closing, "fin-lost").values()
    assert cell.word == "hangs"
    assert "tcp_retries2=15), unless SO_LINGER ends its close() sooner, in close() on" in cell.why


def test_a_client_with_a_time_out_says_so_in_time() -> None:
    found = words(audited(IN_TIME, "syn-lost", "silent-server", "half-then-silence", "delay-*"))
    assert found == {
        "syn-lost": "error", "silent-server": "error", "half-then-silence": "error",
        "delay-300ms": "error",
    }  # fmt: skip


def test_what_happens_between_two_requests() -> None:
    cells = audited(TWICE, "idle-*", "nat-forgot", "server-*")
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


def test_what_waits_twice_for_a_program_that_is_stuck_is_sent_twice() -> None:
    """The server does it twice once it goes on, although it has not seen any of it yet."""
    patient = AGAIN.replace(repr(ASKS), repr(IN_TIME))
    (cell,) = audited(patient, "never-accepted").values()
    assert (cell.word, len(cell.play.queued), cell.play.asked) == ("sent twice", 2, ())
    assert "the server's kernel holds for its program hello twice" in cell.why
    (once,) = audited(IN_TIME, "never-accepted").values()
    assert (once.word, len(once.play.queued)) == ("error", 1)
    assert audited(patient, "queue-full")["queue-full"].play.queued == ()


def test_who_asks_again_after_a_reset_is_answered() -> None:
    cells = audited(AGAIN, "rst-once")["rst-once"], audited(ASKS, "rst-once")["rst-once"]
    again, once = cells
    assert (again.word, again.play.exit_code, again.play.answers) == ("sent twice", 0, 1)
    assert (once.word, once.play.answers) == ("error", 0)
    plan = AuditPlan((*PYTHON, GETS), talks="http", cap=CAP, promise=CAP)
    (gets,) = run.audit(plan, faults.chosen(["rst-once"]), run.sound(plan))
    assert (gets.word, gets.why) == (
        "fine", "as without the fault; GET /health twice, which may be repeated"
    )  # fmt: skip


def test_swallowing_the_end_is_short() -> None:
    careless = ASKS.replace('if not line.endswith(b"\\n"):', "if False:")
    cells = audited(careless, "half-then-fin", "closed-without-reply", "half-then-rst")
    assert cells["half-then-fin"].word == cells["closed-without-reply"].word == "short"
    assert cells["half-then-rst"].word == "error"


def test_who_half_closes_has_the_reply_all_the_same() -> None:
    closing = ASKS.replace("f = ", "s.shutdown(1); f = ")
    assert words(audited(closing, "delay-300ms", "loss-5", "third-ack-lost")) == {
        "delay-300ms": "fine", "loss-5": "fine", "third-ack-lost": "fine",
    }  # fmt: skip


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
    read = "read time-out=5s"
    assert helped["request-lost"] == {"TCP_USER_TIMEOUT=5s", read}
    assert helped["silent-server"] == {read}  # its kernel answers: only a limit of one's own
    told = next(one for one in found["silent-server"] if one.cure == read)
    assert told.word == "error"
    assert told.why.endswith(TIMED_OUT)


def test_who_polls_is_helped_by_an_end_of_the_connection() -> None:
    polls = ASKS.replace(
        "f = s.makefile", "import select; select.select([s], [], []); f = s.makefile"
    )
    plan = AuditPlan((*PYTHON, polls), talks="line", cap=9.0, promise=9.0)
    base, (chosen,) = run.sound(plan), faults.chosen(["silent-server"])
    hung = run.cell(chosen, AuditPlay(chosen.name, 9.0, reached_at=0.1), base, plan)
    (found,) = run.cured(plan, [chosen], [hung], base)
    (helped,) = [one for one in found.helped if one.changed]
    assert helped.cure == "read time-out=5s"
    assert helped.why.endswith(TIMED_OUT[1])


def test_no_more_labs_are_open_than_are_asked_for(tmp_path: Path) -> None:
    """Each program says when it begins and when it ends: one after the other."""
    file = tmp_path / "said"
    says = f"open({str(file)!r}, 'a').write"
    audited(f"{says}('b')\n{ASKS}\n{says}('e')", "third-ack-lost", "delay-*", "fin-lost", jobs=1)
    assert file.read_text() == "be" * 4  # the first is without a fault


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
