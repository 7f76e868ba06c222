# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands in a text: at a prompt of any shell or at none, on this host or on another."""

from __future__ import annotations

import re
from typing import NamedTuple

from netlab.model.tcp import State
from netlab.snapshot.parse.cut import MARK
from netlab.snapshot.parse.words import STATES

#: Prompts of shells: root@web1:~#, [root@web1 ~]$, web1:~ $, bash-4.2#, / #, (venv) me@web1 %.
PROMPT = re.compile(
    r"(?:\([\w.-]+\)\s*)?(?P<who>[\w.@:~/+\[\] -]{0,80}?)"
    r"(?P<mark>[#$%\u276f\u2771\u00bb\u203a\u279c\u03bb])"
    r"(?P<blank>\s*)(?P<command>\S.*)?$"
)
EVERY = re.compile(r"Every [\d.,]{1,9}s: ")
#: The first line of a prompt of two: ``┌──(root㉿kali)-[~]``.
UPPER = re.compile(r"[\u250c\u256d][\u2500\u2501-]")
HOST = re.compile(r"[\w.-]+[@\u327f]([\w.-]+)")
TOOL = (
    r"(?:[\w./~-]*/)?(?:ss|netstat|nstat|busybox\s+netstat|conntrack(?=\s+(?:-L|--dump)\b)"
    r"|cat\s+(?:-\w+\s+)?/proc/\S*net/\S+)"
)
TOOLS = re.compile(
    rf"(?:^|[\s;&|(`'\"$#%>\u276f\u2771\u00bb\u203a\u279c\u03bb])({TOOL})(?=[\s;|&)`'\",:]|$)([^|;&>`\n]*)"
)
#: What follows a tool where a command is meant and not its name in a sentence.
MEANT = re.compile(r"\s+(?:-{1,2}[a-zA-Z]|state\s|[sd](?:port|st|rc)\s)")
#: What may stand before a tool that has no options, in a command that has no prompt.
CALLS = re.compile(
    r"(?:[+$#>]\s?)?(?:(?:sudo|doas|watch|time|command|exec|ssh|ip|nsenter|adb)\s.*)?$"
)
COMMON = frozenset({
    "date", "uptime", "sleep", "hostname", "uname", "cat", "ls", "ps", "top", "free", "df",
    "id", "whoami", "exit", "logout", "clear", "echo", "ip", "ifconfig", "dmesg", "ulimit",
    "sysctl", "lsof", "iptables", "nft", "conntrack", "ipvsadm", "tcpdump", "curl", "ping",
    "route", "systemctl", "docker", "kubectl", "grep", "cd", "sudo", "su", "w", "history",
    "head", "tail", "vmstat", "iostat", "lscpu",
})  # fmt: skip
#: Options that take the next word as their value.
VALUED = {
    "ssh": {"-p", "-i", "-l", "-o", "-F", "-J", "-b", "-c", "-L"},
    "exec": {"-n", "-c", "-u", "-e", "-w", "--namespace", "--container", "--user", "--context"},
}
#: Programs that show each line that they are given.
PASSING = frozenset({
    "cat", "less", "more", "column", "sort", "tee", "netlab", "nl", "expand", "tac", "pv",
})  # fmt: skip


class TypedCommand(NamedTuple):
    """A command that was typed, or that a sentence names."""

    host: str  # the prompt's, or that on which it was run; "" if nothing says so
    tool: str  # ss, netstat, nstat, cat; "" for all others
    text: str  # the tool and its options
    after: str = ""  # the rest of its pipeline
    others: tuple[TypedCommand, ...] = ()  # on the same line, one after the other

    @property
    def counts(self) -> bool:
        """Whether it prints a number instead of lines."""
        return re.search(r"\bwc\s+-l|\bgrep\s+(?:-\w*c|--count)", self.after) is not None

    @property
    def counted(self) -> State | None:
        """The one state whose sockets it lists or counts."""
        words = re.findall(r"[\w-]+", f"{self.text} {self.after}")
        found = {STATES[word.upper()] for word in words if word.upper() in STATES}
        return found.pop() if len(found) == 1 else None

    @property
    def whole(self) -> bool:
        """Whether it prints every TCP socket of its host."""
        stages = [stage.split() for stage in self.after.split("|")]
        if any(stage and stage[0] not in PASSING for stage in stages):
            return False
        words = self.text.split()[1:]
        letters = {letter for word in words if not word.startswith("--") for letter in word[1:]}
        return (
            self.tool in {"ss", "netstat"}
            and MARK not in self.text
            and all(word.startswith("-") for word in words)
            and ("a" in letters or "--all" in words)
            and not letters & set("l46sri" if self.tool == "netstat" else "l46sKE")
            and not {"--listening", "--ipv4", "--ipv6"} & {*words}
        )


