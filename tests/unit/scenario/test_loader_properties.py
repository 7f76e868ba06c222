# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is in a file: it is read, or refused with ScenarioError in one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netlab.model.errors import ScenarioError
from netlab.scenario import catalogue, document, kinds, language, loader, steps
from netlab.scenario.shapes import Struct

SHIPPED = {path: path.read_text() for path in sorted(catalogue.home().rglob("*.yaml"))}
BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what ends a line, says YAML 1.1
WORDS = sorted(
    {word for kind in vars(kinds).values() if isinstance(kind, kinds.Kind) for word in kind.words}
    | {key for table in vars(language).values() if isinstance(table, Struct)
       for key in table.fields}
    | {*steps.ACTIONS, *steps.FAULTS, *language.STEPS, *language.MODIFIERS, "client", "server"}
)  # fmt: skip
MARKS = [
    *"{}[]:,&*!|>%@`\"'#?-~=.\\ \t\n\r\0\x07\x85\u2028\ufeff",
    ": ",
    "- ",
    "\n  ",
    "---\n",
    "<<",
]
TOKENS = st.sampled_from(WORDS + MARKS)


def quickly(examples: int) -> settings:
    """So many examples, in a second or two; a slow machine is no reason to fail."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[Path, str]:
    """A scenario that comes with netlab, after one to three slips of somebody's hand."""
    path = draw(st.sampled_from(list(SHIPPED)))
    text = SHIPPED[path]
    for _ in range(draw(st.integers(1, 3))):
        slip = draw(st.sampled_from([_characters, _lines, _word]))
        text = slip(draw, text)
    return path, text


def _characters(draw: st.DrawFn, text: str) -> str:
    """Some characters are replaced: by none, by others, or by marks that mean something."""
    start = draw(st.integers(0, len(text)))
    end = start + draw(st.integers(0, 12))
    return text[:start] + draw(st.one_of(st.just(""), TOKENS, st.text(max_size=6))) + text[end:]


def _lines(draw: st.DrawFn, text: str) -> str:
    """Two lines change places, a line is there twice, or is indented in another way."""
    lines = text.splitlines(keepends=True) or [""]
    one, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    match draw(st.sampled_from(["swap", "repeat", "indent"])):
        case "swap":
            lines[one], lines[other] = lines[other], lines[one]
        case "repeat":
            lines.insert(other, lines[one])
        case "indent":
            lines[one] = " " * draw(st.integers(0, 6)) + lines[one].lstrip(" ")
    return "".join(lines)


def _word(draw: st.DrawFn, text: str) -> str:
    """A word is replaced by another word of the language."""
    words = list(re.finditer(r"[\w|]+", text))
    if not words:
        return text
    word = draw(st.sampled_from(words))
    return text[: word.start()] + draw(st.sampled_from(WORDS)) + text[word.end() :]


def complaint(read: Callable[[], object]) -> ScenarioError | None:
    """What is said, if anything; every other exception fails the test."""
    try:
        read()
    except ScenarioError as error:
        return error
    return None


def judge(read: Callable[[], object], path: Path, text: str) -> None:
    """A complaint is one line, which begins with the path and a line that the file has."""
    error = complaint(read)
    if error is None:
        return
    where = path if error.line is None else f"{path}:{error.line}"
    assert str(error).startswith(f"{where}: ")
    assert BREAK.search(str(error)) is None
    ends = len(BREAK.findall(text))
    lines = ends if BREAK.search(text[-1:]) else ends + 1
    assert error.line is None or 1 <= error.line <= lines


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda path: path.stem)
def test_without_a_slip_every_scenario_is_read(shipped: Path) -> None:
    assert loader.parse(SHIPPED[shipped], shipped) == loader.load(shipped)


@quickly(500)
@given(spoilt())
def test_a_spoilt_scenario_is_read_or_refused_in_one_line(case: tuple[Path, str]) -> None:
    path, text = case
    judge(lambda: loader.parse(text, path), path, text)


@quickly(100)
@given(spoilt())
def test_the_same_holds_where_pyyaml_comes_without_libyaml(case: tuple[Path, str]) -> None:
    path, text = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "_Loader", yaml.SafeLoader)
        judge(lambda: loader.parse(text, path), path, text)


@quickly(400)
@given(st.one_of(st.text(), st.lists(TOKENS, max_size=40).map("".join)))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    path = Path("any.yaml")
    judge(lambda: loader.parse(text, path), path, text)


@quickly(300)
@given(data=st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-16"))))
def test_any_file_is_read_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    judge(lambda: loader.load(path), path, data.decode(errors="replace"))
