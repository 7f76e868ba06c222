# SPDX-License-Identifier: GPL-2.0-or-later
"""The same sockets in other clothes: what shells, loggers, mails, pages and people do to a text.

Each variant takes a text and a random, and gives a text in which the same sockets are to be read.
"""

from __future__ import annotations

import html
import json
import quopri
import re
from collections.abc import Callable
from random import Random

from netlab.snapshot.parse.peel import ANCHOR
from netlab.snapshot.parse.words import STATES

Variant = Callable[[str, Random], str]

ROW = re.compile(
    r"\s*(?:tcp6?\s+)?(?:[A-Z][A-Z0-9-]+\s+)?\d+\s+\d+\s+\S*:\S+\s+\S*:\S+|\s*\d+: [0-9A-F]{8}"
)
COLUMNS = re.compile(
    r"(?:(?:State|Netid|Proto)\s+(?:State\s+)?)?Recv-Q|(?:tcp6?\s+)?(?:[A-Z][A-Z0-9-]+\s+)?\d+\s+\d+\s+\S*:\S+\s+\S*:\S+"
)
STATE = re.compile("|".join(sorted(STATES, key=len, reverse=True)))
TYPED = re.compile(
    r"^(?P<indent>\s*)(?P<prompt>\$|[\w@.~:/\[\] -]*[#$])\s*"
    r"(?P<command>(?:sudo )?(?:ss|netstat|nstat)\b.*)$"
)

