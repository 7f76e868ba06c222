# SPDX-License-Identifier: GPL-2.0-or-later
"""Whoever is taught: text goes out in lines of at most 80 columns, answers come in, one a line."""

from __future__ import annotations

import os
import select
import textwrap
from collections.abc import Callable
from typing import Protocol, TextIO

from netlab import scheduler
from netlab.render.style import Style

WIDTH = 80
#: What leaves a lesson at every prompt, and what asks for the keys.
LEAVE, HELP = ("q", "quit", "exit"), ("?", "help")
LEAVING = "q, Ctrl-D and Ctrl-C leave, at every question."


class Quit(Exception):
    """The person does not want to go on."""


class Answers(Protocol):
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
    return scheduler.wait(line, float("inf"))


class Conversation:
    """A conversation. What comes through a pipe is shown as if it had been typed.

    Where no answer ever comes, because nobody is there (`echo` and an input that is empty), the
    lesson is shown from beginning to end without waiting; `alone` says so.
    """

    def __init__(
        self, lines: Answers, out: TextIO, style: Style, echo: bool = True, width: int = WIDTH
    ) -> None:
        self._lines = lines
        self._out = out
        self._echo = echo
        self._answered = False
        self.style = style
        self.width = width  # columns
        self.alone = False
        self.waited = 0.0  # seconds that the kernel's timers ran while somebody read
        #: How a line is waited for: a lab has its own way, and is sampled meanwhile.
        self.look_for: Callable[[Callable[[], str | None]], str | None] = look_for

    def line(self, text: str = "") -> None:
        """One line as it is."""
        print(text, file=self._out, flush=True)

    def say(self, text: str, *colours: str, indent: int = 0) -> None:
        """A paragraph, wrapped."""
        for line in wrapped(text, self.width - indent):
            self.line(" " * indent + self.style(line, *colours))

    def beside(self, first: str, text: str, margin: int) -> None:
        """A paragraph that begins in column `margin`; `first` stands there before it, and may
        carry colour.
        """
        for number, line in enumerate(wrapped(text, self.width - margin)):
            self.line((first if number == 0 and first else " " * margin) + line)

    def heading(self, text: str) -> None:
        """The beginning of a part, set off by a line."""
        self.line()
        *lines, last = wrapped(text, self.width)
        for line in (*lines, f"{last} ".ljust(self.width, "-")):
            self.line(self.style(line, "bold"))

    def enter(self, what: str) -> None:
        """Wait for the Enter key. Raises `Quit` when the person wants to leave."""
        prompt = self.style(f"[Enter] {what} ", "dim")

        def keys() -> None:
            self.say(f"Enter {what}. {LEAVING}", "dim", indent=2)

        while text := self.ask(prompt, keys):
            self.say(f"{text!r} does nothing here. Enter {what}, ? tells the keys, q leaves.",
                     "dim", indent=2)  # fmt: skip

    def agrees(self, question: str) -> bool:
        """A question that is answered with yes or no; only Enter is no. Raises `Quit`."""

        def keys() -> None:
            self.say(f"y: yes. n, or only Enter: no. {LEAVING}", "dim", indent=2)

        while True:
            text = self.ask(f"{question} [y/N] ", keys).lower()
            if text in ("", "y", "yes", "n", "no"):
                return text.startswith("y")
            self.say(f"{text!r} is no answer here: y or n, ? tells the keys, q leaves.",
                     "dim", indent=2)  # fmt: skip

    def ask(self, prompt: str, keys: Callable[[], None]) -> str:
        """One typed line, without spaces around it; `keys` is called for whoever asks for them.

        Raises `Quit` for whoever wants to leave, and when nothing will come any more.
        """
        while True:
            text = self._typed(prompt)
            if text.lower() in LEAVE:
                raise Quit
            if text.lower() not in HELP:
                return text
            keys()

    def _typed(self, prompt: str) -> str:
        self._out.write(prompt)
        self._out.flush()
        began = scheduler.now()
        text = "" if self.alone else self.look_for(self._lines.next) or ""
        self.waited += scheduler.now() - began
        if not text:
            self.line()
            if self._answered or not self._echo:
                raise Quit
            if not self.alone:
                self.say("(Nobody is there to answer: the lesson goes on by itself, with nothing "
                         "predicted. At a terminal it waits for you.)", "dim")  # fmt: skip
            self.alone = True
        self._answered = not self.alone
        if self._echo and text:
            self.line(text.strip())
        return text.strip()


def wrapped(text: str, width: int) -> list[str]:
    """Lines of a paragraph; SYN-ACK and the options of commands stay in one piece."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
