# SPDX-License-Identifier: GPL-2.0-or-later
"""The learner: text goes out in lines of at most 80 columns, answers come in, one per line."""

from __future__ import annotations

import os
import select
import textwrap
from collections.abc import Callable
from typing import Protocol, TextIO

from netlab import scheduler
from netlab.render.style import Style

WIDTH = 80
#: The words that leave a lesson at any prompt, and those that ask for the keys.
LEAVE, HELP = ("q", "quit", "exit"), ("?", "help")
LEAVING = "q, Ctrl-D and Ctrl-C leave, at every question."


class Quit(Exception):
    """The person does not want to go on."""


class Answers(Protocol):
    """A source of answers."""

    def next(self) -> str | None:
        """A line with its newline, "" if no more will come, or None if there is none yet."""


class Typed:
    """Lines of a terminal or a pipe, read without blocking.

    So the lab is still sampled, and its records are still fetched, while the person reads.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._fd = None if stream is None else stream.fileno()  # None: the shell closed it (<&-)
        self._bytes = b""
        self._ended = self._fd is None

    def next(self) -> str | None:
        """A line with its newline, "" if no more will come, or None if there is none yet."""
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
    """Wait for a line while nothing else goes on."""
    return scheduler.wait(line, float("inf"))


class Conversation:
    """A conversation. Input from a pipe is shown as if it had been typed.

    If no answer can come, because no person is there (`echo` and an empty input), the lesson is
    shown from beginning to end without waiting, and `alone` is true.
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
        self.waited = 0.0  # seconds that the kernel's timers ran while the person read
        #: Waits for a line: a lab has its own way, so that it is sampled meanwhile.
        self.look_for: Callable[[Callable[[], str | None]], str | None] = look_for

    def line(self, text: str = "") -> None:
        """Print one line unchanged."""
        print(text, file=self._out, flush=True)

    def say(self, text: str, *colours: str, indent: int = 0) -> None:
        """Print a paragraph, wrapped, and indented by `indent` columns."""
        for line in wrapped(text, self.width - indent):
            self.line(" " * indent + self.style(line, *colours))

    def beside(self, first: str, text: str, margin: int) -> None:
        """Print a paragraph from column `margin` on, after `first`, which may be coloured."""
        for number, line in enumerate(wrapped(text, self.width - margin)):
            self.line((first if number == 0 and first else " " * margin) + line)

    def heading(self, text: str) -> None:
        """Print the heading of a part, set off by a line."""
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
            self.say(f"{text!r} does nothing here. Enter {what}, ? lists the keys, q leaves.",
                     "dim", indent=2)  # fmt: skip

    def agrees(self, question: str) -> bool:
        """Ask a question with the answers yes and no; Enter alone means no.

        Raises `Quit` when the person wants to leave.
        """

        def keys() -> None:
            self.say(f"y: yes. n, or just Enter: no. {LEAVING}", "dim", indent=2)

        while True:
            text = self.ask(f"{question} [y/N] ", keys).lower()
            if text in ("", "y", "yes", "n", "no"):
                return text.startswith("y")
            self.say(f"{text!r} is not an answer here: y or n, ? lists the keys, q leaves.",
                     "dim", indent=2)  # fmt: skip

    def ask(self, prompt: str, keys: Callable[[], None]) -> str:
        """One typed line, without spaces around it; `keys` is called if the person asks for them.

        Raises `Quit` when the person wants to leave, and when no more input will come.
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
