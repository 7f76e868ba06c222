# SPDX-License-Identifier: GPL-2.0-or-later
"""A netlink socket that stays in the namespace it was opened in, and sends requests in batches.

pyroute2 encodes every message; its own sockets are not used, because `IPRoute(netns=)` and
`NFTables()` fork or start an event loop for each namespace (20 ms a lab instead of 3 ms).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netlab.linux import closing, netlink
from netlab.linux.netlink import HEADER, NLM_F_ACK, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR
from netlab.model.errors import LabError

BUFFER = 1 << 16


@dataclass(frozen=True, slots=True)
class Request:
    """One encoded message, and its purpose in words, for the error text."""

    data: bytes
    purpose: str

    @property
    def asks(self) -> bool:
        """True if the kernel answers it even when nothing is wrong."""
        flags: int = HEADER.unpack_from(self.data)[2]
        return bool(flags & NLM_F_ACK)

    def asking(self) -> Request:
        """The same message, changed so that the kernel answers it in any case."""
        length, kind, flags, number, port = HEADER.unpack_from(self.data)
        header = HEADER.pack(length, kind, flags | NLM_F_ACK, number, port)
        return Request(header + self.data[HEADER.size :], self.purpose)


def encode(message: object, kind: int, flags: int, purpose: str) -> Request:
    """The bytes of a pyroute2 message, ready to send."""
    header = message["header"]  # type: ignore[index]
    header["type"] = kind
    header["flags"] = NLM_F_REQUEST | flags
    message.encode()  # type: ignore[attr-defined]
    return Request(bytes(message.data), purpose)  # type: ignore[attr-defined]


class Transport:
    """One netlink socket. Open it inside the namespace; use it from anywhere."""

    def __init__(self, protocol: int) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self._socket.bind((0, 0))
        self.closes_slowly = False  # close(2) blocks for a grace period

    def close(self) -> None:
        """Close the socket, in the background if that takes the kernel long."""
        if self.closes_slowly:
            closing.later(self._socket.close)
        else:
            self._socket.close()

    def send(self, requests: Sequence[Request]) -> None:
        """Send all in one system call; the kernel processes them before it returns.

        Raises `LabError` naming the first one that the kernel refuses.
        """
        stamped = bytearray()
        last = 0  # the last one that asks for an answer
        for number, request in enumerate(requests):
            if request.asks:
                last = number
            start = len(stamped)
            stamped += request.data
            stamped += bytes(-len(stamped) % 4)
            netlink.SEQUENCE.pack_into(stamped, start + netlink.SEQUENCE_AT, number)
        self._socket.send(stamped)
        acknowledged = False
        while not acknowledged:
            for number, code in self._answers():
                if code:
                    self._drain()
                    refused = requests[min(number, len(requests) - 1)].purpose
                    name = errno.errorcode.get(code, str(code))
                    raise LabError(f"the kernel refused {refused}: {os.strerror(code)} ({name})")
                acknowledged = acknowledged or number == last

    def _answers(self) -> Iterator[tuple[int, int]]:
        """(sequence number, errno) of every acknowledgment that waits in the socket."""
        answer = memoryview(self._socket.recv(BUFFER))
        for kind, number, payload in netlink.messages(answer):
            if kind == NLMSG_ERROR:
                yield number, netlink.error_code(payload)

    def _drain(self) -> None:
        """Discard further answers: after an aborted transaction there is one for each message."""
        try:
            while self._socket.recv(BUFFER, socket.MSG_DONTWAIT):
                pass
        except BlockingIOError:
            pass

    def ask(self, request: Request) -> memoryview:
        """Ask for one thing and return the payload of the answer. Raises `LabError` if refused."""
        self._socket.send(request.data)
        kind, _, payload = next(netlink.messages(memoryview(self._socket.recv(BUFFER))))
        if kind == NLMSG_ERROR:
            raise netlink.refused(request.purpose, netlink.error_code(payload))
        return payload

    def find(self, request: Request) -> memoryview | None:
        """Ask for one thing that may not exist (ENOENT), or that is done and acknowledged: None in
        both cases. Raises `LabError` if refused otherwise.
        """
        self._socket.send(request.data)
        kind, _, payload = next(netlink.messages(memoryview(self._socket.recv(BUFFER))))
        if kind != NLMSG_ERROR:
            return payload
        code = netlink.error_code(payload)
        if code not in (0, errno.ENOENT):
            raise netlink.refused(request.purpose, code)
        return None

    def dump(self, request: Request) -> Iterator[memoryview]:
        """Ask for a listing and yield the payload of each message of the answer.

        Raises `LabError` where the kernel refuses.
        """
        self._socket.send(request.data)
        while True:
            for kind, _, payload in netlink.messages(memoryview(self._socket.recv(BUFFER))):
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    raise netlink.refused(request.purpose, netlink.error_code(payload))
                yield payload
