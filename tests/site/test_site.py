# SPDX-License-Identifier: GPL-2.0-or-later
"""The site is built without a warning, has a page for everything, and leads nowhere that is not
there.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import netlab
from netlab import cli
from netlab.cli.shared.parsing import Parser
from netlab.conformance import rows
from netlab.diagnosis import causes
from netlab.diagnosis.facts import DESTINATION_FACTS, FACTS
from netlab.glossary import values
from netlab.kernels.compare.changes import changes
from netlab.linux.sysctl import full_name
from netlab.model.tcp import State
from netlab.scenario import language
from netlab.scenario.shapes import Either, Struct
from netlab.scenario.steps import ACTIONS, FAULTS
from netlab.scenario.steps.hops import HOPS, ORDERS
from netlab.teaching.words import COUNTERS, SYSCTLS

from .built import BuiltSite

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))

from reference import words as explained

HOME = Path(__file__).parents[2]
PATIENCE = 300.0  # seconds that a build may take on a machine that is busy with something else
REFERENCE = "reference"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> BuiltSite:
    """The site, built without playing anything. A warning of Sphinx's fails it."""
    folder = tmp_path_factory.mktemp("site").resolve()
    build = subprocess.run(
        [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet",
         "-D", "netlab_play=0", HOME / "docs", folder],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (build.returncode, build.stderr) == (0, "")
    return BuiltSite(folder)


pytestmark = pytest.mark.timeout(PATIENCE + 60)


# --- it has everything


def test_every_page_is_where_its_file_is(site: BuiltSite) -> None:
    """Sphinx has pages of its own: what is called search is lost."""
    files = [path for path in (HOME / "docs").rglob("*.md") if "_ext" not in path.parts]
    assert len(files) > 100
    for file in files:
        (title,) = re.findall(r"\A(?:\(.*\)=\n)?# (.+)", file.read_text())
        page = site.pages[file.relative_to(HOME / "docs").with_suffix(".html").as_posix()]
        assert re.sub(r"[\\`]", "", title) in page.words, file


def of_commands(parser: Parser) -> Iterator[tuple[str, str]]:
    """The page of each command, and each of its options."""
    for name, command in parser.parts.items():
        page = f"{REFERENCE}/commands/netlab-{name}.html"
        for leaf in command.leaves():
            yield from ((page, option) for option in leaf.options)


def test_every_option_of_every_command_is_on_its_page(site: BuiltSite) -> None:
    wanted = [*of_commands(cli.parser())]
    assert len({page for page, _ in wanted}) == len(cli.MODULES)
    lacking = [
        f"{page}: {option}"
        for page, option in wanted
        if page not in site.pages or option not in site.pages[page].options
    ]
    assert lacking == []


def paths(struct: Struct, before: str = "") -> Iterator[str]:
    """Every key of a file by its path, as the page has them: both sides are one."""
    for key, field in struct.fields.items():
        path = f"{before}{'SIDE' if key in ('client', 'server') else key}"
        yield path
        inner = field.takes.mapping if isinstance(field.takes, Either) else field.takes
        if isinstance(inner, Struct):
            yield from paths(inner, f"{path}.")


def test_every_word_of_the_language_is_explained(site: BuiltSite) -> None:
    words = {
        "language.html": {*paths(language.SCENARIO)} - {"expect"},
        "language/actions.html": {*ACTIONS},
        "language/faults.html": {*FAULTS, *language.STEPS},
        "language/hops.html": {*HOPS, *ORDERS},
    }
    lacking = [
        f"{page}: {word}"
        for page, known in words.items()
        for word in sorted(known)
        if f"word-{re.sub(r'[._]', '-', word.lower())}" not in site.pages[f"{REFERENCE}/{page}"].ids
    ]
    assert lacking == []
    beside = site.pages[f"{REFERENCE}/language/actions.html"].words.split()
    assert {*language.MODIFIERS} <= {*beside}


def documented(site: BuiltSite) -> set[str]:
    """The places that the pages on Python have."""
    pages = (page for name, page in site.pages.items() if name.startswith(f"{REFERENCE}/python/"))
    return {each for page in pages for each in page.ids}


def test_every_public_name_is_documented(site: BuiltSite) -> None:
    found = documented(site)
    assert {f"netlab.{name}" for name in netlab.__all__} - found == set()
    assert {f"{name}-fixture" for name in ("lab", "net", "audit", "netlab-family")} <= found


def members() -> Iterator[str]:
    """The methods and properties of the public classes, by their names in `netlab`."""
    for name in netlab.__all__:
        exported = getattr(netlab, name)
        if inspect.isclass(exported) and not issubclass(exported, Exception):
            for member, value in vars(exported).items():
                if not member.startswith("_") and (
                    inspect.isfunction(value)
                    or isinstance(value, (property, classmethod, staticmethod))
                ):
                    yield f"netlab.{name}.{member}"


def test_every_method_of_a_public_class_is_documented(site: BuiltSite) -> None:
    """Of what has no docstring, autodoc makes nothing."""
    wanted = {*members()}
    assert len(wanted) > 100
    assert wanted - documented(site) == set()


def test_no_page_differs_from_build_to_build(site: BuiltSite) -> None:
    """Python shows an object that has no better name by its place in memory."""
    found = [name for name, page in site.pages.items() if re.search(r" at 0x[0-9a-f]+", page.words)]
    assert found == []


def test_every_cause_has_a_page_that_says_what_helps(site: BuiltSite) -> None:
    for cause in causes.parse(causes.HOME.read_text()):
        page = site.pages[f"{REFERENCE}/causes/{cause.id}.html"]
        assert cause.title in page.words
        assert {"make-sure", "what-helps", "see-it-happen"} <= page.ids, cause.id
        assert re.search(rf"netlab run \S*\b{cause.scenario}\b.* --ladder", page.words)


def test_every_fact_that_a_cause_asks_for_is_explained(site: BuiltSite) -> None:
    page = site.pages[f"{REFERENCE}/facts.html"]
    words = [f"fact-{name}" for name in FACTS] + [
        f"destination-{name}" for name in DESTINATION_FACTS
    ]
    assert {word.replace("_", "-") for word in words} - page.ids == set()


def test_every_word_that_is_explained_has_its_place(site: BuiltSite) -> None:
    """But for causes and the words of scenarios, which have pages of their own."""
    names = {
        "state": map(str, State),
        "counter": COUNTERS,
        "sysctl": map(full_name, SYSCTLS),
        "column": values.LISTED,
        "figure": values.FIGURES,
        "segment": values.SEGMENTS,
        "option": values.OPTIONS,
        "error": values.errors(),
    }
    wanted = {explained.anchor(kind, name) for kind, some in names.items() for name in some}
    assert len(wanted) > 150
    assert wanted - site.pages[f"{REFERENCE}/words.html"].ids == set()


def test_every_known_change_and_every_event_has_its_place(site: BuiltSite) -> None:
    assert {change.id for change in changes()} - site.pages["kernels.html"].ids == set()
    events = {(row.topic, row.event) for row in rows.rows()}
    lacking = [
        event for topic, event in sorted(events)
        if f"row-{event}" not in site.pages[f"{REFERENCE}/conformance/{topic}.html"].ids
    ]  # fmt: skip
    assert lacking == []


# --- it leads nowhere that is not there, and asks nobody else


def test_every_link_within_the_site_leads_somewhere(site: BuiltSite) -> None:
    assert [*site.broken()] == []


def test_a_browser_loads_nothing_from_elsewhere(site: BuiltSite) -> None:
    assert [*site.outside()] == []


def test_what_is_wrong_with_a_page_is_seen(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text('<h1 id="top">Here</h1>')
    (tmp_path / "style.css").write_text("@import 'https://a/b.css'; p { src: url(font.woff) }")
    (tmp_path / "page.html").write_text(
        '<a href="there.html#top">1</a><a href="there.html#gone">2</a><a href="gone.html">3</a>'
        '<a href="#here">4</a><a href="https://a/">5</a><img src="https://a/b.png">'
        '<link rel="stylesheet" href="//a/c.css"><p style="background: url(http://a/d)">'
    )
    built = BuiltSite(tmp_path)
    assert [*built.broken()] == [
        "page.html: there.html#gone",
        "page.html: gone.html",
        "page.html: #here",
    ]
    assert [*built.outside()] == [
        "page.html: https://a/b.png",
        "page.html: //a/c.css",
        "page.html: http://a/d",
        "style.css: https://a/b.css",
    ]
