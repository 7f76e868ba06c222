# SPDX-License-Identifier: GPL-2.0-or-later
"""The full screen: samples the lab, draws the result, and hands keys to the controller.

One thread does it all. textual reads the keyboard in a separate thread, which never touches the
lab: entering a namespace affects only the thread that does it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.widgets import Static

from netlab.live import panels, small
from netlab.live.asking import Ask, Menu, Notice, Write
from netlab.live.controller import Controller
from netlab.live.saving import save
from netlab.live.view import View, ViewBuilder
from netlab.model.errors import NetlabError
from netlab.model.tcp import NAMEABLE, Segment
from netlab.model.vocabulary import REJECTS, Side
from netlab.scenario.steps import kind_of

Commands = Callable[[], Sequence[tuple[str, str]]]
SAMPLED, DRAWN, COUNTED = 0.03, 0.1, 0.3  # intervals in seconds
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
USUAL, TALL = 24, 36  # lines at which more fits
MOST_FAULTS = 4  # lines, including the heading
#: Segments with the keys 1 to 9, the commonest faults first as in `NAMEABLE`.
SEGMENTS = tuple(NAMEABLE)


class Live(App[None]):
    """The application. `ended_by` or `broken` holds what ended it."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "live.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", show=False, priority=True)
    ]

    def __init__(
        self, controller: Controller, title: str, commands: Commands, seconds: float | None
    ) -> None:
        super().__init__()
        self.theme = "nord"
        self.controller = controller
        self.heading = title
        self.commands = commands
        self.until = None if seconds is None else controller.lab.elapsed() + seconds
        self.written: list[str] = []
        self.ended_by: signal.Signals | None = None
        self.broken: Exception | None = None

    def get_default_screen(self) -> Screen[None]:
        return EndsPanel()

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, self._end_by, number)

    def action_interrupt(self) -> None:
        """Handle Ctrl-C, which is a key here: in raw mode the terminal sends no signal."""
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


