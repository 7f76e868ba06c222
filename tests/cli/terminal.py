# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal with a person at it: a shell in tmux, keys that go in, and the screen that is seen."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import termios
import uuid
from pathlib import Path
from types import TracebackType

from netlab import scheduler

from ..programs import need
from .shell import NETLAB, PATIENCE, environment

PROMPT = "ready> "


class Terminal:
    """A shell with a prompt, in a tmux server of its own."""

    def __init__(self, folder: Path, width: int = 80, height: int = 24, **more: str) -> None:
        # Not in tmux's own folder: in a user namespace that is one of the other root's.
        self._socket = Path(tempfile.gettempdir(), f"netlab-{uuid.uuid4().hex}")
        self._tmux = (need("tmux"), "-S", str(self._socket), "-f", "/dev/null")
        self.folder = folder
        self._environment = environment(**more)
        self._environment.pop("LINES", None)  # readline exports it, and it would win over the size
        size = ("-x", str(width), "-y", str(height))
        self._run("new-session", "-d", *size, "-c", str(folder), f"PS1={PROMPT!r} exec sh -i")
        self._run("set-option", "-g", "escape-time", "0")
        self.see(PROMPT.strip())
        self._attributes = self._terminal_attributes()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run("kill-server")
        self._socket.unlink(missing_ok=True)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env=self._environment, timeout=PATIENCE, check=True,
        )  # fmt: skip
        return done.stdout

    # --- the person

    def netlab(self, *arguments: str) -> None:
        """Type a command of netlab's, and print its exit code afterwards."""
        self.shell(shlex.join([*NETLAB, *arguments]))

    def shell(self, command: str) -> None:
        """Type a command; its exit code is printed afterwards."""
        self.write(f"clear; {command}; echo code=$?")
        self.keys("Enter")

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        for key in keys:
            self._run("send-keys", key)

    def write(self, text: str) -> None:
        """Type a text."""
        self._run("send-keys", "-l", text)

    def resize(self, width: int, height: int) -> None:
        """Drag the window's corner."""
        self._run("resize-window", "-x", str(width), "-y", str(height))

    # --- what is seen

    def screen(self) -> str:
        """All lines of the screen."""
        return self._run("capture-pane", "-p", "-J")

    def see(self, *texts: str) -> str:
        """The screen, once it shows all of these texts."""

        def look() -> str | None:
            screen = self.screen()
            return screen if all(text in screen for text in texts) else None

        screen = scheduler.wait(look, scheduler.now() + PATIENCE)
        assert screen, f"not seen together: {texts}\n{self.screen()}"
        return screen

    def see_no(self, text: str) -> None:
        """Wait until the screen does not show a text."""
        gone = scheduler.wait(lambda: text not in self.screen() or None, scheduler.now() + PATIENCE)
        assert gone, f"still seen: {text}\n{self.screen()}"

    def is_as_before(self) -> bool:
        """Whether it is the shell's again: its modes, no alternate screen, a cursor, an echo."""
        told = self._run("display-message", "-p", "#{alternate_on} #{cursor_flag}")
        assert told.split() == ["0", "1"], f"alternate screen, cursor: {told}"
        self.write("echo a$((40 + 2))z")
        self.see("echo a$((40 + 2))z")
        self.keys("Enter")
        self.see("a42z")
        return self._terminal_attributes() == self._attributes

    def _terminal_attributes(self) -> list[object]:
        path = self._run("display-message", "-p", "#{pane_tty}").strip()
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            return [*termios.tcgetattr(descriptor)]
        finally:
            os.close(descriptor)
