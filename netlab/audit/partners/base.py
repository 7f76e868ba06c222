# SPDX-License-Identifier: GPL-2.0-or-later
"""Who a program under audit talks with: bytes in, bytes out, and no socket.

A protocol is one file: a subclass of `Protocol` with a `name`, and the `ServerSession` that it
opens for each connection. What becomes of its replies on the way is a fault's affair.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from netlab.testbed.lab import Lab


#: What a program makes anew each time that it says the same: times, numbers, random names.
NEW = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{16,}|[0-9]+")


def shape(text: bytes) -> str:
    """What is left of a text without its times and numbers, as a short name of it."""
    return sha256(NEW.sub(b"#", text)).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Talk:
    """Something that a client has said, and what a server says to it."""

    reply: bytes
    key: str = ""  # of a request: two with the same key are the same one. '': no request, but setup
    repeatable: bool = False  # a client may send it twice
    closes: bool = False  # the server closes the connection after its reply
    wait: float = 0.0  # seconds that the server takes before it
    vague: bool = False  # nobody knows whether that is one request
    alike: str = ""  # a key of a request that others have, too, which differ in times and numbers

    @property
    def is_request(self) -> bool:
        """False for what comes before: a greeting, a login."""
        return bool(self.key)


class ServerSession(ABC):
    """One connection, as its server has it."""

    @property
    def settled(self) -> bool:
        """True if what the client says next is a request: greeting and login are over."""
        return True

    def greeting(self) -> bytes:
        """What the server says first."""
        return b""

    @abstractmethod
    def take(self, data: bytes) -> Iterator[Talk]:
        """Take what has arrived, and yield each thing that was said whole."""

    def end(self) -> Iterator[Talk]:
        """The client has said all that it will say (FIN)."""
        yield from ()

    def close(self) -> None:  # noqa: B027 (most have opened nothing)
        """Let go of what it has opened."""


class Lines(ServerSession):
    """A session whose client talks in lines."""

    def __init__(self) -> None:
        self.buffer = b""

    def take(self, data: bytes) -> Iterator[Talk]:
        """Hear each whole line."""
        self.buffer += data
        while b"\n" in self.buffer:
            line, _, self.buffer = self.buffer.partition(b"\n")
            yield from self.hear(line.rstrip(b"\r"))

    @abstractmethod
    def hear(self, line: bytes) -> Iterator[Talk]:
        """Hear one line, without its end."""


class Protocol(ABC):
    """A protocol that netlab has a small server of."""

    name: ClassVar[str]
    port: ClassVar[int]  # the usual one
    does: ClassVar[str]  # what that server says, in one line
    #: True if what a client says first is a request already: there is no greeting and no login.
    asks_at_once: ClassVar[bool] = True
    #: What a client says first, to ask something that any server of the protocol answers; nothing:
    #: that takes more than bytes.
    opening: ClassVar[bytes] = b""
    #: What its server starts.
    programs: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def session(self) -> ServerSession:
        """A new connection. Raises `LabError` where it needs what this machine does not have."""

    def start(self, lab: Lab) -> None:  # noqa: B027 (most need no more than their bytes)
        """Begin to serve in a lab, before there is a program. Raises `LabError` or `ActionFailed`
        where it cannot.
        """

    @property
    def environment(self) -> dict[str, str]:
        """What a client of it finds in its environment, besides the address."""
        return {}

    def close(self) -> None:  # noqa: B027 (most have opened nothing)
        """Let go of what it has opened."""
