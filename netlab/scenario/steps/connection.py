# SPDX-License-Identifier: GPL-2.0-or-later
"""Listening, opening, accepting, closing."""

from __future__ import annotations

from netlab.model.vocabulary import USUAL_PORT, Family
from netlab.scenario.kinds import ADDRESS, BACKLOG, DURATION, FLAG, NAME, PORT, SECONDS, SOURCE
from netlab.scenario.model import Do
from netlab.scenario.shapes import Field
from netlab.scenario.steps.action import Action, Given, Stage, always, struct

_AS = Field(NAME, "name", doc="a name for the connection, for `of:`")


def _port(given: Given) -> int:
    return int(given.get("port", USUAL_PORT))


def _called(given: Given) -> str:
    return f", a connection called {given['name']!r}" if given.get("name") else ""


def _listen(stage: Stage, step: Do) -> None:
    stage.host(step).listen(**step.arguments)


def _told_listen(given: Given) -> str:
    backlog = f", with a backlog of {given['backlog']}" if "backlog" in given else ""
    defer = ", and waits for data (TCP_DEFER_ACCEPT)" if given.get("defer") else ""
    reuse = ", with SO_REUSEADDR" if given.get("reuse") else ""
    where = f" of {given['at']}" if "at" in given else ""
    return f"listens on port {_port(given)}{where}{backlog}{defer}{reuse}: any client may connect."


def _connect(stage: Stage, step: Do) -> None:
    given = dict(step.arguments)
    if given.pop("added", False):
        given["source"] = stage.added[step.side]
    must_fail = bool(step.fails.get(stage.lab.family))
    connection = stage.host(step).connect(**given, wait=must_fail)
    stage.connections[step.side, given.get("name", "")] = connection


def _connect_by_hand(step: Do, family: Family) -> str:
    given = step.arguments
    source = f"-p {given['source_port']} " if "source_port" in given else ""
    return f"nc {source}{given.get('to', step.side.peer.address(family))} {_port(given)}"


def _told_connect(given: Given) -> str:
    source = f" from its own port {given['source_port']}" if "source_port" in given else ""
    source += " from its second address" if given.get("added") else ""
    source = f" of {given['to']}{source}" if "to" in given else source
    reuse = ", with SO_REUSEADDR" if given.get("reuse") else ""
    patience = f", and gives up after {given['timeout']:g} s" if given.get("timeout") else ""
    return f"calls connect() to port {_port(given)}{source}{reuse}{patience}{_called(given)}."


def _accept(stage: Stage, step: Do) -> None:
    accepted = stage.host(step).accept(**step.arguments)
    stage.connections[step.side, str(step.arguments.get("name", ""))] = accepted


ACTIONS = (
    Action(
        "listen",
        struct(
            "wait for connections",
            "port",
            port=Field(PORT, doc="to listen on (5555)"),
            backlog=Field(BACKLOG, doc="connections that may wait to be accepted"),
            defer=Field(SECONDS, doc="TCP_DEFER_ACCEPT"),
            reuse=Field(FLAG, doc="SO_REUSEADDR"),
            at=Field(ADDRESS, doc="an address of this end behind a service, by its name"),
        ),
        play=_listen,
        by_hand=lambda step, family: f"nc -l {_port(step.arguments)}",
        told=_told_listen,
    ),
    Action(
        "unlisten",
        struct("close the listener"),
        play=lambda stage, step: stage.host(step).unlisten(),
        by_hand=always("press Ctrl-C in the listening nc"),
        told=always("closes its listener: no new client can connect."),
    ),
    Action(
        "connect",
        struct(
            "open a connection; later steps do not wait for it",
            "port",
            port=Field(PORT, doc="of the other end (5555)"),
            from_=Field(PORT, "source_port", doc="the port to connect from"),
            to=Field(ADDRESS, doc="a service on the way, by its name"),
            address=Field(SOURCE, "added", doc="connect from the added address"),
            reuse=Field(FLAG, doc="SO_REUSEADDR"),
            timeout=Field(DURATION, doc="wait that long for the handshake, then give up and close"),
            as_=_AS,
        ),
        play=_connect,
        by_hand=_connect_by_hand,
        told=_told_connect,
        opens=True,
    ),
    Action(
        "accept",
        struct("take a connection from the queue, waiting for one", "as", as_=_AS),
        play=_accept,
        by_hand=always("# nc has accepted"),
        told=lambda given: (
            f"takes a connection out of its listener's queue{_called(given)}: accept()."
        ),
    ),
    Action(
        "shutdown",
        struct("send a FIN, go on reading: shutdown(SHUT_WR)"),
        play=lambda stage, step: stage.host(step).shutdown(stage.connection(step)),
        by_hand=always("press Ctrl-D in nc (nc -N)"),
        told=always("shuts its sending half: its FIN goes out, but it can still receive."),
        on_connection=True,
    ),
    Action(
        "close",
        struct("close the connection"),
        play=lambda stage, step: stage.host(step).close(stage.connection(step)),
        by_hand=always("press Ctrl-C in nc"),
        told=always("calls close(): its application is done with the connection."),
        on_connection=True,
    ),
    Action(
        "abort",
        struct("close it with a RST"),
        play=lambda stage, step: stage.host(step).abort(stage.connection(step)),
        by_hand=always(f"ss -K dport = :{USUAL_PORT}"),
        told=always("aborts, as when its application dies: it sends a RST, and no FIN."),
        on_connection=True,
    ),
    Action(
        "vanish",
        struct("be gone without a packet, as after a power cut"),
        play=lambda stage, step: stage.host(step).vanish(stage.connection(step)),
        by_hand=always("pull the plug"),
        told=always("loses its power: it is gone without a packet."),
        on_connection=True,
    ),
)
