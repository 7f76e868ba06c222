# SPDX-License-Identifier: GPL-2.0-or-later
"""The collector in real shells, with what hosts have and lack: it shows what ss has there."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from netlab.diagnosis.rank import diagnose
from netlab.linux.privileges import in_user_namespace
from netlab.model.tcp import State
from netlab.model.vocabulary import Family
from netlab.snapshot import collector
from netlab.snapshot.collect import SYSCTLS, collect
from netlab.snapshot.columns import ANY
from netlab.snapshot.parse import read
from netlab.snapshot.records import Sample, Snapshot
from netlab.testbed.lab import Lab
from tests.kernel import tools
from tests.programs import need
from tests.rights import NOBODY

from .shell import PATIENCE, netlab

#: Each as it is called, and so that it is no more than POSIX asks for, where it knows how.
SHELLS = {"dash": "dash", "bash": "bash --posix", "busybox": "busybox sh"}
#: Programs, by what a host has: the first of each kind is used.
EVERYTHING = ("ss", "netstat", "nstat", "date", "sleep", "cat")
REAL_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or in_user_namespace(), reason="becomes another user, as root of the machine"
)


@pytest.fixture
def netlab_family() -> Family:
    """The sockets of `crowd` are of both families anyway."""
    return Family.IPV4


@pytest.fixture
def crowd(lab: Lab) -> Iterator[Lab]:
    """A lab whose server has sockets in every state that lasts, and a queue that is too full."""
    client, server = lab.hosts
    server.listen()
    client.connect()
    server.accept()
    client.send("unread")
    client.connect()
    server.accept()
    client.close()
    lab.expect(State.FIN_WAIT2, State.CLOSE_WAIT)
    with ExitStack() as stack:
        with server.namespace:
            listener = stack.enter_context(
                socket.create_server(
                    ("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True, backlog=0
                )
            )
            held = stack.enter_context(socket.create_connection(("::1", 8080)))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            stack.enter_context(listener.accept()[0])
            stack.enter_context(socket.create_connection(("127.0.0.1", 8080)))  # never accepted
        yield lab


def shell(name: str) -> list[str]:
    program, *options = SHELLS[name].split()
    return [need(program), *options]


def having(folder: Path, *programs: str) -> str:
    """A PATH on which nothing is but these programs."""
    folder.mkdir()
    for name in programs:
        (folder / name).symlink_to(need(name))
    return str(folder)


def collected(
    lab: Lab, command: list[str], *, over_stdin: bool = True, seconds: int = 1, path: str = ""
) -> str:
    """What the collector prints at the server. It always ends well, and complains of nothing."""
    script = collector.SCRIPT.read_text()
    words = ["-s", "--"] if over_stdin else [str(collector.SCRIPT)]
    with lab.server.namespace:
        done = subprocess.run(
            [*command, *words, "-t", str(seconds)], input=script if over_stdin else "",
            capture_output=True, text=True, check=False, timeout=PATIENCE,
            env={"PATH": path} if path else {**os.environ},
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("# netlab collector 1")
    assert done.stdout.endswith("#: end\n")
    return done.stdout


def found_in(text: str) -> Snapshot:
    (found,) = read(text, "collected.txt")
    return found


def listed(lab: Lab) -> list[tuple[State, int, tuple[str, int], tuple[str, int]]]:
    """The server's sockets as ss has them, read without netlab: state, bytes to read, ends."""
    return sorted(
        (each.state, each.rx_queue, _plain(each.local), _plain(each.remote))
        for each in tools.sockets(lab.server)
    )


def _plain(end: tuple[str, int]) -> tuple[str, int]:
    address = end[0].removeprefix("::ffff:")
    return (ANY if address in {"0.0.0.0", "::"} else address), end[1]


def shown(sample: Sample) -> list[tuple[State, int, tuple[str, int], tuple[str, int]]]:
    return sorted((each.state, each.rx_queue, each.local, each.remote) for each in sample.sockets)


@pytest.mark.parametrize("over_stdin", [True, False], ids=["over stdin", "as a file"])
@pytest.mark.parametrize("name", SHELLS)
def test_every_shell_shows_what_ss_shows(crowd: Lab, name: str, over_stdin: bool) -> None:
    crowd.server.sysctl("net.ipv4.tcp_fin_timeout", 17)
    before = time.time()
    text = collected(crowd, [*shell(name), "-eu"], over_stdin=over_stdin)
    after = time.time()
    found = found_in(text)
    first, second = found.samples
    expected = listed(crowd)
    assert {state for state, *_ in expected} == {
        State.LISTEN, State.ESTABLISHED, State.CLOSE_WAIT,
    }  # fmt: skip
    assert shown(first) == shown(second) == expected
    assert found.name == os.uname().nodename
    assert first.at is not None
    assert second.at is not None
    assert before - 1 <= first.at <= after  # BusyBox's date has whole seconds
    assert second.at - first.at >= 0.98  # to the hundredth, as the kernel says its own time
    assert first.source == "ss -tanoeip"
    assert all(f"pid={os.getpid()}," in each.owner for each in second.sockets if each.inode)
    (ours,) = _ours(crowd)
    assert second.sysctls == ours.sysctls
    assert second.sysctls["tcp_fin_timeout"] == "17"
    assert second.notes == ()
    assert not re.search(r" $", text[text.index("#: sockets") :], re.MULTILINE)  # as ss fills lines


