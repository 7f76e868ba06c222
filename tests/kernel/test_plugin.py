# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab's pytest plugin, as somebody's own pytest sees it: each test here runs one."""

from __future__ import annotations

import os
import time

import pytest

from . import tools
from .house import NEVER_MATCHED, NOT_BUILT, SLOW, House

pytest_plugins = ["pytester"]


@pytest.fixture
def house(pytester: pytest.Pytester) -> House:
    return House(pytester)


# --- collecting


def test_scenarios_below_their_folder_are_tests(house: House) -> None:
    house.scenario("one")
    house.scenario("two")
    (house.pytester.path / "other.yaml").write_text("this: is not netlab's\n")
    house.run().assert_outcomes(passed=2)
    house.run("scenarios/two.yaml").assert_outcomes(passed=1)


def test_a_scenario_elsewhere_is_a_test_when_it_is_named(house: House) -> None:
    house.scenario("one")
    moved = (house.pytester.path / "scenarios" / "one.yaml").rename("moved.yaml")
    house.run().assert_outcomes()
    house.run(str(moved)).assert_outcomes(passed=1)


def test_stories_are_tests_like_scenarios(house: House) -> None:
    house.scenario("one")
    house.story("it_is_told")
    house.story("test_it_fails", more="assert lab.family == 0, 'no'")
    (house.pytester.path / "scenarios" / "helper.py").write_text("raise SystemExit\n")
    result = house.run("--junitxml=report.xml")
    result.assert_outcomes(passed=2, failed=1)
    assert house.reported() == ["it-is-told", "one", "test-it-fails"]
    result.stdout.fnmatch_lines(
        ["scenarios/test_it_fails.py:9: this is not so: lab.family == 0: no"]
    )
    house.run("-k", "it-is").assert_outcomes(passed=1, deselected=2)
    house.run("scenarios/it_is_told.py::it-is-told").assert_outcomes(passed=1)


def test_a_story_that_lacks_something_is_a_failure_at_its_line(house: House) -> None:
    house.story("told")
    house.scenario("good")
    result = house.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*scenarios/told.py:5: told: a story's name has*"])


def test_names_select_scenarios(house: House) -> None:
    for name in ("syn-lost", "fin-lost", "fin-late"):
        house.scenario(name)
    house.run("-k", "fin").assert_outcomes(passed=2, deselected=1)
    house.run("-k", "lost and not syn").assert_outcomes(passed=1, deselected=2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("source: a test\nsteps: []\n", "broken.yaml:2: steps: expected a list of steps"),
        ("source: [1\nsteps: 2\n", "broken.yaml:2: is not YAML"),
        ("source: x\nstep: []\nexpect: {}\n", "broken.yaml:2: the scenario has no 'step'"),
    ],
    ids=["wrong", "not YAML", "misspelt"],
)
def test_a_broken_scenario_is_a_failure_at_its_line_and_the_others_are_played(
    house: House, text: str, complaint: str
) -> None:
    house.scenario("good")
    house.file("broken", text)
    result = house.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"*{complaint}*"])
    assert ".py" not in result.stdout.str()
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_what_other_tools_have_in_such_a_folder_is_left_alone(house: House) -> None:
    house.scenario("good")
    house.file("docker-compose", "services:\n  web: {image: nginx}\n")
    house.file("empty", "")
    house.file("steps", "steps: [1]\n")
    house.file("broken", "a: [1\nb: 2\n")
    house.run().assert_outcomes(passed=1)
    result = house.run("scenarios/docker-compose.yaml")  # named: it is meant to be one
    result.assert_outcomes(failed=1)


def test_where_a_project_lies_says_nothing(house: House) -> None:
    house.scenario("mine")
    project = house.pytester.path / "scenarios" / "deeper"
    project.mkdir()
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "docker-compose.yaml").write_text("source: 1\nsteps: 2\n")
    (project / "test_own.py").write_text("def test_it(): pass\n")
    os.chdir(project)
    house.run().assert_outcomes(passed=1)


def test_without_a_project_the_folder_alone_counts(house: House) -> None:
    house.scenario("mine")
    deeper = house.pytester.path / "scenarios" / "deeper"
    deeper.mkdir()
    (house.pytester.path / "scenarios" / "mine.yaml").rename(deeper / "mine.yaml")
    house.run("scenarios").assert_outcomes(passed=1)
    house.run("scenarios/deeper").assert_outcomes(passed=1)
    os.chdir(deeper)
    house.run().assert_outcomes(passed=1)


def test_a_project_must_allow_programs(house: House) -> None:
    house.scenario("good")
    text = (house.pytester.path / "scenarios" / "good.yaml").read_text()
    house.file("starts", text.replace("steps:", "steps:\n  - server: {run: sleep 1000}"))
    result = house.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*starts.yaml:*: starts a program on the server. *The program: sleep 1000"]
    )
    house.run("-o", "netlab_programs=true").assert_outcomes(passed=2)


def test_a_project_can_switch_it_off(house: House) -> None:
    house.scenario("mine")
    house.run("-o", "netlab_scenarios=false").assert_outcomes()
    house.run("-o", "netlab_scenarios=false", "scenarios/mine.yaml").assert_outcomes(passed=1)


# --- outcomes


