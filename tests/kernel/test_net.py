# SPDX-License-Identifier: GPL-2.0-or-later
"""The `net` fixture: each address misbehaves as it says, by what its client sees and the kernel
shows; the network is cut, heals and forgets.
"""

from __future__ import annotations

import contextlib
import errno
import re
import select
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from netlab.linux import conntrack
from netlab.model.errors import LabError
from netlab.model.tcp import State
from netlab.model.vocabulary import Family
from netlab.testbed.hops import lacking
from netlab.testbed.hops.base import Hop
from netlab.testbed.hops.nat import Nat
from netlab.testbed.lab import Lab
from netlab.testbed.net import Address, Late, Net

SOON = 0.3  # seconds that a client waits for what never comes
PATIENCE = 20.0


def connected(to: Address, timeout: float = PATIENCE) -> socket.socket:
    return socket.create_connection(to, timeout)


# --- addresses


def test_a_black_hole_lets_nobody_in_and_says_nothing(net: Net) -> None:
    with pytest.raises(TimeoutError):
        connected(net.blackhole, SOON)
    waiting = socket.socket(net.lab.family)
    waiting.setblocking(False)
    waiting.connect_ex(net.blackhole)
    net.lab.expect("SYN_SENT", "CLOSED", port=net.blackhole.port)
    waiting.close()


def test_refused_is_refused_at_once(net: Net) -> None:
    with net.within(PATIENCE), pytest.raises(ConnectionRefusedError):
        connected(net.refused)


def test_unreachable_is_an_error_of_the_network(net: Net) -> None:
    with pytest.raises(OSError, match=r".") as failed:
        connected(net.unreachable)
    assert failed.value.errno == errno.EHOSTUNREACH


@pytest.mark.parametrize(("timeout", "at_once"), [(PATIENCE, True), (None, False)])
def test_who_polls_is_told_at_once_that_it_is_unreachable_and_who_blocks_later(
    net: Net, timeout: float | None, at_once: bool
) -> None:
    def took() -> float:
        began = time.monotonic()
        with pytest.raises(OSError, match="No route to host"):
            socket.create_connection(net.unreachable, timeout)
        return time.monotonic() - began

    # A busy machine makes one of them as the other, now and then.
    noted = at_once and net.lab.family is Family.IPV4
    assert any((took() < 0.9) is noted for _ in range(5))


def test_what_is_never_accepted_connects_and_waits_in_the_queue(net: Net) -> None:
    with connected(net.never_accepts) as client:
        client.settimeout(SOON)
        client.sendall(b"hello")
        with pytest.raises(TimeoutError):
            client.recv(1)
        (listening,) = net.lab.server.sockets(port=net.never_accepts.port, state=State.LISTEN)
        assert listening.unread == 1


def test_a_silent_one_reads_and_does_not_answer(net: Net) -> None:
    with connected(net.silent) as client:
        client.settimeout(SOON)
        client.sendall(b"x" * 100_000)
        with pytest.raises(TimeoutError):
            client.recv(1)
        assert net.lab.wait(lambda: not net.lab.server.sockets(port=net.silent.port)[-1].unread, 5)


def test_one_resets_and_one_closes(net: Net) -> None:
    with connected(net.resets) as client:
        client.sendall(b"hello")
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with connected(net.closes) as client:
        client.sendall(b"hello")
        assert client.recv(1) == b""


@pytest.mark.parametrize("count", [1, 2])
def test_the_first_are_reset_and_who_asks_again_is_answered(net: Net, count: int) -> None:
    url = net.resets_first(count).url
    for _ in range(count):
        with pytest.raises(ConnectionResetError):
            urllib.request.urlopen(url, timeout=PATIENCE)
    for _ in range(2):
        with urllib.request.urlopen(url, timeout=PATIENCE) as reply:
            assert (reply.status, reply.read()) == (200, b"")


def test_who_asks_again_gets_the_answer_that_is_asked_for(net: Net) -> None:
    address = net.resets_first(0, b"+PONG\r\n")
    with connected(address) as client:
        client.sendall(b"PING\r\n")
        assert client.makefile("rb").read() == b"+PONG\r\n"


def test_half_an_answer_is_followed_by_silence(net: Net) -> None:
    with urllib.request.urlopen(net.half(10).url, timeout=SOON) as answer:
        assert answer.headers["Content-Length"] == "20"
        assert answer.read(10) == b"x" * 10
        with pytest.raises(TimeoutError):
            answer.read(1)


def test_an_address_is_the_same_each_time_and_another_for_each(net: Net) -> None:
    assert net.silent == net.silent
    all_of_them = {net.blackhole, net.refused, net.silent, net.half(1), net.half(2)}
    assert len(all_of_them) == 5
    assert (str(net.refused), net.refused.url) == (
        f"server:{net.refused.port}",
        f"http://server:{net.refused.port}/",
    )


