# SPDX-License-Identifier: GPL-2.0-or-later
"""Writing in the background: nobody waits for a reader, and nothing is lost."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from netlab.cli.shared import output
from netlab.cli.shared.output import Output
from netlab.model.errors import NetlabError

MUCH = 1 << 20  # bytes: sixteen times what a pipe holds


@contextlib.contextmanager
def pipe() -> Iterator[tuple[int, TextIO]]:
    """Whom nobody reads, until the test does."""
    read, write = os.pipe()
    with open(write, "w", encoding="utf-8") as stream:
        yield read, stream
    with contextlib.suppress(OSError):  # a test may have closed it
        os.close(read)


def test_whoever_writes_goes_on_though_nobody_reads_and_all_of_it_comes_in_order() -> None:
    with pipe() as (read, stream):
        out = Output(stream)
        out.start()
        texts = [f"{number}\n" * (MUCH // 20) for number in range(10)]
        for text in texts:
            out.write(text)  # would never return if it waited
        assert not out.gone
        collected: list[str] = []
        with open(os.dup(read), encoding="utf-8") as reader:
            whole = threading.Thread(target=lambda: collected.append(reader.read()))
            whole.start()
            out.finish()
            stream.close()
            whole.join()
        assert collected == ["".join(texts)]


def test_before_it_is_started_there_is_no_other_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
    with pipe() as (_, stream):
        out = Output(stream)
        out.write("a line\n")
        assert not started
        out.start()
        out.start()
        assert started == ["netlab-output"]


def test_a_reader_that_has_gone_is_told_of_and_nobody_writes_on() -> None:
    with pipe() as (read, stream):
        os.close(read)
        out = Output(stream)
        for _ in range(3):
            out.write("a line\n")
        with pytest.raises(BrokenPipeError):
            out.finish()
        assert out.gone


def test_who_is_asked_to_end_waits_for_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LOOK", 0.01)
    monkeypatch.setattr(output, "PATIENCE", 0.05)
    with pipe() as (read, stream):
        out = Output(stream)
        out.write("x" * MUCH)
        out.finish(lambda: True)  # would never return if it waited
        os.close(read)  # the thread ends with it


def test_when_this_process_is_asked_to_end_a_reader_that_has_gone_is_no_news() -> None:
    with pipe() as (read, stream):
        os.close(read)
        out = Output(stream)
        out.write("a line\n")
        out.finish(lambda: True)
        assert out.gone


def test_a_full_disk_is_an_error_in_words() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        out = Output(full)
        out.write("a line\n")
        with pytest.raises(NetlabError, match="cannot be written: No space left on device"):
            out.finish()


def test_a_pipe_that_somebody_made_non_blocking_gets_all_of_it() -> None:
    with pipe() as (read, stream):
        os.set_blocking(stream.fileno(), False)
        out = Output(stream)
        out.start()
        out.write("x" * MUCH)
        left = MUCH
        while left:
            left -= len(os.read(read, MUCH))
        out.finish()


def test_what_is_no_file_is_written_to_and_a_closed_stream_is_not() -> None:
    text = io.StringIO()
    for stream in (text, None):
        out = Output(stream)
        out.write("a line\n")
        out.finish()
    assert text.getvalue() == "a line\n"


def test_letters_that_the_stream_lacks_are_written_as_it_says(tmp_path: Path) -> None:
    with open(tmp_path / "out", "w", encoding="ascii", errors="replace") as stream:
        out = Output(stream)
        out.write("é\n")
        out.finish()
    assert (tmp_path / "out").read_bytes() == b"?\n"
