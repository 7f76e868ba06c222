# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays a story: calls its function with a lab, and records what it does and proves."""

from __future__ import annotations

import contextlib
import errno
import functools
import sys
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from netlab.linux import privileges
from netlab.model import evidence
from netlab.model.errors import (
    OUT_OF_SOMETHING,
    ActionFailed,
    LabError,
    NetlabError,
    NotHeld,
    ScenarioError,
)
from netlab.model.vocabulary import ExpectedPair, Pair, Side
from netlab.scenario import stories
from netlab.scenario.model import Code, Scenario
from netlab.testbed.expect import Held
from netlab.testbed.faults.base import Fault
from netlab.testbed.flows import LATEST, Which
from netlab.testbed.lab import Lab

F = TypeVar("F", bound=Fault)
#: The methods whose calls count as steps of a story: of a host, and of the lab.
HOST = (
    *("listen", "unlisten", "connect", "accept", "send", "read", "drain", "shutdown", "close"),
    *("abort", "vanish", "sysctl", "set_option", "run", "start", "signal", "add_address", "udp"),
    *("probe", "flood"),
)
LAB = ("drop", "reject", "drop_matching", "plug", "path", "remove")


def load(scenarios: Iterable[Scenario]) -> None:
    """Import the files of stories before any lab is open, since open labs would have to wait."""
    for scenario in scenarios:
        if scenario.code is not None:
            with contextlib.suppress(NetlabError):  # playing the story reports it
                _function(scenario.code, scenario.path)


class StoryLab(Lab):
    """A lab that reports each proven pair to its player."""

    #: Minimum hold in seconds, for a pair that is held at all.
    longer = 0.0
    #: The fault that is left out.
    without = ""

    def enough(self) -> bool:
        """True if the faults have done what makes them the cause; the player replaces it."""
        return True

    def impose(self, fault: F) -> F:
        """As `Lab.impose`; the fault that is left out is removed at once."""
        if fault.name == self.without:
            fault.remove()
        return super().impose(fault)

    def proven(self, held: Held, hold: float) -> None:
        """Called when a pair was reached, and held for `hold` seconds; `Telling` replaces it."""

    def expect_pair(
        self,
        pair: ExpectedPair,
        hold: float = 0.0,
        within: float | None = None,
        dropped: Callable[[], bool] | None = None,
        which: Which = LATEST,
    ) -> Held:
        """As `Lab.expect_pair`, with `hold` at least `longer`, until `enough` where the story does
        not say how much must be `dropped`, and `proven` called afterwards.

        `hold` and `within` are in seconds.
        """
        hold = max(hold, self.longer) if hold else 0.0
        if hold and dropped is None:
            dropped = self.enough
        held = super().expect_pair(pair, hold, within, dropped, which)
        self.proven(held, hold)
        return held


class _Passing(BaseException):
    """Carries what `frozen` raised past the story, which may catch any `Exception`."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class Telling:
    """One story, played once. Its fields hold the results, however it ended."""

    def __init__(
        self, scenario: Scenario, code: Code, lab: StoryLab, frozen: Callable[[], None]
    ) -> None:
        self._code = code
        self._path, self._file = scenario.path, str(scenario.path)
        self._lab = lab
        self._frozen = frozen
        self.steps: list[evidence.PlayedStep] = []
        self.held: Held | None = None
        self.healed: Pair | None = None
        self.line = code.line

    def tell(self) -> None:
        """Play it. Raises `NotHeld` or `ActionFailed` where the kernel did not do what the story
        claims, `LabError` where the story itself is wrong, and anything that `frozen` raises.
        """
        try:
            function = _function(self._code, self._path)
        except ScenarioError as error:
            self.line = error.line or self.line
            raise LabError(error.problem) from None
        self._lab.proven = self._proven  # type: ignore[method-assign]
        for host in self._lab.hosts:
            self._note(host, HOST, f"{host.side}: ", host.side)
        self._note(self._lab, LAB, "")
        try:
            function(lab=self._lab)
        except _Passing as passing:
            raise passing.error from None
        except (LabError, NotHeld, ActionFailed) as error:
            self._locate(error)
            raise
        # The code is the user's, and whatever it raises is the outcome of this story: it must not
        # end the other scenarios that are played beside it.
        except Exception as error:
            self._locate(error)
            raise self._outcome(error) from None

    def _outcome(self, error: Exception) -> NetlabError:
        """A false claim or a failed call shows what the kernel did; any other error is a bug."""
        source = stories.statement(self._code, self.line)
        said = f": {error}" if str(error) else ""
        if isinstance(error, AssertionError):
            return ActionFailed(f"this is not so: {stories.claim(self._code, self.line)}{said}")
        if isinstance(error, OSError) and error.errno in OUT_OF_SOMETHING:
            return privileges.refused(error)
        if isinstance(error, OSError) and error.errno is not None:
            name = errno.errorcode.get(error.errno, str(error.errno))
            return ActionFailed(f"{source}: expected no error; found {name}")
        return LabError(f"the story broke, {source}: {type(error).__name__}{said}")

    def _locate(self, error: BaseException) -> None:
        self.line = _line(error, self._file) or self.line

    def _proven(self, held: Held, hold: float) -> None:
        pair = held.pair
        frame = self._caller()
        line = frame.f_lineno if frame else self.line
        self.steps.append(evidence.PlayedStep(held.since, line, f"reach: {pair}", "reach"))
        if hold:
            self.held = held
            try:
                self._frozen()
            except BaseException as error:
                raise _Passing(error) from None
        elif self.held is not None:
            self.healed = pair

    # --- steps

    def _note(
        self, whom: object, names: Iterable[str], beginning: str, side: Side | None = None
    ) -> None:
        """From now on, record the story's calls of these methods as steps."""
        for name in names:
            method = getattr(whom, name, None)
            if callable(method):
                setattr(whom, name, self._noted(method, name, beginning, side))

    def _noted(
        self, method: Callable[..., Any], name: str, beginning: str, side: Side | None
    ) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*given: Any, **named: Any) -> Any:
            frame = sys._getframe(1)
            if frame.f_code.co_filename != self._file:
                return method(*given, **named)  # one netlab method calls another
            at, line, result = self._lab.elapsed(), frame.f_lineno, ""
            try:
                return method(*given, **named)
            except OSError as error:
                result = errno.errorcode.get(error.errno or 0, "")
                raise
            finally:
                told = stories.call(self._code, line, name)
                value = told.removeprefix(name)[1:-1] or None  # its arguments
                self.steps.append(
                    evidence.PlayedStep(
                        at, line, f"{beginning}{told}", name, side, value, result=result
                    )
                )

        return call

    def _caller(self) -> types.FrameType | None:
        """The innermost frame of the story."""
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        return frame


@functools.cache
def _function(code: Code, path: Path) -> Callable[..., None]:
    """The story's function. Raises `ScenarioError` where its file cannot be imported."""
    module = _module(code.text, path)
    function: Callable[..., None] = getattr(module, code.function)
    return function


@functools.cache
def _module(text: str, path: Path) -> types.ModuleType:
    module = types.ModuleType(f"netlab story {path}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look there
    try:
        # What a story asserts is part of it, with PYTHONOPTIMIZE, too.
        code = compile(text, str(path), "exec", dont_inherit=True, optimize=0)
        exec(code, module.__dict__)
    except Exception as error:  # the user's code, as above
        problem = f"cannot be imported, {type(error).__name__}: {error}"
        raise ScenarioError(problem, path, _line(error, str(path))) from None
    return module


def _line(error: BaseException, path: str) -> int | None:
    """The innermost line of this file in an error's traceback."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
