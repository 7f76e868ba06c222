# SPDX-License-Identifier: GPL-2.0-or-later
"""The score and its confusion table as text, for a terminal and for docs/score.md."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise

from . import busy, services
from .judge import NOTHING, Miss, Sureness, Tally
from .onlookers import FORMS, TIMED, Accusation, Verdicts

#: What must hold: by class with both ends and with one, by the cause alone with both, and of all
#: findings. No healthy connection is accused.
WANTED = {"both": 0.97, "one": 0.93}
WANTED_EXACTLY, WANTED_TRUE = 0.93, 0.85
#: Of healthy connections on a path with delay and loss, where the evidence shows ages: accused in a
#: thousand questions. Without ages some are accused, less surely. The confidence is never as high.
MOST_ACCUSED, TOO_SURE = 1.0, 0.9
STATES = "a table of states"
NETWORK = "## Healthy connections on paths with delay and loss"
NETWORK_INTRODUCTION = """\
Thirteen kinds of healthy applications (`tests/score/traffic.py`) on a line that takes time,
jitters, and loses packets in both directions. Both hosts are looked at together and 1, 3 and 5 s
apart, once and twice, and the question is asked with one end and with both. A question is one
connection that is not in TIME_WAIT; any finding about one is an accusation. `ss -tan` shows no ages
at all and netstat none of CLOSE_WAIT and FIN_WAIT2, so that some of what passes looks like what
stays.
"""
INTRODUCTION = """\
# The blind score of `netlab diagnose`

Written by `./scripts/score --write`; nobody edits it.

A program breaks connections in ways that the author of the rules did not choose: every scenario
and every cell of the atlas, the drop at the receiver and at the sender, over both families, on
random ports, with and without data in flight, alone and several at once with healthy connections
between them; and 120 faults that are composed at random, others for each seed. While they are
stuck, for one to ten seconds by then, it looks at both hosts twice, {apart:g} s apart, and asks.
What is true is read from the injection, in words of TCP (`tests/score/truth.py`), not from the
rules.

- *both ends*: the first finding about the connection is the true class
- *one end*: one of the first two is, of those that this end can know of at all
- *accused*: of the questions about connections with which nothing is wrong (each is asked about
  with both ends and with each alone), those that were answered by a finding. These are between two
  hosts without delay or loss, looked at in the same instant; other paths have a table of their own
- *invented*: of the questions to an end that can know of nothing, those that were answered by a
  finding that is not true
- *named truly*: of all findings about these connections, the healthy ones included, those that are
  true

The last row is no form of evidence, but a mark to pass: a table that knows the states in `ss
-tanoei` and nothing else, and answers with what was most often true of them in the other half of
the labs.

A class is a finding's cause and at most two others that it says cannot be told from it. In
brackets: right by the cause alone. Seeds 1, 77 and 2026 are what the rules were mended with; a
score that is worth keeping comes from another.
"""


#: Bounds of how sure an answer is: each is in the band that ends with it.
BANDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
CALIBRATION = """\
## How sure, and how often right

