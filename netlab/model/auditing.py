# SPDX-License-Identifier: GPL-2.0-or-later
"""What an audit has seen of a program under one fault, and what that is called: plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from netlab.model.evidence import Evidence
from netlab.model.tcp import State, Timer

#: What a program does under a fault; the worst first, as far as one hides another.
Word = Literal[
    "dies", "spins", "sent twice", "short", "hangs", "leaks", "late", "error", "fine"
]  # fmt: skip
WORDS: tuple[Word, ...] = get_args(Word)
#: Those that are as they should be: it comes through, or it says in time that it cannot.
SOUND: tuple[Word, ...] = ("fine", "error")
NOT_REACHED = "not reached"
NOT_PLAYED = "not played"


@dataclass(frozen=True, slots=True)
class HeldSocket:
    """A TCP socket of the program's host, when it was looked at last."""

    state: State
    local: tuple[str, int]
    remote: tuple[str, int]
    unsent: int  # bytes that the peer has not acknowledged
    unread: int  # bytes
    timer: Timer
    remaining: float  # seconds until it fires
    retransmits: int
    held: bool  # by a process of the program
    info: Mapping[str, int] = field(default_factory=dict)  # as `ss -i` has it
    options: Mapping[str, int] = field(default_factory=dict)  # SO_KEEPALIVE, TCP_USER_TIMEOUT, ...


@dataclass(frozen=True, slots=True)
class Blocked:
    """A thread that waits, and in which system call."""

    process: int
    thread: int
    name: str
    call: str  # recvfrom
    where: str = ""  # wait_woken: in the kernel's words
    descriptor: int | None = None  # that the call is about
    socket: str = ""  # the TCP connection behind that: 10.0.0.1:4711 -> 10.0.0.2:80
    time_out: float | None = None  # seconds from now, at which the call ends; None: never
    rested: float = 0.0  # seconds for which it has not woken up
    ticks: bool = False  # it has waited as long as its time-out before, and gone on

    def __str__(self) -> str:
        about = f" on {self.socket}" if self.socket else ""
        return f"{self.call}(){about}"


@dataclass(frozen=True, slots=True)
class Until:
    """When something ends that hangs."""

    seconds: float | None  # from the start of the program; None: never
    why: str
    #: Seconds after which it looks at a clock of its own, again and again, which may end it sooner.
    wakes: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that has come whole to the other end."""

    key: str  # what makes it this one: two with the same key are the same request, sent twice
    connection: int  # counted from 1
    repeatable: bool  # it may be sent twice
    answered: bool  # its reply has arrived whole
    at: float  # seconds from the start of the program
    vague: bool = False  # what is one request is not known, nor how many there should be
    alike: str = ""  # the key that others have, too, which differ in times and numbers; '': none


@dataclass(frozen=True, slots=True)
class Visited:
    """What other clients had of a server, while one or some misbehaved."""

    usual: float  # seconds that its answer takes when nobody misbehaves
    served: float | None = None  # seconds that it took then; None: it did not come
    refusal: str = ""  # or why not
    held: tuple[str, ...] = ()  # connections of those who misbehaved, that it still has
    overdue: bool = False  # nothing ends those that it still has, and something should
    kept: int = 0  # descriptors of sockets that it has more than before
    gone: str = ""  # how it ended, if it did


@dataclass(frozen=True, slots=True)
class AuditPlay:
    """All that was seen of a program in one lab."""

    fault: str
    seconds: float  # that it ran, from its start
    ended: bool = False
    exit_code: int | None = None
    reached_at: float | None = None  # when the fault first met it; None: it never did
    output: str = ""
    errors: str = ""
    asked: tuple[Asked, ...] = ()
    connections: int = 0
    newest: float = 0.0  # seconds from its start at which the last of them was first seen
    cpu: float = 0.0  # seconds of the processor
    spun: tuple[float, float] = (0.0, 0.0)  # the longest time that it never rested, and the CPU's
    busy: tuple[float, float] = (0.0, 0.0)  # the same of all its threads together
    disturbed: float = 0.0  # seconds that it, or who serves it, waited for a busy machine
    over: str = ""  # the limit at which netlab has ended it, in words
    left: tuple[str, ...] = ()  # processes that it has left behind
    at_once: int = 0  # connections that the server had from it at the same time, at most
    held: int = 0  # connections that it held at the same time, for a second at least
    dead: tuple[str, ...] = ()  # connections that are over, and that it holds beside a newer one
    queued: tuple[Asked, ...] = ()  # in connections that the server's program has never accepted
    sockets: tuple[HeldSocket, ...] = ()  # at its end, or at the cap
    peers: tuple[HeldSocket, ...] = ()  # the other end's
    blocked: tuple[Blocked, ...] = ()
    until: Until | None = None  # where it has not ended
    visit: Visited | None = None  # of a server
    problem: str = ""  # why it could not be played
    evidence: Evidence | None = None  # of a recorded one

    @property
    def reached(self) -> bool:
        """True if the fault has met what the program did."""
        return self.reached_at is not None

    @property
    def after(self) -> float:
        """Seconds from when the fault met it until its end, or the last look at it."""
        return max(0.0, self.seconds - (self.reached_at or 0.0))

    @property
    def answers(self) -> int:
        """The number of replies that have arrived whole."""
        return sum(asked.answered for asked in self.asked)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A word for what was seen, and why it is that one."""

    word: Word
    why: str

    @property
    def sound(self) -> bool:
        """True if nothing is wrong with it."""
        return self.word in SOUND


