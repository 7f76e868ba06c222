# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals that ask netlab to end are noted, and looked at when it suits."""

from __future__ import annotations

import os
import signal

import pytest

from netlab.cli.shared import stopping as stopping_module
from netlab.cli.shared.stopping import ENDING, Stopped, stopping

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_noted_and_raised_where_somebody_looks(number: signal.Signals) -> None:
    with stopping() as stop:
        stop.check()
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)  # timeout(1) sends it twice
        assert stop.asked
        with pytest.raises(Stopped):
            stop.check()
    assert stop.exit_code == CODES[number]


def test_without_a_signal_there_is_no_exit_code_of_its_own() -> None:
    with stopping() as stop:
        assert (stop.asked, stop.exit_code) == (False, 0)


def test_afterwards_signals_are_handled_as_before() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with stopping():
        assert [signal.getsignal(number) for number in ENDING] != before
    assert [signal.getsignal(number) for number in ENDING] == before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with stopping() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_ctrl_c_again_a_while_later_ends_whatever_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping_module, "AGAIN", -1.0)
    with stopping():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
