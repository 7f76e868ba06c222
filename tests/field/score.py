# SPDX-License-Identifier: GPL-2.0-or-later
"""Scores what netlab answers to the corpus of pastes: ``python -m tests.field.score [FILE]...``.

right           the cause is named and all that goes with it is so, or rightly nothing is named, or
                rightly doubted
partly          right cause but ...: a wrong port, one fault as many findings, rows not read, too
                sure, a command that would not list these sockets; or another cause that helps
silent          nothing is said, though there is something to say
wrong           another cause first, or something on a healthy host, or surely where nothing is sure
refused-well    refused with a message that says what this is and what to run instead, where that
                is accepted
refused-badly   refused otherwise
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from netlab.diagnosis.rank import diagnose
from netlab.model.errors import ScenarioError
from netlab.snapshot.parse import read

HOME = Path(__file__).parent
OPEN = HOME / "open"
VERDICTS = ("right", "partly", "silent", "wrong", "refused-well", "refused-badly")
BEST = ("right", "refused-well", "partly", "silent", "wrong", "refused-badly")
SURE = 0.9  # from here on, a wrong cause is no doubt any more
DOUBT = 0.6  # up to here, a finding is a doubt
FLAGS = re.IGNORECASE | re.DOTALL

STATES = {
    "established": "ESTABLISHED",
    "syn-sent": "SYN_SENT",
    "syn-recv": "SYN_RECV",
    "fin-wait-1": "FIN_WAIT1",
    "fin-wait-2": "FIN_WAIT2",
    "time-wait": "TIME_WAIT",
    "close-wait": "CLOSE_WAIT",
    "last-ack": "LAST_ACK",
    "listening": "LISTEN",
    "closing": "CLOSING",
}
SS = re.compile(
    r"\bss\s+-(?P<options>\w+)(?:\s+state\s+(?P<state>[\w-]+))?(?:\s+'(?P<filter>[^']*)')?"
)
ELSEWHERE = re.compile(r"other (host|end|side)|peer|both|client|server|there\b", FLAGS)


@cache
def corpus() -> tuple[dict[str, Any], ...]:
    """The entries of corpus.yaml, whose head says what their keys mean."""
    entries = yaml.safe_load((HOME / "corpus.yaml").read_text(encoding="utf-8"))
    for entry in entries:
        entry["answer"] = _listed(entry["answer"])
    return tuple(entries)


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


@dataclass
class Said:
    """What netlab said about one text."""

    findings: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sockets: int = 0
    code: int = 0
    message: str = ""  # of a refusal, without what it quotes


def asked(data: bytes) -> Said:
    """What `netlab diagnose --json` says of a text."""
    try:
        answer = diagnose(read(data, "FILE"))
    except ScenarioError as error:
        return Said(code=2, message=_own_words(f"netlab: {error}", data))
    told = answer.to_json()
    notes = [_own_words(note, data) for note in told["notes"]]
    return Said(told["findings"], notes, told["sockets"], int(answer.is_bad))


def _own_words(text: str, data: bytes) -> str:
    """A message without what it quotes of the text, which netlab does not say."""
    given = " ".join(data.decode(errors="replace").split())

    def unless_quoted(found: re.Match[str]) -> str:
        inner = " ".join(found[1].removesuffix("...").split())
        return "''" if len(inner) > 1 and inner in given else found[0]

    return re.sub(r"'((?:[^'\n]|(?<=\w)'(?=\w))*)'", unless_quoted, text)


class Judged:
    """A verdict and its reasons."""

    def __init__(self, verdict: str, reasons: list[str], named: bool = False) -> None:
        self.verdict, self.reasons, self.named = verdict, reasons, named


def judged(entry: dict[str, Any], said: Said) -> Judged:
    """The best that any of the accepted answers allows."""
    if said.code == 2:
        refusals = [_refused(answer, said) for answer in entry["answer"] if "refuse" in answer]
        return (
            min(refusals, key=_order) if refusals else Judged("refused-badly", ["this can be read"])
        )
    found = []
    for answer in entry["answer"]:
        if "cause" in answer:
            found.append(_cause(entry, answer, said))
        elif "healthy" in answer:
            found.append(_healthy(entry, said))
        elif "undecided" in answer:
            found.append(_undecided(entry, answer, said))
    if not found:  # it should have been refused
        return (
            Judged("wrong", ["findings in what is no socket"])
            if said.findings
            else Judged("silent", ["not refused"])
        )
    best = min(found, key=_order)
    never = [
        pattern
        for pattern in entry.get("never_says", ())
        if any(re.search(pattern, n, FLAGS) for n in said.notes)
    ]
    if never:
        best.reasons += [f"a note says {pattern!r}, which is not so" for pattern in never]
        if best.verdict == "right":
            best.verdict = "partly"
    return best


def _order(one: Judged) -> tuple[int, int]:
    return BEST.index(one.verdict), len(one.reasons)


def _refused(answer: dict[str, Any], said: Said) -> Judged:
    missing = [pattern for pattern in answer["says"] if not re.search(pattern, said.message, FLAGS)]
    untrue = [
        pattern for pattern in answer.get("never", ()) if re.search(pattern, said.message, FLAGS)
    ]
    reasons = [f"does not say {pattern!r}" for pattern in missing] + [
        f"says {pattern!r}" for pattern in untrue
    ]
    return (
        Judged("refused-badly", [*reasons, f"wanted: {answer['refuse']}"])
        if reasons
        else Judged("refused-well", [])
    )


def _rows(entry: dict[str, Any], said: Said) -> list[str]:
    reasons = []
    if said.sockets < entry.get("must_read", 0):
        reasons.append(f"{said.sockets} sockets read, {entry['must_read']} are there")
    if said.sockets > entry.get("sockets_at_most", said.sockets):
        reasons.append(f"{said.sockets} sockets counted, {entry['sockets_at_most']} are there")
    return reasons


def _healthy(entry: dict[str, Any], said: Said) -> Judged:
    if said.findings:
        return Judged("wrong", [f"{said.findings[0]['cause']} on a healthy host"])
    reasons = _rows(entry, said) + ([f"exit {said.code}"] if said.code else [])
    if not said.sockets and entry.get("must_read", 0):
        return Judged("silent", reasons)
    return Judged("partly" if reasons else "right", reasons, named=True)


def _accused(entry: dict[str, Any], said: Said) -> list[tuple[int, str]]:
    """Findings that are false accusations, with their places."""
    accused = []
    for place, finding in enumerate(said.findings):
        for bad in entry.get("must_not", ()):
            cause, _, port = str(bad).partition("@")
            if finding["cause"] == cause and (not port or port in _ports(finding)):
                accused.append((place, bad))
    return accused


def _cause(entry: dict[str, Any], answer: dict[str, Any], said: Said) -> Judged:
    if not said.findings:
        return Judged("silent", [f"it is {_listed(answer['cause'])[0]}", *_rows(entry, said)])
    accused, first = _accused(entry, said), said.findings[0]
    if any(place == 0 for place, _ in accused):
        return Judged("wrong", [f"{first['cause']} is a false accusation"])
    ids, near = _listed(answer["cause"]), _listed(answer.get("near"))
    order = [(first, name) for name in _names(first)[: 1 if answer["within"] == "top-1" else 2]]
    if answer["within"] == "top-2" and len(said.findings) > 1:
        order.append((said.findings[1], said.findings[1]["cause"]))
    mine = [finding for finding in said.findings if _is(finding, finding["cause"], ids, answer)]
    if not any(_is(finding, name, ids, answer) for finding, name in order):
        elsewhere = mine or any(
            _is(f, name, ids, answer) for f in said.findings for name in _names(f)
        )
        if elsewhere:
            return Judged("partly", [f"{first['cause']} comes before {ids[0]}"])
        if first["cause"] in near:
            if first["confidence"] >= SURE:
                return Judged(
                    "wrong", [f"{first['cause']} at {first['confidence']:.0%}, and it is {ids[0]}"]
                )
            return Judged("partly", [f"{first['cause']} helps, and it is {ids[0]}"])
        return Judged("wrong", [f"{first['cause']}, and it is {ids[0]}"])
    mine = mine or [first]
    reasons = _rows(entry, said)
    reasons += [f"{bad} beside it is a false accusation" for _, bad in accused]
    if len(said.findings) > answer.get("findings_at_most", len(said.findings)):
        reasons.append(f"{len(said.findings)} findings, {answer['findings_at_most']} at most")
    reasons += _counted(answer, mine)
    reasons += _port(answer, mine) or _commands(mine)
    if first["confidence"] > answer.get("confidence_at_most", 1):
        reasons.append(f"{first['confidence']:.0%} is surer than this text allows")
    if said.code != 1:
        reasons.append(f"exit {said.code}")
    return Judged("partly" if reasons else "right", reasons, named=True)


def _names(finding: dict[str, Any]) -> list[str]:
    return [finding["cause"], *finding.get("also", ())]


def _is(finding: dict[str, Any], name: str, ids: list[str], answer: dict[str, Any]) -> bool:
    for wanted in ids:
        if name == wanted.strip("<>"):
            return True
        pattern = answer.get("known_by", {}).get(wanted)
        if (
            pattern
            and name == finding["cause"]
            and re.search(pattern, f"{name}: {finding.get('title', '')}", FLAGS)
        ):
            return True
    return False


def _counted(answer: dict[str, Any], mine: list[dict[str, Any]]) -> list[str]:
    if "connections" not in answer:
        return []
    least, most = (_listed(answer["connections"]) * 2)[:2]
    if not all("count" in finding or "connections" in finding for finding in mine):
        return ["does not say how many connections"]
    count = sum(
        int(finding.get("count") or len(finding.get("connections", ()))) for finding in mine
    )
    if least <= count <= most:
        return []
    return [
        f"{count} connections counted, it is {least if least == most else f'{least} to {most}'}"
    ]


def _port(answer: dict[str, Any], mine: list[dict[str, Any]]) -> list[str]:
    ports = {str(port) for port in _listed(answer.get("port"))}
    if not ports:
        return []
    reasons = []
    for finding in mine:
        if not ports & _ports(finding):
            reasons.append(
                f"names port {'/'.join(sorted(_ports(finding)))}, it is {answer['port']}"
            )
            continue
        told = f"{finding.get('confirm', '')} {finding.get('fix', '')}"
        other = {*re.findall(r"\bports? (\d+)\b", told)} - ports
        if other:
            reasons.append(
                f"its commands name port {'/'.join(sorted(other))}, it is {answer['port']}"
            )
    return sorted(set(reasons))


def _ports(finding: dict[str, Any]) -> set[str]:
    """The ports that a finding is about, by its service; by its connections where it names none."""
    service = str(finding.get("service", ""))
    found = set(re.findall(r"(?<![\w.])(\d{1,5})(?![\w.])", service.replace("]:", "] "))) | set(
        re.findall(r":([a-z][\w-]*|\d+)$", service)
    )
    if found:
        return found
    ends = [
        end
        for one in finding.get("connections", ())
        for end in (one.get("local"), one.get("remote"))
    ]
    return {str(end[1]) for end in ends if end and end[1]}


def _commands(mine: list[dict[str, Any]]) -> list[str]:
    """The ss commands to check with that would list none of the finding's own sockets."""
    reasons = []
    for finding in mine:
        told, connections = str(finding.get("confirm", "")), finding.get("connections", ())
        for command in SS.finditer(told):
            if connections and not any(_lists(command, one, told) for one in connections):
                reasons.append(f"'{command[0].strip()}' would list none of these sockets")
    return sorted(set(reasons))


