# SPDX-License-Identifier: GPL-2.0-or-later
"""Whoever is taught: text goes out in lines of 80 columns, answers come in, one a line."""

from __future__ import annotations

import os
import select
import textwrap
from collections.abc import Callable
from typing import Protocol, TextIO

from netlab.observe import sampling
from netlab.render.style import Style

WIDTH = 80


class Lines(Protocol):
    """Where answers come from."""

    def next(self) -> str | None:
        """A line with its end, "" when nothing will come any more, or None: not yet."""


class Typed:
    """Lines of a terminal or a pipe, looked for without blocking.

    So the lab is still sampled, and what it records is still fetched, while somebody reads.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._fd = None if stream is None else stream.fileno()  # None: the shell closed it (<&-)
        self._bytes = b""
        self._ended = self._fd is None

    def next(self) -> str | None:
        """A line with its end, "" when nothing will come any more, or None: not yet."""
        while True:
            line, newline, rest = self._bytes.partition(b"\n")
            if newline or self._ended:
                self._bytes = rest
                return (line + newline).decode(errors="replace")
            if self._fd is None or not select.select([self._fd], [], [], 0)[0]:
                return None
            chunk = os.read(self._fd, 4096)
            self._bytes += chunk
            self._ended = not chunk


def look_for(line: Callable[[], str | None]) -> str | None:
    """Wait for a line where nothing else goes on."""
    return sampling.wait(line, float("inf"))


class Person:
    """A conversation. What comes through a pipe is shown as if it had been typed."""

    def __init__(self, lines: Lines, out: TextIO, style: Style, echo: bool = True) -> None:
        self._lines = lines
        self._out = out
        self._echo = echo
        self.style = style
        self.waited = 0.0  # seconds that the kernel's timers ran while somebody read
        #: How a line is waited for: a lab has its own way, and is sampled meanwhile.
        self.look_for: Callable[[Callable[[], str | None]], str | None] = look_for

    def line(self, text: str = "") -> None:
        """One line as it is."""
        print(text, file=self._out, flush=True)

    def say(self, text: str, *colours: str, indent: int = 0) -> None:
        """A paragraph, wrapped."""
        for line in wrapped(text, WIDTH - indent):
            self.line(" " * indent + self.style(line, *colours))

    def heading(self, text: str) -> None:
        """The beginning of a part, set off by a line."""
        self.line()
        self.line(self.style(f"{text} ".ljust(WIDTH, "-"), "bold"))

    def enter(self, what: str) -> None:
        """Wait for the Enter key. Raises EOFError when nothing will come."""
        self.ask(self.style(f"[Enter] {what} ", "dim"))

    def ask(self, prompt: str) -> str:
        """One typed line, without spaces around it. Raises EOFError when nothing will come."""
        self._out.write(prompt)
        self._out.flush()
        began = sampling.now()
        text = self.look_for(self._lines.next) or ""
        self.waited += sampling.now() - began
        if not text:
            self.line()
            raise EOFError
        if self._echo:
            self.line(text.strip())
        return text.strip()


def wrapped(text: str, width: int) -> list[str]:
    """Lines of a paragraph; SYN-ACK and the options of commands stay in one piece."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