class EndsPanel(Screen[None]):
    """Both ends, and what was done to them."""

    VERTICAL_BREAKPOINTS = [(0, "-low"), (USUAL, "-usual"), (TALL, "-tall")]  # noqa: RUF012  # as textual types it
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
                "p": "plug",
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
        self._said = "", True

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        with Horizontal(id="ends"):
            for side in Side:
                yield Static(id=str(side), classes="end")
        yield Static(id="packets")
        with Horizontal(id="below"):
            yield Static(id="log")
            with Vertical(id="done"):
                yield Static(id="faults")
                yield Static(id="counters")
        yield Static(id="commands")
        yield Static(id="small")
        yield Static(id="message")
        yield Static(id="keys")

    def on_mount(self) -> None:
        self._looker = ViewBuilder(self.app.controller)
        self._heard = len(self.app.controller.notes)
        self.set_interval(SAMPLED, self._sample)
        self.set_interval(DRAWN, self._draw)
        self.set_interval(COUNTED, self._count)
        begin = "to begin: Tab selects the server, l listens; Tab again, and c connects"
        frozen = "these keys act on the client; Tab selects the server"
        self._say(frozen if self.app.controller.session.scenario else begin, True)
        self.call_after_refresh(self._draw)

    def _part(self, name: str) -> Static:
        return self.query_one(f"#{name}", Static)

    def _say(self, text: str, good: bool) -> None:
        self._said = text, good
        self._part("message").update(panels.message(text, good, self.app.size.width))

    # --- looking

    def _sample(self) -> None:
        controller = self.app.controller
        controller.tick()
        for note in controller.notes[self._heard :]:
            if note.kind == "error":  # the error of a connect comes later than the key
                self._say(note.text, False)
        self._heard = len(controller.notes)
        until = self.app.until
        if until is not None and self.app.controller.lab.elapsed() >= until:
            self.app.exit()

    def _count(self) -> None:
        self._looker.count()
        if self.has_class("-tall"):
            typed = panels.commands(self.app.commands(), self.size.width)
            self._part("commands").update(typed)

    def on_resize(self) -> None:
        """Show as much as there is room for."""
        self.set_class(not small.fits(self.size, small.WHOLE), "-small")
        self.set_class(not small.fits(self.size, small.LEAST), "-tiny")
        self._part("keys").update(panels.keys(self.size.width))
        self._say(*self._said)
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        view = self._looker.look()
        if self.has_class("-small"):
            part = self._part("small")
            room = part.content_size
            if self.has_class("-tiny"):
                part.update(small.states(view, *room))
            else:
                part.update(small.summary(view, self.app.heading, self._selected, *room))
            return
        self._part("head").update(panels.head(self.app.heading, self._right(view), self.size.width))
        for end in view.ends:
            part = self._part(str(end.side))
            selected = end.side is self._selected
            part.border_title = f"{'▶ ' if selected else ''}{end.side} {end.address}"
            part.set_class(selected, "selected")
            part.update(panels.end(end, part.content_size.width, self.has_class("-tall")))
        for name, draw in (
            ("packets", partial(panels.packets, view)),
            ("faults", partial(panels.faults, view.faults, view.removed)),
            ("counters", partial(panels.counters, view.counters)),
            ("log", partial(panels.log, view.notes)),
        ):
            part = self._part(name)
            height = MOST_FAULTS if name == "faults" else part.content_size.height
            part.update(draw(part.content_size.width, height))

    def _right(self, view: View) -> str:
        until = self.app.until
        heals = f"heals in {max(0.0, until - view.elapsed):.1f} s · " if until else ""
        return f"{heals}{self.app.controller.lab.family} · +{view.elapsed:.1f} s"

    # --- keys

    def action_select(self, side: str = "") -> None:
        """Select the end that keys act on."""
        self._selected = Side(side) if side else self._selected.peer
        self._say(f"these keys act on the {self._selected}", True)
        self._draw()

    def action_act(self, name: str) -> None:
        """Do an action that needs no further input."""
        self._try(getattr(self.app.controller, name), self._selected)

    def action_heal(self) -> None:
        """Remove everything."""
        self._try(self.app.controller.heal)

    def _try(self, act: Callable[..., str], *arguments: object) -> None:
        """Do it, and show the result, or the reason that it failed."""
        try:
            self._say(act(*arguments), True)
        except NetlabError as error:
            self._say(str(error), False)
        self.app.controller.tick()
        self._looker.count()
        self._draw()

    def action_send(self) -> None:
        """Ask for a text and send it."""
        side = self._selected

        def answered(text: str | None) -> None:
            if text is not None:
                self._try(self.app.controller.send, side, text)

        self.app.push_screen(Ask(f"the {side} sends", "hello, or 5000 bytes"), answered)

    def action_drop(self) -> None:
        """Ask for a class of segments and lose it."""
        side = self._selected
        titles = (f"lose on the way to the {side}", f"drop at the {side}'s own output")

        def answered(answer: tuple[int, bool] | None) -> None:
            if answer is not None:
                self._try(self.app.controller.drop, side, SEGMENTS[answer[0]], answer[1])

        self.app.push_screen(Menu(titles, [str(each) for each in SEGMENTS]), answered)

    def action_reject(self) -> None:
        """Ask for a class of segments, then for the answer they get."""
        side = self._selected
        answers = [name for name, reject in REJECTS.items()
                   if reject.only in (None, self.app.controller.lab.family)]  # fmt: skip

        def choose_answer(answer: tuple[int, bool] | None) -> None:
            if answer is not None:
                segment = SEGMENTS[answer[0]]
                menu = Menu([f"answer {segment} with"], answers)
                self.app.push_screen(menu, lambda chosen: reject(segment, answer[1], chosen))

        def reject(segment: Segment, output: bool, chosen: tuple[int, bool] | None) -> None:
            if chosen is not None:
                self._try(self.app.controller.drop, side, segment, output, answers[chosen[0]])

        titles = (f"refuse what comes to the {side}", f"refuse at the {side}'s own output")
        self.app.push_screen(Menu(titles, [str(each) for each in SEGMENTS]), choose_answer)

    def action_undo(self) -> None:
        """Remove one fault; ask which, if there are several."""
        in_force = self.app.controller.session.in_force
        names = [*in_force]
        if not names:
            self._say("nothing is in force: d drops, j rejects, p plugs the wire", False)
        elif len(names) == 1:
            self._try(self.app.controller.remove, names[0])
        else:

            def answered(answer: tuple[int, bool] | None) -> None:
                if answer is not None:
                    self._try(self.app.controller.remove, names[answer[0]])

            choices = [kind_of(step).described(step) for step in in_force.values()]
            self.app.push_screen(Menu(["remove which?"], choices), answered)

    def action_write(self) -> None:
        """Save what was done."""
        session = self.app.controller.session
        if not session.deeds:
            self._say("nothing to write yet: no key has done anything", False)
            return

        def write(name: str, story: str, confirmed: bool) -> tuple[str, bool]:
            self._looker.count()
            now = self.app.controller.lab.elapsed()
            return save(session, name, story, now, self._looker.packets, confirmed)

        def answered(name: str | None) -> None:
            if name is not None:
                self.app.written.append(name)
                self._say(f"written. Play it: netlab run {name}", True)

        suggested = f"{session.scenario.name}-mine" if session.scenario else "mine"
        self.app.push_screen(Write(f"{suggested}.yaml", write), answered)

    def action_look(self) -> None:
        """Show the commands for another terminal."""
        width = min(72, self.size.width - 8)
        self.app.push_screen(Notice(panels.look(self.app.commands(), width)))

    def action_leave(self) -> None:
        """Quit."""
        self.app.exit()
