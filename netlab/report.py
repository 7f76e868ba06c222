# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs as files: a page for the browser, captures for Wireshark, and the records as JSON.

Folders are checked before anything is played, and written to afterwards. Every file is written
beside its place and moved there, so a reader sees either the old one or the new one.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from netlab import extras
from netlab._version import __version__
from netlab.model import files
from netlab.model.errors import LabError, NetlabError, ScenarioError, bug

if TYPE_CHECKING:
    from netlab.model.evidence import Evidence
    from netlab.render.report import Chapter, ReportHead
    from netlab.scenario.model import Scenario

PAGE = "index.html"
LONGEST = 200  # bytes of a name; a file's has at most 255, with suffixes
PROGRAM = f"netlab {__version__}"


def prepare(folder: Path, option: str) -> None:
    """Make a folder if it is missing. Raises `ScenarioError` where there can be none, `LabError`
    where the disk is full or read-only, and `MissingExtra` if a report is wanted without jinja2.
    """
    if option == "--report":
        extras.require("report", option)
    files.prepare(folder, option)
    if (folder / PAGE).is_dir():
        raise ScenarioError(f"{option}: {folder / PAGE} is a folder: name another place")


def file_names(scenarios: Sequence[Scenario]) -> list[str]:
    """A name for each one's files, distinct even if two scenarios have the same name."""
    taken: set[str] = set()
    names = []
    for scenario in scenarios:
        plain = re.sub(r"[^\w.-]+", "-", scenario.name).strip(".-") or "scenario"
        plain = plain.encode()[:LONGEST].decode(errors="ignore")
        name, number = plain, 2
        while name.casefold() in taken:
            name, number = f"{plain}-{number}", number + 1
        taken.add(name.casefold())
        names.append(name)
    return names


def about_run(began: datetime, seconds: float, left: int = 0) -> ReportHead:
    """The page's summary of the whole run, which took `seconds`.

    `left`: how many scenarios were not played to the end.
    """
    from netlab.render.report import ReportHead

    return ReportHead(__version__, f"{began:%Y-%m-%d %H:%M} {began.tzname()}", seconds, left)


def write_report(
    folder: Path | str,
    scenarios: Sequence[Scenario],
    runs: Sequence[Evidence],
    about: ReportHead | None = None,
) -> Path:
    """Write the page, a capture file for each recording, and each run's record as JSON.

    `runs` are those of `scenarios`, in the same order; play them with ``Options(record=True)``
    to include their packets. The folder is made if it is missing. Returns the page. Raises
    `MissingExtra` without jinja2, `ScenarioError` or `LabError` where something cannot be written,
    and `LabError`, once all others are, where something cannot be drawn.
    """
    folder = Path(folder)
    prepare(folder, "--report")
    about = about or about_run(datetime.now().astimezone(), sum(run.elapsed_s for run in runs))
    apart = _Apart("--report")
    chapters = []
    for scenario, run, name in zip(scenarios, runs, file_names(scenarios), strict=True):
        with apart.one(name):
            captured = write_capture(folder, run, name, "--report")
            files.write(folder / f"{name}.json", f"{run.to_json()}\n", "--report")
            written = ([f"{name}.pcapng"] if captured else []) + [f"{name}.json"]
            chapters.append(_chapter(scenario, run, name, tuple(written)))
    files.write(folder / PAGE, _page(chapters, about, apart), "--report")
    apart.say()
    return folder / PAGE


def write_captures(
    folder: Path | str, scenarios: Sequence[Scenario], runs: Sequence[Evidence]
) -> int:
    """Write the capture files alone (pcapng); returns how many there are.

    Only a run that was played with ``Options(record=True)`` has one. Raises
    `ScenarioError` or `LabError` where one cannot be written, and `LabError`, once all others are,
    where one cannot be made.
    """
    folder = Path(folder)
    prepare(folder, "--pcap")
    apart = _Apart("--pcap")
    written = 0
    for run, name in zip(runs, file_names(scenarios), strict=True):
        with apart.one(name):
            written += write_capture(folder, run, name, "--pcap")
    apart.say()
    return written


def _page(chapters: Sequence[Chapter], about: ReportHead, apart: _Apart) -> str:
    """The page, without the chapters that have a picture which cannot be drawn."""
    from netlab.render.report import report

    try:
        return report(chapters, about)
    except Exception:
        sound = []
        for chapter in chapters:
            with apart.one(chapter.name):
                report([chapter], about)
                sound.append(chapter)
        return report(sound, about)


class _Apart:
    """Keeps what cannot be drawn of one scenario away from the others."""

    def __init__(self, option: str) -> None:
        self._option = option
        self._lost: list[str] = []

    @contextlib.contextmanager
    def one(self, name: str) -> Iterator[None]:
        """Go on after a mistake in the body. What cannot be written is the trouble of all."""
        try:
            yield
        except NetlabError:
            raise
        except Exception as error:
            self._lost.append(f"{name} is left out: {bug(error)}")

    def say(self) -> None:
        """Raise `LabError` where anything was left out."""
        if self._lost:
            raise LabError(f"{self._option}: {'; '.join(self._lost)}")


def write_capture(folder: Path, run: Evidence, name: str, option: str) -> bool:
    """Write the capture file of one run, named `name`.pcapng; return whether it has a recording.
    Raises `ScenarioError` or `LabError` where it cannot be written.
    """
    from netlab.render.pcapng import pcapng

    if run.recording is None:
        return False
    files.write(folder / f"{name}.pcapng", pcapng(run, PROGRAM), option)
    return True


def _chapter(scenario: Scenario, run: Evidence, name: str, files: tuple[str, ...]) -> Chapter:
    from netlab.render.report import Chapter, ToldStep
    from netlab.scenario import writer
    from netlab.scenario.explain import by_hand

    steps = tuple(
        ToldStep(
            writer.line(step),
            step.comment,
            tuple((str(command.side), command.text) for command in commands),
        )
        for step, commands in by_hand(scenario, run.family)
    )
    story = " ".join(scenario.story.split())
    return Chapter(run, name, story, scenario.differs, scenario.expect.cause, steps, files)
