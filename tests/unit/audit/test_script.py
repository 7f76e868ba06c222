# SPDX-License-Identifier: GPL-2.0-or-later
"""Protocols that a file says: what is heard and said in turn, and what is no such file."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.audit.partners.base import Talk
from netlab.audit.partners.script import Scripted, load
from netlab.audit.partners.standing import line, protocol, usual_port
from netlab.model.errors import ScenarioError

DOOR = r"""
port: 4000
talk:
  - send: "220 hello\r\n"
  - expect: "\r\n"
    setup: yes
  - send: "wel"
  - send: "come\r\n"
  - expect: {bytes: 4}
  - wait: 200ms
  - send: {hex: 00 ff}
  - expect: "\n"
    repeatable: yes
  - close: yes
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "door.yaml"
    file.write_text(text)
    return file


def said(file: Path, data: bytes, piece: int = 1) -> list[Talk]:
    session = Scripted(load(file)).session()
    parts = [data[at : at + piece] for at in range(0, len(data), piece)]
    return [talk for part in parts for talk in session.take(part)]


@pytest.mark.parametrize("piece", [1, 3, 100])
def test_turns_are_heard_however_they_are_cut(tmp_path: Path, piece: int) -> None:
    login, request, last = said(written(tmp_path, DOOR), b"me\r\n\0abcbye\nmore", piece)
    assert (login.reply, login.is_request) == (b"welcome\r\n", False)
    assert (request.reply, request.wait, request.key) == (b"\0\xff", 0.2, r"\x00abc")
    assert (last.repeatable, last.closes, last.reply) == (True, True, b"")


def test_a_server_greets_and_says_when_the_login_is_over(tmp_path: Path) -> None:
    door = protocol(str(written(tmp_path, DOOR)))
    session = door.session()
    assert session.greeting() == b"220 hello\r\n"
    assert not door.asks_at_once
    assert not session.settled
    assert [*session.take(b"me\r\n")]
    assert session.settled


def test_turns_begin_again_without_the_login(tmp_path: Path) -> None:
    text = 'repeat: yes\ntalk: [{expect: "hi", setup: yes}, {expect: "?"}, {send: "!"}]'
    talks = said(written(tmp_path, text), b"hia?b?")
    assert [talk.key for talk in talks] == ["", "a?", "b?"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("talk: [", "this is no YAML"),
        ("port: 3", "expected 'talk:' with a list"),
        ("talk: [{send: a}]", "nothing is expected of the client"),
        ("talk: [{exepct: a}]", "step 1: expected one of expect, send, wait, close"),
        ("talk: [{expect: a, setpu: yes}]", "step 1: no key 'setpu': did you mean setup?"),
        ("talk: [{expect: {bytes: 0}}]", "step 1: expected a number of bytes; found 0"),
        ("talk: [{expect: a}, {send: {hex: 0g}}]", "step 2: expected hex digits; found '0g'"),
        ("talk: [{expect: a}, {send: 7}]", "step 2: expected a text, or {hex: 00 ff}; found 7"),
        ("talk: [{expect: a}, {wait: soon}]", "step 2: expected a duration"),
        ("talk: [{expect: a}, {send: b}, {wait: 1s}]", "step 3: a wait comes before"),
        ("talk: [{expect: a}, {close: yes}, {send: b}]", "step 3: the connection is closed"),
        ("talk: [{wait: 1s}, {expect: a}]", "there can only be 'send'"),
        ("talk: [{expect: a}]\nport: 0", "port: expected a number from 1 to 65535; found 0"),
        ("talk: [{expect: a, setup: 3}]", "step 1: expected yes or no; found 3"),
    ],
)
def test_a_mistake_is_told_with_the_file(tmp_path: Path, text: str, says: str) -> None:
    file = written(tmp_path, text)
    load.cache_clear()
    with pytest.raises(ScenarioError) as caught:
        load(file)
    assert says in str(caught.value)
    assert "door.yaml" in str(caught.value)


def test_a_name_or_a_file_and_nothing_else() -> None:
    assert usual_port("redis") == 6379
    assert line("http", 81).endswith("netlab.audit.partners.standing http 81")
    with pytest.raises(ScenarioError, match="nobody here talks 'gopher'"):
        protocol("gopher")
