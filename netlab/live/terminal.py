# SPDX-License-Identifier: GPL-2.0-or-later
"""Lends the terminal to the live view, and restores it, however that ends."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
import traceback
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netlab.model.errors import LabError, NetlabError

if TYPE_CHECKING:
    from netlab.live.app import Commands
    from netlab.live.controller import Controller

#: Signals whose handlers textual replaces and does not restore.
TAKEN = (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH, signal.SIGTTIN, signal.SIGTTOU)
#: Leave the alternate screen, show the cursor, wrap lines, no focus reports, no bracketed paste.
PLAIN = "\033[?1049l\033[?25h\033[?7h\033[?1004l\033[?2004l"


def fits() -> bool:
    """True if all streams are a terminal that can show a full screen."""
    streams = (sys.stdin, sys.stdout, sys.stderr)  # textual draws on standard error
    people = all(stream is not None and stream.isatty() for stream in streams)
    return people and os.environ.get("TERM", "dumb") != "dumb"


def show(
    controller: Controller, title: str, commands: Commands, seconds: float | None = None
) -> list[str]:
    """Show the live view until the person leaves it, or for `seconds`. Returns the files written.

    Raises KeyboardInterrupt after Ctrl-C, and `LabError` where the view itself broke.
    """
    from netlab.live.app import Live

    app = Live(controller, title, commands, seconds)
    with _lent():
        app.run(mouse=False)  # leave the mouse to the terminal, so that commands can be copied
    if app.broken is not None:
        raise _told(app.broken) from app.broken
    if app.ended_by is signal.SIGINT:
        raise KeyboardInterrupt
    if app.ended_by is not None:
        signal.signal(app.ended_by, signal.SIG_DFL)
        os.kill(os.getpid(), app.ended_by)
    return app.written


def _told(error: Exception) -> NetlabError:
    """An error of the lab unchanged; anything else as a bug of the view, with its place."""
    if isinstance(error, NetlabError):
        return error
    frames: Sequence[traceback.FrameSummary] = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return LabError(
        f"the live view broke, which is a bug of netlab: {type(error).__name__}: {error}{place}"
    )


@contextlib.contextmanager
def _lent() -> Iterator[None]:
    """Save the terminal's attributes and the signal handlers, and restore them."""
    descriptor = sys.stdin.fileno()
    attributes = termios.tcgetattr(descriptor)
    handlers = {number: signal.getsignal(number) for number in TAKEN}
    try:
        yield
    except BaseException:  # textual did not get as far as restoring it
        sys.stderr.write(PLAIN)
        sys.stderr.flush()
        raise
    finally:
        with contextlib.suppress(termios.error):  # the terminal itself is gone
            termios.tcsetattr(descriptor, termios.TCSADRAIN, attributes)
        for number, handler in handlers.items():
            signal.signal(number, handler)