PREFIXES: dict[str, Callable[[int], str]] = {
    "kubectl's time": lambda n: f"2024-05-01T10:00:{n % 60:02}.{n * 7919 % 10**9:09}Z ",
    "journald": lambda n: f"May 01 10:{n // 60 % 60:02}:{n % 60:02} web01 diag[123]: ",
    "journald, ISO": lambda n: f"2024-05-01T10:{n // 60 % 60:02}:{n % 60:02}+0200 web01 diag[77]: ",
    "syslog": lambda n: f"<13>May  1 10:{n // 60 % 60:02}:{n % 60:02} web01 root: ",
    "klog": lambda n: f"I0501 10:00:{n % 60:02}.123456       1 diag.go:{n + 10}] ",
    "a logger": lambda n: f"[2024-05-01 10:00:{n % 60:02},{n % 1000:03}] INFO  diag - ",
    "a time": lambda n: f"10:{n // 60 % 60:02}:{n % 60:02} ",
    "dmesg": lambda n: f"[{n + 100:5}.{n * 7919 % 10**6:06}] ",
    "a pod": lambda _: "[pod/web-abc-7d9f/app] ",
    "docker compose": lambda _: "web-1  | ",
    "pdsh": lambda _: "web01: ",
    "a file's name": lambda _: "web01.txt:",
    "grep -n": lambda n: f"{n + 1}:",
    "cat -n": lambda n: f"{n + 1:6}\t",
    "numbers": lambda n: f"{n + 1:3} | ",
    "GitHub's log": lambda n: f"2024-05-01T10:00:{n % 60:02}.1234567Z ##[group] ",
    "a bar": lambda _: "| ",
    "a drawn bar": lambda _: "│ ",
    "a mail": lambda _: "> ",
    "a mail of a mail": lambda _: ">> ",
    "two mails": lambda _: "> > ",
    "an initial": lambda _: "jd> ",
    "bullets": lambda _: "* ",
    "dashes": lambda _: "- ",
    "a remark": lambda _: "# ",
    "C": lambda _: "// ",
    "indents": lambda _: "        ",
    "a tab": lambda _: "\t",
    "clush": lambda _: "web01.example.net: ",
    "stern": lambda _: "web-7d9f-abcde app ",
    "salt's block": lambda _: "    ",
    "ansible's verbose": lambda _: "<web01> ",
    "CI": lambda n: f"#12 {n / 10:.3f} ",
    "GitLab": lambda n: f"2024-05-01T10:00:{n % 60:02}.123456Z 01O ",
    "Terraform": lambda _: "null_resource.x (remote-exec): ",
    "Vagrant": lambda _: "    default: ",
    "bars of a diff": lambda _: "+",
    "IRC": lambda n: f"10:{n % 60:02} < jdoe> ",
    "IRC's log": lambda n: f"[10:00:{n % 60:02}] <jdoe> ",
    "an arrow": lambda _: "=> ",
    "a code comment": lambda _: " * ",
    "SQL": lambda _: "-- ",
    "a gutter": lambda n: f"{n + 1:>4}\u2502 ",
    "bat": lambda n: f"{n + 1:>4}   \u2502 ",
    "less -N": lambda n: f"{n + 1:>7} ",
    "a stream": lambda _: "stdout: ",
    "ts": lambda n: f"Wed May  1 10:00:{n % 60:02} 2024  ",
    "fabric": lambda _: "[web01] out: ",
    "clush -L": lambda _: "web[01]: ",
    "ssh -v": lambda n: f"web01 10:00:{n % 60:02} | ",
    "blanks that do not break": lambda _: "\u00a0\u00a0",
    "a tree": lambda _: "  \u2514\u2500 ",
    "a process": lambda n: f"[{n % 4}] ",
    "tail -v": lambda n: f"[{n // 60:02}:{n % 60:02}] ",
    "containerd": lambda n: f"2024-05-01T10:00:{n % 60:02}.123456789Z stdout F ",
    "RFC 5424": lambda n: f"<14>1 2024-05-01T10:00:{n % 60:02}Z web01 diag 123 - - ",
    "journald, precise": lambda n: f"May 01 10:00:{n % 60:02}.{n:06} web01 diag[123]: ",
    "Kibana": lambda n: f"May 1, 2024 @ 10:00:{n % 60:02}.{n % 1000:03}\t",
    "CloudWatch": lambda n: f"2024-05-01T10:00:{n % 60:02}.{n % 1000:03}Z\t",
    "WhatsApp": lambda n: f"[01/05/2024, 10:00:{n % 60:02}] Jane Doe: ",
    "docker compose, coloured": lambda _: "\x1b[36mweb-1  | \x1b[0m",
    "a hand": lambda _: "\U0001f449 ",
    "a check box": lambda _: "- [ ] ",
    "a number in a list": lambda n: f"{n + 1}. ",
    "systemd": lambda n: "web01 systemd[1]: diag.service: ",
    "logcat": lambda n: f"05-01 10:00:{n % 60:02}.{n % 1000:03}  1234  1234 I diag    : ",
    "log4j": lambda n: f"10:00:{n % 60:02}.{n % 1000:03} [main] DEBUG c.e.Diag - ",
    "Jenkins": lambda n: f"[2024-05-01T10:00:{n % 60:02}.{n % 1000:03}Z] ",
    "mosh": lambda _: "\x1b[0m\x1b[K",
}  # fmt: skip
PROMPTS = [
    "$ ", "# ", "% ", "root@web01:~# ", "[root@web01 ~]# ", "user@web01:/var/log$ ", "➜  ~ ",
    "➜  app git:(main) ✗ ", "❯ ", "❱ ", "PS C:\\Users\\me> ", "C:\\Users\\me>", "bash-5.1$ ",
    "/ # ", "~ # ", "(venv) me@web01:~$ ", "web01 ~ > ", "» ", "λ ", "me@web01 ~ % ", "+ ",
    "sh-4.2# ", "#", "$", "root@web01 [~]# ", "[10:00:01] root@web01:~# ", "└─# ",
    "┌──(root㉿kali)-[~]\n└─$ ", "╭─me@web01 ~\n╰─$ ", "~ web01 ❯❯❯ ", "", "sudo ", "$ sudo ",
    "$ time ", "$ watch -n1 ", "$ ssh web01 ", "me@laptop:~$ ssh -p 2222 root@web01 ",
    "$ kubectl exec -it web-0 -n prod -- ", "$ docker exec -it web ", "# nsenter -t 4711 -n ",
    "# ip netns exec blue ", "> ", "  $ ", "1. Run ", "Output of `",
]  # fmt: skip
SENTENCES = [
    "Here is what I see:", "This is from the web server, about an hour after the restart.",
    "Any ideas? Thanks in advance!", "1. then I ran it again", "-- \nJohn",
    "Note: the app is fine.", "I have attached the output (see below).", "Hello everybody,",
    "Linux web01 5.10.0-8-amd64 x86_64", "这是服务器的输出",
    "We see 3 of them in CLOSE_WAIT, and the count grows by 10 a minute.",
    "On Mon, May 6, 2024 at 10:00 AM Jane <jane@example.com> wrote:", "## Steps to reproduce",
    "Segmentation fault (core dumped)", "http://example.com:8080/path is what the client calls",
    "(some rows are masked)", "Regards", "ulimit -n\n1024", "load average: 0.00, 0.01, 0.05",
    "5 minutes later I killed it; 10.0.0.1:80 was unreachable", "net.ipv4.tcp_fin_timeout = 60",
    "top - 10:00:01 up 3 days", "tcp_max_syn_backlog is 128", "I did `ss` before, it is the same",
]  # fmt: skip
JOURNAL = [
    "web01 sshd[991]: Accepted publickey for jdoe from 10.9.8.6 port 51234 ssh2",
    "web01 kernel: TCP: request_sock_TCP: Possible SYN flooding on port 80. Sending cookies.",
    "web01 systemd[1]: Started Session 42 of User jdoe.",
    "web01 CRON[1234]: (root) CMD (/usr/lib/sa/sa1 1 1)",
]
PAGES = ["\x0cIncident 4711, confidential    Page 3 of 7", "\x0c3", "- 3 -", "3 / 7"]
CALLOUTS = ["<1>", "<2>", "\u2460", "\u2190 here", "[1]", "*"]
ELISIONS = [
    "...", "[...]", "[...snip...]", "<snip>", "(40 more lines like this)", "… and 12 more",
    "[truncated]", "-- snip --", "... (more than 30 like these)", "....", "[cut]", "etc.",
]  # fmt: skip


