# SPDX-License-Identifier: GPL-2.0-or-later
"""Acts on a machine and its programs: settings, processes, addresses, datagrams."""

from __future__ import annotations

import shlex
import signal

from netlab.linux import confinement
from netlab.model.vocabulary import Family, Side
from netlab.scenario.kinds import (
    ADDRESS,
    COMMAND,
    DURATION,
    FOLDER,
    HOST_NAME,
    OPTION,
    PORT,
    PYTHON,
    READY,
    SIGNAL,
    SYSCTL,
    TEXT,
    VALUE,
)
from netlab.scenario.model import Do
from netlab.scenario.shapes import Field, ListOf, MapOf
from netlab.scenario.steps.action import Action, Given, Stage, always, struct


def _values(given: Given) -> str:
    return ", ".join(f"{name} = {value}" for name, value in given.items())


def _option(stage: Stage, step: Do) -> None:
    for name, value in step.arguments.items():
        stage.host(step).set_option(name, value, stage.connection(step))


def _sysctl(stage: Stage, step: Do) -> None:
    for name, value in step.arguments.items():
        stage.host(step).sysctl(name, value)


def _sysctl_if_there(stage: Stage, step: Do) -> None:
    host = stage.host(step)
    for name in filter(host.has_sysctl, step.arguments):
        host.sysctl(name, step.arguments[name])


def _sysctl_by_hand(step: Do, family: Family) -> str:
    return "sysctl -w " + " ".join(
        f"{name if '.' in name else 'net.ipv4.' + name}='{value}'"
        for name, value in step.arguments.items()
    )


def _run(stage: Stage, step: Do) -> None:
    stage.host(step).run(_line(stage, step), confined=True, readable=stage.folder)


def _start(stage: Stage, step: Do) -> None:
    given = {key: value for key, value in step.arguments.items() if key != "command"}
    stage.host(step).start(_line(stage, step), **given, confined=True, readable=stage.folder)


def _line(stage: Stage, step: Do) -> list[str]:
    from netlab.testbed.program import filled_in

    folder = str(stage.folder.resolve()) if stage.folder else "."
    return [filled_in(word, {FOLDER: folder, PYTHON: confinement.PYTHON}) for word in step.starts]


def _run_by_hand(step: Do, family: Family) -> str:
    from netlab.testbed.program import filled_in

    words = {str(side): side.address(family) for side in Side} | {FOLDER: ".", PYTHON: "python3"}
    return shlex.join(filled_in(word, words) for word in step.starts)


def _start_by_hand(step: Do, family: Family) -> str:
    ready = step.arguments["ready"]
    if isinstance(ready, int):
        until = f'until [ "$(ss -Hltn sport = :{ready})" ]; do sleep 0.1; done'
    else:
        until = f"wait until it writes {ready!r}"
    return f"{_run_by_hand(step, family)} & {until}"


def _told_start(given: Given) -> str:
    ready = given["ready"]
    until = f"listens on port {ready}" if isinstance(ready, int) else f"writes {ready!r}"
    return f"starts a program, and waits until it {until}: {shlex.join(given['command'])}"


def _told_signal(given: Given) -> str:
    number = given["number"]
    return f"sends its program the signal {signal.Signals(number).name} (kill -{number})."


def _add_address(stage: Stage, step: Do) -> str:
    stage.added[step.side] = stage.host(step).add_address()
    return stage.added[step.side]


def _add_address_by_hand(step: Do, family: Family) -> str:
    address = step.side.address(family, extra=1)
    return f"ip address add {address}/{family.prefix} dev eth0"


def _known_as_by_hand(step: Do, family: Family) -> str:
    names = " ".join(step.arguments["names"])
    return f"echo '{step.side.address(family)} {names}' >>/etc/hosts  # on the other one, too"


def _udp(stage: Stage, step: Do) -> str:
    given = step.arguments
    return repr(stage.host(step).udp(given.get("text", "?"), given["port"]))