def test_a_function_and_a_command_serve(net: Net) -> None:
    greeting = net.serve(lambda connection: connection.sendall(b"hello"))
    for _ in range(3):
        assert connected(greeting).recv(5) == b"hello"
    http = net.serve("python3 -m http.server --bind :: {port}")
    with urllib.request.urlopen(http.url, timeout=PATIENCE) as answer:
        assert answer.status == 200


# --- the network


def test_what_was_cut_heals(net: Net) -> None:
    echo = net.serve(lambda connection: connection.sendall(connection.recv(5)))
    with connected(echo) as client:
        net.cut()
        client.sendall(b"hello")
        client.settimeout(SOON)
        with pytest.raises(TimeoutError):
            client.recv(5)
        with pytest.raises(TimeoutError):
            connected(echo, SOON)
        net.heal()
        client.settimeout(PATIENCE)
        assert client.recv(5) == b"hello"


def test_what_is_slow_takes_its_time_until_it_heals(net: Net) -> None:
    echo = net.serve(lambda connection: connection.sendall(connection.recv(5)))
    net.slow("50ms", loss="0%")
    with connected(echo) as client:
        began = time.monotonic()
        client.sendall(b"hello")
        assert client.recv(5) == b"hello"
        assert time.monotonic() - began >= 0.1
    net.heal()
    assert not any(each.in_force for each in net.lab.imposed)
    net.slow(profile="lte")
    net.slow("10ms", profile="3g")
    assert [each.kind for each in net.lab.faults[2:]] == ["profile", "profile", "delay"]
    net.heal()
    assert not any(each.in_force for each in net.lab.imposed)


@pytest.mark.needs("nft")
def test_what_was_forgotten_is_dropped_in_silence_and_new_ones_pass(net: Net) -> None:
    echo = net.serve(lambda connection: connection.sendall(connection.recv(5)))
    for _ in range(2):  # the second time, there is a firewall that must forget
        with connected(echo) as client:
            net.forget()
            client.sendall(b"hello")
            client.settimeout(SOON)
            with pytest.raises(TimeoutError):
                client.recv(5)
        with connected(echo) as client:
            client.sendall(b"hello")
            assert client.recv(5) == b"hello"


def test_what_is_on_the_way_forgets(net: Net) -> None:
    if reason := lacking("tracking"):
        pytest.skip(reason)
    net.lab.path(Nat())
    echo = net.serve(lambda connection: connection.sendall(connection.recv(5)))
    with connected(echo) as client:
        assert net.lab.entries("nat")
        net.forget()
        assert not net.lab.entries("nat")
        client.sendall(b"hello")
        client.settimeout(SOON)
        with pytest.raises(TimeoutError):
            client.recv(5)


def test_what_a_nat_made_of_a_connection_is_seen_before_it_forgets(net: Net) -> None:
    if reason := lacking("tracking"):
        pytest.skip(reason)
    net.lab.path(nat := Nat(ports="40000"))
    net.lab.server.listen()
    first = net.lab.client.connect()
    sock = net.lab.client.connect(wait=False).socket  # there is no port for it
    first.abort()
    conntrack.forget(nat.memory)
    assert select.select([], [sock], [], 5)[1]  # its second SYN has opened it; nobody looked
    net.forget()
    net.lab.sample()
    assert str(net.lab.flow().pair) == "ESTABLISHED/ESTABLISHED"


def test_where_nobody_remembers_nothing_is_forgotten(net: Net) -> None:
    net.lab.path(Hop())
    with pytest.raises(LabError, match="no hop on the way remembers connections"):
        net.forget()


# --- in time


def test_what_hangs_is_ended_in_its_midst_and_its_sockets_are_told(net: Net) -> None:
    client = connected(net.silent)
    client.settimeout(None)
    with client, pytest.raises(Late) as late, net.within(SOON):
        client.recv(1)
    first, *others = str(late.value).splitlines()
    assert first == "ESTABLISHED, and not done within 0.3 s"
    assert others[0].startswith("  client: ESTABLISHED ")
    assert others[0].endswith(f":{net.silent.port} (this process)")
    assert any(line.startswith("  server: ESTABLISHED") for line in others)
    assert late.traceback[-1].name in ("wake", "hangs")
    assert any(entry.name.startswith("test_what_hangs") for entry in late.traceback)


CATCHES: dict[str, Callable[[Callable[[], object]], None]] = {}


def catches(function: Callable[[Callable[[], object]], None]) -> None:
    CATCHES[function.__name__] = function


@catches
def errors_and_tries_again_for_ever(hang: Callable[[], object]) -> None:
    while True:
        with contextlib.suppress(Exception):
            hang()


@catches
def everything_and_tries_again_twice(hang: Callable[[], object]) -> None:
    for _ in range(3):
        with contextlib.suppress(BaseException):
            hang()