def lines_of(text: str) -> list[str]:
    return text.replace("\r", "").rstrip("\n").split("\n")


def prefixed(prefix: Callable[[int], str]) -> Variant:
    return lambda text, _: "\n".join(f"{prefix(n)}{one}" for n, one in enumerate(lines_of(text)))


def prompted(prompt: str) -> Variant:
    def typed(text: str, _: Random) -> str:
        return "\n".join(
            f"{prompt}{found['command']}" if (found := TYPED.match(one)) else one
            for one in lines_of(text)
        )

    return typed


def between(words: list[str], often: int = 3) -> Variant:
    """Words before rows; those that follow a row belong to it, so none is put there."""

    def put(text: str, random: Random) -> str:
        told = []
        for one in lines_of(text):
            if ROW.match(one) and not random.randrange(often):
                told.append(random.choice(words))
            told.append(one)
        return "\n".join(told)

    return put


def around(before: str, after: str) -> Variant:
    return lambda text, _: f"{before}\n{text.rstrip()}\n{after}\n"


def boxed(text: str, _: Random) -> str:
    rows = lines_of(text.expandtabs())
    width = max(map(len, rows))
    bar = "─" * (width + 2)
    return "\n".join([f"┌{bar}┐", *(f"│ {one:{width}} │" for one in rows), f"└{bar}┘"])


def in_json(text: str, _: Random) -> str:
    rows = [
        one.replace("\\", "\\\\").replace('"', "'").replace("\t", "\\t") for one in lines_of(text)
    ]
    return '"stdout_lines": [\n' + "".join(f'        "{one}",\n' for one in rows) + "    ]\n"


