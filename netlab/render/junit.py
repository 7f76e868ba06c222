# SPDX-License-Identifier: GPL-2.0-or-later
"""Verdicts as XML in the form of JUnit, which Jenkins, GitLab and others show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree

from netlab.render.verdicts import Verdict

#: What XML 1.0 cannot have, not even escaped.
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
TAGS = {"fail": "failure", "error": "error", "skip": "skipped"}
COUNTS = {"tests": "", "failures": "fail", "errors": "error", "skipped": "skip"}


@dataclass(frozen=True, slots=True)
class JunitSuite:
    """The tests of one kernel."""

    name: str  # netlab 6.18.44
    verdicts: Sequence[Verdict]
    seconds: float  # in which all of them were played
    properties: tuple[tuple[str, str], ...] = ()  # of the kernel: release, version, clock, ...


def junit(suites: Sequence[JunitSuite], began: datetime) -> bytes:
    """The whole file. `began`: when the tests began."""
    root = ElementTree.Element("testsuites", name="netlab", time=_s(sum(s.seconds for s in suites)))
    _count(root, [verdict for suite in suites for verdict in suite.verdicts])
    for suite in suites:
        element = ElementTree.SubElement(
            root,
            "testsuite",
            name=_text(suite.name),
            timestamp=began.replace(tzinfo=None).isoformat(timespec="seconds"),
            time=_s(suite.seconds),
        )
        _count(element, suite.verdicts)
        if suite.properties:
            listed = ElementTree.SubElement(element, "properties")
            for name, value in suite.properties:
                ElementTree.SubElement(listed, "property", name=name, value=_text(value))
        for verdict in suite.verdicts:
            _add(element, verdict)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _add(suite: ElementTree.Element, verdict: Verdict) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_text(verdict.suite),
        name=_text(verdict.name),
        time=_s(verdict.seconds),
    )
    if verdict.outcome in TAGS:
        why = ElementTree.SubElement(case, TAGS[verdict.outcome], message=_text(verdict.why))
        if verdict.outcome != "skip":
            why.set("type", verdict.outcome)
            why.text = _text("\n".join(verdict.details) or verdict.why)


def _count(element: ElementTree.Element, verdicts: Sequence[Verdict]) -> None:
    for name, outcome in COUNTS.items():
        number = sum(not outcome or verdict.outcome == outcome for verdict in verdicts)
        element.set(name, str(number))


def _s(seconds: float) -> str:
    return f"{seconds:.3f}"


def _text(text: str) -> str:
    return FORBIDDEN.sub("?", text)
