# SPDX-License-Identifier: GPL-2.0-or-later
"""What the application of each end reads: asked of its socket, expected by a file, and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab import ActionFailed, Lab, State
from netlab.model.evidence import Evidence
from netlab.model.vocabulary import Family
from netlab.scenario import loader, runner, writer

#: The client has sent five bytes and its FIN, and the server a byte that nobody has read.
HEARD = """\
source: here
steps:
  - server: listen
  - client: connect
  - server: accept
  - client: {send: hello}
  - client: shutdown
  - server: {send: x}
expect:
  pair: {client: FIN_WAIT2, server: CLOSE_WAIT}
  hold: 50ms
  reads: {client: 1 byte, server: [5 bytes, EOF]}
  cause: this is a test
"""
#: A reset is for the server to read, at the pair or by a later step.
RESET = """\
source: here
steps:
  - server: listen
  - client: connect
  - server: accept
  - client: abort
expect:
  pair: {client: CLOSED, server: LISTEN}
  hold: 50ms
  cause: this is a test
"""
LATER = """\
  heal:
    - server: {read: {bytes: 1}}
      fails: ECONNRESET
  healed: {client: CLOSED, server: LISTEN}
"""


def played(text: str, family: Family) -> Evidence:
    return runner.play(loader.parse(text, Path("mine.yaml")), runner.Options(family=family))


def test_a_look_leaves_the_data_and_takes_the_error(netlab_family: Family) -> None:
    with Lab(netlab_family) as lab:
        lab.server.listen()
        lab.client.connect()
        lab.server.accept()
        assert lab.server.reads() == ("nothing",)
        lab.client.send("hello")
        assert lab.server.reads() == lab.server.reads() == ("5 bytes",)
        assert lab.server.read(5) == b"hello"
        lab.client.shutdown()
        lab.expect(State.FIN_WAIT2, State.CLOSE_WAIT)
        assert lab.server.reads() == ("EOF",)
        lab.server.abort()
        with pytest.raises(ActionFailed, match="no application of the server has this connection"):
            lab.server.reads()
        assert lab.client.reads(errors=False) == ()
        assert lab.client.reads() == ("ECONNRESET",)
        assert "ECONNRESET" not in lab.client.reads()


def test_bytes_that_came_before_a_reset_are_told_with_it() -> None:
    with Lab() as lab:
        lab.server.listen()
        lab.client.connect()
        lab.server.accept()
        lab.client.send("hello")
        lab.client.abort()
        lab.expect(State.CLOSED, State.LISTEN)
        assert lab.server.reads() == ("5 bytes", "ECONNRESET")


def test_each_connection_of_a_listener_is_asked_for_itself() -> None:
    with Lab() as lab:
        lab.server.listen()
        for name in ("first", "second"):
            lab.client.connect(name=name)
            lab.server.accept()
        lab.client.send("of the first", lab.client.connections[0])
        assert lab.server.reads("first") == ("12 bytes",)
        assert lab.server.reads("second") == lab.server.reads() == ("nothing",)


def test_what_an_icmp_error_has_left_for_the_end_stays() -> None:
    """SO_ERROR takes it, too, and ETIMEDOUT would be what the application reads in the end."""
    with Lab() as lab:
        lab.server.listen()
        lab.client.connect()
        lab.server.accept()
        lab.client.set_option("TCP_USER_TIMEOUT", 600)
        lab.reject("DATA", to="server", with_="host-unreachable", name="sorry")
        lab.client.send("hello")
        assert lab.wait(lambda: lab.dropped("sorry") >= 1 or None, 5)
        assert lab.client.reads() == ("nothing",)
        ended = lab.wait(lambda: [r for r in [lab.client.reads()] if r != ("nothing",)], 5)
        assert ended == [("EHOSTUNREACH",)]


def test_a_file_says_what_applications_read(netlab_family: Family) -> None:
    run = played(HEARD, netlab_family)
    assert (run.outcome, run.client.reads, run.server.reads) == (
        "pass", ("1 byte",), ("5 bytes", "EOF"),
    )  # fmt: skip
    assert Evidence.from_json(run.to_json()) == run
    scenario = loader.parse(HEARD, Path("mine.yaml"))
    assert "  reads: {client: 1 byte, server: [5 bytes, EOF]}" in writer.scenario(scenario)


@pytest.mark.parametrize(
    ("said", "line", "summary"),
    [
        ("{client: nothing}", 12,
         "the client's application: expected to read nothing; found 1 byte"),
        ("{server: 5 bytes}", 12,
         "the server's application: expected to read 5 bytes; found 5 bytes, EOF"),
    ],
)  # fmt: skip
def test_one_that_reads_otherwise_fails_at_its_line(said: str, line: int, summary: str) -> None:
    run = played(HEARD.replace("{client: 1 byte, server: [5 bytes, EOF]}", said), Family.IPV4)
    assert run.failure is not None
    assert (run.outcome, run.failure.line, run.failure.summary) == ("fail", line, summary)


def test_what_no_application_has_cannot_be_read() -> None:
    never = HEARD.replace("  - server: accept\n", "").replace("  - server: {send: x}\n", "")
    run = played(never.replace("client: 1 byte, ", ""), Family.IPV4)
    assert run.failure is not None
    assert run.failure.summary == "no application of the server has this connection"


def test_an_error_is_left_to_a_step_that_reads_it() -> None:
    whole = played(RESET, Family.IPV4)
    assert (whole.outcome, whole.client.reads, whole.server.reads) == ("pass", (), ("ECONNRESET",))
    later = played(RESET + LATER, Family.IPV4)
    assert (later.outcome, later.failure, later.server.reads) == ("pass", None, ())
    taken = played(RESET.replace("  cause", "  reads: {server: ECONNRESET}\n  cause") + LATER,
                   Family.IPV4)  # fmt: skip
    assert taken.outcome == "fail"
