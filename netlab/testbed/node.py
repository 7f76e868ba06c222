# SPDX-License-Identifier: GPL-2.0-or-later
"""A node of a lab: a network namespace with a table of sockets and counters, and the programs
and threads that are there.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from netlab.linux.confinement import Confinement
from netlab.linux.namespace import Namespace
from netlab.linux.netlink import NETLINK_NETFILTER, NETLINK_ROUTE
from netlab.linux.nstat import Counters
from netlab.linux.privileges import SCARCE, refused
from netlab.linux.transport import Transport
from netlab.model.errors import ActionFailed, LabError, is_out_of_something
from netlab.model.tcp import State
from netlab.model.vocabulary import Side
from netlab.observe.openings import Openings
from netlab.testbed import coerce, readiness
from netlab.testbed.context import LabContext
from netlab.testbed.launch import Launch, User
from netlab.testbed.program import Program, words
from netlab.testbed.readiness import Ready
from netlab.testbed.sockets import TcpSocket, holder, sockets

LOOPBACK = "lo"
#: What lets a nobody use ports below 1024, and ping: each with what is tried in turn.
OPEN_TO_ALL = {
    "net.ipv4.ip_unprivileged_port_start": ["0"],
    "net.ipv4.ping_group_range": ["0 2147483647", "0 0"],  # a user namespace may have one group
}


class Node:
    """One node: a namespace, and the descriptors opened in it."""

    def __init__(self, context: LabContext, side: Side) -> None:
        self.side = side
        self._context = context
        self._watched: set[str] = set()  # interfaces whose connections are seen being opened
        self.programs: list[Program] = []
        self._visiting = threading.local()
        with Namespace.created() as self.namespace, contextlib.ExitStack() as opened:
            opened.callback(self.namespace.close)
            try:
                self.route = opened.enter_context(contextlib.closing(Transport(NETLINK_ROUTE)))
                self.firewall = opened.enter_context(
                    contextlib.closing(Transport(NETLINK_NETFILTER))
                )
                self.table = opened.enter_context(
                    contextlib.closing(context.flows.open_table(side, context.family))
                )
                self.counters = opened.enter_context(contextlib.closing(Counters()))
            except OSError as error:
                raise refused(error) from None
            self._descriptors = opened.pop_all()

    def let_go(self) -> None:
        """Let go of the namespace. The kernel removes it when nothing else holds it."""
        self._descriptors.close()

    def end_programs(self) -> None:
        """End every program that still runs here."""
        for program in self.programs:
            program.close()

    # --- settings

    def sysctl(self, name: str, value: object | None = None) -> str:
        """Read or set a sysctl of this end; a name without a dot is one of ``net.ipv4``."""
        return self.namespace.sysctl(name, value)

    def has_sysctl(self, name: str) -> bool:
        """True if this kernel has that sysctl, and lets it be read.

        Raises `LabError` where this machine is out of something, so that nobody can tell.
        """
        try:
            self.sysctl(name)
        except LabError as error:
            if is_out_of_something(str(error)):
                raise
            return False
        return True

    def known_as(self, *names: str) -> None:
        """Have programs and threads of this lab find this end under more names from now on, such as
        ``api.example.com``. The machine's own files stay as they are. Raises `LabError` for what is
        no name, or that of another address, and where nobody can be told any.
        """
        for name in names:
            self._context.call(self.side, coerce.host_name(name))

    # --- programs

    def run(
        self,
        command: str | Sequence[str],
        confined: bool = False,
        readable: Path | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        user: str | None = None,
        stdin: str | bytes = b"",
        foreground: bool = False,
        linger: float = 0.0,
    ) -> Program:
        """Start a program here and return at once; it ends with the lab.

        `command` is a list of words, or a string that is split as a shell does it: ``{client}`` and
        ``{server}`` become addresses, and the names client and server are known to programs. It
        runs as the caller does, or as `user`, in the folder `cwd`, with `env` added to the
        environment and `stdin` to read; in the `foreground` it has this process's streams, and
        nothing of what it writes is kept. What it leaves behind ends with it, or `linger` seconds
        later. A `confined` one is as in scenario files: a nobody with
        empty folders of its own and limits, which reads the system's programs and the folder
        `readable`. Raises `LabError` where it cannot be started.
        """
        self.expect_strangers()
        line = words(command, self._context.known)
        given = stdin.encode() if isinstance(stdin, str) else stdin
        names = self._context.names()
        if cwd is not None and not os.path.isdir(cwd):
            raise LabError(f"cwd: {str(cwd)!r} is not a folder")
        if not confined:
            who = User.named(user) if user is not None else None
            if who is not None:
                self._open_to_all()
            environment = {**os.environ, **(who.environment() if who else {}), **(env or {})}
            folder = Path(cwd) if cwd is not None else None
            launch = Launch(None, names, who, folder, foreground, linger)
            program = self._launched(line, launch, environment, given)
        else:
            self._open_to_all()
            with contextlib.closing(Confinement(readable, str(self.side))) as confinement:
                launch = Launch(confinement, names)
                program = self._launched(line, launch, confinement.environment(line), given)
        self.programs.append(program)
        self._context.programs.append(program)
        return program

    def _launched(
        self, line: list[str], launch: Launch, environment: Mapping[str, str], given: bytes
    ) -> Program:
        return Program(self.namespace, line, launch, self._context.wait, environment, given)

    def start(
        self,
        command: str | Sequence[str],
        ready: Ready,
        within: float = readiness.PATIENCE,
        confined: bool = False,
        readable: Path | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        user: str | None = None,
        stdin: str | bytes = b"",
    ) -> Program:
        """Start a program as `run` does, and return once it is `ready`.

        That is when it listens on a TCP port (a number), has written a text (a string), or a
        function returns something true. Raises `ActionFailed`, with the last of what it wrote, if
        it ends before, or is not ready `within` so many seconds; it is ended then. Raises
        `LabError` for what it can never be, and where it cannot be started.
        """
        readiness.check(ready)
        if isinstance(ready, int):
            taken = self.sockets(port=ready, state=State.LISTEN)
            if taken:
                raise LabError(f"{self.side}: port {ready} is taken already: {taken[0]}")
        program = self.run(command, confined, readable, env, cwd, user, stdin)
        readiness.wait(self._context, self.table, program, ready, within)
        return program

    def sockets(
        self,
        port: int | None = None,
        program: Program | None = None,
        state: State | str | None = None,
    ) -> list[TcpSocket]:
        """The TCP sockets here, now: all, or those at a port (of either end), of a program that
        holds them, in a state. Raises `LabError` for an unknown state.
        """
        wanted = None if state is None else coerce.states(state)
        return [
            each
            for each in sockets(self.table.read(), self.programs)
            if port in (None, *each.ports)
            and program in (None, each.program)
            and (wanted is None or each.state in wanted)
        ]

    def expect_strangers(self) -> None:
        """From now on, sockets are opened here that nobody announces: follow them.

        Raises `LabError` where this machine is out of what that takes.
        """
        if not self.table.strangers:
            self._watch_links()
            self.table.strangers = True
            self._context.flows.holders[self.side] = self._holder

    def see_links(self) -> None:
        """See what strangers open over the links that there are by now, too."""
        if self.table.strangers:
            self._watch_links()

    def _watch_links(self) -> None:
        """Where packet sockets are refused, connections of strangers are seen in samples only."""
        try:
            with self.namespace:
                for _, link in socket.if_nameindex():
                    if link not in self._watched and link != LOOPBACK:
                        openings = Openings(link)
                        self._descriptors.callback(openings.close)
                        self._context.flows.watch(self.side, openings)
                        self._watched.add(link)
        except OSError as error:
            if error.errno in SCARCE:
                raise refused(error) from None

    def _holder(self, inode: int) -> object:
        return holder(inode, self.programs)

    def __enter__(self) -> Self:
        """Move this thread to this host, with its network and its names, until `__exit__`.

        Threads that are begun inside are on this host for good. The working folder and the umask
        of this thread are its own from then on, and no other thread's, also afterwards: the kernel
        asks that of who changes to other names. Raises `LabError` where an event loop is running in
        this thread: its other tasks would be moved along.
        """
        _refuse_event_loop(self.side)
        self.expect_strangers()
        names = self._context.names()
        with contextlib.ExitStack() as stack:
            try:
                if names is not None:
                    stack.enter_context(names.inside())
                stack.enter_context(self.namespace.visited())
            except OSError as error:
                raise refused(error) from None
            self._visits().append(stack.pop_all())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._visits().pop().close()

    def _visits(self) -> list[contextlib.ExitStack]:
        """What brings this thread back, for each time it has come."""
        found: list[contextlib.ExitStack] = self._visiting.__dict__.setdefault("stacks", [])
        return found

    def _open_to_all(self) -> None:
        for name, values in OPEN_TO_ALL.items():
            for value in values:
                with contextlib.suppress(LabError):  # a kernel without it, or a value too wide
                    self.sysctl(name, value)
                    break

    def signal(self, number: int) -> None:
        """Send a signal to the program started last. Raises `ActionFailed` if there is none."""
        if not self.programs:
            raise ActionFailed(f"{self.side} runs no program")
        self.programs[-1].signal(number)


def _refuse_event_loop(side: Side) -> None:
    asyncio = sys.modules.get("asyncio")  # who runs a loop has imported it
    if asyncio is None:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise LabError(
        f"an event loop is running in this thread: its other tasks would be moved to the {side}, "
        "and the threads it has begun stay where they are. Begin the loop inside: "
        f"with lab.{side}: asyncio.run(main())"
    )