def command(line: str) -> TypedCommand | None:
    """The command on a line that has one; None for other lines."""
    if line.startswith("Every "):
        return _watched(line)
    found = [*TOOLS.finditer(line)]
    match = PROMPT.match(line)
    if upper := UPPER.match(line):
        named = HOST.search(line[upper.end() :])
        return TypedCommand(named[1] if named else "", "", "")
    if found and (match is not None or _meant(line, found[0])):
        commands = [_command(line, one) for one in found]
        return commands[0]._replace(others=tuple(commands[1:]))
    if match is None:
        return None
    words = (match["command"] or "").split()
    remark = match["mark"] == "#" and not match["who"].strip()
    if words and words[0] not in COMMON and (remark or not match["blank"]):
        return None
    named = HOST.search(match["who"])
    return TypedCommand(named[1] if named else "", "", "")


def _watched(line: str) -> TypedCommand | None:
    """The command in the first line of watch, which has the host and the time at its end."""
    every = EVERY.match(line)
    if every is None:
        return None
    typed, *rest = re.split(r"\s{2,}", line[every.end() :], maxsplit=1)
    found = TOOLS.search(typed)
    host = re.match(r"(\S+): ", rest[0]) if rest else None
    if found is None:
        return TypedCommand(host[1] if host else "", "", "")
    watched = _command(typed, found)
    return watched._replace(host=host[1] if host else watched.host)


def _meant(line: str, tool: re.Match[str]) -> bool:
    if MEANT.match(tool[2]):
        return True
    return not tool[2].strip() and CALLS.match(line[: tool.start(1)]) is not None


def _command(line: str, found: re.Match[str]) -> TypedCommand:
    before = line[: found.start(1)]
    tool = found[1].split()[0].rpartition("/")[2]
    tool = "netstat" if tool == "busybox" else tool
    text = " ".join(f"{tool} {found[2]}".split()).rstrip("`")
    if tool == "cat":
        text = " ".join(found[1].split())
        tool = "conntrack" if text.endswith("/nf_conntrack") else tool
    if line[found.end() : found.end() + 1] in {">", "&"}:
        text = re.sub(r" \d$", "", text)  # of 2>&1
    after = re.split(r"[;`]|&&", line[found.end() :], maxsplit=1)[0].lstrip("|")
    return TypedCommand(_host(before), tool, _closed(text), after)


def _closed(text: str) -> str:
    """Without the quotation mark or bracket in which the whole command stands."""
    while text and text[-1] in "'\")" and text.count(text[-1]) % 2 and not text.count("("):
        text = text[:-1]
    return text.rstrip(",:. ")


def _host(before: str) -> str:
    """The host on which a command runs, by what stands before it."""
    words = before.replace('"', " ").replace("'", " ").split()
    for at, word in enumerate(words):
        if word in VALUED:
            if name := _operand(words[at + 1 :], VALUED[word]):
                return name.rpartition("@")[2]
        elif word == "nsenter":
            of = re.search(r"(?:-t|--target)[ =]*(\d{1,9})", before)
            return f"process {of[1]}" if of else ""
    named = HOST.search(before)
    return named[1] if named else ""


def _operand(words: list[str], valued: set[str]) -> str:
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in valued:
            skip = True
        elif not word.startswith("-"):
            return word
    return ""


def sums_up(command: TypedCommand) -> bool:
    """Whether a command is ``ss -s``, or shows /proc/net/sockstat."""
    words = command.text.split()[1:]
    if command.tool == "cat":
        return any("sockstat" in word for word in words)
    return command.tool == "ss" and any(re.match(r"-\w*s|--summary", word) for word in words)


def prints_statistics(command: TypedCommand) -> bool:
    """Whether a command is ``netstat -s``, whatever other options it has."""
    options = [word for word in command.text.split()[1:] if word.startswith("-")]
    return command.tool == "netstat" and any("s" in word for word in options)
