# SPDX-License-Identifier: GPL-2.0-or-later
"""Stories in Python, as they are read: without running them."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.model.errors import ScenarioError
from netlab.model.tcp import State
from netlab.model.vocabulary import ExpectedPair
from netlab.scenario import catalogue, explain, stories
from netlab.scenario.model import Scenario

HEAD = "from netlab import Lab, Nat, State, story\n\n\n"
GOOD = (
    HEAD
    + '''\
@story(source="here", needs=("tcp_sack",))
def nobody_says_anything(lab: Lab) -> None:
    """Both ends are content."""
    lab.path(Nat())
    lab.server.listen()
    lab.client.connect()
    lab.expect(State.ESTABLISHED, server=(State.ESTABLISHED, State.SYN_RECV), hold=0.25)
    lab.client.close()
    lab.expect(State.FIN_WAIT2, State.CLOSE_WAIT)
    lab.expect(client=State.TIME_WAIT, server=State.LISTEN)


def helper(lab: Lab) -> None:
    """No story."""
'''
)


def read(folder: Path, text: str, name: str = "mine.py") -> list[Scenario]:
    path = folder / name
    path.write_text(text)
    return stories.read(path)


def test_a_story_says_all_that_a_scenario_does(tmp_path: Path) -> None:
    (found,) = read(tmp_path, GOOD)
    assert (found.name, found.source) == ("nobody-says-anything", "here")
    assert found.story == "Both ends are content."
    expect = found.expect
    assert (expect.line, expect.hold) == (10, 0.25)
    assert expect.claim == ExpectedPair((State.ESTABLISHED,), (State.ESTABLISHED, State.SYN_RECV))
    assert expect.healed is not None
    assert str(expect.healed.claim) == "TIME_WAIT/LISTEN", "the last one behind the proof"
    assert found.needs == ("path:tracking", "tcp_sack")
    assert found.code is not None
    assert found.code.function == "nobody_says_anything"
    assert not found.slow


def test_a_story_without_a_path_needs_nothing_of_hops(tmp_path: Path) -> None:
    (found,) = read(tmp_path, GOOD.replace("lab.path(Nat())", "lab.drop()"))
    assert found.needs == ("tcp_sack",)


def test_nothing_is_run_to_read_it(tmp_path: Path) -> None:
    (found,) = read(tmp_path, f"raise SystemExit('run')\n{GOOD}")
    assert found.name == "nobody-says-anything"


def test_other_python_tells_no_story(tmp_path: Path) -> None:
    other = tmp_path / "test_other.py"
    other.write_text("def test_this():\n    pass\n")
    assert not stories.has_stories(other)
    assert stories.read(other) == []
    assert not stories.has_stories(tmp_path / "gone.py")


def test_the_mark_leaves_a_function_as_it_is() -> None:
    def told(lab: object) -> None:
        pass

    assert stories.story(source="here")(told) is told


@pytest.mark.parametrize(
    ("old", "new", "line", "complaint"),
    [
        ("def nobody_says_anything", "def nobody", 5, "a story's name has at least two words"),
        ('    """Both ends are content."""\n', "", 5, "has no docstring: what does it tell?"),
        ("source=\"here\", needs=(\"tcp_sack\",)", "", 4, "lacks where the case is described"),
        ('source="here"', "source=HERE", 4, "source is a text, written out; found HERE"),
        ('source="here"', 'source="here", sauce=1', 4, "takes source, cause, needs, slow; found"),
        ("(lab: Lab)", "(lab: Lab, tmp_path: Path)", 5, "takes lab; found lab, tmp_path"),
        (", hold=0.25", "", 5, "proves one pair: one lab.expect(..., hold=1.0); found none"),
        ("State.CLOSE_WAIT)", "State.CLOSE_WAIT, hold=1)", 12, "found 2"),
        ("lab.expect(State.ESTABLISHED, ", "lab.expect(mine, ", 10, "written out; found lab.exp"),
        ("State.ESTABLISHED, server=(", "State.BANANA, server=(", 10, "written out"),
        ("    lab.server.listen()", "   lab.server.listen()", 8, "is not Python: "),
    ],
)  # fmt: skip
def test_what_a_story_lacks_is_said_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, complaint: str
) -> None:
    assert old in GOOD
    with pytest.raises(ScenarioError) as raised:
        read(tmp_path, GOOD.replace(old, new))
    assert str(raised.value).startswith(f"{tmp_path / 'mine.py'}:{line}: ")
    assert complaint in str(raised.value)


def test_a_story_heals_or_says_why_not(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("    lab.client.close()")]
    with pytest.raises(ScenarioError, match=r"mine.py:10: .* needs a second lab.expect"):
        read(tmp_path, text)
    (found,) = read(tmp_path, text.replace('source="here"', 'source="here", cause="it is so"'))
    assert (found.expect.cause, found.expect.healed) == ("it is so", None)


def test_a_statement_is_found_by_any_of_its_lines(tmp_path: Path) -> None:
    text = GOOD.replace("lab.client.connect()", "for n in range(3):\n        lab.wait(\n    n)")
    (found,) = read(tmp_path, text)
    assert found.code is not None
    said = [stories.statement(found.code, line) for line in (8, 9, 10, 11)]
    assert said == ["lab.server.listen()", "for n in range(3):", *["lab.wait( n)"] * 2]


def test_what_it_does_is_listed_without_head_and_docstring(tmp_path: Path) -> None:
    (found,) = read(tmp_path, GOOD)
    lines = explain.listing(found)
    assert lines[0] == (7, "lab.path(Nat())")
    assert lines[-1] == (13, "lab.expect(client=State.TIME_WAIT, server=State.LISTEN)")
    assert explain.listing(found, until=9) == lines[:3]


@pytest.mark.parametrize(
    "scenario",
    [each for each in catalogue.choose([], slow=True) if each.code],
    ids=lambda each: each.name,
)
def test_every_story_of_netlab_fits_a_screen_and_has_a_name_of_its_own(scenario: Scenario) -> None:
    assert scenario.code is not None
    assert len(explain.listing(scenario)) <= 24
    assert len(scenario.name) <= 40
    assert scenario.name not in {each.name for each in catalogue.everything()}
    assert not scenario.slow
    assert catalogue.one(scenario.name) == scenario
