# SPDX-License-Identifier: GPL-2.0-or-later
"""The state diagram as a person sees it: terminal, SVG, JSON, and the command's exit codes."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from netlab.atlas import fsm
from netlab.cli.commands import fsm as command
from netlab.cli.commands.fsm import drawn
from netlab.model.errors import ScenarioError
from netlab.model.evidence import Evidence
from netlab.model.tcp import State
from netlab.render.fsm import fsm as diagram
from netlab.render.fsm_layout import BOXES, HEIGHT, ROUTES, WIDTH, Drawn, Point, Route
from netlab.render.fsm_svg import svg
from netlab.render.letters import ASCII
from netlab.render.style import Style
from tests.build import without_codes
from tests.unit.atlas.test_fsm import ABSENT, end, run

S = State
PLAIN, COLOUR = Style(False), Style(True)

CLOSED_FIRST = run(end(S.ESTABLISHED, S.FIN_WAIT1), ABSENT, (1.005, "client: close"))
SEEN = drawn(fsm.seen([CLOSED_FIRST]))


def places(route: Route) -> Iterator[Point]:
    """Every column and row that a line and its words take."""
    for (x, y), (to_x, to_y) in pairwise(route.corners):
        yield from (
            (column, row)
            for column in range(min(x, to_x), max(x, to_x) + 1)
            for row in range(min(y, to_y), max(y, to_y) + 1)
        )
    for number, words in enumerate(route.words):
        yield from ((route.at[0] + n, route.at[1] + number) for n in range(len(words) + 2))


def test_everything_of_the_figure_has_a_place() -> None:
    assert ROUTES.keys() == {(arrow.source, arrow.target) for arrow in fsm.RFC_ARROWS}
    assert {box.state for box in BOXES} == {*State}


def test_nothing_stands_on_anything_else() -> None:
    taken: dict[Point, str] = {
        (column, row): f"{box.state}"
        for box in BOXES
        for column in range(box.left, box.left + box.width)
        for row in range(box.top, box.top + box.height)
    }
    for pair, route in ROUTES.items():
        for place in {*places(route)}:
            assert place not in taken, f"{pair} and {taken[place]} at {place}"
            assert 0 <= place[0] < WIDTH
            assert 0 <= place[1] < HEIGHT
            taken[place] = f"{pair}"


@pytest.mark.parametrize("pair", ROUTES)
def test_lines_lead_from_box_to_box(pair: tuple[State, State]) -> None:
    def touches(state: State, point: Point) -> bool:
        return any(
            box.left - 1 <= point[0] <= box.left + box.width
            and box.top - 1 <= point[1] <= box.top + box.height
            for box in BOXES
            if box.state is state
        )

    assert touches(pair[0], ROUTES[pair].corners[0])
    assert touches(pair[1], ROUTES[pair].corners[-1])


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_it_fits_the_terminal(width: int) -> None:
    lines = diagram(SEEN, width, PLAIN).splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [80, 120])
def test_colour_changes_no_word(width: int) -> None:
    coloured = diagram(SEEN, width, COLOUR)
    assert without_codes(coloured) == diagram(SEEN, width, PLAIN)
    assert "\033[32m✓ CLOSE\033[0m" in coloured


def test_a_terminal_of_few_letters_gets_others() -> None:
    assert diagram(SEEN, 120, PLAIN).translate(ASCII).isascii()


def test_seen_is_marked_and_solid_and_the_rest_is_dotted() -> None:
    picture = diagram(SEEN, 80, PLAIN).splitlines()[:HEIGHT]
    assert sum("✓" in line for line in picture) == 1
    assert "│             │◀────────────────────┘" in "\n".join(picture)
    assert "✗ SEND" in "\n".join(picture)
    assert "┄" in "\n".join(picture)


def test_the_table_names_the_scenario_or_the_reason() -> None:
    told = " ".join(diagram(SEEN, 160, PLAIN).split())
    assert "✓ ESTABLISHED → FIN_WAIT1 CLOSE / snd FIN a" in told
    assert "· TIME_WAIT → CLOSED timeout=2MSL / delete TCB TIME_WAIT lasts 60 s" in told
    assert "connect(2) with EISCONN" in told
    assert "not seen, and no reason is known" in told


def test_a_wide_terminal_has_linux_beside_the_diagram() -> None:
    narrow, wide = (diagram(SEEN, width, PLAIN).splitlines()[:HEIGHT] for width in (119, 120))
    assert not any("Linux" in line for line in narrow)
    assert sum("→" in line for line in wide) == len(fsm.LINUX_ARROWS)


def test_more_scenarios_are_counted() -> None:
    arrow = Drawn(S.CLOSED, S.LISTEN, "", "RFC 9293", ("first", "second", "third"))
    assert arrow.shown_by == "first (+2)"


def test_the_svg_is_one_whole_file_with_tooltips() -> None:
    text = svg(SEEN, "IPv4 & <kernel>")
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    titles = [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "ESTABLISHED → FIN_WAIT1: CLOSE / snd FIN\nseen in a" in titles
    assert {title.partition(":")[0] for title in titles if "→" in title} == {
        f"{arrow.source} → {arrow.target}" for arrow in fsm.ARROWS
    }
    assert "prefers-color-scheme: dark" in text
    assert re.findall(r"https?://[^\"]+", text) == ["http://www.w3.org/2000/svg"]


# --- the command


def played(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], *runs: Evidence, missing: bool = False
) -> int:
    """The exit code of ``netlab fsm`` where these are the runs; no arrow is missing by default."""
    monkeypatch.setattr(command, "_play", lambda options: [*runs])
    if not missing:
        monkeypatch.setattr(fsm.Coverage, "unaccounted", ())
    root = argparse.ArgumentParser()
    command.add(root.add_subparsers())
    options = root.parse_args(["fsm", *arguments])
    code: int = options.main(options)
    return code


def test_all_is_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    picture = tmp_path / "fsm.svg"
    assert played(monkeypatch, ["--svg", str(picture)], CLOSED_FIRST) == 0
    written = capsys.readouterr()
    total = len(fsm.ARROWS)
    assert f"\n1 of {total} arrows seen; 1 passed in 0.0 s (IPv4, kernel 6.18)\n" in written.out
    assert written.err == ""
    assert picture.read_text(encoding="utf-8") == svg(SEEN, "IPv4, kernel 6.18")


def test_json_is_one_object_an_arrow(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert played(monkeypatch, ["--json"], CLOSED_FIRST) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == len(fsm.ARROWS)
    assert [row for row in rows if row["seen"]] == [
        {
            "source": "ESTABLISHED",
            "target": "FIN_WAIT1",
            "event": "CLOSE / snd FIN",
            "origin": "RFC 9293",
            "seen": True,
            "scenarios": ["a"],
            "reason": "",
            "kernel": "6.18",
        }
    ]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_a_contradiction_is_said_and_exits_1(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert played(monkeypatch, arguments, run(end(S.FIN_WAIT2, S.ESTABLISHED))) == 1
    said = "netlab: no arrow explains a: client FIN_WAIT2 at +1.0000 s, ESTABLISHED at +1.0100 s"
    assert without_codes(capsys.readouterr().err) == f"{said}\n"


def test_an_arrow_that_is_missing_is_said_and_exits_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert played(monkeypatch, [], CLOSED_FIRST, missing=True) == 1
    said = without_codes(capsys.readouterr().err)
    assert "netlab: LISTEN -> SYN_RECV (rcv SYN / snd SYN,ACK) was not seen\n" in said


@pytest.mark.parametrize(("outcome", "code"), [("fail", 1), ("error", 3), ("skip", 0)])
def test_what_came_of_the_scenarios_counts_as_well(
    outcome: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = replace(CLOSED_FIRST, outcome=outcome, reason="because")  # type: ignore[arg-type]
    assert played(monkeypatch, [], gone) == code
    assert ("because" in capsys.readouterr().err) == (code > 0)


def test_an_svg_that_cannot_be_written_is_bad_usage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ScenarioError, match="there is no folder"):
        played(monkeypatch, ["--svg", str(tmp_path / "no" / "fsm.svg")], CLOSED_FIRST)
    with pytest.raises(ScenarioError, match="Is a directory"):
        played(monkeypatch, ["--svg", str(tmp_path)], CLOSED_FIRST)
