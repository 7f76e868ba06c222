# SPDX-License-Identifier: GPL-2.0-or-later
"""A test without its program fails where it is required, and no test looks for one itself."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import programs

TESTS = Path(programs.__file__).parent
INSTALLED = (TESTS.parent / "scripts" / "test").read_text()
#: What nobody may ask but `programs`: a skip of one's own hides that a program is missing.
ASKING = {"which", "importorskip"}


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any program."""
    monkeypatch.setattr(shutil, "which", lambda name, path="": None)


@pytest.mark.usefixtures("nothing")
def test_a_program_that_is_required_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLAB_TOOLS", "required")
    for name in programs.PACKAGES.keys() - programs.NOT_REQUIRED.keys():
        with pytest.raises(pytest.fail.Exception, match=f"{name} is missing: install "):
            programs.need(name)
    for name in programs.NOT_REQUIRED:
        with pytest.raises(pytest.skip.Exception, match=f"{name} is missing: install "):
            programs.need(name)


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("value", [None, "", "wanted"])
def test_elsewhere_the_test_is_skipped(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("NETLAB_TOOLS", raising=False)
    if value is not None:
        monkeypatch.setenv("NETLAB_TOOLS", value)
    with pytest.raises(pytest.skip.Exception, match="nft is missing: install nftables"):
        programs.need("nft")


def test_a_program_that_is_there_is_found_wherever_administrators_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    browser = tmp_path / "chromium-browser"
    browser.touch(0o755)
    assert programs.need("chromium") == str(browser)


@pytest.mark.parametrize(("value", "outcome"), [("required", "failed"), ("", "skipped")])
def test_a_mark_asks_before_any_fixture(
    monkeypatch: pytest.MonkeyPatch, value: str, outcome: str
) -> None:
    from tests import conftest

    class Item:
        """A test, as far as the hook looks at it."""

        @staticmethod
        def iter_markers(name: str) -> Iterator[pytest.Mark]:
            assert name == "needs"
            yield pytest.mark.needs("bash", "rpmbuild").mark

    monkeypatch.setenv("NETLAB_TOOLS", value)
    monkeypatch.setattr(shutil, "which", lambda name, path="": None if name == "rpmbuild" else name)
    kind = pytest.fail.Exception if outcome == "failed" else pytest.skip.Exception
    with pytest.raises(kind, match="rpmbuild is missing"):
        conftest.pytest_runtest_setup(Item())  # type: ignore[arg-type]  # as far as it is looked at


def used(tree: ast.AST) -> Iterator[str]:
    """The names that a file takes from modules and objects: ``shutil.which``, ``pytest.skip``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(TESTS.rglob("*.py")) if path.name != "programs.py"],
    ids=lambda path: str(path.relative_to(TESTS)),
)
def test_no_test_looks_for_a_program_itself(path: Path) -> None:
    if path.name != "__main__.py" and path != Path(__file__):  # a program, no test
        assert not ASKING & {*used(ast.parse(path.read_text()))}


def test_scripts_test_installs_whatever_is_required() -> None:
    words = {*re.findall(r"[\w-]+", INSTALLED)}
    assert programs.PACKAGES.keys() - programs.NOT_REQUIRED.keys() <= words


def test_whoever_needs_a_program_says_a_known_one() -> None:
    names = set()
    for path in TESTS.rglob("*.py"):
        for words in re.findall(r'\b(?:needs?|program)\(("[^)]*")\)', path.read_text()):
            names |= {*re.findall(r'"([\w-]+)"', words)}
    assert names <= programs.PACKAGES.keys()
