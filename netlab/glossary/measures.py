# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel counts, and what it can be told: counters and sysctls."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from netlab.conformance import rows
from netlab.glossary import causes
from netlab.glossary.entry import GlossaryEntry, entry, some
from netlab.glossary.language import scenarios
from netlab.linux import sysctl
from netlab.linux.nstat import Counters
from netlab.scenario.model import Do
from netlab.snapshot.parse.nstat import SENTENCES
from netlab.teaching.words import COUNTERS, SYSCTLS
from netlab.timers.catalogue import TIMEOUTS

GROUPS = ("Tcp", "Ip", "Icmp", "Udp")  # whose names have their group before them
PREFIX = "TcpExt"
COUNTED = re.compile(r"^\s*\d+\s+|\s*:?\s*\d+\s*$")  # the number beside netstat's words


def is_counter(name: str, text: str) -> bool:
    """Whether a text is a counter as nstat, netstat or Prometheus' node_exporter write it."""
    full = _full(name)
    group = next(group for group in (PREFIX, *GROUPS) if full.startswith(group))
    spellings = {_letters(word) for word in (name, full, full.removeprefix(group))}
    said = {words.casefold() for words, counted in SENTENCES.items() if counted == name}
    return _letters(text) in spellings or COUNTED.sub("", text.casefold()) in said


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold()).removeprefix("nodenetstat")


def _full(name: str) -> str:
    """A counter's name with its group, as nstat prints it."""
    return name if name.startswith(GROUPS) else PREFIX + name


def counter(name: str) -> GlossaryEntry:
    """What a counter counts, and who looks at it."""
    full = _full(name)
    table = [row.name for row in rows.rows() if row.counts.get(name)]
    return entry(
        "counter",
        name,
        COUNTERS[name],
        ("look", f"nstat -az {full}"),
        ("netstat", f"N {said}" if (said := _sentence(name)) else ""),
        ("here", _counted_here(name)),
        ("causes", some(causes.that_mention(name))),
        ("scenarios", some([*_expecting(name)])),
        ("rows", some(table)),
    )


def _sentence(name: str) -> str:
    return next((words for words, counted in SENTENCES.items() if counted == name), "")


def _counted_here(name: str) -> str:
    """How far it has come on this machine; '' where the kernel does not have it."""
    with contextlib.suppress(OSError), contextlib.closing(Counters()) as counters:
        there = counters.read()
        return f"{there[name]:,} since this machine started" if name in there else ""
    return ""


def _expecting(name: str) -> Iterator[str]:
    for scenario in scenarios():
        expect = scenario.expect
        some_of = [expect.counters, expect.healed.counters if expect.healed else {}]
        if any(name in of_side for counted in some_of for of_side in counted.values()):
            yield scenario.name


def is_setting(name: str, text: str) -> bool:
    """Whether a text is a sysctl as ``sysctl`` prints it, its path, or the end of its name."""
    full = sysctl.full_name(name)
    said = text.partition("=")[0].strip().removeprefix("/proc/sys/").replace("/", ".")
    return said in (name, full, full.rpartition(".")[2])


def setting(name: str) -> GlossaryEntry:
    """What a sysctl decides, its value here, and what changes with it."""
    return entry(
        "sysctl",
        name,
        SYSCTLS[name],
        ("look", f"sysctl {sysctl.full_name(name)}"),
        ("here", _value_here(name)),
        ("causes", some(causes.that_mention(name))),
        ("timers", some([timer for timer, each in TIMEOUTS.items() if name in each.sysctls])),
        ("scenarios", some([*_setting(name)])),
        ("rows", some([row.name for row in rows.rows() if name in row.sysctls])),
    )


def _value_here(name: str) -> str:
    try:
        return sysctl.read(name)
    except OSError:
        return "this kernel does not have it, or does not show it here"


def _setting(name: str) -> Iterator[str]:
    for scenario in scenarios():
        done = [step for step in scenario.steps if isinstance(step, Do)]
        if any(step.action.startswith("sysctl") and name in step.arguments for step in done):
            yield scenario.name
