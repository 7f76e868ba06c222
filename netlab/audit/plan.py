# SPDX-License-Identifier: GPL-2.0-or-later
"""What is audited, with whom it talks, and what it has promised."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from netlab.audit.partners import protocols
from netlab.audit.partners.base import Protocol
from netlab.audit.partners.relay import Relayed
from netlab.audit.partners.standing import protocol, usual_port
from netlab.model.errors import ScenarioError
from netlab.model.vocabulary import Family, Side
from netlab.testbed.program import filled_in

CAP, PROMISE = 40.0, 10.0  # seconds
#: The cap where time jumps while nothing happens: no time-out of TCP is longer.
TO_THE_END = 10800.0
USUAL = "http"


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """A program, and how it is audited. Times are in seconds."""

    command: tuple[str, ...]  # its words; {server} and {port} are where it is to connect
    talks: str = USUAL  # the protocol whose small server it talks with, or a file that says one
    as_server: bool = False  # it is the server, which listens at `port`, and clients misbehave
    server: str = ""  # or the command of a server of one's own
    port: int = 0  # where the server is to be found; 0: the protocol's usual one
    cap: float = CAP
    promise: float = PROMISE
    family: Family = Family.IPV4
    virtual: bool = False  # time jumps while nothing happens, and all is played to its end
    guest: tuple[str, ...] = ()  # the words of a command line that say in which guest
    folder: str = ""  # in which program and server begin; '': the present one
    listed: tuple[str, ...] = ()  # the words of a command line that say all this by a list's name
    told: tuple[tuple[str, str], ...] = ()  # in a client's environment; {folder} is the server's
    jobs: int = field(default=0, compare=False)  # labs at the same time; 0: as many as can be
    allow: Mapping[str, str] = field(default_factory=dict, compare=False)  # by fault: what is meant

    def check(self) -> None:
        """Raise `ScenarioError` where it cannot be played, whatever the program does."""
        if not self.command:
            raise ScenarioError("no program to audit: netlab audit [OPTIONS] -- PROGRAM ...")
        protocol(self.talks)
        for what, words in (("program", self.command), ("server", shlex.split(self.server))):
            if words and shutil.which(words[0]) is None:
                raise ScenarioError(
                    f"{what}: there is no program {words[0]!r} that could be run; name one that is "
                    f"on the PATH, or its file as seen from {os.getcwd()}"
                )
        if self.as_server and not self.port:
            raise ScenarioError("--as-server needs --port, where the program listens")
        if self.as_server and self.server:
            raise ScenarioError("--as-server audits a server, --server is for a client: not both")
        if self.as_server and not protocol(self.talks).opening:
            known = ", ".join(name for name, each in protocols().items() if each.opening)
            raise ScenarioError(
                f"nobody here asks a server over {self.talks}: expected one of {known}"
            )
        if self.server and not self.port:
            raise ScenarioError("--server needs --port, where it is to listen")
        if self.cap <= 0:
            raise ScenarioError(f"expected a cap of more than 0 s; found {self.cap:g} s")
        if not 0 < self.promise <= self.cap:
            raise ScenarioError(
                f"expected a promise of more than 0 s, and of at most the cap ({self.cap:g} s); "
                f"found {self.promise:g} s"
            )

    @property
    def at(self) -> int:
        """The port that the program is to connect to."""
        if self.server:
            return self.port if "{port}" in self.server else self.port + Relayed.BEHIND
        return self.port or usual_port(self.talks)

    def at_once(self, most: int) -> int:
        """The number of labs at the same time, where `most` can be."""
        return min(self.jobs or most, most)

    def partner(self) -> Protocol:
        """Who answers, in one lab."""
        if self.server:
            behind = self.port + Relayed.BEHIND if "{port}" in self.server else self.port
            command = filled_in(self.server, {"port": str(behind)})
            return Relayed(command, behind, self.folder, self.told)
        return protocol(self.talks)

    def line(self, host: str) -> list[str]:
        """The words of the program, which finds the server at `host`."""
        return [
            filled_in(word, {str(Side.SERVER): host, "port": str(self.at)}) for word in self.command
        ]

    def environment(self, host: str) -> dict[str, str]:
        """What tells it the same."""
        return {"NETLAB_SERVER": host, "NETLAB_PORT": str(self.at)}


def in_brackets(host: str) -> str:
    """An address as a URL has it."""
    try:
        socket.inet_pton(socket.AF_INET6, host)
    except OSError:
        return host
    return f"[{host}]"
