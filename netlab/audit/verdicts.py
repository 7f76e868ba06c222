# SPDX-License-Identifier: GPL-2.0-or-later
"""What it is called that was seen: one rule for each word, each from its own evidence.

A rule is given a play and the sound one, in which nothing was wrong, and says why its word is the
one, or nothing. What the program does in both is no finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from netlab.model.auditing import Asked, AuditPlay, Judgement, Repeated, Word, often
from netlab.model.text import printable
from netlab.render.program import ended

#: What shells make of a signal that ended a program: 128 and its number.
FATAL = {132: "SIGILL", 134: "SIGABRT", 135: "SIGBUS", 136: "SIGFPE", 139: "SIGSEGV"}
#: Seconds without a rest, and those of the processor in them, that are spinning.
SPINS, BURNS = 2.5, 0.3
#: Seconds of the processor beyond all that it takes without the fault, of threads that take turns:
#: a runtime compiles and collects.
CHURNS = 1.0
#: Connections more than usual, from which on a program is said to try again and again.
AGAIN = 3
#: Descriptors more than before that a server may have for reasons of its own.
FEW = 2
LONGEST = 100  # characters of a program's own words


@dataclass(frozen=True, slots=True)
class AuditCase:
    """What a rule is given."""

    play: AuditPlay
    sound: AuditPlay
    promise: float  # seconds


Found = Iterator[str]  # why it is that
RULES: dict[Word, Callable[[AuditCase], Found]] = {}


def rule(word: Word) -> Callable[[Callable[[AuditCase], Found]], Callable[[AuditCase], Found]]:
    """Have a function decide about a word. The first rule is that of the worst one."""

    def keep(function: Callable[[AuditCase], Found]) -> Callable[[AuditCase], Found]:
        RULES[word] = function
        return function

    return keep


def judged(play: AuditPlay, sound: AuditPlay, promise: float) -> tuple[Judgement, ...]:
    """Every word that fits, the worst first; none where the fault was not reached, and nothing is
    otherwise than without it. `promise`: seconds.
    """
    if play.problem:
        return ()
    case = AuditCase(play, sound, promise)
    found = [Judgement(word, why) for word, decide in RULES.items() for why in decide(case)]
    grave = tuple(each for each in found if not each.sound)
    return grave or (tuple(found) if play.reached else ())


def repeated(play: AuditPlay, sound: AuditPlay) -> Repeated | None:
    """The request that the server has seen most often beyond what it sees without the fault, among
    those that may be repeated; None where there is none. It is worth a note, and no verdict.
    """
    more = _more_often(play, sound, repeatable=True)
    key = max(more, key=lambda each: more[each], default=None)
    return None if key is None else Repeated(_words(key), more[key])


@rule("dies")
def dies(case: AuditCase) -> Found:
    """A signal has ended it, or netlab has, because it took too much."""
    code, visit = case.play.exit_code, case.play.visit
    if case.play.over:
        yield case.play.over
    elif visit is not None and visit.gone:
        yield f"the server is gone: {visit.gone}"
    elif code is not None and code < 0:
        yield ended(code)
    elif code in FATAL:
        yield f"ended by {FATAL[code]} (exit code {code})"


@rule("spins")
def spins(case: AuditCase) -> Found:
    """One of its threads wants the processor all the time, or some of a client's in turn, although
    there is nothing to do. The threads of a server have, while clients come.
    """
    play, usual = case.play, case.sound.cpu
    together = play.busy if play.visit is None else (0.0, 0.0)
    for (seconds, cpu), enough in ((play.spun, BURNS), (together, usual + CHURNS)):
        if seconds >= SPINS and cpu >= enough and play.cpu > usual + BURNS:
            yield f"it kept a processor busy for {seconds:.0f} s, and did not rest"
            return


@rule("sent twice")
def sent_twice(case: AuditCase) -> Found:
    """The server has seen more often than without the fault what may not be repeated."""
    for key, number in [*_more_often(case.play, case.sound, repeatable=False).items()][:1]:
        yield f"{_who(case.play)} {_words(key)} {often(number)}"
        return
    play, sound = (
        replace(each, asked=_alike(each.asked), queued=_alike(each.queued))
        for each in (case.play, case.sound)
    )
    for key, number in [*_more_often(play, sound, repeatable=False).items()][:1]:
        yield f"{_who(play)} {_words(key)} {often(number)}, each with other numbers"


def _who(play: AuditPlay) -> str:
    """Who has the requests, with a verb."""
    return "the server's kernel holds for its program" if play.queued else "the server saw"


def _alike(requests: Iterable[Asked]) -> tuple[Asked, ...]:
    """Those that may be one and the same, sent again with a new time or number in it."""
    return tuple(replace(each, key=each.alike) for each in requests if each.alike)


def _more_often(play: AuditPlay, sound: AuditPlay, repeatable: bool) -> dict[str, int]:
    """The requests that were seen more than once, and more often than without the fault: how often.
    Those that may be repeated, or those that may not.
    """
    usual = Counter(asked.key for asked in sound.asked)
    came = (*play.asked, *play.queued)
    number = Counter(asked.key for asked in came)
    may = {asked.key: asked.repeatable for asked in came}
    return {
        key: many
        for key, many in number.items()
        if many > max(1, usual[key]) and may[key] is repeatable
    }


@rule("short")
def short(case: AuditCase) -> Found:
    """It says that all went well, and has only a part of it."""
    play, sound = case.play, case.sound
    if play.visit is not None or not play.ended or play.exit_code != 0:
        return
    unheard = len(sound.asked) - len(play.asked)
    vague = bool(play.asked) and any(each.vague for each in sound.asked)
    fewer = not vague and (play.answers < sound.answers or unheard > 0)
    claims = bool(sound.output.strip()) and play.output == sound.output
    quiet = not _complains(case) and len(play.output) <= len(sound.output)
    if fewer and (claims or quiet):
        came = f"{play.answers} of {sound.answers} replies came whole"
        if unheard > 0:
            came = f"the server has heard {len(play.asked)} of {len(sound.asked)} requests"
        part = "as if all had come" if play.output == sound.output else _part(case)
        yield f"exit code 0, {part}: {came}"
    elif not fewer and play.output != sound.output and sound.output.startswith(play.output):
        yield f"exit code 0, {_part(case)}"


@rule("hangs")
def hangs(case: AuditCase) -> Found:
    """It has not come back."""
    play = case.play
    if play.ended or play.over:
        return
    if play.visit is not None:
        if play.visit.served is None:
            yield f"it serves nobody else: {play.visit.refusal}"
        return
    if _tries_again(case):
        tries = f"{play.connections} connections so far"
        yield f"it tries again and again: {tries}; a longer --cap shows whether that ends"
        return
    until = play.until
    when = "for ever" if until is None or until.seconds is None else f"until {until.seconds:.0f} s"
    where = next((f", in {each}" for each in play.blocked if each.socket), "")
    where = where or next((f", in {each}" for each in play.blocked), "")
    why = until.why if until else "nothing ends it"
    if until and until.wakes is not None:
        why += f", unless a clock of its own ends it sooner: it looks every {until.wakes:.2g} s"
    yield f"{when}: {why}{where}"


def _tries_again(case: AuditCase) -> bool:
    """True if it has opened many connections more than usual, or one more of late: what ends this
    one does not end it all.
    """
    play, more = case.play, case.play.connections - case.sound.connections
    late = play.newest - (play.reached_at or 0.0) > play.after / 2
    return more > AGAIN or (more > 0 and late)


@rule("leaks")
def leaks(case: AuditCase) -> Found:
    """It leaves processes behind, or holds connections that are over."""
    visit = case.play.visit
    if visit is not None and visit.overdue:
        why = f": {case.play.until.why}" if case.play.until else ""
        yield f"it still holds {_some(visit.held)}{why}"
    if visit is not None and visit.kept > FEW:
        yield f"it has {visit.kept} descriptors of sockets more than before"
    if len(case.play.left) > len(case.sound.left):
        yield f"it leaves behind {', '.join(case.play.left)}"
    if len(case.play.dead) > len(case.sound.dead):
        number = len(case.play.dead)
        many = "1 connection that is" if number == 1 else f"{number} connections that are"
        yield f"it holds {many} over, beside newer ones"
    elif case.play.held > case.sound.at_once + 1:
        usual = case.sound.at_once
        yield f"it holds {case.play.held} connections at once, and {usual} without the fault"


@rule("late")
def late(case: AuditCase) -> Found:
    """It has come back after longer than promised, and the machine was not too busy for it."""
    visit, promise = case.play.visit, case.promise + case.play.disturbed
    if visit is not None and (visit.served or 0.0) > promise:
        yield f"others are served after {visit.served:.1f} s"
    elif visit is None and case.play.ended and case.play.after > promise:
        said = case.play.errors or (case.play.output if case.play.exit_code else "")
        yield f"after {case.play.after:.1f} s: {_end(case.play, said)}"


@rule("error")
def error(case: AuditCase) -> Found:
    """It says that it did not work."""
    play = case.play
    if play.visit is None and play.ended and (play.exit_code or _says_so(case)):
        yield _end(play, play.errors or play.output)


@rule("fine")
def fine(case: AuditCase) -> Found:
    """It has come through."""
    play = case.play
    if play.visit is not None:
        if play.visit.served is not None and not play.ended:
            yield _served(play)
    elif play.ended and not play.exit_code and not _says_so(case):
        yield "as without the fault"


def _some(lines: tuple[str, ...]) -> str:
    return f"{lines[0]} and {len(lines) - 1} more" if len(lines) > 1 else lines[0]


def _served(play: AuditPlay) -> str:
    visit = play.visit
    assert visit is not None
    took = f"others are served after {visit.served:.1f} s"
    until = play.until
    if until is None or until.seconds is None:
        return took
    return f"{took}; it holds {_some(visit.held)} until {until.seconds:.0f} s: {until.why}"


def _says_so(case: AuditCase) -> bool:
    """True if a program that ends with 0 has complained all the same, or has more to say than
    usual, and did not get all.
    """
    play, sound = case.play, case.sound
    says = _complains(case) or len(play.output) > len(sound.output)
    return play.answers < sound.answers and says and play.output != sound.output


def _complains(case: AuditCase) -> bool:
    """True if it has written to standard error what it does not write without the fault."""
    said = case.play.errors.strip()
    return bool(said) and said not in case.sound.errors


def _part(case: AuditCase) -> str:
    return f"and {_size(case.play.output)} of {_size(case.sound.output)}"


def _end(play: AuditPlay, told: str) -> str:
    said = _last_sentence(told)
    return f"exit code {play.exit_code}" + (f": {said}" if said else "")


def _last_sentence(text: str) -> str:
    """The last line of a program's that goes on with none before it: further ones are indented."""
    lines = [*filter(str.strip, text.splitlines())]
    whole = [line for line in lines if not line[0].isspace()]
    return _words((whole or lines or [""])[-1].strip())


def _words(text: str) -> str:
    text = printable(text)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _size(text: str) -> str:
    return f"{len(text.encode())} bytes"