def _udp_by_hand(step: Do, family: Family) -> str:
    given, peer = step.arguments, step.side.peer.address(family)
    return f"echo {given.get('text', '?')} | nc -u {peer} {given['port']}"


def _told_udp(given: Given) -> str:
    text = f" with the text {given['text']!r}" if "text" in given else ""
    return f"sends a datagram{text} by UDP to port {given['port']}, and waits for an answer."


ACTIONS = (
    Action(
        "option",
        MapOf(OPTION, VALUE, "set socket options"),
        play=_option,
        by_hand=lambda step, family: (
            "setsockopt " + ", ".join(f"{name}={value}" for name, value in step.arguments.items())
        ),
        told=lambda given: f"sets options of its socket: {_values(given)}.",
        on_connection=True,
        silent=True,
    ),
    Action(
        "sysctl",
        MapOf(SYSCTL, TEXT, "set sysctls of this end"),
        play=_sysctl,
        by_hand=_sysctl_by_hand,
        told=lambda given: f"has this sysctl set: {_values(given)}.",
        silent=True,
    ),
    Action(
        "sysctl-if-there",
        MapOf(SYSCTL, TEXT, "set those of these sysctls that this kernel has"),
        play=_sysctl_if_there,
        by_hand=_sysctl_by_hand,
        told=lambda given: f"has this sysctl set, where the kernel knows it: {_values(given)}.",
        silent=True,
    ),
    Action(
        "run",
        struct(
            "start a program; {client} and {server} become addresses",
            "command",
            command=Field(COMMAND, required=True),
        ),
        play=_run,
        by_hand=_run_by_hand,
        told=lambda given: f"starts a program: {shlex.join(given['command'])}",
        opens=True,
        programs=True,
    ),
    Action(
        "start",
        struct(
            "start a program, and go on when it is ready",
            "command",
            command=Field(COMMAND, required=True),
            ready=Field(READY, required=True),
            within=Field(DURATION, doc="time to be ready (10 s)"),
        ),
        play=_start,
        by_hand=_start_by_hand,
        told=_told_start,
        opens=True,
        programs=True,
    ),
    Action(
        "signal",
        struct(
            "send a signal to the program",
            "number",
            number=Field(SIGNAL, required=True),
        ),
        play=lambda stage, step: stage.host(step).signal(**step.arguments),
        by_hand=lambda step, family: f"kill -{step.arguments['number']} %1",
        told=_told_signal,
        opens=True,
        programs=True,
    ),
    Action(
        "add-address",
        struct("give this end one more address"),
        play=_add_address,
        by_hand=_add_address_by_hand,
        told=always("gets a second internet address."),
        silent=True,
    ),
    Action(
        "known-as",
        struct(
            "give this end one more name, by which programs find it",
            "names",
            names=Field(ListOf(HOST_NAME), required=True),
        ),
        play=lambda stage, step: stage.host(step).known_as(*step.arguments["names"]),
        by_hand=_known_as_by_hand,
        told=lambda given: f"is known as {' and as '.join(given['names'])}, too.",
        silent=True,
    ),
    Action(
        "leave",
        struct(
            "give up an address behind a service, as a machine that is gone",
            "address",
            address=Field(ADDRESS, required=True, doc="by its name in the service's `to:`"),
        ),
        play=lambda stage, step: stage.host(step).leave(step.arguments["address"]),
        by_hand=lambda step, family: f"ip address del {step.arguments['address']} dev eth0",
        told=lambda given: (
            f"gives up its address {given['address']}: what is sent there reaches nobody."
        ),
        silent=True,
    ),
    Action(
        "udp",
        struct(
            "send a datagram and wait for an answer",
            "port",
            port=Field(PORT, required=True),
            text=Field(TEXT, doc="what it carries"),
        ),
        play=_udp,
        by_hand=_udp_by_hand,
        told=_told_udp,
    ),
)
