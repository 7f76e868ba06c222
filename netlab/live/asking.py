# SPDX-License-Identifier: GPL-2.0-or-later
"""The live view's dialogs: a line of text, a choice, the name and story of a file."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

ESCAPE: list[BindingType] = [Binding("escape", "dismiss", show=False)]
CHOICES = string.digits[1:] + string.ascii_lowercase


class Ask(ModalScreen[str]):
    """One line of text."""

    BINDINGS: ClassVar[list[BindingType]] = ESCAPE

    def __init__(self, title: str, hint: str) -> None:
        super().__init__()
        self._title, self._hint = title, hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = self._title
            box.border_subtitle = "Enter, or Esc"
            yield Input(placeholder=self._hint)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class Menu(ModalScreen[tuple[int, bool]]):
    """One of several, by its number or letter; Tab switches between two places."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *ESCAPE, Binding("tab", "turn", show=False, priority=True)
    ]  # fmt: skip

    def __init__(self, titles: Sequence[str], choices: Sequence[str]) -> None:
        super().__init__()
        self._titles, self._choices = titles, choices
        self._turned = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield OptionList(
                *(
                    Option(Content.assemble((f" {key}  ", "bold $accent"), choice))
                    for key, choice in zip(CHOICES, self._choices, strict=False)
                )
            )

    def on_mount(self) -> None:
        self._entitle()

    def _entitle(self) -> None:
        box = self.query_one(".box")
        here, *elsewhere = self._titles[:: -1 if self._turned else 1]
        box.border_title = here
        box.border_subtitle = ", ".join([*(f"Tab: {title}" for title in elsewhere), "Esc"])

    def action_turn(self) -> None:
        """Switch to the other place."""
        self._turned = not self._turned and len(self._titles) > 1
        self._entitle()

    def on_key(self, event: Key) -> None:
        number = CHOICES.find(event.character or " ")
        if 0 <= number < len(self._choices):
            event.stop()
            self.dismiss((number, self._turned))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss((event.option_index, self._turned))


#: Saves a story under a name; returns the reason if it did not, and whether to ask once more.
Save = Callable[[str, str, bool], tuple[str, bool]]


class Write(ModalScreen[str]):
    """A file name and a story. It stays until the file is written, or Esc."""

    BINDINGS: ClassVar[list[BindingType]] = ESCAPE

    def __init__(self, name: str, save: Save) -> None:
        super().__init__()
        self._suggested, self._save = name, save
        self._confirming = ""

    def compose(self) -> ComposeResult:
        with Vertical(classes="box") as box:
            box.border_title = "write what was done as a scenario"
            yield Static("file, named for the fault", classes="label")
            yield Input(self._suggested, id="name")
            yield Static("its story: what do the two stacks believe now?", classes="label")
            yield Input(placeholder="The client's FIN never arrives: ...", id="story")
            yield Static("", id="why")

    def on_descendant_focus(self) -> None:
        at_name = self.focused is self.query_one("#name")
        enter = "Enter: its story" if at_name else "Enter: write it"
        self.query_one(".box").border_subtitle = f"{enter}, Esc"

    def on_input_changed(self) -> None:
        self._confirming = ""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        name, story = (self.query_one(f"#{which}", Input) for which in ("name", "story"))
        if event.input is name and not story.value.strip():
            story.focus()
            return
        if not story.value.strip():
            self._say("it needs a sentence: a file without a story helps no one")
            return
        why, ask_again = self._save(
            name.value.strip(), story.value.strip(), self._confirming == name.value
        )
        if not why:
            self.dismiss(name.value.strip())
            return
        self._confirming = name.value if ask_again else ""
        self._say(why)

    def _say(self, why: str) -> None:
        self.query_one("#why", Static).update(Content.styled(why, "bold $error"))


class Notice(ModalScreen[None]):
    """Something to read; any key closes it, except those that scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(key, f"move({lines})", show=False)
          for key, lines in {"up": -1, "down": 1, "pageup": -5, "pagedown": 5}.items())
    ]  # fmt: skip

    def __init__(self, text: Content) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="box wide", can_focus=False):
            yield Static(self._text)

    def on_mount(self) -> None:
        self.call_after_refresh(self._entitle)

    def _entitle(self) -> None:
        box = self.query_one(".box")
        scrolls = "up, down: more; " if box.max_scroll_y else ""
        box.border_subtitle = f"{scrolls}any key closes this"

    def action_move(self, lines: int) -> None:
        """Scroll by this many lines."""
        self.query_one(".box").scroll_relative(y=lines, animate=False)

    def on_key(self, event: Key) -> None:
        if event.key not in ("up", "down", "pageup", "pagedown"):
            self.dismiss()
