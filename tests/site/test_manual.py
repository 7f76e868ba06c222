# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages for man: one for netlab, one for each command, and man has nothing to say against
them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from netlab import cli

from ..programs import need

HOME = Path(__file__).parents[2]
SCRIPT = HOME / "docs" / "_ext" / "reference" / "manual.py"
PARSER = cli.parser()


@pytest.fixture(scope="module")
def manuals(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The files by their names."""
    folder = tmp_path_factory.mktemp("man")
    subprocess.run([sys.executable, SCRIPT, folder], check=True, timeout=60)
    return {path.name: path for path in folder.iterdir()}


def read(page: Path) -> str:
    """What man shows of a page, which must be to its taste."""
    done = subprocess.run(
        [need("man"), "--warnings", "--no-hyphenation", "--no-justification", "-l", page],
        env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MAN_KEEP_FORMATTING": ""},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == "", page.name
    return re.sub(r".\x08", "", done.stdout)


def test_there_is_a_page_for_netlab_and_for_each_command(manuals: Mapping[str, Path]) -> None:
    assert {*manuals} == {"netlab.1", *(f"netlab-{name}.1" for name in PARSER.parts)}


@pytest.mark.needs("man")
@pytest.mark.parametrize("name", PARSER.parts)
def test_a_page_has_all_that_the_help_has(name: str, manuals: Mapping[str, Path]) -> None:
    page = read(manuals[f"netlab-{name}.1"])
    heads = [line.strip() for line in page.splitlines() if line.lstrip().startswith("-")]
    explained = {word for head in heads for word in re.findall(r"(?:^|, )(-[\w-]+)", head)}
    for leaf in PARSER.parts[name].leaves():
        assert {*leaf.options} - explained == set()
        assert leaf.description
        assert " ".join(leaf.description.split()) in " ".join(page.split())
    for chapter in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT CODES"):
        assert re.search(rf"^\s*{chapter}$", page, re.MULTILINE | re.IGNORECASE), chapter


@pytest.mark.needs("man")
def test_the_page_of_netlab_leads_to_all_others(manuals: Mapping[str, Path]) -> None:
    page = read(manuals["netlab.1"])
    assert page.lower().startswith("netlab(1)")  # docutils before 0.22 wrote capitals
    assert [name for name in PARSER.parts if f"netlab-{name}(1)" not in page] == []