def test_a_failure_reads_as_a_person_needs_it(house: House) -> None:
    house.file("wrong", NEVER_MATCHED)
    result = house.run()
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r"scenarios/wrong\.yaml:7: pair not reached \(kernel .*\)$",
            r"          expected  sampled      +retransmits$",
            r"  client  SYN_SENT  ESTABLISHED  from \+\d\.\d\d s  0$",
            r"  server  SYN_RECV  ESTABLISHED  from \+\d\.\d\d s  0$",
            r"  fault drop-1 at client input: 0 packets  <- the rule never matched$",
        ],
        consecutive=True,
    )
    assert ".py" not in result.stdout.str()


def test_a_lab_that_cannot_be_built_is_an_error_and_no_failure(house: House) -> None:
    house.file("unbuilt", NOT_BUILT)
    result = house.run()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*scenarios/unbuilt.yaml:3: the kernel refused the rule * at postrouting: *"]
    )
    assert ".py" not in result.stdout.str()


def test_a_skip_has_a_reason(house: House) -> None:
    house.scenario("newer", more="needs: tcp_no_such_sysctl\n")
    house.scenario("ipv6-only", more="family: ipv6\n")
    result = house.run("-rs")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines(["*this kernel has no sysctl net.ipv4.tcp_no_such_sysctl*"])
    result.stdout.fnmatch_lines(["*only IPv6 has this*"])


def test_a_report_has_each_scenario_once_with_its_pair(house: House) -> None:
    house.scenario("one")
    house.file("wrong", NEVER_MATCHED)
    house.run("--junitxml=report.xml").assert_outcomes(passed=1, failed=1)
    assert house.reported() == ["one", "wrong"]
    told = [(each.attrib["name"], each.attrib["value"]) for each in house.report().iter("property")]
    assert told == [("pair", "ESTABLISHED/ESTABLISHED"), ("dropped", "0")] * 2


# --- options


def test_slow_scenarios_are_played_when_they_are_asked_for(house: House) -> None:
    house.file("orphan", SLOW)
    house.run().assert_outcomes(passed=1, deselected=1)
    result = house.run("--netlab-slow", "--junitxml=report.xml")
    result.assert_outcomes(passed=2)
    assert house.reported() == ["orphan", "orphan-to-the-end"]
    house.run("--netlab-slow", "-m", "slow").assert_outcomes(passed=1, deselected=1)


def test_ipv6_is_played_when_it_is_asked_for(house: House) -> None:
    house.scenario("four", more="family: ipv4\n")
    house.scenario("six", more="family: ipv6\n")
    house.pytester.makepyfile(
        """
        def test_address(lab):
            assert lab.client.address.startswith("fd00:")
        """
    )
    house.run().assert_outcomes(passed=1, skipped=1, failed=1)
    house.run("--netlab-ipv6").assert_outcomes(passed=2, skipped=1)


def test_a_longer_hold_can_be_asked_for(house: House) -> None:
    house.scenario("one")
    began = time.monotonic()
    house.run("--netlab-hold", "3s").assert_outcomes(passed=1)
    assert time.monotonic() - began >= 3


def test_a_hold_that_is_no_duration_is_bad_usage(house: House) -> None:
    house.scenario("one")
    result = house.run("--netlab-hold", "long")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--netlab-hold: expected a duration such as 2s*'long'*"])


# --- side by side


def test_scenarios_are_played_side_by_side(house: House) -> None:
    """Each waits until another one has begun, which the first would not see if they took turns."""
    folder = str(house.pytester.mkdir("begun"))
    for number in range(5):
        house.story(
            f"scenario_{number}",
            more=f"""import os
    open({folder!r} + "/{number}", "x")
    assert lab.wait(lambda: len(os.listdir({folder!r})) > 1, 60)""",
        )
    house.run().assert_outcomes(passed=5)


def test_what_was_begun_ends_before_a_test_of_another_kind(house: House) -> None:
    """All scenarios are begun with the first, as soon as the machine has time for them; here
    something else has shuffled the tests.
    """
    begun, ended = (str(house.pytester.path / name) for name in ("begun", "ended"))
    house.scenario("first", hold="1s")
    house.story(
        "last_one", more=f"open({begun!r}, 'x'); lab.wait(lambda: None, 2); open({ended!r}, 'x')"
    )
    house.pytester.makeconftest(
        """
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(items):
            items.sort(key=lambda item: ["first", "test_between"].index(item.name)
                       if item.name in ("first", "test_between") else 2)
        """
    )
    house.pytester.makepyfile(
        f"""
        import os

        def test_between():
            assert os.path.exists({ended!r}) or not os.path.exists({begun!r})
        """
    )
    house.run().assert_outcomes(passed=3)


@pytest.mark.parametrize("workers", ["2", "3"])
def test_workers_play_each_scenario_once(house: House, workers: str) -> None:
    for number in range(7):
        house.scenario(f"scenario-{number}")
    for number in range(7, 10):
        played = house.pytester.path / f"played-{number}"
        house.story(f"scenario_{number}", more=f"open({str(played)!r}, 'x')")
    house.pytester.makepyfile(
        """
        def test_beside_them(lab):
            lab.server.listen()
            lab.client.connect()
        """
    )
    house.run("-n", workers, "--junitxml=report.xml").assert_outcomes(passed=11)
    expected = [f"scenario-{number}" for number in range(10)]
    assert house.reported() == [*expected, "test_beside_them"]


def test_stopping_at_a_failure_leaves_nothing(house: House, mark: str) -> None:
    house.scenario("a-wrong", client="SYN_SENT")
    for number in range(5):
        house.scenario(f"scenario-{number}", hold="60s")
    began = time.monotonic()
    house.run("-x").assert_outcomes(failed=1)
    assert time.monotonic() - began < 60
    assert tools.left_over(mark) == []
