# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario told to a person: the commands that do the same by hand on two machines, or the code
of a story.
"""

from __future__ import annotations

import ast
import math
import re
import shlex
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

from netlab.model.vocabulary import REJECTS, Family, Side
from netlab.scenario.model import Do, Drop, Hold, Lift, Reach, Scenario, Step
from netlab.testbed.expression import Rule
from netlab.testbed.nft import Table
from netlab.testbed.program import filled_in
from netlab.testbed.watch import PORT


class Command(NamedTuple):
    """What a person types (or does), and on which machine."""

    side: Side
    text: str


def by_hand(scenario: Scenario, family: Family) -> Iterator[tuple[Step, list[Command]]]:
    """Each step with the commands that do it."""
    done: list[Step] = []
    for step in scenario.steps:
        yield step, list(_commands(step, family, done))
        done.append(step)


def tables(step: Drop, family: Family) -> Table:
    """The rules of a drop as netlab installs them; numbers known only at play are left out."""
    rules = tuple(
        Rule(
            family,
            segment,
            source_port=source,
            destination_port=destination,
            first=step.first,
            after=step.after,
            reject=REJECTS[step.reject] if step.reject else None,
        )
        for segment in step.segments
        for source, destination in (
            [(None, None)] if step.port is None else [(None, step.port), (step.port, None)]
        )
    )
    return Table(step.name, step.hook, rules, step.nft)


def _commands(step: Step, family: Family, done: list[Step]) -> Iterator[Command]:
    match step:
        case Do():
            yield Command(step.side, _done_by_hand(step, family))
        case Drop():
            table = tables(step, family)
            for line in _nft_commands(table):
                yield Command(step.side, line)
            if step.covers_fin:
                receiver = step.side
                text = "# and 'tcp ackseq' of the FIN's number + 1: read it from tcpdump -S"
                yield Command(receiver, text)
        case Hold():
            for side in step.sides:
                peer = side.peer.address(family)
                yield Command(side, f"ip neigh replace {peer} dev eth0 nud incomplete")
        case Lift():
            yield from _lifted(step, family, done)
        case Reach():
            for side in Side:
                states = step.claim.written(side)
                yield Command(side, f"ss -tan  # until it shows {states}")


def _lifted(step: Lift, family: Family, done: list[Step]) -> Iterator[Command]:
    for past in done:
        if isinstance(past, Drop) and not step.holds and step.name in (None, past.name):
            yield Command(past.side, f"nft delete table inet {past.name}")
        if isinstance(past, Hold) and step.holds and step.name in (None, past.name):
            for side in past.sides:
                peer = side.peer
                yield Command(
                    side,
                    f"ip neigh replace {peer.address(family)} lladdr {peer.hardware} "
                    "dev eth0 nud permanent",
                )


def _nft_commands(table: Table) -> Iterator[str]:
    yield f"nft add table inet {table.name}"
    chain = f"{{ type filter hook {table.hook} priority 0; }}"
    yield f"nft add chain inet {table.name} {table.hook} '{chain}'"
    for text in [rule.text for rule in table.rules] + [f"{raw} counter drop" for raw in table.raw]:
        quoted = f"'{text}'" if any(mark in text for mark in "(|{<>") else text
        yield f"nft add rule inet {table.name} {table.hook} {quoted}"


def _done_by_hand(step: Do, family: Family) -> str:
    given: dict[str, Any] = dict(step.arguments)
    peer = step.side.peer.address(family)
    port = given.get("port", PORT)
    match step.action:
        case "listen":
            return f"nc -l {port}"
        case "unlisten":
            return "press Ctrl-C in the listening nc"
        case "connect":
            source = f"-p {given['source_port']} " if "source_port" in given else ""
            return f"nc {source}{peer} {port}"
        case "accept":
            return "# nc has accepted"
        case "send":
            return f"type {given['text']!r} in nc" if "text" in given else "paste text into nc"
        case "read" | "drain":
            return "# nc shows what came"
        case "shutdown":
            return "press Ctrl-D in nc (nc -N)"
        case "close":
            return "press Ctrl-C in nc"
        case "abort":
            return f"ss -K dport = :{port}"
        case "vanish":
            return "pull the plug"
        case "sysctl" | "sysctl_if_there":
            pairs = (
                f"{key if '.' in key else 'net.ipv4.' + key}='{value}'"
                for key, value in given.items()
            )
            return "sysctl -w " + " ".join(pairs)
        case "option":
            return "setsockopt " + ", ".join(f"{key}={value}" for key, value in given.items())
        case "run":
            addresses = {str(side): side.address(family) for side in Side}
            return shlex.join(filled_in(word, addresses) for word in given["command"])
        case "signal":
            return f"kill -{given['number']} %1"
        case "add_address":
            return f"ip address add {step.side.address(family, extra=1)}/{family.prefix} dev eth0"
        case "udp":
            return f"echo {given.get('text', '?')} | nc -u {peer} {port}"
        case "probe":
            return f"nmap -sS -Pn -p {port} {peer}"
        case "flood":
            return f"hping3 --syn --rand-source -p {port} -c {given['count']} {peer}"
    raise AssertionError(f"{step.action} has no words")


# --- stories


def listing(scenario: Scenario, since: int = 0, until: float = math.inf) -> list[tuple[int, str]]:
    """The lines of a story that do something, with their numbers: without its head and docstring,
    and without the indentation of a function.
    """
    code = scenario.code
    if code is None:
        return []
    tree = ast.parse(code.text)
    function = next(
        n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == code.function
    )
    docstring = function.body[0]
    first = max(since, (docstring.end_lineno or docstring.lineno) + 1)
    last = int(min(until, code.last))
    lines = code.text.splitlines()[first - 1 : last]
    return list(enumerate(textwrap.dedent("\n".join(lines)).splitlines(), first))


def routed(scenario: Scenario) -> list[tuple[str, str]]:
    """What a story asks of its router, and what that means, in a sentence each."""
    from netlab.testbed.router import Router

    calls = re.findall(r"router\.(\w+)\(.*\)", "\n".join(line for _, line in listing(scenario)))
    found = {}
    for name in calls:
        doc = getattr(Router, name, None).__doc__ or ""
        found[f"router.{name}()"] = " ".join(doc.partition("\n\n")[0].split())
    return list(found.items())
