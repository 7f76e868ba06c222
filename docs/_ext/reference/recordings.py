# SPDX-License-Identifier: GPL-2.0-or-later
"""What this kernel does, played while the site is built, and kept: ladders of scenarios, and the
conformance table.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from netlab import __version__, conformance
from netlab.conformance import page, play, rows
from netlab.linux import privileges
from netlab.model.errors import NetlabError
from netlab.model.kernel_run import PlayedRow
from netlab.model.vocabulary import Family
from netlab.render import conformance_page, ladder_svg
from netlab.scenario import runner
from netlab.scenario.model import Scenario
from reference import scenarios

if TYPE_CHECKING:
    from sphinx.config import Config

#: Settings: whether scenarios are played (``-D netlab_play=0`` builds without a lab), and where
#: their pictures are kept.
PLAY, FOLDER = "netlab_play", "netlab_recordings"
LOG = logging.getLogger(__name__)
#: What draws ladders and the table: where that has changed, a picture of before is none of it.
RENDER = Path(ladder_svg.__file__).parent
LADDERS = sorted(RENDER.glob("ladder*.py"))
HOUSE = Path(conformance.__file__).parent
TABLE = sorted([
    *HOUSE.rglob("*.py"), *HOUSE.rglob("*.yaml"), *LADDERS,
    Path(conformance_page.__file__), *RENDER.glob("templates/*.*"),
])  # fmt: skip


def directive(name: str) -> str:
    """What has a page show the ladder of a scenario."""
    return f"```{{netlab-ladder}} {name}\n```"


class LadderDirective(SphinxDirective):
    """The packets of a scenario as a picture, and the command that draws them in a terminal."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The picture, where it could be made."""
        try:
            scenario = scenarios.named(self.arguments[0])
        except KeyError:
            raise self.error(f"no scenario is called {self.arguments[0]!r}") from None
        command = f"$ {scenarios.command(scenario)}"
        shown: list[nodes.Node] = [nodes.literal_block(command, command, language="console")]
        if picture := Recordings(self.config).pictures([scenario]).get(scenario.name):
            shown.append(nodes.raw("", picture, format="html"))
        return shown


class Recordings:
    """A folder of pictures."""

    def __init__(self, config: Config) -> None:
        self._folder = Path(config[FOLDER])
        self._play = bool(int(config[PLAY]))

    def pictures(self, scenarios: Sequence[Scenario]) -> dict[str, str]:
        """The ladders by the names of their scenarios; what is not there yet is played, all side by
        side. One that could not be played is a warning of Sphinx's.
        """
        new = [each for each in scenarios if not self._file(each).is_file()]
        if new and self._play:
            try:
                self._record(new)
            except NetlabError as error:
                LOG.warning("scenarios cannot be played: %s", error)
        files = {each.name: self._file(each) for each in scenarios}
        return {name: file.read_text() for name, file in files.items() if file.is_file()}

    def table(self) -> str:
        """The conformance table as a page, as this kernel has played it; "" where it is not there
        yet and nothing may be played. A row that is otherwise is a warning of Sphinx's.
        """
        file = self._kept("html", TABLE)
        if not file.is_file() and self._play:
            try:
                self._play_table(file)
            except NetlabError as error:
                LOG.warning("the conformance table cannot be played: %s", error)
        return file.read_text() if file.is_file() else ""

    def _file(self, scenario: Scenario) -> Path:
        return self._kept("svg", (scenario.path, *LADDERS), scenario.name)

    def _kept(self, kind: str, files: Iterable[Path], name: str = "") -> Path:
        """Where is kept what comes of these files on this kernel."""
        texts = [path.read_text() for path in files]
        said = "\0".join([*texts, name, __version__, os.uname().release])
        return self._folder / f"{hashlib.sha256(said.encode()).hexdigest()[:32]}.{kind}"

    def _play_table(self, file: Path) -> None:
        privileges.prepare()
        played: list[PlayedRow] = []
        for family in Family:
            played += play.play(rows.rows(), family, recorded=True)
        for one in played:
            if one.problem:
                LOG.warning("%s (%s) was not recorded: %s", one.name, one.family, one.problem)
        if not any(one.problem for one in played):
            self._folder.mkdir(parents=True, exist_ok=True)
            file.write_text(page.page(rows.rows(), played, __version__, home="../index.html"))

    def _record(self, scenarios: Sequence[Scenario]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for number, evidence in runner.play_all(scenarios, runner.Options(record=True)):
            if evidence.outcome == "pass":
                self._file(scenarios[number]).write_text(ladder_svg.svg(evidence))
            elif evidence.outcome != "skip":
                told = evidence.reason or evidence.outcome
                LOG.warning("%s was not recorded: %s", evidence.scenario, told)