def as_web_page(text: str, _: Random) -> str:
    return "<p>" + "<br>\n".join(html.escape(one, quote=False) for one in lines_of(text)) + "</p>\n"


def in_a_mail(text: str, _: Random) -> str:
    encoded = quopri.encodestring(text.encode()).decode()
    return encoded if "=3D" in encoded else text


def with_other_blanks(text: str, random: Random) -> str:
    blank = random.choice("\u00a0\u2003\u3000")
    return re.sub(r"(?<=\S) (?=\S)|(?<=\S)  +(?=\S)", blank, text)


def with_nothings(text: str, random: Random) -> str:
    """Characters of no width, as chats and pages put them between words."""
    nothing = random.choice("\u200b\u200c\u200d\u2060\u200e\u200f\u00ad")
    return re.sub(r"(?<=\S) (?=\S)", f" {nothing}", text)


def typographic(text: str, _: Random) -> str:
    """Quotation marks and dashes as a word processor has them."""
    return re.sub(r'"([^"\n]*)"', "\u201c\\1\u201d", text).replace("-", "\u2013")


def as_entities(text: str, _: Random) -> str:
    return html.escape(text).replace("  ", "&nbsp;&nbsp;").replace(":", "&#58;")


def with_sequences(text: str, _: Random) -> str:
    """As script(1) records a terminal: titles, character sets, and what clears the line's end."""
    rows = lines_of(text)
    return "".join(f"\x1b]0;web01: ~\x07\x1b[?2004h\x1b(B\x1b[m{one}\x1b[K\r\r\n" for one in rows)


def in_a_pane(text: str, random: Random) -> str:
    """Out of tmux, where another pane is to the right."""
    rows = lines_of(text.expandtabs())
    width = max(map(len, rows)) + 1
    right = ["", "$ ", "$ tail -f app.log", "error: timeout", "~", "top - 10:00:01"]
    return "\n".join(f"{one:{width}}\u2502{random.choice(right)}" for one in rows)


def without_heading(text: str, _: Random) -> str:
    rows = lines_of(text)
    if any("State" not in one for one in rows if "Recv-Q" in one):
        return text
    rows = [one for one in rows if "Recv-Q" not in one]
    return "\n".join(rows) + "\n" if any(map(ANCHOR.search, rows)) else text


def coloured_by(begin: str, end: str) -> Variant:
    """With colours whose escape character was lost, or is shown."""
    return lambda text, _: STATE.sub(f"{begin}\\g<0>{end}", text)


def between_letters(mark: str) -> Variant:
    """With what cannot be seen, after each colon and full stop."""
    return lambda text, _: re.sub(r"(?<=\d)([.:])(?=\d)", f"\\1{mark}", text)


def behind(words: list[str], often: int = 3) -> Variant:
    """With somebody's remarks at the ends of rows."""

    def put(text: str, random: Random) -> str:
        return "\n".join(
            f"{one.rstrip()}   {random.choice(words)}"
            if ROW.match(one) and not random.randrange(often)
            else one
            for one in lines_of(text)
        )

    return put


def padded(text: str, _: Random) -> str:
    """As a terminal is copied whose rows are all of its width."""
    rows = [one.expandtabs() for one in lines_of(text)]
    width = max(map(len, rows))
    return "".join(f"{one:{width}}\n" for one in rows)


def as_one_string(text: str, _: Random) -> str:
    """As a program prints what another one printed."""
    return f"{text.encode()!r}\n"


def in_yaml(text: str, _: Random) -> str:
    rows = "".join(f"    - '{one}'\n" for one in lines_of(text))
    return f"web01:\n  stdout_lines:\n{rows}"


def escaped(text: str, _: Random) -> str:
    """As Markdown is written by a program: the marks that would mean something are escaped."""
    return re.sub(r"([*_\[\]])", r"\\\1", text)


