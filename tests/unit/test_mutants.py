# SPDX-License-Identifier: GPL-2.0-or-later
"""The mutants of the kernel as data, and how one gets into a source; nothing is built here."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.model.errors import ScenarioError
from tests.mutants import data, page
from tests.mutants.data import Mutant
from tests.mutants.judge import MODES, Answer
from tests.mutants.tree import CONFIG

MUTANTS = data.read()
SOURCE = """\
static int answer(int question);
int answer(int question)
{
\tif (question > 0 &&
\t    question < 9)
\t\treturn 1;
\treturn 0;
}

void other(void)
{
\tif (question > 0 && question < 9)
\t\treturn;
}
"""
ONE = Mutant("one", "it answers less", "a.c", "answer", "question > 0 && question < 9", "false")


def test_there_are_enough_and_half_of_them_revert_a_commit() -> None:
    assert len(MUTANTS) >= 70
    assert sum(bool(each.reverts) for each in MUTANTS) >= 0.45 * len(MUTANTS)
    assert sum(each.family == "ipv6" for each in MUTANTS) >= 5


def test_names_are_unique() -> None:
    assert [name for name, times in Counter(m.name for m in MUTANTS).items() if times > 1] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_each_is_whole(mutant: Mutant) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]+", mutant.name)
    assert mutant.meaning
    assert "\n" not in mutant.meaning
    assert re.fullmatch(r"(net|include)/[\w/]+\.[ch]", mutant.file)
    assert mutant.function.isidentifier()
    assert mutant.before.split() != mutant.after.split()
    assert mutant.before.strip()
    assert mutant.family in MODES
    assert mutant.reverts == mutant.reverts.strip()


def test_one_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mutants.yaml"
    path.write_text("- {name: one, meaning: less, file: a.c, before: x, after: y}\n")
    with pytest.raises(ScenarioError, match=r"the mutant one is not whole: .*'function'"):
        data.read(path)


def test_a_change_is_made_in_its_function_alone() -> None:
    changed = data.mutated(SOURCE, ONE)
    assert changed == SOURCE.replace("question > 0 &&\n\t    question < 9", "false", 1)


def test_a_change_that_does_not_fit_says_so() -> None:
    with pytest.raises(ScenarioError, match=r"one: `before` is not in answer\(\) of a.c"):
        data.mutated(SOURCE, replace(ONE, before="question > 1"))
    with pytest.raises(ScenarioError, match=r"one: `before` is 2 times in answer\(\) of a.c"):
        data.mutated(SOURCE, replace(ONE, before="return"))
    with pytest.raises(ScenarioError, match=r"one: there is no function reply\(\) in a.c"):
        data.mutated(SOURCE, replace(ONE, function="reply"))


def test_part_of_a_word_is_not_it() -> None:
    with pytest.raises(ScenarioError, match="is not in"):
        data.mutated(SOURCE, replace(ONE, before="quest"))


def test_another_change_has_another_image() -> None:
    assert replace(ONE, after="true").key != ONE.key
    assert replace(ONE, meaning="it answers more").key == ONE.key


def test_some_are_chosen_in_the_order_that_is_given() -> None:
    named = data.chosen(MUTANTS, ["paws-off", "v6-rst-*", "paws-*"])
    assert [each.name for each in named] == ["paws-off", "v6-rst-wrong-ack"]
    assert data.chosen(MUTANTS, []) == MUTANTS
    with pytest.raises(ScenarioError, match=r"no mutant is called 'nothing-\*'"):
        data.chosen(MUTANTS, ["paws-off", "nothing-*"])


def test_only_the_exit_code_says_that_it_was_caught() -> None:
    assert Answer("1", 1, 60.0, ("it differs",)).caught
    assert not Answer("1", 0, 60.0).caught
    assert not Answer("1", 3, 60.0, trouble="the guest hangs").caught


def test_the_page_tells_what_was_not_measured() -> None:
    answer = Answer("1", 1, 61.2, ("RST|ACK is <missing>", "another"))
    missed = Answer("1", 0, 60.0)
    known: list[dict[str, Answer]] = [{}, {"default": answer}, {"default": missed}]
    rows = [page.row(ONE, answers).rsplit(" | ", 3)[1:] for answers in known]
    assert rows[0] == ["not measured", "", " |"]
    assert rows[1] == ["default", "61", "RST\\|ACK is &lt;missing> (and 1 more) |"]
    assert rows[2][0] == "**not**, table, atlas not measured"


def test_the_kernel_has_what_is_born_in_every_namespace() -> None:
    options = CONFIG.read_text().split()
    for name in ("IPV6_SIT", "NET_IPIP", "NET_IPGRE", "IPV6_TUNNEL", "NET_IPVTI"):
        assert f"CONFIG_{name}=y" in options
