# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab for those who think in networks and not in TCP: addresses that misbehave in one way each,
and a network that is cut and heals.

Every address is a port of the lab's server. What it needs is set up when it is asked for.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from netlab.model.errors import LabError
from netlab.model.tcp import ANY, SYN
from netlab.model.vocabulary import Side
from netlab.testbed import coerce
from netlab.testbed.faults.base import Fault
from netlab.testbed.lab import Lab
from netlab.testbed.program import filled_in, words
from netlab.testbed.readiness import Ready
from netlab.testbed.sockets import written

if TYPE_CHECKING:
    from netlab.programs.effects import Share, Time

FIRST = 7001  # of the ports of addresses
MOST = 1 << 24  # bytes, or connections
#: The addresses that take no argument: properties of `Net`.
ADDRESSES = ("blackhole", "refused", "unreachable", "never_accepts", "silent", "resets", "closes")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
AGAIN = 1.0  # seconds until what caught the end of its time is ended again
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close with a RST


class Address(NamedTuple):
    """Where something can be connected to, as ``socket.create_connection`` takes it."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The same for HTTP: ``http://server:7001/``."""
        return f"http://{self}/"

    def __str__(self) -> str:
        return written(self)


class Late(AssertionError):
    """Something took longer than it may."""


class _Overdue(BaseException):
    """Ends what hangs. It is no error, which programs catch and try again."""