def shown_whole(text: str, _: Random) -> str:
    """As cat -A shows it."""
    return "".join(f"{one}$\n" for one in lines_of(text)).replace("\t", "^I")


def linked(text: str, random: Random) -> str:
    """As mail programs, Slack and Markdown write what they took for a link."""
    link = random.choice([r"\1<http://\1>", r"<http://\1|\1>", r"[\1](http://\1)"])
    return re.sub(r"(?<!\S)(\d{1,3}(?:\.\d{1,3}){3}:(?:80|443|8080))(?!\S)", link, text)


def in_asciinema(text: str, _: Random) -> str:
    """As asciinema records a terminal."""
    rows = (
        json.dumps([round(n / 7, 6), "o", f"{one}\r\n"]) for n, one in enumerate(lines_of(text))
    )
    return "\n".join(['{"version": 2, "width": 160, "height": 40}', *rows])


def in_dockers_file(text: str, _: Random) -> str:
    """As Docker keeps what a container prints."""
    return "\n".join(
        json.dumps(
            {"log": f"{one}\n", "stream": "stdout", "time": f"2024-05-01T10:00:{n % 60:02}Z"}
        )
        for n, one in enumerate(lines_of(text))
    )


def in_a_journal(text: str, random: Random) -> str:
    """As journalctl shows it, where others write to the journal, too."""
    told = []
    for at, one in enumerate(lines_of(text)):
        time = f"May 01 10:{at // 60 % 60:02}:{at % 60:02}"
        if ROW.match(one) and not random.randrange(3):
            told.append(f"{time} {random.choice(JOURNAL)}")
        told.append(f"{time} web01 diag[123]: {one}")
    return "\n".join(told)


def in_the_journals_json(text: str, _: Random) -> str:
    """As journalctl -o json shows it: each record has a lot before its text."""
    fields = {
        "__CURSOR": "s=0123456789abcdef0123456789abcdef;i=4711;b=0123456789abcdef0123456789abcdef",
        "__REALTIME_TIMESTAMP": "1714557600123456",
        "_BOOT_ID": "0123456789abcdef0123456789abcdef",
        "_MACHINE_ID": "fedcba9876543210fedcba9876543210",
        "_SYSTEMD_CGROUP": "/system.slice/diag.service",
        "_HOSTNAME": "web01",
        "SYSLOG_IDENTIFIER": "diag",
        "_CMDLINE": "/bin/sh -c ss -tan",
    }
    return "\n".join(
        json.dumps({**fields, "MESSAGE": one, "PRIORITY": "6"}) for one in lines_of(text)
    )


def in_ansibles_debug(text: str, _: Random) -> str:
    """As its debug module shows a variable, with the recap of the play."""
    rows = ",\n".join(f"        {json.dumps(one)}" for one in lines_of(text))
    return (
        "PLAY [all] *********************\n\nTASK [debug] *******************\n"
        f'ok: [web01] => {{\n    "found.stdout_lines": [\n{rows}\n    ]\n}}\n\n'
        "PLAY RECAP *********************\n"
        "web01                      : ok=2    changed=1    unreachable=0    failed=0    skipped=0\n"
    )


def in_a_table(text: str, _: Random) -> str:
    """As Markdown has tables: the columns of rows, and of their heading."""
    told = []
    for one in lines_of(text):
        if COLUMNS.match(one):
            words = re.sub("(Local|Foreign|Peer) Address", "\\1\u00a0Address", one).split(" ")
            cells = [word.replace("\u00a0", " ") for word in words if word]
            told.append(f"| {' | '.join(cells)} |")
            if "Recv-Q" in one:
                told.append("|---" * len(cells) + "|")
        else:
            told.append(one)
    return "\n".join(told)


