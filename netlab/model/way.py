# SPDX-License-Identifier: GPL-2.0-or-later
"""What may stand on the way between the two hosts of a lab."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netlab.model.vocabulary import Side

MOST_HOPS = 5


class OnTheWay(NamedTuple):
    """A hop, as far as others on the way are concerned."""

    name: str
    hosted: bool  # has a host of its own
    servers: tuple[str, ...] = ()  # of a service, which is known by its name


def problem(hops: Sequence[OnTheWay]) -> str:
    """Why these hops do not go together, or ''."""
    names = [hop.name for hop in hops]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        return f"two hops are called {twice}: give one of them another name"
    taken = next((hop.name for hop in hops if hop.name in map(str, Side)), "")
    if taken:
        return f"a hop cannot be called {taken}: that is an end of the lab"
    both = {hop.name for hop in hops if hop.servers} & {
        name for hop in hops for name in hop.servers
    }
    if both:
        return f"{min(both)!r} is the name of a service and of a server: give one another name"
    behind = [name for hop in hops for name in {*hop.servers} if hop.servers.count(name) > 1]
    if behind:
        return f"two servers behind one service are called {min(behind)}: name each once"
    hosted = sum(hop.hosted for hop in hops)
    if not hosted:
        return "a path needs at least one hop that is a host, such as a router"
    return f"a path has at most {MOST_HOPS} hops; found {hosted}" if hosted > MOST_HOPS else ""
