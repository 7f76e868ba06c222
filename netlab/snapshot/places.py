# SPDX-License-Identifier: GPL-2.0-or-later
"""Where sockets are looked at: the network namespaces of this machine, however they are named.

A place is the namespace of a file, a process or a container. `everywhere` has all of the machine.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from netlab.model.errors import OF_THE_NAME, Forbidden, LabError, ScenarioError
from netlab.model.text import printable

#: Where `ip netns` has its names; /var/run is a link to /run.
NAMED = "/run/netns"


class Location(NamedTuple):
    """One network namespace: what a person calls it, and the file that stands for it."""

    name: str
    path: str = ""  # "": the one that this thread is in
    missing: str = "it has ended"  # what is said where that file is not there


def here() -> Location:
    """The namespace that this process is in, by the name of its host."""
    return Location(os.uname().nodename)


def of_netns(text: str) -> Location:
    """A namespace as ``--netns`` names it: a file, the ID of a process, or a name of 'ip netns'."""
    if text.isdecimal():
        return of_process(int(text))
    if "/" in text:
        return Location(text, text, f"there is no {text}")
    return Location(text, f"{NAMED}/{text}", _no_such_name(text))


def _no_such_name(text: str) -> str:
    known = sorted(_names())
    some = f" (it has {', '.join(known[:5])}{', ...' if len(known) > 5 else ''})" if known else ""
    return (
        f"'ip netns' has no namespace {text!r}{some}. --netns takes such a name, a file "
        "(/proc/PID/ns/net) or the ID of a process; a container has --container"
    )


def of_process(number: int) -> Location:
    """The namespace of a process, by the name of that process."""
    path = f"/proc/{number}/ns/net"
    return Location(_process(number), path, f"there is no process {number}")


def of_container(name: str) -> Location:
    """The namespace of a container, by its name or its ID.

    Raises `ScenarioError` where no runtime has one of that name that runs, or two have.
    """
    from netlab.snapshot import containers  # it asks other programs: not needed otherwise

    return of_process(containers.first_process(name))._replace(name=name)


class Everywhere(NamedTuple):
    """The network namespaces of a machine, its own first, and how many processes hide theirs."""

    places: list[Location]
    hidden: int


def everywhere() -> Everywhere:
    """Every namespace that has a name of 'ip netns' or a process, each once.

    It is called by that name, by the container whose first process is in it, or by its own first
    process.
    """
    from netlab.snapshot import containers

    own = _identity("/proc/self/ns/net")
    found = {own: here()}
    for name, identity in _names().items():
        found.setdefault(identity, of_netns(f"{NAMED}/{name}")._replace(name=name))
    before, _ = _of_processes()
    after, hidden = _of_processes()
    first: dict[tuple[int, int], int] = {}
    for number in sorted(after):
        if before.get(number) == after[number]:  # some only visit, as netlab does
            first.setdefault(after[number], number)
    unnamed = {identity: number for identity, number in first.items() if identity not in found}
    called = _containers() if unnamed else {}
    for identity, number in unnamed.items():
        place = of_process(number)
        name = called.get(identity) or containers.short_id(number) or place.name
        found[identity] = place._replace(name=name)
    return Everywhere([*found.values()], hidden)


def _of_processes() -> tuple[dict[int, tuple[int, int]], int]:
    """The namespace of each process, and how many may not be asked for theirs."""
    found, hidden = {}, 0
    for number in filter(str.isdecimal, os.listdir("/proc")):
        try:
            found[int(number)] = _identity(f"/proc/{number}/ns/net")
        except PermissionError:
            hidden += 1
        except OSError:  # it has just ended
            continue
    return found, hidden


def _containers() -> dict[tuple[int, int], str]:
    """The names of containers by their namespaces."""
    from netlab.snapshot import containers

    found = {}
    for number, name in containers.names().items():
        with contextlib.suppress(OSError):
            found[_identity(f"/proc/{number}/ns/net")] = name
    return found


def _names() -> dict[str, tuple[int, int]]:
    """What 'ip netns' lists. A file whose namespace was unmounted is an ordinary one."""
    kernels = os.stat("/proc/self/ns/net").st_dev
    found = {}
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(NAMED)):
            with contextlib.suppress(OSError):
                identity = _identity(f"{NAMED}/{name}")
                if identity[0] == kernels:
                    found[name] = identity
    return found


def _identity(path: str) -> tuple[int, int]:
    """What two files of one namespace have alike."""
    about = os.stat(path)
    return about.st_dev, about.st_ino


def _process(number: int) -> str:
    """What a process calls itself, which may be anything, and its ID."""
    try:
        raw = Path(f"/proc/{number}/comm").read_bytes()
    except OSError:
        return f"pid {number}"
    name = printable(raw.decode(errors="replace").strip()).replace("\n", r"\n")
    return f"{name} (pid {number})"


# --- going there


@contextlib.contextmanager
def inside(place: Location | None) -> Iterator[None]:
    """Run the body in a network namespace; None is the one that this thread is in.

    Raises `ScenarioError` if there is no such namespace, `Forbidden` if it may not be entered.
    """
    if place is None or not place.path:
        yield
        return
    from netlab.linux.namespace import Namespace  # 10 ms, not needed to stay in this one

    with contextlib.ExitStack() as stack:
        target = stack.enter_context(contextlib.closing(Namespace(_open(place))))
        try:
            stack.enter_context(target)
        except PermissionError:
            raise _forbidden(f"{place.name} may not be entered") from None
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise LabError(f"{place.name} cannot be entered: {error.strerror}") from None
            raise ScenarioError(f"{place.name} is not a network namespace") from None
        yield


def _open(place: Location) -> int:
    try:
        return os.open(place.path, os.O_RDONLY)
    except PermissionError:
        raise _forbidden(f"{place.path} may not be read") from None
    except OSError as error:
        if error.errno not in OF_THE_NAME:
            raise LabError(f"{place.path} cannot be opened: {error.strerror}") from None
        raise ScenarioError(place.missing) from None


def _forbidden(what: str) -> Forbidden:
    """The error, with what helps: root, or as many rights as whoever is in the namespace has."""
    if os.geteuid():
        return Forbidden(f"{what}: only root may, so run this with sudo")
    return Forbidden(
        f"{what}, even by root: it has fewer capabilities here than the processes in there, or a "
        "security module forbids it. Run this outside of the container"
    )