def mistyped(text: str, _: Random) -> str:
    """As script(1) records a command that was corrected while it was typed."""
    wrong = "x\x08\x1b[K", "y\x08 \x08"

    def typed(found: re.Match[str]) -> str:
        tool, rest = (
            found["command"].split(" ", 1) if " " in found["command"] else (found["command"], "")
        )
        return f"{found['indent']}{found['prompt']} {tool}{wrong[0]} {rest}{wrong[1]}"

    return "\n".join(TYPED.sub(typed, one) for one in lines_of(text))


def as_a_list(text: str, _: Random) -> str:
    """As Python prints the lines of a text."""
    return f"{lines_of(text)!r}\n"


def in_quotes(text: str, _: Random) -> str:
    return "".join(f"'{one}',\n" for one in lines_of(text))


SINGLE: dict[str, Variant] = {
    **{f"after {name}": prefixed(prefix) for name, prefix in PREFIXES.items()},
    **{f"prompt {prompt!r}": prompted(prompt) for prompt in PROMPTS},
    "prose between": between(SENTENCES),
    "elisions": between(ELISIONS, 4),
    "prose around": around("Hello,\n\nplease see this:\n", "\nWhat can I do?\n\nThanks\n"),
    "a fence": around("```bash", "```"),
    "a fence of tildes": around("~~~", "~~~"),
    "Jira": around("{noformat}", "{noformat}"),
    "Jira's code": around("{code:title=web01|bash}", "{code}"),
    "HTML": around("<pre><code class=\"bash\">", "</code></pre>"),
    "details": around("<details><summary>ss</summary>\n", "</details>"),
    "a quotation": around("[quote]", "[/quote]"),
    "Teams": around("[10:02] Doe, Jane", "[10:05] Doe, John\nthanks :+1: \U0001f44d"),
    "Slack": around("jdoe  10:02 AM\n:point_down: this is web01 \U0001f447", ":eyes: 2\n3 replies"),
    "a banner": around(
        "Warning: Permanently added 'web01' (ED25519) to the list of known hosts.\n"
        "*****\n* Authorized users only! *\n*****\nLast login: Wed May  1 09:00:00 2024",
        "Connection to web01 closed.",
    ),
    "a password": around("[sudo] password for jdoe: \nSorry, try again.", ""),
    "salt": around("web01:\n----------", ""),
    "clush -b": around("---------------\nweb01\n---------------", ""),
    "org": around("#+begin_example", "#+end_example"),
    "reStructuredText": around(".. code-block:: console\n", ""),
    "asciidoc": around("[source,console]\n----", "----"),
    "a menu": around("bash\nCopy code", "Copy\nRaw\nView raw"),
    "sequences": with_sequences,
    "a pane": in_a_pane,
    "entities": as_entities,
    "typography": typographic,
    "nothings": with_nothings,
    "script": around("Script started on 2024-05-01 10:00:00+02:00", "Script done on 2024-05-01"),
    "ansible": around("web01 | CHANGED | rc=0 >>", ""),
    "boxed": boxed,
    "JSON": in_json,
    "a web page": as_web_page,
    "a mail's encoding": in_a_mail,
    "coloured": coloured_by("\x1b[1;32m", "\x1b[0m"),
    "other blanks": with_other_blanks,
    "without heading": without_heading,
    "CRLF": lambda text, _: "\r\n".join(lines_of(text)),
    "CR": lambda text, _: "\r".join(lines_of(text)),
    "blank lines": lambda text, _: "\n\n".join(lines_of(text)),
    "blanks behind": lambda text, _: "".join(f"{one}    \n" for one in lines_of(text)),
    "a backslash behind": lambda text, _: "".join(f"{one} \\\n" for one in lines_of(text)),
    "tabs": lambda text, _: re.sub(r"(?<=\S) {2,}(?=\S)", "\t", text),
    "one blank": lambda text, _: re.sub(r"(?<=\S) {2,}(?=\S)", " ", text),
    "UTF-8 with its mark": lambda text, _: f"\ufeff{text}",
    "colours without escape": coloured_by("[1;32m", "[0m"),
    "colours by cat -v": coloured_by("^[[1;32m", "^[[0m"),
    "colours in a log": coloured_by(r"\\u001b[32m", r"\\u001b[0m"),
    "colours that erase": coloured_by("\x1b[01;31m\x1b[K", "\x1b[m\x1b[K"),
    "zero width": between_letters("\u200b"),
    "joiners": between_letters("\u2060"),
    "wide colons": lambda text, _: re.sub(r"(?<=\d):(?=\d)", "\uff1a", text),
    "blanks read twice": lambda text, _: re.sub(r"(?<=\S) (?=\S)", "\u00c2\u00a0", text),
    "remarks behind": behind(["<-- this one", "# why?", "<=== here!", "// stuck", "(!)"]),
    "elisions behind": behind(["...", "[...]", "\u2026", "<snip>"]),
    "padded": padded,
    "one string": as_one_string,
    "YAML": in_yaml,
    "escaped": escaped,
    "cat -A": shown_whole,
    "links": linked,
    "bold": lambda text, _: "".join(f"**{one}**\n" for one in lines_of(text) if one.strip()),
    "code in a line": lambda text, _: "".join(f"`{one}`\n" for one in lines_of(text)),
    "CDATA": around("<output><![CDATA[", "]]></output>"),
    "asciinema": in_asciinema,
    "Docker's file": in_dockers_file,
    "a list": as_a_list,
    "quotes": in_quotes,
    "LaTeX": around("\\begin{verbatim}", "\\end{verbatim}"),
    "a shell's document": around("cat <<'EOF'", "EOF"),
    "Confluence": around(
        '<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[',
        "]]></ac:plain-text-body></ac:structured-macro>",
    ),
    "PuTTY": around("=~=~=~=~=~=~=~= PuTTY log 2024.05.01 10:00:00 =~=~=~=~=~=~=~=", ""),
    "a literal block": lambda text, _: "::\n\n" + "".join(f"    {one}\n" for one in lines_of(text)),
    "Discord": around("jdoe \u2014 Today at 10:02 AM", "(edited)\n\U0001f440 2"),
    "an answer": around("Hi,\n\nJane Doe wrote:", "> --\n> Jane"),
    "Stack Overflow": around("Share  Improve this question", "asked May 1 at 10:00\njdoe\n1,234"),
    "GitHub's button": around("```console\n", "```\nEdited by jdoe"),
    "screen": lambda text, random: "\n" * 3 + padded(text, random) + "\n" * 9,
    "less": around("", "~\n~\nlines 1-23/23 (END)"),
    "more": between(["--More--", "--More--(45%)", ":"], 6),
    "pssh": around("[1] 10:00:01 [SUCCESS] web01", ""),
    "Outlook": around(
        "From: Doe, Jane <jane@example.com>\nSent: Wednesday, May 1, 2024 10:02 AM\n"
        "To: Doe, John; Operations\nCc: Roe, Richard\nSubject: RE: web01 hangs\n\nHi John,\n",
        "\n________________________________\nFrom: Doe, John\nSent: Tuesday, April 30, 2024\n"
        "To: Doe, Jane\nSubject: web01 hangs",
    ),
    "Bugzilla": around("(In reply to Jane Doe from comment #3)", "You receive this mail because:"),
    "Trac": around("{{{\n#!console", "}}}"),
    "tmux": around("", '[0] 0:bash- 1:ssh*                     "web01" 10:02 01-May-24'),
    "pages": between(PAGES, 5),
    "callouts": behind(CALLOUTS),
    "a journal": in_a_journal,
    "the journal's JSON": in_the_journals_json,
    "ansible's debug": in_ansibles_debug,
    "a table": in_a_table,
    "typing errors": mistyped,
    "kubectl debug": around(
        'Targeting container "app". If you don\'t see processes from this container it may be '
        "because the container runtime doesn't support this feature.\n"
        "If you don't see a command prompt, try pressing enter.",
        'pod "node-debugger-web01" deleted',
    ),
    "kubectl": around(
        'Defaulted container "app" out of: app, istio-init (init)',
        "command terminated with exit code 1",
    ),
    "ssh": around(
        "Warning: Permanently added '10.9.8.7' (ED25519) to the list of known hosts.\n"
        "############\n# Authorized use only #\n############\n"
        "Last login: Wed May  1 09:58:11 2024 from 10.9.8.6",
        "Connection to web01 closed.",
    ),
    "Ubuntu's welcome": around(
        "Welcome to Ubuntu 22.04.4 LTS (GNU/Linux 5.15.0-105-generic x86_64)\n\n"
        "  System load:  0.08              Processes:             119\n"
        "  Usage of /:   19.4% of 24.05GB   IPv4 address for eth0: 10.9.8.7\n\n"
        "*** System restart required ***",
        "",
    ),
}  # fmt: skip


