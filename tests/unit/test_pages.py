# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages for readers: links lead somewhere, and what is shown of a file is what stands there."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

import netlab
from netlab.audit import document
from netlab.audit.partners import script
from netlab.scenario import loader

from .. import transcripts
from ..transcripts import HOME, Block
from .test_map import MADE

PAGES = (*transcripts.PAGES, HOME / "CONTRIBUTING.md", HOME / "tests" / "README.md")
#: Written by each build of the site, which follows the links to it (`tests/site/`).
REFERENCE = "reference/"
BLOCKS = [block for page in transcripts.PAGES for block in transcripts.blocks(page)]


#: Files of the checkout, as a text names them; NAME and * stand for any.
FILE = re.compile(
    r"(?<![\w/.-])(?:docs|examples|netlab|packaging|plans|scenarios|scripts|tests)/[\w./*-]*[\w*]"
)


def inline(page: Path) -> Iterator[Token]:
    """The links, words and pieces of code of a page's text."""
    for token in MarkdownIt().parse(page.read_text()):
        yield from token.children or ()


def links(page: Path) -> Iterator[str]:
    """Where the links of a page lead."""
    for token in inline(page):
        if token.type in {"link_open", "image"}:
            yield str(token.attrs.get("href") or token.attrs.get("src"))


def test_readme_is_short() -> None:
    """One screen and a half: everything else has a page of its own."""
    assert len((HOME / "README.md").read_text().split()) < 900


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page in links."""
    tokens = MarkdownIt().parse(page.read_text())
    texts = [text.content for one, text in pairwise(tokens) if one.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def lost(page: Path) -> Iterator[str]:
    """The links of a page that lead nowhere in the checkout."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if "://" in link or link.startswith(("mailto:", REFERENCE)):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_links_lead_somewhere(page: Path) -> None:
    assert [*lost(page)] == []


def test_a_link_that_leads_nowhere_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One, two\n[a](other.md) [b](#one-two) [c](#three) [d](page.md#one-two)\n")
    assert [*lost(page)] == ["other.md", "#three"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_what_looks_like_a_link_is_one(page: Path) -> None:
    """Markdown shows a link to a name that nobody has defined as it is written."""
    assert [token.content for token in inline(page) if looks_like_a_link(token)] == []


def looks_like_a_link(token: Token) -> bool:
    """True for words with the brackets of a link around them."""
    return token.type == "text" and bool(re.search(r"\]\s?[\[(]", token.content))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_a_file_that_is_named_is_there(page: Path) -> None:
    shown = {block.value("file") for block in BLOCKS if block.page == page}
    named = {name for token in inline(page) for name in FILE.findall(token.content)} - shown
    assert [name for name in sorted(named) if not is_there(name)] == []


def is_there(name: str) -> bool:
    """True if a file of this name is in the checkout, or a build writes it."""
    return f"{name}/".startswith(MADE) or any(HOME.glob(re.sub(r"\b[A-Z]{3,}\b", "*", name)))


def test_a_page_leads_to_another_and_does_not_only_name_it() -> None:
    """Who reads the site has no checkout."""
    named = [
        f"{page.name}: {token.content}"
        for page in transcripts.PAGES
        for token in inline(page)
        if token.type == "text" and re.search(r"\bdocs/[\w-]+\.md", token.content)
    ]
    assert named == []


def test_a_file_that_is_not_there_is_seen() -> None:
    text = "`scripts/look`, docs/x.md, `netlab/teaching/lessons/NAME.yaml`, ~/tests/x, tests/unit/"
    assert [name for name in FILE.findall(text) if not is_there(name)] == ["docs/x.md"]


# --- examples that nobody plays


#: What a part of a scenario lacks to be one, by its key.
USUAL = {
    "source": "source: a page",
    "steps": "steps: [server: listen, client: connect]",
    "expect": "expect: {pair: {client: ESTABLISHED, server: ESTABLISHED}, cause: of none}",
}


def scenario(path: Path) -> None:
    """Read what may be a part of a scenario."""
    text = path.read_text()
    lacking = [line for key, line in USUAL.items() if key not in yaml.safe_load(text)]
    loader.parse("\n".join([text, *lacking]), path)


#: Who reads a file, by a key that it has; "tcp" is the name of a job of GitLab's.
READERS: dict[str, Callable[[Path], object]] = {
    "steps": scenario,
    "path": scenario,
    "program": document.load,
    "talk": script.load,
    "tcp": lambda path: None,
}


@pytest.mark.parametrize("block", [each for each in BLOCKS if each.language == "yaml"], ids=str)
def test_a_file_on_a_page_can_be_read(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, client = tmp_path / "example.yaml", tmp_path / "client"
    path.write_text(block.text)
    client.write_text("#!/bin/sh\n")
    client.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    readers = [read for key, read in READERS.items() if key in yaml.safe_load(block.text)]
    assert readers
    readers[0](path)


def test_what_python_on_a_page_has_of_netlab_is_there() -> None:
    lacking = [
        f"{block}: {name}"
        for block in BLOCKS
        if block.language == "python"
        for name in of_netlab(ast.parse(block.text))
        if name not in netlab.__all__
    ]
    assert lacking == []


def of_netlab(code: ast.Module) -> Iterator[str]:
    """The names that it takes from netlab."""
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and node.module == "netlab":
            yield from (each.name for each in node.names)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "netlab":
            yield node.attr


def test_names_that_python_takes_from_netlab_are_seen() -> None:
    code = ast.parse("import netlab\nfrom netlab import Lab, Gone\nnetlab.faultz(netlab.SYN)\n")
    assert [*of_netlab(code)] == ["Lab", "Gone", "faultz", "SYN"]


# --- examples that are played


def test_readers_see_the_names_of_files() -> None:
    """What follows ``file=`` is seen by nobody: the text before the block has the name, too."""
    hidden = []
    for block in BLOCKS:
        before = block.page.read_text().splitlines()[: block.line - 1]
        name = block.value("file")
        if name and f"`{name}`" not in "".join(before):
            hidden.append(f"{block}: {name}")
    assert hidden == []


def test_what_a_page_shows_of_a_file_stands_in_it() -> None:
    def other(block: Block) -> bool:
        return block.text not in (HOME / block.value("of")).read_text()

    shown = [block for block in BLOCKS if block.value("of")]
    assert [str(block) for block in shown if other(block)] == []


def test_transcripts_begin_with_a_command() -> None:
    """Also those that are played by hand."""
    typed = [transcripts.commands(block) for block in BLOCKS if block.language == "console"]
    assert all(typed)


def test_what_is_typed_is_played_or_said_not_to_be() -> None:
    """A block with a prompt is a ``console``, or ``text`` where nothing here could play it."""
    typed = [block for block in BLOCKS if any(line.startswith("$ ") for line in block.lines)]
    assert [str(each) for each in typed if each.language not in {"console", "text"}] == []
