# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is pasted becomes snapshots or the one clear error: never a traceback."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from .build import becomes_snapshots_or_the_error
from .test_parse import OUTPUTS

SAMPLES = [path.read_bytes().decode() for path in sorted(OUTPUTS.iterdir())]
WORDS = st.sampled_from(
    [word for text in SAMPLES for word in text.split()[:60]]
    + ["ESTAB", "tcp", "tcp6", "LISTEN", "0", "-1", "*:*", "[::]:*", ":::*", "users:((", "timer:(",
       "timer:(on,,)", "0A", "0:", "00000000:0000", "TcpExt:", "root@a:~#", "$", ">", "===", "{",
       "٣", "9" * 5000, "1.2.3.4:99999999999999999999", "[fe80::1]%:1", "\x1b[1m", "\0"]
)  # fmt: skip
LINES = st.lists(WORDS, max_size=12).map(" ".join)


@given(st.text())
def test_any_text(text: str) -> None:
    becomes_snapshots_or_the_error(text)


@given(st.lists(LINES, max_size=12).map("\n".join))
def test_words_of_the_tools_in_any_order(text: str) -> None:
    becomes_snapshots_or_the_error(text)


@given(st.sampled_from(SAMPLES), st.data())
def test_outputs_with_something_wrong(text: str, data: st.DataObject) -> None:
    """A piece cut out of a genuine output, and something else in its place."""
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 200)))
    other = data.draw(st.one_of(st.just(""), st.text(max_size=20), LINES))
    becomes_snapshots_or_the_error(text[:begin] + other + text[end:])


@given(st.sampled_from(SAMPLES), st.integers(0))
def test_outputs_that_end_anywhere(text: str, end: int) -> None:
    becomes_snapshots_or_the_error(text[: end % (len(text) + 1)])