def _lists(command: re.Match[str], connection: dict[str, Any], told: str) -> bool:
    try:
        local, remote = str(connection["local"][0]), str(connection["remote"][0])
        here, there, states = (
            int(connection["local"][1]),
            int(connection["remote"][1]),
            connection.get("states", ()),
        )
    except (KeyError, TypeError, ValueError, IndexError):
        return True
    own = [state for state in states if state != "CLOSED"]
    wanted = STATES.get(command["state"] or "")
    if wanted and wanted not in own:
        return False
    text = command["filter"] or ""
    tests = re.findall(r"\b([sd]port)\s*(?:=|==|eq)\s*:?(\d+)", text)
    if not tests or re.search(r"[!<>]|\bor\b|\bne\b", text):
        return True
    same_host = (
        len(own) > 1 or local == remote or local.startswith("127.") or local == "::1"
    )  # both ends may be listed here
    either = "l" in command["options"] or same_host or bool(ELSEWHERE.search(told))
    views = [(here, there), (there, here)] if either else [(here, there)]
    return any(
        all((view[0] if which == "sport" else view[1]) == int(port) for which, port in tests)
        for view in views
    )


def _undecided(entry: dict[str, Any], answer: dict[str, Any], said: Said) -> Judged:
    accused, limit = _accused(entry, said), answer.get("confidence_at_most", DOUBT)
    if accused:
        return Judged("wrong", [f"{accused[0][1]} is a false accusation"])
    reasons = _rows(entry, said)
    if said.code not in answer["exit"]:
        reasons.append(
            f"exit {said.code}, {' or '.join(map(str, answer['exit']))} fits: {answer['exit_why']}"
        )
    suspects = _listed(answer["suspects"])
    for finding in said.findings:
        if not _is(finding, finding["cause"], suspects, answer):
            return Judged(
                "wrong", [f"{finding['cause']}, and this cannot be decided: {answer['undecided']}"]
            )
        if finding["confidence"] >= SURE:
            return Judged(
                "wrong",
                [f"{finding['cause']} at {finding['confidence']:.0%}, and this cannot be decided"],
            )
        if finding["confidence"] > limit:
            reasons.append(
                f"{finding['cause']} at {finding['confidence']:.0%}, {limit:.0%} at most: "
                f"{answer['undecided']}"
            )
    reasons += _port(answer, said.findings) or _commands(said.findings)
    if not said.findings:
        notes = " ".join(said.notes)
        missing = [pattern for pattern in answer["says"] if not re.search(pattern, notes, FLAGS)]
        if len(missing) == len(answer["says"]):
            return Judged(
                "silent", [f"does not say what is missing: {answer['undecided']}", *reasons]
            )
        reasons += [f"no note says {pattern!r}" for pattern in missing]
    return Judged("partly" if reasons else "right", reasons, named=True)


