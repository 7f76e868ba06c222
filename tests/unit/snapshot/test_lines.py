# SPDX-License-Identifier: GPL-2.0-or-later
"""Strings, lists and records of logs are the lines that are in them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from netlab.snapshot.parse import lines

SHOWN = ["$ ss -tan", "ESTAB 0 0 192.0.2.30:8080 198.51.100.5:51000", 'users:(("web",pid=7,fd=3))']
BEFORE = ["", "web01: ", "   1   \u2502 ", "2024-05-01 10:00:00,001 INFO  diag - ", " * "]


def read(text: str) -> list[str]:
    return [line for _, line in lines.numbered(text.encode())]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("written", [repr, json.dumps])
def test_a_list_is_its_strings_whatever_stands_before_it(
    before: str, written: Callable[[object], str]
) -> None:
    text = before + written(SHOWN).replace('\\"', '"')
    assert read(text) == [f"{before}{one}" for one in SHOWN]


def test_what_is_of_the_same_object_stands_before_none_of_them() -> None:
    text = (
        '{"rc": 0, "cmd": ["ss"], "stdout_lines": ["State Recv-Q", "LISTEN 0 128"], "stderr": ""}'
    )
    assert read(text) == ["State Recv-Q", "LISTEN 0 128"]
    text = '{"cmd": ["ss", "-tan"], "stdout_lines": ["State Recv-Q", "LISTEN 0 128"], "other": []}'
    assert read(text) == ["State Recv-Q", "LISTEN 0 128"]


def test_a_command_in_parts_hides_no_output() -> None:
    text = r'{"cmd": ["ss", "-tan"], "stdout": "State Recv-Q\nLISTEN 0 128"}'
    assert read(text)[1] == 'LISTEN 0 128"}'


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize(
    "record",
    ['{{"log": {}, "stream": "stdout"}}', '{{"level":"info","msg":{}}}', '[1.25, "o", {}]'],
)
def test_a_record_is_the_lines_of_its_text(before: str, record: str) -> None:
    text = "\n".join(before + record.format(json.dumps(f"{one}\r\n")) for one in SHOWN)
    assert read(text) == [f"{before}{one}" for one in SHOWN]


def test_a_record_in_a_record_is_read_too() -> None:
    inner = json.dumps([0.5, "o", "LISTEN 0 128 *:80 *:*\r\n"])
    assert read(json.dumps({"log": f"{inner}\n"})) == ["LISTEN 0 128 *:80 *:*"]


def test_characters_that_a_record_has_escaped_are_what_they_were() -> None:
    row = "ESTAB 0 0 192.0.2.30\u200b:8080\u00a0198.51.100.5:51000 sk:7 <->"
    told = r'{"log":"ESTAB 0 0 192.0.2.30\u200b:8080\u00a0198.51.100.5:51000 sk:7 \u003c-\u003e\n"}'
    assert json.loads(told)["log"] == f"{row}\n"
    assert read(told) == ["ESTAB 0 0 192.0.2.30:8080 198.51.100.5:51000 sk:7 <->"]


@pytest.mark.parametrize(
    "written", ["\\ud83d", "\\ud83d\\ude00", "\\xe2\\x80\\x8b", "\\xa0", "\\xff"]
)
def test_half_a_character_is_none_and_breaks_nothing(written: str) -> None:
    for text in (f'{{"log":"a {written} b\\n"}}', f"['a {written} b', 'c']"):
        for line in read(text):
            assert line.encode()


@pytest.mark.parametrize(
    "typed",
    [
        "ss -tanx\x08\x1b[K",
        "ssy\x08 \x08 -tan",
        "sss\x08\x1b[K -taan\x08\x08n\x1b[K",
        "s\x08s\x1b[1ms\x08s -tan",
    ],
)
def test_what_was_typed_wrong_and_corrected_is_not_there(typed: str) -> None:
    assert read(f"$ {typed}") == ["$ ss -tan"]


def test_a_record_has_anything_before_its_text() -> None:
    fields = {f"_{name}": "0123456789abcdef" * 2 for name in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
    assert read(json.dumps({**fields, "MESSAGE": SHOWN[1], "PRIORITY": "6"})) == [SHOWN[1]]


@pytest.mark.parametrize("before", ["", "    default: ", "  12\u2502 "])
@pytest.mark.parametrize("bar", ["|", "||"])
def test_a_row_of_a_table_is_its_cells(bar: str, before: str) -> None:
    rows = ["State  Recv-Q  Local Address:Port", "LISTEN  0  *:80"]
    table = [f"{before}{bar} {row.replace('  ', f' {bar} ')} {bar}" for row in rows]
    assert read("\n".join([table[0], f"{before}|---|:-:|--:|", table[1]])) == [
        f"{before}{row}" for row in rows
    ]
    assert read(f"'{table[1]}',") == [f"{before}{rows[1]}"]
    assert read("| LISTEN 0 128 *:80 *:* |") == ["| LISTEN 0 128 *:80 *:* |"]


def test_a_page_in_which_a_list_is_shown_is_read() -> None:
    text = "[&#x27;State Recv-Q&#x27;, &#x27;LISTEN&nbsp;0 128 *&#58;80 *&#58;*&#x27;]"
    assert read(text) == ["State Recv-Q", "LISTEN 0 128 *:80 *:*"]


@pytest.mark.parametrize("odd", ["['", "['a'],", "['a', ", '{"', "[1.", r"\u00", "']", '{"log":"'])
def test_a_long_line_costs_as_much_as_it_is_long(odd: str) -> None:
    """Not the square of it: ten times as long, it may cost thirty times as much, not a hundred."""

    def cost(length: int) -> float:
        data = (odd * (length // len(odd))).encode()
        begun = time.process_time()
        for _ in lines.numbered(data):
            pass
        return time.process_time() - begun

    assert cost(400_000) < 30 * max(cost(40_000), 0.005)


@pytest.mark.parametrize("line", [
    "ESTAB 0 0 [2001:db8::1]:80 [2001:db8::2]:51000 users:((\"a\",pid=1,fd=3))",
    "it said ['no'] to me", '[[["', "[' ', ", '{"log": 5}',
])  # fmt: skip
def test_what_is_neither_stays_as_it_is(line: str) -> None:
    assert read(line) == [line.rstrip()]


@pytest.mark.parametrize("escape", ["\\u001b", "\\\\u001b", "\\\\\\\\u001b", "\\x1b", "\\\\033"])
def test_a_colour_that_was_written_into_a_string_of_a_string_is_gone(escape: str) -> None:
    assert read(f"{escape}[32mLISTEN{escape}[0m 0 128 *:80 *:*") == ["LISTEN 0 128 *:80 *:*"]


def test_and_so_is_what_markdown_was_escaped_with_twice() -> None:
    assert read(r"tcp 0 0 \\*:80 \\*:\\* TIME\\_WAIT") == ["tcp 0 0 *:80 *:* TIME_WAIT"]


@pytest.mark.parametrize("character", ["\t", "\\u001b[32m", "'", "\u200b"])
def test_what_a_string_has_escaped_is_what_it_was(character: str) -> None:
    row = f"ESTAB{character} 0 0 *:80 *:*"
    plain = read(row)
    assert read(repr([row, "LISTEN"])) == [*plain, "LISTEN"]
    assert read(repr(f"{row}\nLISTEN")) == [*plain, "LISTEN"]
    assert read(repr(repr(f"{row}\nLISTEN"))) == [*plain, "LISTEN"]


@pytest.mark.parametrize("around", ["    - '{}'", '        "{}",', "\\[{}\\]"])
def test_a_list_in_another_string_or_with_marks_escaped_is_its_strings(around: str) -> None:
    strings = ["$ ss", "LISTEN 0 128 *:80 *:*"]
    listed = repr(strings)
    assert read(around.format(listed[1:-1] if "[" in around else listed)) == strings


def test_the_strings_of_a_list_may_end_their_lines() -> None:
    assert read(repr([f"{one}\n" for one in SHOWN])) == SHOWN


def test_marks_of_other_strings_in_a_string_of_a_list_end_none() -> None:
    records = [json.dumps({"log": f"{one}\n", "stream": "stdout"}) for one in SHOWN]
    assert read(repr(records)) == SHOWN


@pytest.mark.parametrize("blank", ["\u3000", "\u00a0", " \u200b"])
def test_blanks_of_any_kind_are_between_the_strings_of_a_list(blank: str) -> None:
    assert read(repr(SHOWN).replace(", ", f",{blank}")) == SHOWN
    record = json.dumps([0.142857, "o", f"{SHOWN[1]}\r\n"])
    assert read(record.replace(", ", f",{blank}").replace("0.", "0.\u200b")) == [SHOWN[1]]


def test_a_record_in_which_markdown_has_escaped_marks_is_read() -> None:
    assert read(r'\[0.5, "o", "LISTEN 0 128 \*:80 \*:\*\r\n"\]') == ["LISTEN 0 128 *:80 *:*"]


def test_a_string_in_a_record_ends_before_the_end_of_its_line() -> None:
    string = repr("\n".join(SHOWN[:2]).encode())
    assert read(json.dumps([0.5, "o", f"{string}\r\n"])) == SHOWN[:2]


def test_a_list_in_a_record_is_read_and_a_record_in_quotes() -> None:
    assert read(json.dumps([0.5, "o", f"{SHOWN!r}\r\n"])) == SHOWN
    records = [json.dumps({"log": f"{one}\n", "stream": "stdout"}) for one in SHOWN]
    assert read("".join(f"'{one}',\n'',\n" for one in records)) == SHOWN


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("written", [repr, lambda text: repr(text.encode())])
def test_a_string_is_its_lines_whatever_stands_before_it(
    before: str, written: Callable[[str], str]
) -> None:
    text = before + written("\n".join(SHOWN).replace('"', "") + "\n")
    assert read(text) == [f"{before}{one}".replace('"', "") for one in SHOWN]


@pytest.mark.parametrize("name", ["stdout: ", "  stdout_lines: ", "msg: ", '"output": '])
def test_the_name_of_a_string_or_a_list_stands_before_none_of_its_lines(name: str) -> None:
    assert read(name + repr(SHOWN)) == SHOWN
    if name[0] != '"':
        assert read(name + repr("\n".join(SHOWN[:2]))) == SHOWN[:2]


def test_a_list_of_one_string_is_that_if_it_is_the_whole_line() -> None:
    assert read("['LISTEN\\t0 128 *:80 *:*']") == ["LISTEN\t0 128 *:80 *:*"]


@pytest.mark.parametrize("behind", [" \\", " \\\x1b[K", "\u00c2\u00a0\\"])
def test_what_a_shell_would_join_with_the_next_line_is_no_part_of_it(behind: str) -> None:
    assert read(f"LISTEN 0 128 *:80 *:*{behind}") == ["LISTEN 0 128 *:80 *:*"]


def test_a_tag_before_a_line_moves_nothing() -> None:
    assert read("<p>  <b>LISTEN</b> 0 128 *:80 *:*<br>\n  LISTEN 0</p>") == [
        "   LISTEN  0 128 *:80 *:*", "  LISTEN 0",
    ]  # fmt: skip


@pytest.mark.parametrize("before", ["", "web01: "])
def test_what_a_string_of_json_has_escaped_is_what_it_was_on_a_line_of_its_own(before: str) -> None:
    row = 'LISTEN\u200d\u00a00 128 *:80 *:* users:(("web",pid=7,fd=3))'
    (found,) = read(f"{before}        {json.dumps(row)},")
    assert found.endswith(
        'LISTEN 0 128 *:80 *:* users:(("web",pid=7,fd=3))' + ('",' if before else "")
    )


def test_a_record_that_python_shows_is_read() -> None:
    assert read(repr([0.5, "o", f"{SHOWN[1]}\r\n"])) == [SHOWN[1]]


def test_a_list_in_a_string_of_json_is_escaped_twice() -> None:
    listed = repr(["     1\tLISTEN", "     2\tESTAB"])
    assert read(f"        {json.dumps(listed)},") == ["     1\tLISTEN", "     2\tESTAB"]


def test_a_page_in_strings_of_a_list_is_read() -> None:
    assert read("- '<p>LISTEN 0<br>'\n- 'ESTAB 0</p>'") == ["LISTEN 0", "ESTAB 0"]


@pytest.mark.parametrize("form", ["| {} | 0 | 0 |", "**{}  0  0**", "'{}  0  0',", "{}  0  0 \\"])
def test_what_stood_before_the_ends_that_cat_shows_is_taken_off_too(form: str) -> None:
    rows = [form.format(state) for state in ("LISTEN", "ESTAB")]
    assert read("".join(f"{row}$\n" for row in rows)) == ["LISTEN  0  0", "ESTAB  0  0"]


def test_a_recording_in_one_string_is_read() -> None:
    records = "\n".join(json.dumps({"log": f"{one}\n", "stream": "stdout"}) for one in SHOWN)
    assert read(f"{records.encode()!r}") == SHOWN


def test_a_page_in_which_a_record_is_shown_is_read() -> None:
    record = json.dumps([0.5, "o", f"{SHOWN[1]}\r\n"])
    assert read(record.replace('"', "&quot;")) == [SHOWN[1]]


def test_a_record_in_which_a_page_is_shown_is_read() -> None:
    page = SHOWN[2].replace('"', "&quot;").replace(":", "&#58;")
    assert read(json.dumps({"log": f"{page}\n"})) == [SHOWN[2]]


@pytest.mark.parametrize("mark", ["**", "__", "`", "'", '"'])
def test_a_line_that_is_set_off_is_what_is_in_it(mark: str) -> None:
    """Where each line is, a word alone is a piece of a row, too, and names no host."""
    rows = ["State Recv-Q Send-Q Local Address:Port Peer Address:Po", "rt", "LISTEN 0 128 *:80 *:*"]
    assert read("".join(f"{mark}{row}{mark}\n" for row in rows)) == rows


@pytest.mark.parametrize("form", ["    - '{}'", '        "{}",', '- "{}"', "'{}',"])
def test_a_string_of_a_list_of_some_lines_is_what_is_in_it(form: str) -> None:
    pieces = ["LISTEN 0 128 *:80 *:", "*  users:(('web',pid=7,fd=3))", "ts sack"]
    assert read("\n".join(map(form.format, pieces))) == pieces


@pytest.mark.parametrize("line", ['"a", "b"', '"a": "b",', "'LISTEN','0'", '"users" "b"'])
def test_a_line_of_several_strings_stays_as_it_is(line: str) -> None:
    assert read(line) == [line]


@pytest.mark.parametrize("end", ["$", "$$", "^M$", "$   ", "$ |", "$ \u2502", "$<br>", "$</p>"])
def test_the_ends_of_lines_that_cat_shows_are_none(end: str) -> None:
    rows = ["LISTEN^I0 128 *:80 *:*", "ESTAB 0 0 *:80 *:*"]
    text = "\n".join(
        ["Hello,", "see", "this", *(f"{row}{end}" for row in rows), f"{end}", "Thanks"]
    )
    found = [line.rstrip(" |\u2502") for line in read(text)]
    assert [line for line in found if line] == [
        "Hello,", "see", "this", "LISTEN\t0 128 *:80 *:*", rows[1], "Thanks",
    ]  # fmt: skip
    assert read(f"ESTAB 0 0 *:80 *:*{end}")[0].rstrip(" |\u2502") == rows[1]


def test_and_they_are_none_in_records_and_lists() -> None:
    shown = [f"{one}$" for one in SHOWN]
    assert read(repr(shown)) == SHOWN
    records = [json.dumps([0.5, "o", f"{one}\r\n"]) for one in shown]
    assert read("\n".join(records)) == SHOWN
    assert read("\n".join(f"{record}$" for record in records)) == SHOWN


def test_a_prompt_is_no_such_end() -> None:
    prompts = ["[root@web1 ~]$", "[root@web1 ~]$", "me@web1:/var/log$", "LISTEN 0 128 *:80 *:*"]
    assert read("\n".join(prompts)) == prompts
