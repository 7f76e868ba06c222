# SPDX-License-Identifier: GPL-2.0-or-later
"""What the end of a call means: what the file expects, a failure, or nothing about TCP."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import cast

import pytest

from netlab.model.errors import ActionFailed, LabError
from netlab.model.vocabulary import Family
from netlab.scenario import steps
from netlab.scenario.acting import act
from netlab.scenario.model import Do
from netlab.scenario.steps.action import Stage
from tests.build import parsed

SOMETHING = ("EAFNOSUPPORT", "EDQUOT", "EIO", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ENOSPC")
REFUSED = "{client: connect, fails: ECONNREFUSED}"


class Ends:
    """An action that ends so, whatever is asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def by(self, end: Exception | str | None) -> None:
        """With an exception, or a result in words."""

        def play(stage: Stage, step: Do) -> str | None:
            if isinstance(end, Exception):
                raise end
            return end

        connect = replace(steps.ACTIONS["connect"], play=play)
        self._patch.setitem(steps.ACTIONS, "connect", connect)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    return Ends(monkeypatch)


def done(text: str = "client: connect", family: Family = Family.IPV4) -> str:
    return act(cast(Stage, None), cast(Do, parsed(text, "server: listen")), family)


def failed(name: str) -> OSError:
    return OSError(getattr(errno, name), "no")


@pytest.mark.parametrize(("result", "said"), [(None, ""), ("", ""), ("5 bytes", "5 bytes")])
def test_what_it_returns_is_its_result(ends: Ends, result: str | None, said: str) -> None:
    ends.by(result)
    assert done() == said


def test_an_error_that_the_file_expects_is_its_result(ends: Ends) -> None:
    ends.by(failed("ECONNREFUSED"))
    assert done(REFUSED) == "ECONNREFUSED"


@pytest.mark.parametrize("name", SOMETHING)
def test_what_the_machine_lacks_is_no_failure_of_tcp(ends: Ends, name: str) -> None:
    ends.by(failed(name))
    for text in ("client: connect", REFUSED):
        with pytest.raises(LabError):
            done(text)
    assert done(f"{{client: connect, fails: {name}}}") == name  # unless the file expects it


@pytest.mark.parametrize(
    ("end", "text", "said"),
    [
        (failed("ETIMEDOUT"), REFUSED, "expected ECONNREFUSED; found ETIMEDOUT"),
        (failed("ECONNREFUSED"), "client: connect", "expected no error; found ECONNREFUSED"),
        (OSError("strange"), "client: connect", "expected no error; found strange"),
        ("all is well", REFUSED, "expected ECONNREFUSED; found no error"),
    ],
)
def test_any_other_end_is_a_failure_that_says_both(
    ends: Ends, end: Exception | str, text: str, said: str
) -> None:
    ends.by(end)
    with pytest.raises(ActionFailed, match=f"connect.*: {said}$"):
        done(text)


def test_what_is_expected_may_differ_by_family(ends: Ends) -> None:
    text = "{client: connect, fails: {ipv4: ECONNREFUSED, ipv6: EACCES}}"
    ends.by(failed("EACCES"))
    assert done(text, Family.IPV6) == "EACCES"
    with pytest.raises(ActionFailed):
        done(text, Family.IPV4)
