# SPDX-License-Identifier: GPL-2.0-or-later
"""One scenario, explained to a person."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from netlab.model.text import printable
from netlab.render.program import ended
from netlab.render.style import Style

if TYPE_CHECKING:
    from netlab.model.vocabulary import Family
    from netlab.scenario.model import Exit, Expectation, Scenario

WIDTH = 80
COLOURS = {"client": "cyan", "server": "yellow"}  # hops have another


def explanation(scenario: Scenario, family: Family, style: Style) -> list[str]:
    """Explain one scenario, in lines."""
    from netlab.scenario import needs, sources

    lines = [style(scenario.name, "bold"), ""]
    lines += textwrap.wrap(" ".join(scenario.story.split()), WIDTH)
    lines += ["", *_fact("source", scenario.source, style)]
    for name, what in sources.named((scenario.source, scenario.differs)).items():
        lines += _fact("", f"{name}: {what}", style)
    if scenario.differs:
        lines += _fact("but Linux", scenario.differs, style)
    if scenario.needs:
        lines += _fact("needs", "; ".join(map(needs.told, scenario.needs)), style)
    lines += _fact("expected", _expected(scenario.expect), style)
    if scenario.code is None:
        lines += ["", *_by_hand(scenario, family, style)]
        lines += ["", *_rules(scenario, family, style)]
    else:
        lines += ["", *_code(scenario, style), ""]
    said = (
        (f"netlab run --ladder {scenario.name}", "plays and proves it, packet by packet"),
        (f"netlab freeze {scenario.name}", "holds it for you to look at"),
        (f"netlab teach {scenario.name}", "walks you through it"),
    )
    width = max(len(text) for text, _ in said)
    lines += [f"{style(text.ljust(width), 'cyan')}  {what}" for text, what in said]
    return lines


def _fact(name: str, text: str, style: Style) -> list[str]:
    wrapped = textwrap.wrap(text, WIDTH - 11)
    return [
        (style(name.ljust(11), "dim") if number == 0 else " " * 11) + line
        for number, line in enumerate(wrapped)
    ]


def _expected(expect: Expectation) -> str:
    said = f"{expect.claim} for {expect.hold:g} s"
    if expect.healed:
        said += f", then {expect.healed.claim} once the cause is gone"
        said += _ending(expect.healed.program)
    if expect.ends:
        said += f"; by itself it becomes {expect.ends.claim} after {expect.ends.after}"
    said += _ending(expect.program)
    if expect.cause:
        said += f". Cause: {expect.cause}"
    return said


def _ending(program: Exit | None) -> str:
    if program is None:
        return ""
    whose = "the program's end" if program.at is None else f"the end of the {program.at}'s program"
    takes = f" ({program.takes} after its start)" if program.takes else ""
    return f"; {whose}: {ended(program.code)}{takes}"


def _by_hand(scenario: Scenario, family: Family, style: Style) -> list[str]:
    """The commands to type on two machines, in order."""
    from netlab.model.vocabulary import Side
    from netlab.scenario.explain import by_hand

    addresses = ", ".join(f"{side} {side.address(family)}" for side in Side)
    between = sum(hop.hosted for hop in scenario.way)
    machines = "two machines" + (f", and {between} between them" if between else "")
    lines = [style(f"by hand, as root on {machines}", "bold") + style(f" ({addresses})", "dim")]
    for step, commands in by_hand(scenario, family):
        if step.comment:
            wrapped = textwrap.wrap(step.comment, WIDTH - 11)
            lines += [style(f"         # {line}", "dim") for line in wrapped]
        for command in commands:
            colour = COLOURS.get(str(command.side), "magenta")
            lines.append(f"  {style(str(command.side), colour)} {command.text}")
    look = f"ss -tano  # {scenario.expect.claim.written(Side.CLIENT)}"
    lines.append(f"  {style('client', 'cyan')} {look}")
    look = f"ss -tano  # {scenario.expect.claim.written(Side.SERVER)}"
    lines.append(f"  {style('server', 'yellow')} {look}")
    return lines


def _code(scenario: Scenario, style: Style) -> list[str]:
    """A story's source."""
    from netlab.scenario.explain import listing

    where = printable(f" ({scenario.path})")
    lines = [style("what is done", "bold") + style(where, "dim")]
    for number, line in listing(scenario):
        proof = number == scenario.expect.line
        lines.append(style(f"{number:>4}  ", "dim") + style(line, *(("bold",) if proof else ())))
    return lines


def _rules(scenario: Scenario, family: Family, style: Style) -> list[str]:
    from netlab.scenario.steps.drop import rules

    if not scenario.drops:
        return []
    lines = [style("rules, as nft takes them", "bold")]
    for fault in scenario.drops:
        lines.append(style(f"  # on the {fault.side}", "dim"))
        lines += [f"  {line}" for line in rules(fault, family).text.splitlines()]
    return [*lines, ""]
