# SPDX-License-Identifier: GPL-2.0-or-later
"""Audits as tests: an ``audit.yaml`` is one test a fault, and the `audit` fixture is for those in
Python. All that were selected of one program are played at once, by whichever comes first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from netlab.model import outside
from netlab.model.auditing import NOT_REACHED
from netlab.model.errors import NetlabError, ScenarioError

if TYPE_CHECKING:
    from netlab.audit.auditor import Auditor
    from netlab.audit.plan import AuditPlan
    from netlab.audit.shared import SharedCells
    from netlab.model.auditing import AuditCell
    from netlab.model.vocabulary import Family

NAME, SUFFIX = "audit.yaml", ".audit.yaml"
SHAPE = re.compile(r"^program[ \t]*:", re.MULTILINE)
#: Seconds of pytest-timeout beside the cap, in which all is played twice at most.
BESIDE = 60
_AUDITOR = pytest.StashKey[Any]()


def is_audit(path: Path) -> bool:
    """True for a file that is one by its name and its first key."""
    named = path.name == NAME or path.name.endswith(SUFFIX)
    return named and SHAPE.search(outside.glance(path)) is not None


def auditor(session: pytest.Session, family: Family) -> Auditor:
    """Who plays the audits of this session, and keeps what came of them."""
    from netlab.audit.auditor import Auditor

    if _AUDITOR not in session.config.stash:
        session.config.stash[_AUDITOR] = Auditor(family, _shared(session.config), pytest.skip)
    found: Auditor = session.config.stash[_AUDITOR]
    return found


def _shared(config: pytest.Config) -> SharedCells | None:
    """What the workers of pytest-xdist share: each collects all tests, and gets some of them. They
    have a temporary folder of pytest's in common.
    """
    from netlab.audit.shared import SharedCells

    temporary = getattr(config, "_tmp_path_factory", None)  # where xdist, too, looks for it
    if not hasattr(config, "workerinput") or temporary is None:
        return None
    return SharedCells(temporary.getbasetemp().parent, config.workerinput["testrunuid"])


def together(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The faults that a test is given one after the other, by a parameter called `fault`."""
    node = request.node
    name = getattr(node, "originalname", node.name)
    found = []
    for item in request.session.items:
        if getattr(item, "originalname", "") == name and item.path == node.path:
            given = getattr(getattr(item, "callspec", None), "params", {})
            found += [given["fault"]] if "fault" in given else []
    return tuple(found)


class AuditFile(pytest.File):
    """An audit: one item for each fault."""

    family: Family

    def collect(self) -> Iterator[AuditItem | RefusedAudit]:
        """Read the file. One that is refused is one test that fails: the others go on."""
        from netlab.audit import document

        try:
            plan, names = document.load(Path(os.path.relpath(self.path)), self.family)
        except ScenarioError as error:
            yield RefusedAudit.from_parent(self, name=self.path.stem, error=error)
            return
        for name in names:
            yield AuditItem.from_parent(self, name=name, plan=plan)


class RefusedAudit(pytest.Item):
    """A file that is no audit, as a test that fails."""

    def __init__(self, *, error: ScenarioError, **rest: Any) -> None:
        super().__init__(**rest)
        self.error = error

    def runtest(self) -> None:
        """Raise the `ScenarioError`."""
        raise self.error

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The sentence, without a traceback through netlab."""
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The place that pytest reports for this test."""
        return self.path, (self.error.line or 1) - 1, self.name


class AuditItem(pytest.Item):
    """A program under one fault."""

    def __init__(self, *, plan: AuditPlan, **rest: Any) -> None:
        super().__init__(**rest)
        self.plan = plan
        self._cell: AuditCell | None = None
        if self.config.pluginmanager.hasplugin("timeout"):
            self.add_marker(pytest.mark.timeout(int(2 * plan.cap) + BESIDE))

    def setup(self) -> None:
        """Play it, with all others of this file. What cannot be played is an error of pytest's."""
        mine = [each for each in self.session.items if isinstance(each, AuditItem)]
        names = [each.name for each in mine if each.path == self.path]
        cells, problem = [], ""
        try:
            cells = auditor(self.session, self.plan.family).cells(self.plan, names)
        except NetlabError as error:
            problem = str(error)
        if problem:  # not in the clause above: pytest would show both errors
            pytest.fail(problem, pytrace=False)
        found = next(cell for cell in cells if cell.fault == self.name)
        self._cell = found.allowing(self.plan.allow.get(self.name))
        if self._cell.play.problem:
            pytest.fail(self._cell.play.problem, pytrace=False)
        if self._cell.word == NOT_REACHED and not self._cell.allowed:
            pytest.skip(f"{NOT_REACHED}: {self._cell.why}")

    def runtest(self) -> None:
        """Raise `Unsound` where something is wrong that is not meant."""
        assert self._cell is not None
        if not self._cell.sound:
            raise Unsound(self._cell)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What was seen, instead of a traceback through netlab."""
        if isinstance(excinfo.value, Unsound):
            from netlab.render.audit import explained
            from netlab.render.style import Style

            colour = self.config.get_terminal_writer().hasmarkup
            return explained(excinfo.value.cell, Style(colour))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The place that pytest reports for this test."""
        return self.path, 0, self.name


class Unsound(AssertionError):
    """Something is wrong with a program under a fault."""

    def __init__(self, cell: AuditCell) -> None:
        super().__init__(f"{cell.fault}: {cell.word}: {cell.why}")
        self.cell = cell
