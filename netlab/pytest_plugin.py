# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab for pytest: ``scenarios/**/*.yaml`` and the stories in ``scenarios/**/*.py`` are tests,
and the `lab` fixture is a lab.

Scenarios are played side by side: the first one that runs starts all that were selected, and each
item then waits for its own evidence only. With pytest-xdist each worker plays a share of them.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from netlab import pytest_audit
from netlab.model import outside
from netlab.model.errors import LabError, NetlabError, NotHeld, ScenarioError

if TYPE_CHECKING:
    from netlab.audit.auditor import Auditor
    from netlab.model.evidence import Evidence
    from netlab.model.vocabulary import Family
    from netlab.scenario.model import Scenario
    from netlab.scenario.runner import Options
    from netlab.testbed.lab import Lab
    from netlab.testbed.net import Net

HERE = Path(__file__).parent
FOLDER = "scenarios"
SHAPE = re.compile(r"^(source|steps|expect)[ \t]*:", re.MULTILINE)
#: Seconds of pytest-timeout for what takes a minute or two by its nature.
SLOW_TIMEOUT = 300


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options; all are prefixed, so that they clash with no other plugin's."""
    group = parser.getgroup("netlab", "netlab: TCP states, frozen on the real kernel")
    group.addoption(
        "--netlab-slow", action="store_true", help="also play scenarios that take a minute or two"
    )
    group.addoption("--netlab-ipv6", action="store_true", help="over IPv6 instead of IPv4")
    group.addoption(
        "--netlab-hold", metavar="S", help="hold each pair at least that long, such as 2s"
    )
    parser.addini(
        "netlab_scenarios",
        "collect scenarios and stories below folders called scenarios (those that are named on the "
        "command line are collected in any case)",
        type="bool",
        default=True,
    )
    parser.addini(
        "netlab_programs",
        "let scenarios that did not come with netlab start programs, confined to their labs",
        type="bool",
        default=False,
    )
    parser.addini(
        "netlab_userns",
        "without root, enter a user namespace at the start (needed for the lab fixture with -n)",
        type="bool",
        default=False,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Workers of xdist inherit the controller's user namespace; they have threads, and a process
    with threads cannot enter one any more.
    """
    config.addinivalue_line("markers", "slow: takes a minute or more; played with --netlab-slow")
    _hold(config)
    distributed = getattr(config.option, "numprocesses", None) and not _is_worker(config)
    if config.getini("netlab_userns") or (distributed and _plays_scenarios(config)):
        from netlab.linux import privileges

        with contextlib.suppress(NetlabError):  # each item will report it
            privileges.prepare()


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _plays_scenarios(config: pytest.Config) -> bool:
    from netlab.scenario import stories

    paths = [Path(argument.split("::")[0]).absolute() for argument in config.args]
    if any(path.suffix == ".yaml" or stories.has_stories(path) for path in paths):
        return True
    below = (path if _in_folder(path, config) else path / FOLDER for path in paths)
    return any(_is_collected(file, config) for folder in below for file in folder.rglob("*.*"))


# --- collecting


def _in_folder(path: Path, config: pytest.Config) -> bool:
    """True for what is in a folder called ``scenarios`` of this project: where the project itself
    lies says nothing. Without a configuration file, pytest knows of no project.
    """
    project = config.rootpath
    if config.inipath is None or not path.is_relative_to(project):
        return FOLDER in path.parts
    return FOLDER in path.relative_to(project).parts


def _is_collected(path: Path, config: pytest.Config) -> bool:
    """True for a scenario or stories in such a folder. Other tools have YAML files there, too."""
    if not (config.getini("netlab_scenarios") and _in_folder(path, config)):
        return False
    if path.suffix == ".py":
        from netlab.scenario import stories

        return stories.has_stories(path)
    return path.suffix == ".yaml" and _looks_like_one(path)


def _looks_like_one(path: Path) -> bool:
    """True if a file has two of the three keys that every scenario has: one may be misspelt."""
    return len({*SHAPE.findall(outside.glance(path))}) > 1


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A scenario or stories below a folder called ``scenarios``, or named on the command line."""
    if pytest_audit.is_audit(file_path):
        audit: pytest_audit.AuditFile = pytest_audit.AuditFile.from_parent(parent, path=file_path)
        audit.family = _family(parent.config)
        return audit
    named = file_path.suffix in (".yaml", ".py") and parent.session.isinitpath(file_path)
    if named and file_path.suffix == ".py":
        from netlab.scenario import stories

        named = stories.has_stories(file_path)
    if not named and not _is_collected(file_path, parent.config):
        return None
    file: ScenarioFile = ScenarioFile.from_parent(parent, path=file_path)
    return file


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(obj: object) -> list[pytest.Item] | None:
    """Collect no story a second time because its name begins like that of a test."""
    from netlab.scenario import stories

    return [] if getattr(obj, stories.PLAYED, False) is True else None


class ScenarioFile(pytest.File):
    """A scenario file: one item, and a slow one if it states how its pair ends by itself; or a
    file of stories, one item each.
    """

    def collect(self) -> Iterator[ScenarioItem | RefusedItem]:
        """Read the file. One that the loader refuses is one test that fails: the others go on."""
        from netlab.scenario import catalogue

        try:
            scenarios = catalogue.in_file(Path(os.path.relpath(self.path)))
        except ScenarioError as error:
            yield RefusedItem.from_parent(self, name=self.path.stem, error=error)
            return
        for variant in scenarios:
            refusal = _refusal(variant, self.config)
            if refusal is not None:
                yield RefusedItem.from_parent(self, name=variant.name, error=refusal)
                continue
            yield ScenarioItem.from_parent(self, name=variant.name, scenario=variant)


def _refusal(scenario: Scenario, config: pytest.Config) -> ScenarioError | None:
    """Why a scenario may not be played here, if it starts programs that nobody has allowed."""
    from netlab.scenario import programs

    strangers = programs.by_strangers([scenario])
    allowed = config.getini("netlab_programs")
    return strangers[0].refusal if strangers and not allowed else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow scenarios out, and move the others together to the place of the first."""
    scenarios = [item for item in items if isinstance(item, ScenarioItem)]
    if not scenarios:
        return
    first = items.index(scenarios[0])
    slow = [] if config.getoption("netlab_slow") else [i for i in scenarios if i.scenario.slow]
    if slow:
        config.hook.pytest_deselected(items=slow)
    before = [item for item in items[:first] if item not in scenarios]
    after = [item for item in items[first:] if item not in scenarios]
    items[:] = [*before, *(item for item in scenarios if item not in slow), *after]


class RefusedItem(pytest.Item):
    """A file that is no scenario, as a test that fails."""

    def __init__(self, *, error: ScenarioError, **rest: Any) -> None:
        super().__init__(**rest)
        self.error = error

    def runtest(self) -> None:
        """Raise the `ScenarioError`."""
        raise self.error

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The loader's sentence, without a traceback through netlab."""
        if excinfo.value is self.error:
            return str(self.error)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The place that pytest reports for this test."""
        return self.path, (self.error.line or 1) - 1, self.name


# --- playing


class ScenarioItem(pytest.Item):
    """One scenario as a test."""

    def __init__(self, *, scenario: Scenario, **rest: Any) -> None:
        super().__init__(**rest)
        self.scenario = scenario
        self.evidence: Evidence | None = None
        if scenario.slow:
            self.add_marker(pytest.mark.slow)
            if self.config.pluginmanager.hasplugin("timeout"):
                self.add_marker(pytest.mark.timeout(SLOW_TIMEOUT))

    def setup(self) -> None:
        """Get the evidence. A lab that could not be built is pytest's ERROR, not a failure."""
        try:
            self.evidence = _stage(self.session).evidence_of(self)
        except NetlabError as error:
            pytest.fail(str(error), pytrace=False)
        if self.evidence.outcome == "skip":
            pytest.skip(self.evidence.reason)
        if self.evidence.outcome == "error":
            pytest.fail(self.evidence.reason, pytrace=False)
        pair = str(self.evidence.observed)
        self.user_properties += [("pair", pair), ("dropped", self.evidence.dropped)]

    def runtest(self) -> None:
        """Raise `ScenarioFailed` where the outcome is a failure."""
        assert self.evidence is not None
        if self.evidence.outcome == "fail":
            raise ScenarioFailed(self.evidence)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The report a person needs, instead of a traceback through netlab."""
        from netlab.render.failure import failure
        from netlab.render.style import Style

        if isinstance(excinfo.value, ScenarioFailed):
            colour = self.config.get_terminal_writer().hasmarkup
            return failure(excinfo.value.evidence, Style(colour))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The place that pytest reports for this test."""
        return self.path, self.scenario.expect.line - 1, self.name


class ScenarioFailed(NetlabError):
    """A scenario's pair was not held; the evidence shows how."""

    def __init__(self, evidence: Evidence) -> None:
        super().__init__(evidence.scenario)
        self.evidence = evidence


class _Stage:
    """Plays scenarios side by side and hands out evidence as it is asked for."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._evidence: dict[str, Evidence] = {}
        self._running: list[tuple[list[ScenarioItem], Iterator[tuple[int, Evidence]]]] = []

    def evidence_of(self, item: ScenarioItem) -> Evidence:
        """The evidence of one item; starts its share if that is not being played yet."""
        if not any(item in items for items, _ in self._running):
            self._start(item)
        for items, plays in self._running:
            while item in items and item.nodeid not in self._evidence:
                self._advance(items, plays)
        return self._evidence[item.nodeid]

    def finish(self) -> None:
        """Play everything that was started to its end: other tests must not get in its way."""
        for items, plays in self._running:
            while any(item.nodeid not in self._evidence for item in items):
                self._advance(items, plays)

    def close(self) -> None:
        """End what still runs."""
        for _, plays in self._running:
            plays.close()  # type: ignore[attr-defined]  # a generator

    def _start(self, item: ScenarioItem) -> None:
        from netlab.scenario import runner

        workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        mine = share(item.nodeid, workers)
        items = [
            other
            for other in item.session.items
            if isinstance(other, ScenarioItem) and share(other.nodeid, workers) == mine
        ]
        plays = runner.play_all([each.scenario for each in items], _options(self._config))
        self._running.append((items, plays))

    def _advance(self, items: list[ScenarioItem], plays: Iterator[tuple[int, Evidence]]) -> None:
        number, evidence = next(plays)
        self._evidence[items[number].nodeid] = evidence


_STAGE = pytest.StashKey[_Stage]()


def _stage(session: pytest.Session) -> _Stage:
    return session.config.stash.setdefault(_STAGE, _Stage(session.config))


def _options(config: pytest.Config) -> Options:
    from netlab.scenario import runner

    return runner.Options(family=_family(config), hold=_hold(config))


def _hold(config: pytest.Config) -> float:
    from netlab.model import units

    given = config.getoption("netlab_hold")
    try:
        return 0.0 if given is None else units.duration(given)
    except ValueError:
        problem = f"--netlab-hold: expected a duration such as 2s; found {given!r}"
        raise pytest.UsageError(problem) from None


def _family(config: pytest.Config) -> Family:
    from netlab.model.vocabulary import Family

    return Family.IPV6 if config.getoption("netlab_ipv6") else Family.IPV4


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Before a test of another kind runs, play all started scenarios to their end."""
    if isinstance(item, ScenarioItem) and not isinstance(nextitem, ScenarioItem) and nextitem:
        _stage(item.session).finish()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave nothing running, even after ``-x`` or Ctrl-C."""
    if _STAGE in session.config.stash:
        session.config.stash[_STAGE].close()


# --- pytest-xdist


def is_scenario(nodeid: str) -> bool:
    """True if this names a scenario's item: of a YAML file, or of a story, whose name has a
    hyphen, which no function's name can have.
    """
    file, _, name = nodeid.partition("::")
    return file.endswith(".yaml") or "-" in name.partition("[")[0]


def share(nodeid: str, workers: int) -> int:
    """The share of the scenarios that an item belongs to: the same in every process."""
    return zlib.crc32(nodeid.encode()) % workers


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Send each whole share of the scenarios to one worker, so that it is played side by side."""
    if config.getvalue("dist") != "load" or not _plays_scenarios(config):
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByShare(LoadScopeScheduling):  # type: ignore[misc]  # untyped
        """Scenarios by their share, every other test by itself."""

        def _split_scope(self, nodeid: str) -> str:
            if not is_scenario(nodeid):
                return nodeid
            return f"scenarios {share(nodeid, self.numnodes)}"

    return ByShare(config, log)


# --- the fixture


@pytest.fixture
def netlab_family(request: pytest.FixtureRequest) -> Family:
    """The family of `lab`: IPv4, or IPv6 with ``--netlab-ipv6``. Override it as you like."""
    return _family(request.config)


@pytest.fixture
def lab(netlab_family: Family) -> Generator[Lab]:
    """Two hosts, `lab.client` and `lab.server`, and a wire that can lose, refuse and hold."""
    from netlab.testbed.lab import Lab

    try:
        built = Lab(netlab_family)
    except LabError as error:
        pytest.fail(str(error), pytrace=False)
    with built:
        yield built


@pytest.fixture
def net(lab: Lab) -> Generator[Net]:
    """The test is on a client's host, and everything else may misbehave: addresses such as
    `net.blackhole` and `net.refused`, and `net.cut()`.
    """
    from netlab.testbed.net import Net

    with Net(lab) as network, lab.client:
        yield network


@pytest.fixture
def audit(request: pytest.FixtureRequest, netlab_family: Family) -> Auditor:
    """Plays a program under a fault: ``audit("./client {server} {port}", fault)`` is what it does.
    Where that fault is a parameter called `fault`, all that were selected are played at once.
    """
    auditor = pytest_audit.auditor(request.session, netlab_family)
    auditor.together = pytest_audit.together(request)
    return auditor


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a test with a lab fails, show what was expected and what was sampled, and what the
    lab's programs wrote; and nothing of netlab's inside, unless pytest's ``--full-trace`` asks.
    """
    if call.excinfo is not None and not item.config.getoption("fulltrace"):
        call.excinfo = _without_the_inside(call.excinfo)
    report = yield
    if report.failed and call.excinfo is not None:
        lines = [*_of_the_pair(call.excinfo.value), *_of_programs(item)]
        if lines:
            report.sections.append(("netlab", "\n".join(lines)))
    return report


def _without_the_inside(
    excinfo: pytest.ExceptionInfo[BaseException],
) -> pytest.ExceptionInfo[BaseException]:
    """Of an exception of netlab's, where it was called. Any other one has all of it."""
    entries = [*_each(excinfo.tb)]
    outer = [each for each in entries if not _is_inside(each.tb_frame.f_code.co_filename)]
    if not outer or excinfo.type.__module__.partition(".")[0] != HERE.name:
        return excinfo
    found: TracebackType | None = None
    for each in reversed(outer):
        found = TracebackType(found, each.tb_frame, each.tb_lasti, each.tb_lineno)
    assert found is not None
    return pytest.ExceptionInfo.from_exc_info((excinfo.type, excinfo.value, found))


def _each(entry: TracebackType | None) -> Iterator[TracebackType]:
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _is_inside(path: str) -> bool:
    return path == contextlib.__file__ or Path(path).is_relative_to(HERE)


def _of_the_pair(error: BaseException) -> Iterator[str]:
    if isinstance(error, NotHeld):
        from netlab.render.failure import rows
        from netlab.render.style import Style

        yield error.failure.summary
        yield from rows(error.failure, Style(sys.stdout.isatty()))


def _of_programs(item: pytest.Item) -> Iterator[str]:
    """What was written in the labs that a test's fixtures have built."""
    given = getattr(item, "funcargs", {}).values()
    testbed = sys.modules.get("netlab.testbed.lab")  # whoever has a lab has imported it
    if testbed is not None:
        from netlab.render.program import told

        for lab in given:
            if isinstance(lab, testbed.Lab):
                for program in lab.programs:
                    yield from told(program)