def one_line(text: str, _: Random) -> str:
    """All rows in one line, where the tool's rows are known for what they are."""
    rows = [one for one in lines_of(text) if ANCHOR.match(one.lstrip()) or not one.strip()]
    return " ".join(" ".join(rows).split()) if len(rows) == len(lines_of(text)) else text


# --- what is told apart by more than its clothes


MASKS = [
    "10.xx.xx.{}", "<host{}>", "REDACTED_{}", "db{}.example", "203.x.*.{}", "{}.<hidden>",
    "<our ip {}>",
]  # fmt: skip


def masked(text: str, random: Random) -> tuple[str, dict[str, str]]:
    """Each address as something else, the same one always as the same; and what became of them."""
    masks: dict[str, str] = {}

    def other(found: re.Match[str]) -> str:
        address = found[0]
        if address in {"0.0.0.0", "127.0.0.1"}:
            return address
        number = len(masks) + 1
        kind = random.choice(MASKS)
        return masks.setdefault(address, kind.format(number))

    return re.sub(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?=\]?:[\w*])", other, text), masks


def hard_wrapped(text: str, random: Random) -> str:
    """As a terminal breaks lines: at its width, in the middle of words and numbers."""
    return wrapped(text, random.choice([100, 132, 150]))


def narrowly_wrapped(text: str, random: Random) -> str:
    """As a small terminal does, or a large one whose letters are large."""
    return wrapped(text, random.choice([61, 70, 80, 87, 93]))