def _ours(lab: Lab) -> tuple[Sample, ...]:
    from netlab.snapshot import rows

    with lab.server.namespace:
        return rows.snapshot("server", collect()).samples


def test_counters_are_those_of_nstat(crowd: Lab, tmp_path: Path) -> None:
    for number, programs in enumerate((EVERYTHING, ("ss", "cat"))):
        path = having(tmp_path / str(number), *programs)
        judged = tools.inside(crowd.server, "nstat", "-azs")
        (*_, sample) = found_in(collected(crowd, shell("dash"), path=path)).samples
        for name in ("TcpPassiveOpens", "TcpActiveOpens", "ListenOverflows", "TCPOrigDataSent"):
            count = re.search(rf"^(?:TcpExt)?{name} +(\d+)", judged, re.MULTILINE)
            assert count, judged
            assert sample.counters[name] == int(count[1])
        assert sample.counters["TcpPassiveOpens"] == 4


@pytest.mark.parametrize(
    ("programs", "source"),
    [
        (("ss", "nstat", "date", "sleep", "cat"), "ss -tanoeip"),
        (("ss",), "ss -tanoeip"),
        (("netstat", "nstat", "date", "sleep", "cat"), "netstat -tanopeW"),
        (("nstat", "date", "sleep", "cat"), "/proc/net/tcp, /proc/net/tcp6"),
        (("sleep",), "/proc/net/tcp, /proc/net/tcp6"),
        ((), "/proc/net/tcp, /proc/net/tcp6"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else "",
)
@pytest.mark.parametrize("name", ["dash", "bash"])
def test_it_uses_what_is_there(
    crowd: Lab, tmp_path: Path, name: str, programs: tuple[str, ...], source: str
) -> None:
    text = collected(crowd, [*shell(name), "-eu"], path=having(tmp_path / "bin", *programs))
    samples = found_in(text).samples
    assert len(samples) == (2 if "sleep" in programs else 1)
    for sample in samples:
        assert shown(sample) == listed(crowd)
        assert sample.source == source
        assert sample.at is not None
        assert abs(sample.at - time.time()) < PATIENCE
        assert sample.counters["TcpPassiveOpens"] == 4
        if name == "dash" and "cat" not in programs:
            assert not sample.sysctls  # dash would read the first digit of each
        else:
            assert sample.sysctls == _ours(crowd)[0].sysctls
    missing = {*re.findall(r"^#: missing (\S+)$", text, re.MULTILINE)}
    assert missing & {*EVERYTHING} == {*EVERYTHING} - {*programs}
    notes = " ".join(samples[-1].notes)
    assert ("one look" in notes) == ("sleep" not in programs)


def test_a_full_queue_is_known_only_where_ss_shows_its_length(crowd: Lab, tmp_path: Path) -> None:
    """Not from what stands beside it: /proc/net/netstat has counters, and is no netstat."""
    causes = []
    for number, programs in enumerate((("ss", "cat"), ("cat",))):
        path = having(tmp_path / str(number), *programs)
        found = found_in(collected(crowd, shell("dash"), path=path))
        causes.append({finding.cause for finding in diagnose([found]).findings})
    assert "accept-queue-full" in causes[0]
    assert "accept-queue-full" not in causes[1]


def test_busybox_alone_in_a_container_without_sys(crowd: Lab, tmp_path: Path) -> None:
    """A root with one program, and below it /proc, no /sys and nothing that can be written."""
    root = tmp_path / "root"
    for folder in ("bin", "proc", "dev"):
        (root / folder).mkdir(parents=True)
    (root / "bin" / "busybox").write_bytes(Path(need("busybox")).read_bytes())
    (root / "bin" / "busybox").chmod(0o755)
    place = shlex.quote(str(root))
    inside = (
        f"mount --bind {place} {place} && mount --rbind /dev {place}/dev && "
        f"mount --rbind /proc {place}/proc && mount -o remount,bind,ro {place} && "
        f"exec {need('busybox')} chroot {place} "
        "/bin/busybox env -i PATH=/bin /bin/busybox sh -eu -s -- -t 1"
    )
    namespaces = ["-m"] if os.geteuid() == 0 else ["-Urm"]
    with crowd.server.namespace:
        done = subprocess.run(
            [need("unshare"), *namespaces, "sh", "-c", inside],
            input=collector.SCRIPT.read_text(), capture_output=True, text=True, check=False,
            timeout=PATIENCE,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = found_in(done.stdout)
    assert [shown(sample) for sample in found.samples] == [listed(crowd)] * 2
    assert found.samples[0].source == "/proc/net/tcp, /proc/net/tcp6"
    assert "#: tool sleep" in done.stdout  # one of BusyBox's own


@REAL_ROOT
@pytest.mark.parametrize("name", SHELLS)
def test_an_ordinary_user_sees_every_socket(crowd: Lab, name: str) -> None:
    as_nobody = [need("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--"]
    found = found_in(collected(crowd, [*as_nobody, *shell(name), "-eu"]))
    assert [shown(sample) for sample in found.samples] == [listed(crowd)] * 2
    assert not any(each.owner for each in found.samples[0].sockets)  # they are root's


def test_it_writes_nothing_and_connects_to_nobody(crowd: Lab) -> None:
    """As strace sees it: every file is opened to be read, but the terminal's and the nowhere."""
    log = ["-f", "-qq", "-e", "trace=open,openat,creat,unlink,unlinkat,rename,mkdir,connect"]
    with crowd.server.namespace:
        done = subprocess.run(
            [need("strace"), *log, *shell("dash"), "-s", "--", "-t", "1"],
            input=collector.SCRIPT.read_text(), capture_output=True, text=True, check=True,
            timeout=PATIENCE,
        )  # fmt: skip
    assert "nstat" in done.stderr  # it was started, and traced
    calls = [line for line in done.stderr.splitlines() if re.search(r"\w+\(.*\) += ", line)]
    assert len(calls) > 50
    opened = [line for line in calls if re.search(r"open(?:at)?\(", line)]
    assert [line for line in calls if line not in opened and "connect(" not in line] == []
    for line in opened:
        assert not re.search(r"O_(?:WRONLY|RDWR|CREAT)", line) or '"/dev/null"' in line, line
    for line in calls:
        assert "AF_INET" not in line, line


def test_connection_tracking_is_listed_where_there_is_some(crowd: Lab) -> None:
    need("conntrack")
    text = collected(crowd, shell("dash"), seconds=0)
    assert re.search(r"^#: conntrack( none that can be seen here)?$", text, re.MULTILINE)
    assert shown(found_in(text).samples[0]) == listed(crowd)


def test_two_hosts_are_one_diagnosis(crowd: Lab, tmp_path: Path) -> None:
    """As docs/three-in-the-morning.md says: two files, or one after the other in one."""
    texts = []
    for host in crowd.hosts:
        with host.namespace:
            done = subprocess.run(
                ["sh", str(collector.SCRIPT), "-t", "0", "-n", str(host.side)],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                timeout=PATIENCE,
            )  # fmt: skip
        texts.append(done.stdout)
        (tmp_path / f"{host.side}.txt").write_text(done.stdout)
    separate = netlab("diagnose", tmp_path / "client.txt", tmp_path / "server.txt")
    (tmp_path / "both.txt").write_text("".join(texts))
    together = netlab("diagnose", tmp_path / "both.txt")
    assert separate.code == together.code == 1
    assert separate.out == together.out
    assert re.match(r"1 cause in 10 sockets;.*\n\n1  accept-queue-full: ", _noteless(separate.out))
    assert ", on server" in separate.out  # and not on the client


def _noteless(answer: str) -> str:
    """An answer without its notes, of which each may take several lines."""
    return re.sub(r"^   note .*\n(?:          .*\n)*", "", answer, flags=re.MULTILINE)


# --- what it prints, and wrong use


def test_the_command_prints_the_script_and_the_playbook() -> None:
    done = netlab("collector")
    assert (done.code, done.out, done.err) == (0, collector.SCRIPT.read_text(), "")
    done = netlab("collector", "--playbook")
    assert (done.code, done.out, done.err) == (0, collector.PLAYBOOK.read_text(), "")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-t", "soon"], "-t expects whole seconds, not 'soon'"),
        (["-t", "1.5"], "-t expects whole seconds, not '1.5'"),
        (["-x"], "an option is not known"),
        (["web1"], "no more words were expected"),
    ],
)
@pytest.mark.parametrize("name", SHELLS)
def test_wrong_use_is_said_to_be_wrong(name: str, words: list[str], why: str) -> None:
    done = subprocess.run(
        [*shell(name), "-eu", str(collector.SCRIPT), *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert "usage: sh collect.sh" in done.stderr


def test_shellcheck_has_nothing_to_say() -> None:
    done = subprocess.run(
        [need("shellcheck"), "--shell=sh", "--enable=all",
         "--exclude=SC2250,SC2310,SC2312,SC2249", str(collector.SCRIPT)],
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def test_it_asks_for_the_sysctls_that_a_snapshot_has() -> None:
    names = re.findall(r"^ +(net\.[\w.]+)(?: \\|; do)$", collector.SCRIPT.read_text(), re.MULTILINE)
    assert [name.removeprefix("net.ipv4.") for name in names] == [*SYSCTLS]
