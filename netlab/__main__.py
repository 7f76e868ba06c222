# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m netlab``, and what the command ``netlab`` starts."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from types import FrameType

#: The signals that ask a program to end.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Seconds in which more of them do not disturb what is being cleared away. timeout(1) sends its
#: signal twice, at once; who sends another one after that means it.
AGAIN = 1.0
#: Seconds in which Python's own end of a process that was asked to end must be over: it waits for
#: every thread, and a library's may wait for a lock that the signal's exception left taken.
LAST = 5.0
#: Seconds until a signal's exception that Python ignored is raised again.
SOON = 0.01
#: As netlab.model.errors has it, which may be what cannot be imported.
NO_MEMORY = "there is not enough memory here: raise ulimit -v and -d, or a container's --memory"
#: The exit code where the machine is at fault; 1 would say that a pair was not held.
MACHINE = 3


class Signalled(KeyboardInterrupt):
    """A signal has asked this process to end; `exit_code` is what shells report of that."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def main() -> int:
    """Run the command line. Ctrl-C counts from the first moment: imports take a while, and may
    fail where files cannot be read or memory is short.
    """
    heard: list[int] = []
    try:
        _listen(heard)
        from netlab.cli import main as run

        code = run()
        if heard:  # the command has said so itself
            _end_soon(code)
        return code
    except KeyboardInterrupt as ended:
        return _stopped(getattr(ended, "exit_code", 128 + signal.SIGINT))
    except (OSError, MemoryError, ImportError) as error:
        print(f"netlab: cannot start here: {str(error) or NO_MEMORY}", file=sys.stderr)
        return MACHINE
    except Exception:
        if heard:  # Python makes a RuntimeError of what is raised while it makes a class
            return _stopped(128 + heard[0])
        import traceback  # not sooner: until signals are heard, each import is a gap

        traceback.print_exc()  # a bug: its place is of use, and it is no pair that was not held
        return MACHINE
    finally:
        for number in ENDING:  # nothing but Python's own end is left
            signal.signal(number, signal.SIG_IGN)
        if not heard:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)


def _stopped(code: int) -> int:
    with contextlib.suppress(OSError):  # after SIGHUP there is no terminal
        print("netlab: stopped; nothing is left behind", file=sys.stderr)
    _end_soon(code)
    return code


def _end_soon(code: int) -> None:
    """End in `LAST` seconds, whoever is waited for. What netlab holds ends with its process."""
    signal.signal(signal.SIGALRM, lambda number, frame: os._exit(code))
    signal.setitimer(signal.ITIMER_REAL, LAST)


def _listen(heard: list[int]) -> None:
    """Raise `Signalled` when a signal comes, and add its number to `heard`; those that the caller
    ignores (nohup, ``&``) stay so.

    Where Python cannot raise it (it ignores what a finalizer or a weak reference's callback raises,
    and an import has such), it is raised again as soon as that is over.
    """
    since = 0.0

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal since
        now = time.monotonic()
        if not heard or now - since > AGAIN:
            heard.append(number)
            since = now
            raise Signalled(number)

    def again(number: int, frame: FrameType | None) -> None:
        raise Signalled(heard[-1] if heard else number)

    def ignored(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, Signalled):
            signal.setitimer(signal.ITIMER_REAL, SOON)
        else:
            sys.__unraisablehook__(unraisable)

    signal.signal(signal.SIGALRM, again)
    sys.unraisablehook = ignored
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, end)


if __name__ == "__main__":
    sys.exit(main())
