# SPDX-License-Identifier: GPL-2.0-or-later
"""One of netlab's small servers as a program of its own: ``python -m netlab.audit.partners.standing
http 80``, for whoever needs one that stands in a lab by itself.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
import threading
import time
from pathlib import Path

from netlab.audit.partners import protocols
from netlab.audit.partners.base import Protocol, ServerSession, Talk
from netlab.audit.partners.script import Scripted, load
from netlab.model.errors import ScenarioError

READ = 1 << 16


def protocol(talks: str) -> Protocol:
    """A protocol by its name, or by the file that says it. Raises `ScenarioError` for neither."""
    if talks in protocols():
        return protocols()[talks]()
    path = Path(talks)
    if not path.is_file():
        known = ", ".join(protocols())
        raise ScenarioError(
            f"nobody here talks {talks!r}: expected one of {known}, or a file that says what is "
            "expected and sent in turn"
        )
    return Scripted(load(path))


def needs(talks: str) -> tuple[str, ...]:
    """The programs and files that a machine must have where a protocol is served."""
    return protocols()[talks].programs if talks in protocols() else (talks,)


def usual_port(talks: str) -> int:
    """The port at which a protocol is served if nobody says otherwise. Raises as `protocol`."""
    known = protocols()
    return known[talks].port if talks in known else load(Path(talks)).port


def line(talks: str, port: int) -> str:
    """The command line that starts such a server. Raises as `protocol`, and for one that needs more
    than to be started: its clients are to trust it, say.
    """
    with contextlib.closing(protocol(talks)) as spoken:
        told = spoken.environment
    if told:
        raise ScenarioError(f"{talks}: only an audit has this server; name one of your own")
    where = talks if talks in protocols() else str(Path(talks).absolute())
    return shlex.join([sys.executable, "-m", __name__, where, str(port)])


def serve(connection: socket.socket, session: ServerSession) -> None:
    """Serve one client to its end."""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(session.greeting())
        while data := connection.recv(READ):
            for talk in session.take(data):
                if not _answered(connection, talk):
                    return
        for talk in session.end():
            _answered(connection, talk)


def _answered(connection: socket.socket, talk: Talk) -> bool:
    """Say what is said to that; False once nothing more is."""
    time.sleep(talk.wait)
    connection.sendall(talk.reply)
    if talk.closes:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(READ):
            pass
    return not talk.closes


def _quietly(connection: socket.socket, session: ServerSession) -> None:
    with contextlib.suppress(OSError):  # the client is gone
        serve(connection, session)


def main(talks: str, port: str) -> None:
    """Serve all who come."""
    spoken = protocol(talks)
    family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
    dual = family == socket.AF_INET6
    with socket.create_server(("", int(port)), family=family, dualstack_ipv6=dual) as listener:
        while True:
            connection, _ = listener.accept()
            session = spoken.session()
            threading.Thread(target=_quietly, args=(connection, session), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
