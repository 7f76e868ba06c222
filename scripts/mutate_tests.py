# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays the same tests again and again for ``scripts/mutate``, each time in a fork of its own.

What no mutant changes is imported once: pytest, and the packages of others. Arguments: seconds that
the tests may take, then those of pytest. For every line that it reads it writes one: the exit code.
A mutant that takes much longer than the first time, without one, hangs.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import sys
import time

import pytest

#: What netlab and its tests import.
OTHERS = ("attr", "greenlet", "hypothesis", "hypothesis.strategies", "yaml")
TOO_LONG = 124  # as timeout(1) says it


def main() -> None:
    """Answer until there is nothing more to read."""
    patience, arguments = float(sys.argv[1]), sys.argv[2:]
    sys.path.insert(0, os.getcwd())
    for name in OTHERS:
        importlib.import_module(name)
    for _ in sys.stdin:
        began = time.monotonic()
        child = os.fork()
        if not child:
            _play(arguments)
        print(_outcome(child, patience), flush=True)
        if not sys.dont_write_bytecode:  # the first time, without a mutant
            patience = min(patience, 5 + 5 * (time.monotonic() - began))
        # From now on all is compiled but what changes, and that is not to be kept.
        sys.dont_write_bytecode = True


def _play(arguments: list[str]) -> None:
    """Run the tests in this process, and end it."""
    code = 2
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nowhere, number)
        code = int(pytest.main(arguments))
    finally:
        os._exit(code)


def _outcome(child: int, patience: float) -> int:
    """The exit code of a child, which is killed where it takes too long, with what it started."""
    ended = select.poll()
    descriptor = os.pidfd_open(child)
    ended.register(descriptor, select.POLLIN)
    in_time = ended.poll(patience * 1000)
    os.close(descriptor)
    if not in_time:
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if in_time else TOO_LONG


if __name__ == "__main__":
    main()