def wrapped(text: str, width: int) -> str:
    return "\n".join(
        one[start : start + width]
        for one in lines_of(text.expandtabs())
        for start in range(0, max(1, len(one)), width)
    )


def soft_wrapped(text: str, random: Random) -> str:
    """As a mail program does: at a blank."""
    width, told = random.choice([72, 76, 78]), []
    for line in lines_of(text):
        rest = line.rstrip()
        while len(rest) > width and (cut := rest.rfind(" ", 1, width)) > len(rest) - len(
            rest.lstrip()
        ):
            told.append(rest[:cut])
            rest = rest[cut + 1 :]
        told.append(rest)
    return "\n".join(told)


def cut_to(text: str, width: int, mark: str = "") -> str:
    """The left part of each line; where one goes on, the mark is in the last column."""
    kept = width - len(mark)
    return "\n".join(
        f"{one[:kept]}{mark}" if len(one) > width else one for one in lines_of(text.expandtabs())
    )


def cut_by_less(text: str, random: Random) -> str:
    """As less -S shows it."""
    return cut_to(text, random.choice([80, 100, 120]), ">")


def cut_off(text: str, random: Random) -> str:
    """As cut -c1-N leaves it, or a screen that is copied."""
    return cut_to(text, random.choice([72, 80, 100, 120, 132]))
