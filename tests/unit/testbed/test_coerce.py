# SPDX-License-Identifier: GPL-2.0-or-later
"""Words where Python has objects: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from netlab.model.errors import LabError
from netlab.model.tcp import ACK, NAMEABLE, SYN, State
from netlab.model.vocabulary import REJECTS, Hook, Side
from netlab.testbed import coerce


class Meaning(NamedTuple):
    """Words for something: who reads them, all that there are, and what each of them means."""

    read: Callable[[Any], Any]
    known: dict[str, Any]


MEANINGS = {
    "segment": Meaning(lambda word: coerce.segments([word])[0], {str(s): s for s in NAMEABLE}),
    "state": Meaning(lambda word: coerce.states(word)[0], {str(s): s for s in State}),
    "side": Meaning(coerce.side, {str(s): s for s in Side}),
    "hook": Meaning(lambda word: coerce.place(("server", word))[1], {str(h): h for h in Hook}),
    "answer": Meaning(coerce.reject, REJECTS),
}


@pytest.mark.parametrize(
    ("what", "word"), [(what, word) for what in MEANINGS for word in MEANINGS[what].known]
)
def test_a_word_means_what_it_says_and_an_object_itself(what: str, word: str) -> None:
    read, known = MEANINGS[what]
    assert read(word) == known[word]
    assert read(known[word]) == known[word]


@pytest.mark.parametrize(
    ("what", "word", "right"),
    [
        ("segment", "SYNACK", "SYN|ACK"),
        ("segment", "DTAA", "DATA"),
        ("state", "SYN_SNT", "SYN_SENT"),
        ("side", "clint", "client"),
        ("hook", "outptu", "output"),
        ("answer", "tcp-rest", "tcp-reset"),
    ],
)
def test_a_word_that_means_nothing_is_told_with_the_right_one(
    what: str, word: str, right: str
) -> None:
    read, known = MEANINGS[what]
    with pytest.raises(LabError) as caught:
        read(word)
    assert str(caught.value) == (
        f"no {what} is called {word!r}. Did you mean {right}? Known: {', '.join(known)}"
    )


@pytest.mark.parametrize("what", MEANINGS)
def test_where_nothing_comes_close_only_the_known_ones_are_told(what: str) -> None:
    read, known = MEANINGS[what]
    for word in ("", "qqqqqq"):
        with pytest.raises(LabError) as caught:
            read(word)
        assert str(caught.value) == f"no {what} is called {word!r}. Known: {', '.join(known)}"


def test_a_state_is_also_called_as_tools_print_it() -> None:
    assert coerce.states(["SYN-SENT", "ESTAB", State.CLOSED]) == (
        State.SYN_SENT,
        State.ESTABLISHED,
        State.CLOSED,
    )


def test_several_segments_may_be_words_and_objects() -> None:
    assert coerce.segments(["SYN|ACK", "ACK|SYN", SYN]) == (SYN | ACK, SYN | ACK, SYN)


@pytest.mark.parametrize("place", ["server output", ("server",), None], ids=repr)
def test_a_place_that_is_no_side_with_a_hook_is_shown_how_to_write_it(place: Any) -> None:
    with pytest.raises(LabError) as caught:
        coerce.place(place)
    assert str(caught.value) == (
        f'at: expected a side and a hook, ("server", "output"); found {place!r}'
    )
