# SPDX-License-Identifier: GPL-2.0-or-later
"""What a name, a pattern, a folder or nothing means, where one has scenarios of one's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from netlab import cli
from netlab.cli.shared import kernel_options
from netlab.model.errors import LabError, ScenarioError
from netlab.scenario import catalogue, loader
from netlab.scenario.model import Scenario
from tests.rights import nobody
from tests.unit.scenario.test_stories import GOOD as STORY
from tests.unit.scenario.wrong_documents import GOOD as NAMED

GOOD = NAMED.replace("name: synack-dropped\n", "")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody's project, and where they stand."""
    folder = tmp_path / "scenarios"
    (folder / "deep").mkdir(parents=True)
    (folder / "mine.yaml").write_text(GOOD)
    (folder / "fin-dropped.yaml").write_text(GOOD)
    (folder / "deep" / "below.yaml").write_text(GOOD)
    (folder / "deep" / "told.py").write_text(STORY)
    (folder / "deep" / "conftest.py").write_text("raise SystemExit\n")
    monkeypatch.chdir(tmp_path)
    return folder


OWN = ["below", "nobody-says-anything", "fin-dropped", "mine"]


def chosen(*words: str, slow: bool = False) -> tuple[list[str], list[str]]:
    """The names that words mean, and what is noted beside them."""
    notes: list[str] = []
    return [each.name for each in catalogue.choose(words, slow, notes.append)], notes


def path_of(scenario: Scenario) -> str:
    return str(scenario.path)


def test_nothing_named_means_ones_own_and_says_so(own: Path) -> None:
    names, notes = chosen()
    assert names == OWN
    (note,) = notes
    assert note.startswith("your own scenarios, in scenarios/.")
    assert "'built-in'" in note


def test_it_is_the_same_inside_the_folder(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own)
    names, (note,) = chosen()
    assert names == OWN
    assert note.startswith("your own scenarios, in this folder, scenarios/.")


def test_where_one_has_none_netlabs_are_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert chosen() == ([each.name for each in catalogue.choose([])], [])
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "theirs.txt").write_text("of another program\n")
    assert "synack-dropped" in chosen()[0], "that folder is somebody else's"


