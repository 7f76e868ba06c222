# SPDX-License-Identifier: GPL-2.0-or-later
"""Completion, as it is documented, in the shells themselves: the line in a file that was empty, and
Tab.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from netlab import cli

from ..programs import need
from ..transcripts import HOME
from .shell import netlab
from .terminal import Terminal

#: The line of each shell's file, as the help has it: a command, and where it is written.
LINE = re.compile(r"^  (.*netlab completion (\w+).*?)  +.*(~/\S+)$", re.MULTILINE)
LINES = LINE.findall(str(cli.parser("completion").parts["completion"].epilog))
#: What has each shell say that it is ready.
PROMPTS = {
    "bash": "PS1='typed> '",
    "zsh": "PS1='typed> '",
    "fish": "function fish_prompt; echo -n 'typed> '; end",
}


def test_there_is_a_line_for_each_shell_and_the_page_has_the_same() -> None:
    assert [shell for _, shell, _ in LINES] == ["bash", "zsh", "fish"]
    page = (HOME / "docs" / "install.md").read_text()
    for line, _, file in LINES:
        assert re.search(rf"^{re.escape(line)} +# .*{re.escape(file)}$", page, re.MULTILINE), line


@pytest.mark.parametrize(("line", "shell", "file"), LINES, ids=[shell for _, shell, _ in LINES])
def test_tab_completes_a_command_and_a_name(
    line: str, shell: str, file: str, tmp_path: Path
) -> None:
    need(shell)
    settings = tmp_path / file.removeprefix("~/")
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"{PROMPTS[shell]}\n{line}\n")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with Terminal(tmp_path, HOME=str(tmp_path), PATH=path) as terminal:
        terminal.write(f"exec {shell} -i")
        terminal.keys("Enter")
        terminal.see("typed>")
        terminal.write("netlab fre")
        terminal.keys("Tab")
        terminal.see("typed> netlab freeze ")
        terminal.write("port-clo")
        terminal.keys("Tab")
        terminal.see("netlab freeze port-closed")


def test_what_zsh_gets_may_be_one_of_its_files() -> None:
    """A package installs it so."""
    assert netlab("completion", "zsh").out.startswith("#compdef netlab\n")
