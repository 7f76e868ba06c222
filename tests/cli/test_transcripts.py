# SPDX-License-Identifier: GPL-2.0-or-later
"""Every example of README and of the pages in ``docs/`` prints what its page says.

`scripts/transcripts.py --record FILE` writes down what is printed, where that is right.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from .. import programs, transcripts
from ..transcripts import Block, Command

HERE = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in transcripts.PAGES
    for number, block in enumerate(transcripts.transcripts(page), 1)
    if not transcripts.by_hand(block)
]
#: Transcripts that are played at once: most of their time is waiting.
AT_ONCE = 6


@pytest.fixture(scope="module")
def playing(request: pytest.FixtureRequest) -> Iterator[dict[Block, Future[list[Command]]]]:
    """All transcripts that are asked for, side by side."""
    items = (item for item in request.session.items if isinstance(item, pytest.Function))
    asked = [item.callspec.params.get("block") for item in items if hasattr(item, "callspec")]
    blocks = [block for block in asked if isinstance(block, Block) and _can_be_played(block)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {block: pool.submit(transcripts.play, block) for block in blocks}
        pool.shutdown(cancel_futures=True)


def _can_be_played(block: Block) -> bool:
    lacking = [name for name in transcripts.needs(block) if programs.found(name) is None]
    return transcripts.may_be_played(block) and not lacking


@pytest.mark.parametrize("block", HERE)
def test_a_transcript_is_what_is_printed(
    block: Block, playing: dict[Block, Future[list[Command]]]
) -> None:
    if not transcripts.may_be_played(block):
        pytest.skip("only root sees it")
    for name in transcripts.needs(block):
        programs.need(name)
    _, different = transcripts.settled(block, playing[block].result())
    if different:
        pytest.fail("\n".join(different), pytrace=False)


PAGE = """\
# A page

Save this as `names/all.txt`:

```text file=names/all.txt
anna
berta
```

1. A list:

   ```console
   $ cat names/all.txt
   anna
   ...
   $ expr 6 \\
   > '*' 7
   42
   $ echo took 1.25 s
   took 2.5 s
   ```

```console any-order
$ printf 'b\\na\\n'
a
b
```
"""


def played(page: Path, text: str, *options: str) -> tuple[int, str]:
    page.write_text(text)
    script = transcripts.HOME / "scripts" / "transcripts.py"
    command = [sys.executable, str(script), *options, str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_page_that_is_right_stays_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    assert played(page, PAGE)[0] == 0
    assert played(page, PAGE, "--record")[0] == 0
    assert page.read_text() == PAGE


def test_a_page_that_is_wrong_is_told_and_mended(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    wrong = PAGE.replace("   42\n", "   41\n   43\n").replace("a\nb\n```\n", "c\nb\n```\n")
    wrong = wrong.replace("   anna\n   ...\n", "   otto\n   ...\n")
    code, said = played(page, wrong)
    assert code == 1
    assert "page.md:12: expr 6" in said
    assert "page.md:24: printf" in said
    code, said = played(page, wrong, "--record")
    assert code == 0
    assert page.read_text() == PAGE.replace("a\nb\n```\n", "b\na\n```\n")


def test_words_that_dots_cover_stay_covered(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    text = "```console\n$ echo 7 of 12 in 42 turns\n8 of 12 in ... turns\n```\n"
    assert played(page, text, "--record")[0] == 0
    assert page.read_text() == text.replace("8 of", "7 of")


def test_what_is_wrong_only_once_is_wrong(tmp_path: Path) -> None:
    """It is played again where only a clock can have decided what differs."""
    seen = tmp_path / "seen"
    first, later = "0.100 000 CLOSED ├╴connect │", "0.100 000 ├╴connect │"
    text = (
        f"```console\n$ if test -e {seen}; then echo '{{later}}'; else touch {seen}; "
        f"echo '{{first}}'; fi\n{later}\n```\n"
    )
    page = tmp_path / "page.md"
    for wrong in ("something else", first.replace("connect", "close")):
        assert played(page, text.format(first=wrong, later=later))[0] == 1
        seen.unlink()
    more = later.replace("├╴connect", "◀── ACK seq=1 ack=1 ──┤")
    assert played(page, text.format(first=f"{later}\\n{more}", later=later))[0] == 0


@pytest.mark.parametrize(
    ("want", "got"),
    [
        ("after 1.20 s", "after 0.31 s"),
        ("0.067 456 │", "1.067 001 │"),
        ("10.0.0.1:46314", "10.0.16.1:33001"),
        ("(IPv4, kernel 6.18.44)", "(IPv4, kernel 6.1.0-56-cloud-amd64)"),
        ("a\n ┆ 1.02 s    ┆      ┆\nb", "a\nb"),
    ],
)
def test_what_is_never_the_same_needs_no_dots(want: str, got: str, tmp_path: Path) -> None:
    page = f"```console\n$ cat <<'END'\n> {got}\n> END\n{want}\n```\n".replace(
        "\nb\n> ", "\n> b\n> "
    )
    assert played(tmp_path / "page.md", page)[0] == 0, page
    other = page.replace(want, f"{want}!")
    assert played(tmp_path / "page.md", other)[0] == 1, other
