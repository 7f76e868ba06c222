# SPDX-License-Identifier: GPL-2.0-or-later
"""What pages and netlab's own texts tell somebody to type is something that can be typed: a command
that there is, with options that it has.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import netlab
from netlab import cli

from .. import transcripts
from ..transcripts import HOME

PAGES = (*transcripts.PAGES, HOME / "CONTRIBUTING.md", HOME / "tests" / "README.md")
HOUSE = Path(netlab.__file__).parent
PARSER = cli.parser()
SHELL = {"sh", "console", "text", ""}  # languages of blocks in which something may be typed
STOPS = "();<>|&"
QUOTED = re.compile(r"'(netlab [a-z][^'{}\n]*)'")


def lines(page: Path) -> Iterator[str]:
    """What a page has for a shell, in its blocks and in its text."""
    for token in MarkdownIt().parse(page.read_text()):
        words = token.info.split() or [""]
        if token.type == "fence" and words[0] in SHELL:
            for line in token.content.replace("\\\n", " ").splitlines():
                if words[0] in {"sh", ""} or line.startswith("$ "):
                    yield line.removeprefix("$ ")
        for child in token.children or ():
            if child.type == "code_inline" and "netlab " in child.content:
                yield child.content


def typed(line: str) -> Iterator[list[str]]:
    """The words after each ``netlab`` that begins a command of a shell's line."""
    read = shlex.shlex(line, posix=True, punctuation_chars=STOPS)
    read.whitespace_split = True
    command: list[str] = []
    for word in [*_words(read), ";"]:
        if set(word) <= {*STOPS}:
            if command and command[0].rpartition("/")[2] == "netlab":
                yield command[1:]
            command = []
        elif command or word != "sudo":
            command.append(word)


def _words(read: shlex.shlex) -> Iterator[str]:
    """Those before what is no whole line of a shell: a quotation that goes on below."""
    with contextlib.suppress(ValueError):
        yield from read


def wrong(words: list[str]) -> str:
    """Why this cannot be typed; "" where it can. Who only names a command leaves out the rest."""
    words = ["run" if word == "COMMAND" else word for word in words]
    said, part = io.StringIO(), PARSER
    for word in words:
        if word not in part.parts:
            break
        part = part.parts[word]
    else:
        return ""
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            PARSER.parse_args(words)
    except SystemExit as end:
        return said.getvalue() if end.code else ""
    return ""


def mistakes(texts: Iterator[str]) -> list[str]:
    """What cannot be typed of all that these lines have."""
    return [
        f"{line}: {why}"
        for line in texts
        for words in typed(line)
        if words and (why := wrong(words))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_what_a_page_tells_to_type_can_be_typed(page: Path) -> None:
    assert mistakes(lines(page)) == []


def test_what_netlab_tells_to_type_can_be_typed() -> None:
    files = [file for kind in ("py", "yaml") for file in HOUSE.rglob(f"*.{kind}")]
    texts = {text for file in files for text in QUOTED.findall(file.read_text())}
    assert len(texts) > 20
    assert mistakes(iter(sorted(texts))) == []


def test_what_cannot_be_typed_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\ncd netlab && netlab run --ladders | cat\n```\n"
        "```console\n$ netlab show\nnetlab gone\n```\n"
        "`netlab matrix --kernel`, `sudo netlab rum`, `netlab compare`, `netlab help COMMAND`\n"
    )
    found = [text.partition(":")[0] for text in mistakes(lines(page))]
    assert found == [
        "cd netlab && netlab run --ladders | cat",
        "netlab matrix --kernel",
        "sudo netlab rum",
    ]