class Net:
    """The network between this test, on the client's host, and the addresses of a server.

    A context manager. `lab` is the lab underneath, for exact words.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._host = str(Side.SERVER) if lab.context.names() else lab.server.address
        self._known: dict[str, Address] = {}
        self._ports = iter(range(FIRST, 1 << 16))
        self._cuts: list[Fault] = []
        self._closing = contextlib.ExitStack()
        self._closed = False
        self._keeping = threading.Lock()

    def __enter__(self) -> Net:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what serves here. The lab stays."""
        with self._keeping:
            self._closed = True
        self._closing.close()

    # --- addresses

    @property
    def blackhole(self) -> Address:
        """Nothing that is sent there arrives: connecting goes on until the client gives up."""
        return self._once("blackhole", lambda at: self.lab.drop(ANY, to=Side.SERVER, port=at.port))

    @property
    def refused(self) -> Address:
        """Nobody listens there: connecting fails with ECONNREFUSED."""
        return self._once("refused", lambda at: None)

    @property
    def unreachable(self) -> Address:
        """A router says that there is no way to it: connecting fails with EHOSTUNREACH, at once
        over IPv4 where the socket has a time-out or does not block, else after a second. (The first
        answer comes while connect(2) still has the socket locked, and is only noted then, in
        tcp_v4_err: poll(2) tells of it, and who blocks waits for that to the second SYN.)
        """

        def reject(at: Address) -> None:
            self.lab.reject(SYN, with_="host-unreachable", to=Side.SERVER, port=at.port)

        return self._once("unreachable", reject)

    @property
    def never_accepts(self) -> Address:
        """The kernel connects, and no program ever accepts, reads or answers."""
        return self._once("never_accepts", lambda at: self._listen(at.port))

    @property
    def silent(self) -> Address:
        """A program accepts, reads what is sent, and never answers."""
        return self._once("silent", lambda at: self._serve(at.port, _listen_for_ever))

    @property
    def resets(self) -> Address:
        """A program accepts, reads what comes first, and resets the connection."""
        return self._once("resets", lambda at: self._serve(at.port, _reset))

    @property
    def closes(self) -> Address:
        """A program accepts, reads what comes first, and closes without an answer."""
        return self._once("closes", lambda at: self._serve(at.port, _close))

    def half(self, count: int) -> Address:
        """A program that answers an HTTP request with a promise of twice as many bytes, sends
        `count` of them, and falls silent. Raises `LabError` for more than 16 MiB.
        """
        coerce.whole("half", count, 1, MOST)

        def answer(connection: socket.socket) -> None:
            connection.recv(1 << 16)
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {2 * count}\r\n\r\n"
            connection.sendall(head.encode() + b"x" * count)
            _listen_for_ever(connection)

        return self._once(f"half {count}", lambda at: self._serve(at.port, answer))

    def resets_first(self, count: int = 1, answer: bytes = OK) -> Address:
        """A program that reads what comes first on each connection: the first `count` of them are
        reset then, and later ones get `answer` (an empty 200 of HTTP) and are closed.
        """
        coerce.whole("resets_first", count, 0, MOST)
        numbers = itertools.count()

        def reset_or_answer(connection: socket.socket) -> None:
            if next(numbers) < count:
                _reset(connection)
            else:
                connection.recv(1 << 16)
                connection.sendall(answer)

        name = f"resets first {count} {answer!r}"
        return self._once(name, lambda at: self._serve(at.port, reset_or_answer))

    def serve(
        self,
        what: str | Sequence[str] | Callable[[socket.socket], object],
        ready: Ready | None = None,
    ) -> Address:
        """Serve at an address of its own.

        `what` is a function that is called with each connection, in a thread of its own, and whose
        end closes it; or a command, in which ``{port}`` is the port that it is to listen on, and
        which is `ready` when it listens there, or as in `Host.start`.
        """
        address = self._new()
        if callable(what):
            self._serve(address.port, what)
            return address
        port = {"port": str(address.port)}
        command = filled_in(what, port) if isinstance(what, str) else words(what, port)
        self.lab.server.start(command, ready=address.port if ready is None else ready)
        return address

    # --- the network

    def cut(self) -> None:
        """Lose every packet from now on, in both directions and without a word."""
        self._cuts += [self.lab.drop(ANY, to=side) for side in Side]

    def slow(
        self, delay: Time = 0.0, jitter: Time = 0.0, loss: Share = 0.0, profile: str = ""
    ) -> None:
        """Deliver every packet so much later, in both directions, and lose a share of them: seconds
        or ``"40ms"``, and 0.02 or ``"2%"``; or be like a network that many people have
        (``"lte"``: see `Carrier.profile`).
        """
        if profile:
            self._cuts.append(self.lab.wire.profile(profile))
        if delay or not profile:
            self._cuts.append(self.lab.wire.delay(delay, jitter))
        if loss:
            self._cuts.append(self.lab.wire.loss(loss))

    def heal(self) -> None:
        """Undo every `cut` and `slow`. The kernels repeat what was lost when their timers fire."""
        while self._cuts:
            self._cuts.pop().remove()

    def forget(self) -> None:
        """Have whatever is on the way know nothing of the connections that there are: what they
        send is dropped in silence, and new ones pass. So does a NAT forget, and a hop that is
        replaced. Where nothing is on the way, a firewall is put there. Raises `LabError` where no
        hop remembers anything, and where the kernel or the nft program cannot do it.
        """
        from netlab.testbed.hops.firewall import Firewall

        way = self.lab.way
        if way is None:
            self.lab.path(Firewall())
            return
        remembering = [hop for hop in way.hops if hop.tracks]
        if not remembering:
            raise LabError("no hop on the way remembers connections: there is nothing to forget")
        self.lab.sample()  # what their tables still say
        for hop in remembering:
            hop.forget()

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Have the body end in time. Raises `Late`, from the midst of what hangs, with the sockets
        of both ends; in a thread other than the main one, only after it. No ``except Exception`` in
        the body catches it, and what catches everything is ended again and again. Raises `LabError`
        for no time at all.
        """
        if not (isinstance(seconds, int | float) and seconds > 0):
            raise LabError(f"within: expected seconds, more than 0; found {seconds!r}")
        began = time.monotonic()
        first: list[str] = []

        def hangs() -> NoReturn:
            first[:] = first or [self._too_late(seconds)]
            raise _Overdue(*first)

        try:
            with _alarm(seconds, hangs) if _is_main() else contextlib.nullcontext():
                yield
        except _Overdue as overdue:
            if not first:  # that of another one, around it
                raise
            raise Late(*first).with_traceback(overdue.__traceback__) from None
        if time.monotonic() - began > seconds:
            raise Late(*(first or [self._too_late(seconds)]))

    def _too_late(self, seconds: float) -> str:
        """The state of the client's first socket comes first, since summaries cut what is long."""
        found = [(host.side, each) for host in self.lab.hosts for each in host.sockets()]
        states = [str(each.state) for side, each in found if side is Side.CLIENT]
        first = f"{states[0] if states else 'no socket'}, and not done within {seconds:g} s"
        return "\n  ".join([first, *(f"{side}: {each}" for side, each in found)])

    # --- setting up

    def _once(self, name: str, set_up: Callable[[Address], object]) -> Address:
        if name not in self._known:
            address = self._new()
            set_up(address)
            self._known[name] = address
        return self._known[name]

    def _new(self) -> Address:
        return Address(self._host, next(self._ports))

    def _listen(self, port: int) -> socket.socket:
        """A listener in both families: whatever a name becomes, it is found."""
        with self.lab.server.namespace:
            both = socket.has_dualstack_ipv6()
            family = socket.AF_INET6 if both else socket.AF_INET
            listener = socket.create_server(
                ("", port), family=family, dualstack_ipv6=both, backlog=128
            )
        self.lab.server.expect_strangers()
        self._closing.callback(_end, listener)
        return listener

    def _serve(self, port: int, answer: Callable[[socket.socket], object]) -> None:
        listener = self._listen(port)
        threading.Thread(target=self._accept, args=[listener, answer], daemon=True).start()

    def _accept(self, listener: socket.socket, answer: Callable[[socket.socket], object]) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # it is over
                return
            self._keep(connection)
            threading.Thread(target=_answer, args=[connection, answer], daemon=True).start()

    def _keep(self, connection: socket.socket) -> None:
        """Have it end with this network: at once, if that has ended since it was accepted."""
        with self._keeping:
            if not self._closed:
                self._closing.callback(_end, connection)
                return
        _end(connection)


@contextlib.contextmanager
def _alarm(seconds: float, ring: Callable[[], object]) -> Iterator[None]:
    """An alarm of one's own, beside that of whoever else has set one (pytest-timeout). It rings
    again every `AGAIN` seconds.
    """
    over = False

    def wake(number: int, frame: FrameType | None) -> None:
        if not over:
            ring()

    before = signal.signal(signal.SIGALRM, wake)
    began = time.monotonic()
    others, interval = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    if others and others < seconds:  # it comes first, and ends all this
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, others, interval)
    try:
        yield
    finally:
        over = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if others:
            left = others - (time.monotonic() - began)
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001), interval)


def _answer(connection: socket.socket, answer: Callable[[socket.socket], object]) -> None:
    with connection, contextlib.suppress(OSError):  # the client may do as it likes
        answer(connection)


def _listen_for_ever(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def _reset(connection: socket.socket) -> None:
    connection.recv(1 << 16)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)


def _close(connection: socket.socket) -> None:
    connection.recv(1 << 16)


def _end(sock: socket.socket) -> None:
    """Close it, and wake whoever waits for it in another thread."""
    with contextlib.suppress(OSError):  # it is closed, or was never connected
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
