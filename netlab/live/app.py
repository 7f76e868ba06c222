# SPDX-License-Identifier: GPL-2.0-or-later
"""The full screen: samples the lab, draws what is seen, and hands keys to the desk.

One thread does it all. textual reads the keyboard in a thread of its own, which never touches the
lab: entering a namespace concerns the thread that does it only.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Static

from netlab.errors import NetlabError
from netlab.live import panels
from netlab.live.actions import Desk
from netlab.live.asking import Ask, Menu, Told, Write
from netlab.live.saving import save
from netlab.live.session import described
from netlab.live.view import Looker
from netlab.tcp import NAMEABLE, Segment
from netlab.testbed.words import REJECTS, Side

Commands = Callable[[], Sequence[tuple[str, str]]]
SAMPLED, DRAWN, COUNTED = 0.03, 0.1, 0.3  # seconds between two
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TALL = 36  # lines from which there is room for more
#: Segments with the keys 1 to 9, the commonest faults first as in `NAMEABLE`.
SEGMENTS = tuple(NAMEABLE)


class Live(App[None]):
    """The application. What ended it is left in `ended_by` or in `broken`."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "live.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", show=False, priority=True)
    ]

    def __init__(self, desk: Desk, title: str, commands: Commands, seconds: float | None) -> None:
        super().__init__()
        self.theme = "nord"
        self.desk = desk
        self.heading = title
        self.commands = commands
        self.until = None if seconds is None else desk.lab.elapsed() + seconds
        self.written: list[str] = []
        self.ended_by: signal.Signals | None = None
        self.broken: Exception | None = None

    def get_default_screen(self) -> Screen[None]:
        return Ends()

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, self._end_by, number)

    def action_interrupt(self) -> None:
        """Ctrl-C, which is a key here: the terminal sends no signal while it is ours."""
        self._end_by(signal.SIGINT)

    def _end_by(self, number: signal.Signals) -> None:
        self.ended_by = number
        self.exit()

    def _handle_exception(self, error: Exception) -> None:
        self.broken = self.broken or error
        super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without the traceback that textual prints: `netlab.live.show` raises `broken`."""
        self._close_messages_no_wait()


class Ends(Screen[None]):
    """Both ends, and what was done to them."""

    VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall")]  # noqa: RUF012  # as textual types it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "select", show=False),
        Binding("shift+tab", "select", show=False),
        Binding("left", "select('client')", show=False),
        Binding("right", "select('server')", show=False),
        *(
            Binding(key, f"act('{name}')", show=False)
            for key, name in {
                "c": "connect",
                "l": "listen",
                "a": "accept",
                "r": "read",
                "f": "shutdown",
                "x": "close",
                "k": "abort",
                "v": "vanish",
                "h": "hold",
            }.items()
        ),
        Binding("s", "send", show=False),
        Binding("d", "drop", show=False),
        Binding("j", "reject", show=False),
        Binding("u", "undo", show=False),
        Binding("H", "heal", show=False),
        Binding("w", "write", show=False),
        Binding("question_mark", "look", show=False),
        Binding("q", "leave", show=False),
    ]
    app: Live

    def __init__(self) -> None:
        super().__init__()
        self._selected = Side.CLIENT

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        with Horizontal(id="ends"):
            for side in Side:
                yield Static(id=str(side), classes="end")
        with Horizontal(id="below"):
            yield Static(id="faults")
            yield Static(id="counters")
        yield Static(id="log")
        yield Static(id="commands")
        yield Static(id="message")
        yield Static(panels.keys(), id="keys")

    def on_mount(self) -> None:
        self._looker = Looker(self.app.desk)
        self.set_interval(SAMPLED, self._sample)
        self.set_interval(DRAWN, self._draw)
        self.set_interval(COUNTED, self._count)
        begin = "to begin: Tab selects the server, l listens; Tab again, and c connects"
        frozen = "these keys act on the client; Tab selects the server"
        self._say(frozen if self.app.desk.session.scenario else begin, True)
        self.call_after_refresh(self._draw)

    def _part(self, name: str) -> Static:
        return self.query_one(f"#{name}", Static)

    def _say(self, text: str, good: bool) -> None:
        self._part("message").update(panels.message(text, good, self.app.size.width))

    # --- looking

    def _sample(self) -> None:
        self.app.desk.tick()
        until = self.app.until
        if until is not None and self.app.desk.lab.elapsed() >= until:
            self.app.exit()

    def _count(self) -> None:
        self._looker.count()
        if self.has_class("-tall"):
            typed = panels.commands(self.app.commands(), self.size.width)
            self._part("commands").update(typed)

    def _draw(self) -> None:
        app, view = self.app, self._looker.look()
        lab, width = app.desk.lab, self.size.width
        heals = f"heals in {max(0.0, app.until - view.elapsed):.1f} s · " if app.until else ""
        right = f"{heals}{lab.family} · +{view.elapsed:.1f} s"
        self._part("head").update(panels.head(app.heading, right, width))
        for end in view.ends:
            part = self._part(str(end.side))
            part.border_title = f"{end.side} {end.address}"
            part.set_class(end.side is self._selected, "selected")
            part.update(panels.end(end, part.content_size.width, self.has_class("-tall")))
        part = self._part("faults")
        size = part.content_size
        part.update(panels.faults(view.faults, view.undone, size.width, size.height))
        part = self._part("counters")
        size = part.content_size
        part.update(panels.counters(view.counters, size.width, size.height))
        part = self._part("log")
        size = part.content_size
        part.update(panels.log(view.notes, size.width, size.height))

    # --- keys

    def action_select(self, side: str = "") -> None:
        """The end that keys act on."""
        self._selected = Side(side) if side else self._selected.peer
        self._say(f"these keys act on the {self._selected}", True)
        self._draw()

    def action_act(self, name: str) -> None:
        """What needs no further word."""
        self._try(getattr(self.app.desk, name), self._selected)

    def action_heal(self) -> None:
        """Lift everything."""
        self._try(self.app.desk.heal)

    def _try(self, act: Callable[..., str], *arguments: object) -> None:
        """Do it, and say what came of it, or why not."""
        try:
            self._say(act(*arguments), True)
        except NetlabError as error:
            self._say(str(error), False)
        self.app.desk.tick()
        self._looker.count()
        self._draw()

    def action_send(self) -> None:
        """Ask for a text and send it."""
        side = self._selected

        def answered(text: str | None) -> None:
            if text is not None:
                self._try(self.app.desk.send, side, text)

        self.app.push_screen(Ask(f"the {side} sends", "hello, or 5000 bytes"), answered)

    def action_drop(self) -> None:
        """Ask for a class of segments and lose it."""
        side = self._selected
        titles = (f"lose on the way to the {side}", f"drop at the {side}'s own output")

        def answered(answer: tuple[int, bool] | None) -> None:
            if answer is not None:
                self._try(self.app.desk.drop, side, SEGMENTS[answer[0]], answer[1])

        self.app.push_screen(Menu(titles, [str(each) for each in SEGMENTS]), answered)

    def action_reject(self) -> None:
        """Ask for a class of segments, then for the answer they get."""
        side = self._selected
        answers = [name for name, reject in REJECTS.items()
                   if reject.only in (None, self.app.desk.lab.family)]  # fmt: skip

        def choose_answer(answer: tuple[int, bool] | None) -> None:
            if answer is not None:
                segment = SEGMENTS[answer[0]]
                menu = Menu([f"answer {segment} with"], answers)
                self.app.push_screen(menu, lambda chosen: reject(segment, answer[1], chosen))

        def reject(segment: Segment, output: bool, chosen: tuple[int, bool] | None) -> None:
            if chosen is not None:
                self._try(self.app.desk.drop, side, segment, output, answers[chosen[0]])

        titles = (f"refuse what comes to the {side}", f"refuse at the {side}'s own output")
        self.app.push_screen(Menu(titles, [str(each) for each in SEGMENTS]), choose_answer)

    def action_undo(self) -> None:
        """Lift one fault; which, if there are several."""
        in_force = self.app.desk.session.in_force
        names = [*in_force]
        if not names:
            self._say("nothing is in force: d drops, j rejects, h holds", False)
        elif len(names) == 1:
            self._try(self.app.desk.undo, names[0])
        else:

            def answered(answer: tuple[int, bool] | None) -> None:
                if answer is not None:
                    self._try(self.app.desk.undo, names[answer[0]])

            choices = [described(step) for step in in_force.values()]
            self.app.push_screen(Menu(["undo which?"], choices), answered)

    def action_write(self) -> None:
        """Save what was done."""
        session = self.app.desk.session
        if not session.deeds:
            self._say("nothing to write yet: no key has done anything", False)
            return

        def write(name: str, story: str, confirmed: bool) -> tuple[str, bool]:
            self._looker.count()
            now = self.app.desk.lab.elapsed()
            return save(session, name, story, now, self._looker.packets, confirmed)

        def answered(name: str | None) -> None:
            if name is not None:
                self.app.written.append(name)
                self._say(f"written. Play it: netlab run {name}", True)

        suggested = f"{session.scenario.name}-mine" if session.scenario else "mine"
        self.app.push_screen(Write(f"{suggested}.yaml", write), answered)

    def action_look(self) -> None:
        """The commands for another terminal."""
        self.app.push_screen(Told(panels.look(self.app.commands())))

    def action_leave(self) -> None:
        """Quit."""
        self.app.exit()