@dataclass(frozen=True, slots=True)
class Repeated:
    """A request that the server has seen several times, as it may."""

    key: str
    times: int

    def __str__(self) -> str:
        return f"{self.key} {often(self.times)}, which may be repeated"


def often(times: int) -> str:
    """A number of times, 2 or more, in words."""
    return "twice" if times == 2 else f"{times} times"


@dataclass(frozen=True, slots=True)
class Helped:
    """What became of the same play with one thing set otherwise."""

    cure: str  # TCP_USER_TIMEOUT=5s
    word: str
    why: str
    seconds: float
    changed: bool


@dataclass(frozen=True, slots=True)
class AuditCell:
    """One fault, and the verdict on a program under it."""

    fault: str
    does: str  # the fault, in words
    play: AuditPlay
    judgements: tuple[Judgement, ...]  # the worst first; none where it was not reached or played
    command: str = ""  # that plays it again
    allowed: bool = False  # somebody has said that this is meant, and nothing else is wrong
    helped: tuple[Helped, ...] = ()
    meets: str = "what the program never does"  # what the fault needs in order to be seen
    repeated: Repeated | None = None  # it has asked for something again, and may

    @property
    def word(self) -> str:
        """The verdict."""
        if self.play.problem:
            return NOT_PLAYED
        return self.judgements[0].word if self.judgements else NOT_REACHED

    @property
    def why(self) -> str:
        """What the verdict rests on, in one line."""
        if self.play.problem:
            return self.play.problem
        if not self.judgements:
            return f"it meets {self.meets}, and there was none"
        return "; ".join(
            [
                self.judgements[0].why,
                *(f"{other.word}: {other.why}" for other in self.judgements[1:]),
                *([str(self.repeated)] if self.repeated else []),
            ]
        )

    def allowing(self, meant: str | None) -> AuditCell:
        """The same cell where somebody has said that this verdict is meant: all others still count
        against the program.
        """
        wrong = {each.word for each in self.judgements if not each.sound}
        return replace(self, allowed=self.word == meant and wrong <= {meant})

    @property
    def sound(self) -> bool:
        """True if nothing is wrong with it, or it is meant."""
        return self.allowed or all(each.sound for each in self.judgements)


@dataclass(frozen=True, slots=True)
class ClientCell:
    """One client of many under one fault, or why it was not played: what a table of them needs."""

    client: str
    way: str  # in which it was played
    version: str
    talks: str
    source: str  # where it is from
    fault: str
    word: str
    why: str
    sound: bool = True
    after: float = 0.0  # seconds from when the fault met it
    until: float | None = None  # seconds at which what hangs ends; None: never
    wakes: bool = False  # it looks at a clock of its own, which may end it sooner
    cap: float = 0.0  # seconds that it was waited for
    command: str = ""  # that plays it again
    times: int = 0  # that the server saw a request which may be repeated; 0: no more than usual

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it this one."""
        return self.client, self.way, self.fault
