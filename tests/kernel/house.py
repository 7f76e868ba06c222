# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody's folder with scenarios and tests of their own, and pytest in it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

SCENARIO = """\
# A story.
source: a test of netlab's plugin
{more}steps:
  - server: listen
  - client: connect
expect:
  pair: {{client: {client}, server: {server}}}
  hold: {hold}
  within: 1s
  cause: nothing is wrong
"""
NOT_BUILT = """\
source: a test
steps:
  - reject: {segment: SYN, at: client postrouting, with: tcp-reset}
expect:
  pair: {client: CLOSED, server: CLOSED}
  cause: the kernel refuses such a rule
"""
SLOW = """\
source: a test
steps:
  - client: {sysctl: {tcp_fin_timeout: 1}}
  - server: listen
  - client: connect
  - server: accept
  - client: close
expect:
  pair: {client: FIN_WAIT2, server: CLOSE_WAIT}
  hold: 100ms
  cause: nothing is lost
  ends: {client: CLOSED, server: CLOSE_WAIT, after: between 0s and 30s}
"""
NEVER_MATCHED = """\
source: a test
steps:
  - server: listen
  - drop: {segment: RST, to: client}
  - client: connect
expect:
  pair: {client: SYN_SENT, server: SYN_RECV}
  within: 1s
  cause: it is a wrong claim
"""


STORY = """\
from netlab import Lab, State, story


@story(source="a test", cause="nothing is wrong")
def {name}(lab: Lab) -> None:
    \"\"\"A story.\"\"\"
    lab.server.listen()
    lab.client.connect()
    {more}
    lab.expect(State.ESTABLISHED, State.ESTABLISHED, hold=0.1)
"""


class House:
    """A folder with scenarios and tests, and pytest in it."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def scenario(
        self,
        name: str,
        client: str = "ESTABLISHED",
        server: str = "ESTABLISHED",
        hold: str = "100ms",
        more: str = "",
    ) -> None:
        """A scenario that passes, unless another pair is claimed."""
        self.file(name, SCENARIO.format(client=client, server=server, hold=hold, more=more))

    def file(self, name: str, text: str) -> None:
        """A scenario file with any text."""
        path = self.pytester.path / "scenarios" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def story(self, name: str, more: str = "pass") -> None:
        """A file in Python with one story, which passes unless more is done."""
        path = self.pytester.path / "scenarios" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(STORY.format(name=name, more=more))

    def run(self, *options: str) -> pytest.RunResult:
        """Run pytest here, as a process."""
        others = (
            "-p",
            "no:cacheprovider",
            "-p",
            "no:hypothesispytest",
        )  # the latter takes a second
        return self.pytester.runpytest_subprocess(*others, *options)

    def report(self) -> ElementTree.Element:
        """What ``--junitxml=report.xml`` has written."""
        return ElementTree.parse(self.pytester.path / "report.xml").getroot()

    def reported(self) -> list[str]:
        """The names of the test cases in that report."""
        return sorted(case.attrib["name"] for case in self.report().iter("testcase"))