def judged_all(only: Sequence[str] = ()) -> dict[str, Judged]:
    """The verdict on each file of the corpus, or on those that are named."""
    return {
        entry["file"]: judged(entry, asked((OPEN / entry["file"]).read_bytes()))
        for entry in corpus()
        if not only or entry["file"] in only
    }


def sureness() -> Iterator[tuple[float, bool, bool]]:
    """Of each text with a finding: how sure the first one is, whether its class is true, and its
    cause alone. Of what cannot be decided, a suspect is true.
    """
    for entry in corpus():
        said = asked((OPEN / entry["file"]).read_bytes())
        if said.findings:
            first = said.findings[0]
            known = [answer for answer in entry["answer"] if "refuse" not in answer]
            hits = [
                any(
                    _is(first, name, _listed(answer.get("cause", answer.get("suspects"))), answer)
                    for answer in known
                    for name in names
                )
                for names in (_names(first), [first["cause"]])
            ]
            yield first["confidence"], hits[0], hits[1]


def main(only: Sequence[str]) -> None:
    """Print all verdicts and their number."""
    verdicts = judged_all(only)
    for file, one in verdicts.items():
        print(f"{file:40} {one.verdict:14} {'; '.join(one.reasons)}"[:240])
    print(dict(Counter(one.verdict for one in verdicts.values())))


if __name__ == "__main__":
    main(sys.argv[1:])
