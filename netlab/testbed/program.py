# SPDX-License-Identifier: GPL-2.0-or-later
"""A program that runs in a lab's namespace, and dies with netlab."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from netlab import scheduler
from netlab.linux.confinement import MIB, PYTHON
from netlab.model.errors import ActionFailed, LabError
from netlab.model.evidence import ProgramRecord
from netlab.model.text import printable
from netlab.model.vocabulary import Side
from netlab.programs import tcp_client
from netlab.render.program import ended, last_lines
from netlab.testbed.launch import MOST, ROOM, Launch, handed_over, reason

#: Programs that come with netlab, by their names in scenarios.
OWN = {"tcp_client": [PYTHON, "-s", tcp_client.__file__]}
PATIENCE = 10.0  # seconds
OUTPUT = 4000  # characters of what a program wrote that are kept in a record, its last


def _only_child(process: int) -> int | None:
    """The one child of a process, or None while there is none."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(children[0]) if children else None


class Program:
    """One process inside a namespace, and those that it starts. What they write is kept in memory,
    never in a file.
    """

    def __init__(
        self,
        namespace: contextlib.AbstractContextManager[object],
        command: Sequence[str],
        launch: Launch,
        wait: Callable[[Callable[[], bool | None], float], bool | None],
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> None:
        self.command = tuple(command)
        self._wait = wait
        self.started = scheduler.now()
        self._lasted: float | None = None
        self._ended = ""  # why it ended at a limit, if it did
        started = [*OWN.get(command[0], [command[0]]), *command[1:]]
        with contextlib.ExitStack() as passed, contextlib.ExitStack() as kept:
            given = _memory(passed)  # there may be no /dev/null
            os.pwrite(given, stdin, 0)
            output = _memory(kept)
            # One limit for all that a confined one writes, so that it cannot go on in the other.
            errors = output if launch.confinement else _memory(kept)
            told, telling = map(passed.enter_context, socket.socketpair())
            try:
                own = launch.foreground  # then it has netlab's streams
                with namespace:
                    self._process = subprocess.Popen(
                        started,
                        stdin=None if own else given,
                        stdout=None if own else output,
                        stderr=None if own else errors,
                        env=environment,
                        start_new_session=launch.confinement is not None,  # away from the terminal
                        preexec_fn=partial(launch.prepare, telling),  # noqa: PLW1509 (it takes
                        # no lock of other threads)
                    )
            except OSError as error:
                raise LabError(f"cannot run {command[0]!r}: {launch.refusal(error)}") from None
            except subprocess.SubprocessError:  # between fork and exec
                telling.close()
                raise LabError(f"cannot run {command[0]!r}: {reason(told)}") from None
            handed = handed_over(told)
            if not handed:
                kept.pop_all()
            self._output, self._errors = handed or (output, errors)

    def __repr__(self) -> str:
        return f"<{self}: {ended(self.exit_code)}>"

    def __str__(self) -> str:
        return shlex.join(self.command)

    @property
    def output(self) -> str:
        """Everything it has written so far to standard output."""
        return _written(self._output)

    @property
    def errors(self) -> str:
        """Everything it has written so far to standard error; of a confined one, it is in
        `output`.
        """
        return "" if self._errors == self._output else _written(self._errors)

    @property
    def said(self) -> str:
        """All of `output`, then all of `errors`."""
        return self.output + self.errors

    @property
    def exit_code(self) -> int | None:
        """The exit code: None while it runs, negative for the signal that ended it."""
        code = self._process.poll()
        if code is not None and self._lasted is None:
            self._lasted = scheduler.now() - self.started
            self._see_its_limit()  # it may have given up, when it had no room left
        return code

    @property
    def lasted(self) -> float | None:
        """Seconds from its start until it was first seen to have ended; None while it runs."""
        return None if self.exit_code is None else self._lasted

    def look(self) -> None:
        """Note whether it has ended, and end it where it writes without end."""
        if self.exit_code is None and self._see_its_limit():
            self.kill()

    def _see_its_limit(self) -> bool:
        written = sum(os.fstat(each).st_size for each in {self._output, self._errors})
        if written > MOST:
            self._ended = f"it was ended, because it has written more than {MOST // MIB} MiB"
        return written > MOST

    def wait(self, within: float = PATIENCE) -> int:
        """Wait for its end, up to `within` seconds, and return its exit code.

        Both ends are sampled meanwhile. Raises `ActionFailed`, with the last of what it wrote, if
        it still runs, or was ended because it wrote too much.
        """
        if not self._wait(lambda: self.exit_code is not None or None, within):
            raise ActionFailed(f"{self} has not ended within {within:g} s{self.last_words()}")
        if self._ended:
            raise ActionFailed(f"{self}{self.last_words()}")
        code = self.exit_code
        assert code is not None
        return code

    def record(self, side: Side) -> ProgramRecord:
        """The record of it, so far; `side` is where it runs."""
        said = printable(self._said_last()[-OUTPUT:])
        return ProgramRecord(side, str(self), self.exit_code, said)

    def last_words(self) -> str:
        """The last lines that it wrote, to go on with in an error."""
        lines = list(last_lines(self._said_last()))
        said = "\n".join(["; it wrote:", *lines]) if lines else "; it wrote nothing"
        return f"; {self._ended}{said}" if self._ended else said

    def _said_last(self) -> str:
        files = dict.fromkeys((self._output, self._errors))
        return "".join(
            _written(each, 4 * OUTPUT) for each in files
        )  # a character has up to 4 bytes

    def signal(self, number: int) -> None:
        """Send it a signal; harmless if it has already ended."""
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            first = _only_child(self._process.pid)
            program = _only_child(first) if first else None
            if program:
                os.kill(program, number)

    def kill(self) -> None:
        """End it and all that it has started, at once, as a kill -9 does; harmless if it has ended.

        Its sockets are closed when this returns.
        """
        if self.exit_code is None:
            first = _only_child(self._process.pid)  # all the others end with it
            if first is not None:
                os.kill(first, signal.SIGKILL)
        self._process.wait()

    @property
    def own(self) -> tuple[int, ...]:
        """The numbers of its processes alone: first its own, while it runs, and then those that it
        has started.
        """
        try:
            first = _only_child(self._process.pid)
        except FileNotFoundError:  # all of it has ended
            return ()
        return () if first is None else tuple(_tree(first))[1:]

    def processes(self) -> Iterator[int]:
        """The numbers of its processes, and of those that hold them together for netlab."""
        yield from _tree(self._process.pid)

    def close(self) -> None:
        """Kill it if it still runs, and forget what it wrote."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for descriptor in {self._output, self._errors}:
            os.close(descriptor)


def _memory(opened: contextlib.ExitStack) -> int:
    descriptor = os.memfd_create("netlab-program", os.MFD_CLOEXEC)
    opened.callback(os.close, descriptor)
    return descriptor


def _written(descriptor: int, last: int = ROOM) -> str:
    """What is in a file, at most so many bytes, its last."""
    start = max(0, os.fstat(descriptor).st_size - last)
    return os.pread(descriptor, last, start).decode(errors="replace")


def _tree(process: int) -> Iterator[int]:
    yield process
    with contextlib.suppress(OSError):  # it has ended
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        for task in tasks:
            for child in (task / "children").read_text().split():
                yield from _tree(int(child))


def words(command: str | Sequence[str], addresses: Mapping[str, str]) -> list[str]:
    """The words of a command line, with addresses filled in.

    A string is split as a shell does it; nothing in it is expanded. Raises `LabError` for a quote
    that is not closed, and for a command without a word.
    """
    try:
        line = shlex.split(command) if isinstance(command, str) else [*command]
    except TypeError:
        line = []
    except ValueError as error:
        raise LabError(f"command: {command!r}: {str(error).lower()}") from None
    if not line or not all(isinstance(word, str) and "\0" not in word for word in line):
        raise LabError(f"command: expected words, as a string or a list; found {command!r}")
    return [filled_in(word, addresses) for word in line]


def filled_in(word: str, values: Mapping[str, str]) -> str:
    """A word of a command line with addresses and the like filled in, and other braces kept."""
    for name, value in values.items():
        word = word.replace(f"{{{name}}}", value)
    return word
