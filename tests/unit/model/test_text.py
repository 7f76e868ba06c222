# SPDX-License-Identifier: GPL-2.0-or-later
"""What a terminal would obey is written out, and all else stays."""

from __future__ import annotations

import pytest

from netlab.model.text import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b2J\x7f\r\x00", r"\x9b2J\x7f\x0d\x00"),
        ("abc\u202edef\u2066", r"abc\u202edef\u2066"),
        ("\ud83d", r"\ud83d"),
        ("two\nlines\tand 中文 \N{SNOWMAN} é", "two\nlines\tand 中文 \N{SNOWMAN} é"),
    ],
)
def test_only_what_a_terminal_obeys_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown
