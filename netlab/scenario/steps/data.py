# SPDX-License-Identifier: GPL-2.0-or-later
"""Sending and reading."""

from __future__ import annotations

from netlab.model.errors import ActionFailed
from netlab.model.vocabulary import Family
from netlab.scenario.kinds import BYTES, TEXT
from netlab.scenario.model import Do
from netlab.scenario.shapes import Field, Struct
from netlab.scenario.steps.action import Action, Given, Stage, always, struct


def _payload(what: str) -> Struct:
    return struct(
        what, "text", text=Field(TEXT, doc="as it is"), bytes=Field(BYTES, "count", doc="so many")
    )


def _one_of_both(given: Given) -> str:
    return "" if len(given) == 1 else "needs a text, or a number of bytes"


def _named(given: Given) -> str:
    return repr(given["text"]) if "text" in given else f"{given['count']} bytes"


def _send(stage: Stage, step: Do) -> str:
    given = step.arguments
    data = given.get("text") or bytes(given["count"])
    return f"{stage.host(step).send(data, stage.connection(step))} bytes"


def _send_by_hand(step: Do, family: Family) -> str:
    given = step.arguments
    return f"type {given['text']!r} in nc" if "text" in given else "paste text into nc"


def _read(stage: Stage, step: Do) -> str:
    text = step.arguments.get("text")
    wanted = bytes(step.arguments["count"]) if text is None else str(text).encode()
    data = stage.host(step).read(len(wanted), stage.connection(step))
    if text is not None and data != wanted:
        raise ActionFailed(f"expected to read {wanted!r}; found {data!r}")
    if len(data) < len(wanted):
        raise ActionFailed(f"expected {len(wanted)} bytes; the peer's FIN came after {len(data)}")
    return f"{len(data)} bytes"


def _drain(stage: Stage, step: Do) -> str:
    return f"{len(stage.host(step).drain(stage.connection(step)))} bytes"


ACTIONS = (
    Action(
        "send",
        _payload("send text, or a number of bytes"),
        play=_send,
        by_hand=_send_by_hand,
        told=lambda given: f"sends {_named(given)}.",
        on_connection=True,
        complaint=_one_of_both,
    ),
    Action(
        "read",
        _payload("read exactly this text, or this number of bytes"),
        play=_read,
        by_hand=always("# nc shows what came"),
        told=lambda given: f"reads what has come: {_named(given)}.",
        on_connection=True,
        complaint=_one_of_both,
    ),
    Action(
        "drain",
        struct("read until the peer's FIN"),
        play=_drain,
        by_hand=always("# nc shows what came"),
        told=always("reads everything that comes, up to the other end's FIN."),
        on_connection=True,
    ),
)
