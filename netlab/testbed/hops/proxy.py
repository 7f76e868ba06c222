# SPDX-License-Identifier: GPL-2.0-or-later
"""A transparent proxy: it answers for the server, and for the client towards the server."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
from collections.abc import Iterator

from netlab.linux import rtnetlink
from netlab.model.errors import LabError
from netlab.model.vocabulary import Family
from netlab.testbed import coerce
from netlab.testbed.hops.base import Hop, HopHost, HopPlan

PORT = 1  # that it listens on: nobody else does
MARK = TABLE = 1  # of packets that are its own, and where they are routed to it
LOOPBACK = 1
#: include/uapi/linux/in.h, in6.h
TRANSPARENT = {Family.IPV4: (socket.IPPROTO_IP, 19), Family.IPV6: (socket.IPPROTO_IPV6, 75)}
TCP_USER_TIMEOUT = 18
ABORT = struct.pack("ii", 1, 0)  # struct linger: on, for no time
CHUNK = 1 << 16  # bytes


class Proxy(Hop):
    """Accepts every TCP connection under the server's address, and opens another one to the server
    under the client's: each end acknowledges what the proxy has, and knows nothing of the other.

    It passes on what is sent, a FIN, and a RST. `timeout`: after so many seconds (1.5, or
    ``"1500ms"``) without an acknowledgment it gives up on an end, and resets the other.
    """

    kind = "proxy"
    needs = "proxy"
    answers = True

    def __init__(self, name: str = "", timeout: float | str = 0.0) -> None:
        self.timeout = coerce.seconds(timeout)
        if not 0 <= self.timeout <= 3600:
            raise LabError(f"timeout: expected seconds, at most an hour; found {timeout}")
        self._listening = contextlib.ExitStack()
        super().__init__(name)

    @property
    def does(self) -> str:
        """What it does, in words."""
        patience = f", and gives up after {self.timeout:g} s" if self.timeout else ""
        return f"answers for both ends{patience}"

    def chains(self, plan: HopPlan) -> Iterator[str]:
        """What hands packets to its sockets."""
        rules = "\n".join(
            f"meta nfproto {family} meta l4proto tcp tproxy {word} to :{PORT} "
            f"meta mark set {MARK} accept"
            for family, word in (("ipv4", "ip"), ("ipv6", "ip6"))
        )
        head = "type filter hook prerouting priority -150; policy accept;"
        yield f"chain take {{\n{head}\n{rules}\n}}"

    def begin(self, box: HopHost) -> None:
        """Listen, and have what is taken be delivered here."""
        box.route.send([rtnetlink.up(LOOPBACK).asking()])
        for family in Family:
            box.route.send(
                [
                    rtnetlink.rule(family, MARK, TABLE),
                    rtnetlink.everything_local(family, LOOPBACK, TABLE),
                ]
            )
            with box.namespace:
                listener = _socket(family)
            listener.bind(("", PORT))
            listener.listen(128)
            self._listening.callback(_end, listener)
            threading.Thread(target=self._accept, args=[box, family, listener], daemon=True).start()

    def end(self, box: HopHost) -> None:
        """Stop listening; connections that it has go on until the lab ends."""

    def close(self) -> None:
        """End everything that it has open."""
        self._listening.close()

    def _accept(self, box: HopHost, family: Family, listener: socket.socket) -> None:
        while True:
            try:
                front, client = listener.accept()
            except OSError:  # it is over
                return
            try:
                with box.namespace.visited():
                    back = _socket(family)
            except OSError:  # out of descriptors, or it is over
                front.close()
                continue
            self._listening.callback(_wake, front)
            self._listening.callback(_wake, back)
            carried = [front, back, client]
            threading.Thread(target=self._carry, args=carried, daemon=True).start()

    def _carry(self, front: socket.socket, back: socket.socket, client: tuple[str, int]) -> None:
        """Connect to the server under the client's name, and pass on what either sends."""
        if self.timeout:
            for each in (front, back):
                each.setsockopt(socket.IPPROTO_TCP, TCP_USER_TIMEOUT, round(self.timeout * 1000))
        try:
            back.bind(client[:2])
            back.connect(front.getsockname()[:2])
            _pump(front, back)
        except OSError:
            for each in (front, back):
                with contextlib.suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        finally:
            front.close()
            back.close()


def _socket(family: Family) -> socket.socket:
    """One that may have the address of another machine."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    if family is Family.IPV6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setsockopt(*TRANSPARENT[family], 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return sock


def _pump(front: socket.socket, back: socket.socket) -> None:
    """Carry bytes both ways until both have sent a FIN. Raises OSError where either fails."""
    other = {front: back, back: front}
    with selectors.DefaultSelector() as selector:
        for each in other:
            selector.register(each, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                source = next(each for each in other if each is key.fileobj)
                data = source.recv(CHUNK)
                if data:
                    other[source].sendall(data)
                else:
                    selector.unregister(source)
                    other[source].shutdown(socket.SHUT_WR)


def _wake(sock: socket.socket) -> None:
    """Have the thread that waits for it notice that all is over; it closes the socket. Whoever
    closes it instead takes it out of the thread's epoll set, and the thread waits for ever.
    """
    with contextlib.suppress(OSError):  # it is closed, or was never connected
        sock.shutdown(socket.SHUT_RDWR)


def _end(sock: socket.socket) -> None:
    """Close it, and wake the thread that waits in accept(2)."""
    _wake(sock)
    sock.close()