The first finding about each connection, in all of the forms above, with both ends and with one. An
answer about a healthy connection is wrong. How sure it is, is said of the class.
"""
PASTES = """\
Of the pastes out of public threads (`tests/field`), which the rules were mended with:
"""


def lines(tallies: Mapping[str, Tally]) -> list[str]:
    """The score, one line a form."""
    found = [
        f"{'evidence':26} {'both ends':>24} {'one end':>24} {'accused':>14} {'invented':>14} "
        f"{'named truly':>20}"
    ]
    for form, tally in tallies.items():
        found.append(
            f"{form:26} {_share(tally, 'both'):>24} {_share(tally, 'one'):>24} "
            f"{f'{tally.accused} of {tally.healthy}':>14} "
            f"{f'{tally.invented} of {tally.blind}':>14} {_truly(tally):>20}"
        )
    return found


def _share(tally: Tally, kind: str) -> str:
    asked = tally.asked[kind]
    if not asked:
        return "-"
    right, exactly = tally.right[kind], tally.exactly[kind]
    return f"{right / asked:.1%} of {asked} ({exactly / asked:.1%})"


def _truly(tally: Tally) -> str:
    if not tally.named:
        return "-"
    return f"{tally.named_truly / tally.named:.1%} of {tally.named}"


def good_enough(tally: Tally) -> bool:
    """Whether a score is as high as it must be."""
    shares = all(tally.right[kind] >= wanted * tally.asked[kind] for kind, wanted in WANTED.items())
    exactly = tally.exactly["both"] >= WANTED_EXACTLY * tally.asked["both"]
    truly = tally.named_truly >= WANTED_TRUE * tally.named
    return shares and exactly and truly and not tally.accused


def calibration(sure: Sureness) -> list[str]:
    """How sure answers are by how often they are right, as a table in Markdown."""
    found = [
        "| sure | answers | on average | class right | cause alone |",
        "|---|---:|---:|---:|---:|",
    ]
    for low, high in pairwise(BANDS):
        band = {key: n for key, n in sure.items() if low < key[0] <= high}
        if number := sum(band.values()):
            mean = sum(key[0] * n for key, n in band.items()) / number
            shares = (sum(n for key, n in band.items() if key[which]) / number for which in (1, 2))
            said = " | ".join(f"{share:.1%}" for share in (mean, *shares))
            found.append(f"| {low:.0%} to {high:.0%} | {number:,} | {said} |")
    return found


def confusion(tally: Tally) -> list[str]:
    """Truth by answer, with both ends, as a table in Markdown; zeros are left out."""
    rows = [*sorted({true for true, _ in tally.confusion} - {NOTHING}), NOTHING]
    found = ["| true | cases | answered |", "|---|---:|---|"]
    for true in rows:
        answers = Counter({s: n for (t, s), n in tally.confusion.items() if t == true})
        total = sum(answers.values())
        said = ", ".join(
            f"{'**' * (answer == true)}{answer} {count}{'**' * (answer == true)}"
            for answer, count in answers.most_common()
        )
        found.append(f"| {true} | {total} | {said} |")
    return found


def misses(found: Sequence[Miss]) -> list[str]:
    """Every wrong answer, those alike together."""

    def alike(miss: Miss) -> tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, str]]:
        return miss.form, miss.ends, miss.true, miss.answers, miss.pair

    text = []
    for key, group in groupby(sorted(found, key=alike), key=alike):
        some = list(group)
        form, ends, true, answers, pair = key
        names = sorted({miss.what for miss in some})
        text.append(
            f"{len(some):4} x {form}, {ends}, {'/'.join(pair) or 'healthy'}: true "
            f"{' or '.join(true)}; answered {', '.join(answers) or NOTHING}"
        )
        text.append(f"       {', '.join(names[:4])}{' ...' if len(names) > 4 else ''}")
    return text


def page(
    tallies: Mapping[str, Tally],
    by_states: Tally,
    pastes: Sureness,
    command: str,
    cases: int,
    lost: int,
    apart: float,
) -> str:
    """docs/score.md. `pastes`: of the answers about texts out of public threads."""
    text = [
        INTRODUCTION.format(apart=apart),
        f"`{command}`, Linux {os.uname().release}: {cases} labs, {lost} could not be frozen.",
        "",
        "| evidence | both ends | one end | accused | invented | named truly |",
        "|---|---|---|---|---|---|",
    ]
    for form, tally in {**tallies, STATES: by_states}.items():
        accused = f"{tally.accused} of {tally.healthy}"
        invented = f"{tally.invented} of {tally.blind}"
        shares = f"{_share(tally, 'both')} | {_share(tally, 'one')}"
        text.append(f"| {form} | {shares} | {accused} | {invented} | {_truly(tally)} |")
    answers = sum((tally.sure for tally in tallies.values()), Counter[tuple[float, bool, bool]]())
    text += ["", CALIBRATION, *calibration(answers), "", PASTES, *calibration(pastes)]
    for form, tally in tallies.items():
        text += ["", f"## {form}: what was true, and what was answered with both ends", ""]
        text += confusion(tally)
    return "\n".join(text) + "\n"


# --- the network


def spares(verdicts: Verdicts) -> bool:
    """Whether healthy connections are let alone as they must be."""
    return verdicts.of(TIMED).per_mille <= MOST_ACCUSED and verdicts.surest < TOO_SURE


def of_network(verdicts: Verdicts, command: str) -> str:
    """The section about healthy connections on real paths: by path, and by cause."""
    text = [NETWORK, "", NETWORK_INTRODUCTION, f"`{command}`:", ""]
    text += ["| path | " + " | ".join(FORMS) + " |", "|---|" + "---|" * len(FORMS)]
    for path in dict.fromkeys(path for path, *_ in verdicts.asked):
        row = (verdicts.of([form], path) for form in FORMS)
        text.append(f"| {path} | " + " | ".join(map(_of_questions, row)) + " |")
    whole = (verdicts.of([form]) for form in FORMS)
    text.append("| all | " + " | ".join(map(_of_questions, whole)) + " |")
    text += ["", "| accused by | form | times | surest |", "|---|---|---|---|"]
    causes = Counter((each.cause, each.form) for each in verdicts.accusations)
    for (cause, form), count in causes.most_common():
        surest = max(
            each.confidence
            for each in verdicts.accusations
            if (each.cause, each.form) == (cause, form)
        )
        text.append(f"| {cause.replace('|', ' or ')} | {form} | {count} | {surest:.2f} |")
    return "\n".join(text) + "\n"


def _of_questions(verdicts: Verdicts) -> str:
    return f"{len(verdicts.accusations)} of {verdicts.questions}"


# --- real services


def spares_busy(verdicts: Verdicts) -> bool:
    """Whether busy services are let alone as they must be: with both ends, always."""
    accused, _ = busy.apart(verdicts.of(busy.TIMED))
    both = [each for each in accused.accusations if busy.ends(each) == "both"]
    return not both and accused.per_mille <= MOST_ACCUSED


def of_busy(verdicts: Verdicts, command: str) -> str:
    """The table of real busy services: by service and form, by ends, and what is gray."""
    accused, gray = busy.apart(verdicts)
    kinds = [*dict.fromkeys(services.KINDS.values())]
    kinds.append(services.HALF_OPEN)
    others = {each.kind for each in accused.accusations} | {key[3] for key in verdicts.asked}
    kinds += sorted(others - {*kinds})
    text = [f"`{command}`: accused of questions, and how surely at most", ""]
    for forms in (busy.TIMED, busy.PLAIN):
        text += _heading("service", forms)
        for kind in kinds:
            text.append(_row(kind, (accused.of([form], kind=kind) for form in forms)))
        text.append(_row("all", (accused.of([form]) for form in forms)))
        for ends in busy.ENDS:
            text.append(_row(f"all, {ends}", (_with(accused.of([form]), ends) for form in forms)))
        text.append("")
    timed, _ = busy.apart(verdicts.of(busy.TIMED))
    text.append(f"With ages: {_of_questions(timed)}, {timed.per_mille:.2f} in 1,000.")
    text.append("")
    found = Counter((each.kind, each.cause) for each in gray)
    for (kind, cause), count in found.most_common():
        reason = services.GRAY[kind].reason
        text.append(f"gray: {kind}: {cause.replace('|', ' or ')}, {count} times: {reason}")
    return "\n".join(text) + "\n"


def _heading(first: str, columns: Sequence[str]) -> list[str]:
    return [f"| {first} | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]


def _row(first: str, columns: Iterable[Verdicts]) -> str:
    return f"| {first} | {' | '.join(map(_surely, columns))} |"


def _surely(verdicts: Verdicts) -> str:
    surest = f", {verdicts.surest:.2f}" if verdicts.accusations else ""
    return _of_questions(verdicts) + surest


def _with(verdicts: Verdicts, ends: str) -> Verdicts:
    """Those that were asked with these ends."""
    asked = Counter({k: n for k, n in verdicts.asked.items() if k[2].startswith(f"{ends},")})
    return Verdicts(asked, [each for each in verdicts.accusations if busy.ends(each) == ends])


def network_of(page: str) -> str:
    """The section about real paths of a page, or nothing."""
    _, mark, rest = page.partition(NETWORK)
    return mark + rest


def with_network(page: str, section: str) -> str:
    """A page with that section instead of the one it had; it is the last one."""
    head, _, _ = page.partition(NETWORK)
    return head.rstrip("\n") + "\n" + ("\n" + section if section else "")


def accusations(verdicts: Verdicts) -> list[str]:
    """Every accusation with its evidence, those alike together, for whoever mends the rules."""

    def alike(one: Accusation) -> tuple[str, str, str, str]:
        return one.cause, one.states, one.kind, one.form

    text = []
    for key, group in groupby(sorted(verdicts.accusations, key=alike), key=alike):
        some = list(group)
        text.append(f"{len(some):4} x {', '.join(key)}; such as {some[0].path}, {some[0].occasion}")
        text += [f"       {line}" for line in (*some[0].evidence[:1], *some[0].lines)]
    return text