@catches
def everything_and_clears_up_for_ever(hang: Callable[[], object]) -> None:
    try:
        hang()
    finally:
        hang()


@pytest.mark.parametrize("catching", CATCHES.values(), ids=CATCHES)
def test_who_catches_what_ends_it_is_ended_all_the_same(
    net: Net, catching: Callable[[Callable[[], object]], None]
) -> None:
    with connected(net.silent) as client:
        client.settimeout(None)
        began = time.monotonic()
        with (
            pytest.raises(Late, match=r"^ESTABLISHED, and not done within 0\.3 s"),
            net.within(SOON),
        ):
            catching(lambda: client.recv(1))
    assert time.monotonic() - began < PATIENCE


def test_the_outer_one_ends_what_has_one_of_its_own(net: Net) -> None:
    with connected(net.silent) as client:
        client.settimeout(None)
        with pytest.raises(Late, match=r"within 0\.3 s"), net.within(SOON), net.within(PATIENCE):
            client.recv(1)


def test_the_outer_one_rings_on_after_the_inner_one_has_ended(net: Net) -> None:
    def twice() -> None:
        with contextlib.suppress(BaseException), net.within(PATIENCE):
            time.sleep(PATIENCE)
        time.sleep(PATIENCE)

    with pytest.raises(Late, match=r"within 0\.3 s"), net.within(SOON):
        twice()


def test_what_is_done_in_time_is_left_alone(net: Net) -> None:
    before = signal.getsignal(signal.SIGALRM)
    with net.within(PATIENCE):
        pass
    assert signal.getsignal(signal.SIGALRM) is before


@pytest.fixture
def rings() -> Iterator[list[str]]:
    heard: list[str] = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append("theirs"))
    outer = signal.setitimer(signal.ITIMER_REAL, 0)
    yield heard
    signal.setitimer(signal.ITIMER_REAL, *outer)
    signal.signal(signal.SIGALRM, before)


def test_somebody_elses_alarm_rings_when_it_should(net: Net, rings: list[str]) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with net.within(PATIENCE):
        assert net.lab.wait(lambda: rings, PATIENCE)
    signal.setitimer(signal.ITIMER_REAL, 3)
    with pytest.raises(Late), net.within(0.1):
        time.sleep(PATIENCE)
    assert rings == ["theirs"]
    assert net.lab.wait(lambda: len(rings) == 2, PATIENCE)


def test_in_another_thread_it_is_told_afterwards(net: Net) -> None:
    found: list[BaseException] = []

    def work() -> None:
        try:
            with net.within(0.05):
                threading.Event().wait(0.2)
        except Late as late:
            found.append(late)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(found) == 1


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda net: net.half(-1), "half: expected a whole number, 1 to 16777216; found -1"),
        (
            lambda net: net.half(1 << 40),
            "half: expected a whole number, 1 to 16777216; found 10995",
        ),
        (lambda net: net.resets_first(-1), "resets_first: expected a whole number, 0 to"),
        (lambda net: net.within(0).__enter__(), "within: expected seconds, more than 0; found 0"),
        (lambda net: net.within(-1).__enter__(), "within: expected seconds, more than 0; found -1"),
        (lambda net: net.serve(5), "command: expected words, as a string or a list; found 5"),
        (lambda net: net.serve("true", ready=99999), "ready: expected a port that it listens on"),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    net: Net, ask: Callable[[Net], object], complaint: str
) -> None:
    with pytest.raises(LabError, match=f"^{re.escape(complaint)}"):
        ask(net)


def test_nothing_is_left_open(lab: Lab) -> None:
    before = {*threading.enumerate()}  # those of other tests may still be about to end
    with Net(lab) as net, lab.client:
        assert connected(net.serve(lambda each: each.sendall(b"x"))).recv(1) == b"x"
        kept = connected(net.silent)
        kept.sendall(b"x")
        assert lab.wait(lambda: len(lab.server.sockets(port=net.silent.port)) == 2, PATIENCE)
    assert lab.wait(lambda: before.issuperset(threading.enumerate()), PATIENCE)
    assert not lab.server.sockets(state="LISTEN")
    kept.close()


def test_what_is_accepted_as_it_ends_is_ended_at_once(lab: Lab) -> None:
    with lab.server:
        listener = socket.create_server(("", 7000), family=lab.family)
    net = Net(lab)
    net.close()

    def reads(connection: socket.socket) -> None:
        connection.recv(1)

    with lab.client, connected(Address("server", 7000)) as client:
        accepting = threading.Thread(target=net._accept, args=[listener, reads], daemon=True)
        accepting.start()
        assert client.recv(1) == b""
    listener.shutdown(socket.SHUT_RDWR)
    accepting.join(PATIENCE)
    listener.close()