@pytest.mark.parametrize("inside", ["", "scenarios"])
def test_netlabs_own_checkout_is_no_other_project(
    inside: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(catalogue.home().parent / inside)
    names, notes = chosen()
    assert {"synack-dropped", "nat-that-remembers"} <= {*names}
    assert notes == []
    assert catalogue.project() is None


def test_netlabs_names_patterns_and_folders_are_known_everywhere(own: Path) -> None:
    assert chosen("synack-dropped") == (["synack-dropped"], [])
    assert "synack-dropped" in chosen("syn*")[0]
    assert "fins-cross" in chosen("teardown")[0]
    everything, notes = chosen("built-in")
    assert {"synack-dropped", "fin-dropped", "nat-that-remembers"} <= {*everything}
    assert "mine" not in everything
    assert notes == []


def test_a_folder_and_a_name_or_a_pattern_are_a_name_too(own: Path) -> None:
    assert chosen("teardown/fin-dropped") == (["fin-dropped"], [])
    assert chosen("teardown/*") == chosen("teardown") == chosen("scenarios/teardown/*")
    assert chosen("*/syn-dropped")[0] == ["syn-dropped"]
    assert chosen("production/keep*")[0] == ["keepalive-finds-an-answer", "keepalive-waits"]
    assert chosen("deep/*")[0] == chosen("scenarios/deep/*")[0] == OWN[:2]
    with pytest.raises(ScenarioError, match="teardown/syn-dropped: no such file"):
        chosen("teardown/syn-dropped")


def test_ones_own_come_first_and_what_they_hide_is_said(own: Path) -> None:
    names, (note,) = chosen("fin-dropped")
    assert names == ["fin-dropped"]
    assert path_of(catalogue.one("fin-dropped")) == "scenarios/fin-dropped.yaml"
    assert note.startswith(
        "your own 'fin-dropped'; the one of the same name that comes with netlab "
    )
    assert note.endswith("teardown/fin-dropped.yaml")
    assert chosen("fin*") == (["fin-dropped"], []), "a pattern is looked for among one's own first"
    assert chosen("deep")[0] == OWN[:2]
    assert chosen("nobody-says-anything")[0] == OWN[1:2]


def test_a_broken_file_is_named_with_its_line(own: Path) -> None:
    (own / "broken.yaml").write_text("source: a test\nsteps: []\n")
    with pytest.raises(ScenarioError, match=r"^scenarios/broken.yaml:2: steps: expected a list"):
        chosen()
    assert chosen("mine")[0] == ["mine"], "it is not asked for"
    assert {"mine", "synack-dropped"} <= {*catalogue.names()}


def test_each_file_is_read_once_however_many_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Counter[Path]()
    load = loader.load
    monkeypatch.setattr(catalogue, "load", lambda path: read.update([path]) or load(path))
    chosen("fin-dropped", "syn-*", "teardown", "rst-blocked", "*")
    assert len(read) == len([*catalogue.home().rglob("*.yaml")])
    assert {*read.values()} == {1}
    read.clear()
    chosen("fin-dropped", "rst-blocked")
    assert len(read) == 2, "what cannot be meant is not read"


# --- by path


@pytest.mark.parametrize("word", ["scenarios", "scenarios/", "./scenarios", ".", "./"])
def test_a_folder_is_named_in_any_way(own: Path, word: str) -> None:
    assert chosen(word)[0] == OWN


def test_a_file_is_named_by_its_path(own: Path) -> None:
    assert chosen("scenarios/mine.yaml")[0] == ["mine"]
    assert chosen("scenarios/deep/told.py")[0] == ["nobody-says-anything"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("empty", "empty: has no scenario: expected files ending in .yaml"),
        ("empty/", "empty: has no scenario: expected files ending in .yaml"),
        ("other", "other: has no scenario: expected files ending in .yaml"),
        ("misnamed", "misnamed: has no scenario: expected files ending in .yaml; found a.yml: re"),
        ("misnamed/a.yml", "misnamed/a.yml: scenarios end in .yaml: rename it to a.yaml"),
        ("gone/", "gone: no such file"),
        (
            "scenarois/mine.yaml",
            "scenarois/mine.yaml: no such file. Did you mean scenarios/mine.ya",
        ),
        (
            "scenarios/mien.yaml",
            "scenarios/mien.yaml: no such file. Did you mean scenarios/mine.ya",
        ),
        ("scenarois", "no scenario is called 'scenarois'. There is a folder scenarios."),
        ("gone/mine.yaml", "gone/mine.yaml: no such file: there is no folder gone."),
        (
            "scenarios/deep/conftest.py",
            "scenarios/deep/conftest.py: has no story: expected a fun",
        ),
        ("other/notes.txt", "other/notes.txt: is not a scenario: expected a file ending in .yaml"),
    ],
)
def test_what_cannot_be_played_is_said_with_what_to_do(
    own: Path, word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("empty", "other", "misnamed"):
        (own.parent / folder).mkdir()
    (own.parent / "other" / "notes.txt").write_text("notes\n")
    (own.parent / "misnamed" / "a.yml").write_text(GOOD)
    assert cli.main(["run", word]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"netlab: {said}")
    assert printed.out == ""


def test_an_empty_folder_called_scenarios_is_said_to_be_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scenarios").mkdir()
    monkeypatch.chdir(tmp_path)
    for word in ("scenarios", "scenarios/", "."):
        with pytest.raises(ScenarioError, match=r"has no scenario: expected files ending in \.yam"):
            chosen(word)


def test_a_pair_of_the_atlas_has_a_name_and_is_in_no_list() -> None:
    names = [path.stem for path in catalogue.ATLAS.rglob("*.yaml")]
    assert len(names) > 70
    assert {catalogue.one(name).name for name in names} == {*names}
    assert not {*names} & {*catalogue.names(), *chosen("built-in")[0]}
    with pytest.raises(ScenarioError, match="Did you mean established-and-listen"):
        chosen("established-and-listn")


def test_ones_own_scenario_comes_before_a_pair_of_the_atlas(own: Path) -> None:
    (own / "established-and-listen.yaml").write_text(GOOD)
    assert catalogue.one("established-and-listen").path.is_relative_to("scenarios")


def test_a_name_longer_than_any_file_can_have_is_no_name() -> None:
    with pytest.raises(ScenarioError, match="no scenario is called"):
        chosen("a" * 300)
    with pytest.raises(ScenarioError):
        chosen("a" * 300 + ".yaml")


# --- what cannot be read


@pytest.mark.parametrize("closed", ["deep", "deep/told.py", "mine.yaml"])
def test_what_may_not_be_read_is_not_missed_in_silence(own: Path, closed: str) -> None:
    own.parent.chmod(0o755)
    assert len(catalogue.everything(Path("scenarios"))) == len(OWN) - 1, "without the story"
    (own / closed).chmod(0)
    with nobody(), pytest.raises(ScenarioError) as caught:
        catalogue.everything(Path("scenarios"))
    (own / closed).chmod(0o755)
    assert str(caught.value) == f"scenarios/{closed}: cannot be read: Permission denied"


@pytest.mark.parametrize("closed", ["deep", "deep/told.py"])
def test_of_netlabs_own_files_that_is_the_machines_affair(
    own: Path, closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.parent.chmod(0o755)
    monkeypatch.setattr(catalogue, "home", lambda: Path("scenarios"))
    (own / closed).chmod(0)
    with nobody(), pytest.raises(LabError) as caught:
        catalogue.everything()
    (own / closed).chmod(0o755)
    said = f"of netlab's own, scenarios/{closed}: cannot be read: Permission denied"
    assert str(caught.value) == said


# --- on other kernels


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), OWN),
        (("mine", "synack-dropped"), ["synack-dropped", "mine"]),
        (("nobody*",), ["nobody-says-anything"]),
        (("./scenarios/deep",), OWN[:2]),
        (("nat-that-remembers",), ["nat-that-remembers"]),
    ],
)
def test_a_guest_gets_what_is_meant_here(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...],
    names: list[str],
) -> None:  # fmt: skip
    job = kernel_options.job(
        cli.parser("matrix").parse_args(["matrix", *words, "--kernel", "host"])
    )
    elsewhere = tmp_path / "guest"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert [each.name for each in job.scenarios()] == names
