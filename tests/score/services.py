# SPDX-License-Identifier: GPL-2.0-or-later
"""Real services and their real clients, all of them busy and well, by port.

Programs run in mount and PID namespaces of their own, where /run is an empty file system: whatever
they write is there, and the kernel removes both when the process that started them ends, however
it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from netlab.linux import sysctl
from netlab.model.vocabulary import Side

from . import traffic
from .network import ADDRESSES

WEB, LARGE, LIMITED, STALE, REDIS, SUBSCRIBERS = 8000, 8001, 8002, 8003, 6379, 6380
POSTGRES, SSH = 5432, 2222
FRONT, FRONT_REDIS, POLL, FULL, FRONT_POSTGRES = 8080, 8081, 8082, 8083, 8084
CLOSED = range(9000, 9010)  # nobody listens there
NAMES = {
    WEB: "nginx",
    LARGE: "nginx, slow readers",
    LIMITED: "nginx, limit_rate",
    STALE: "nginx, stale pool",
    REDIS: "redis",
    SUBSCRIBERS: "redis, slow subscribers",
    POSTGRES: "PostgreSQL",
    SSH: "sshd",
    FRONT: "haproxy",
    FRONT_REDIS: "haproxy before redis",
    FRONT_POSTGRES: "haproxy before PostgreSQL",
    POLL: "haproxy, long polls",
    FULL: "haproxy, full",
}
REFUSED = "refused"
HALF_OPEN = "half-open"
KINDS: Mapping[int, str] = {**NAMES, **dict.fromkeys(CLOSED, REFUSED)}
#: Programs by what they are for: what to install is in `tests.programs`.
NEEDED = (
    *("nginx", "redis-server", "redis-cli", "redis-benchmark", "initdb", "postgres", "psql"),
    *("pgbench", "haproxy", "sshd", "ssh", "ssh-keygen", "ab", "curl", "setpriv", "unshare"),
    *("ss", "nstat", "netstat"),
)


@dataclass(frozen=True, slots=True)
class Gray:
    """What one may say of connections that are as somebody wants them, or really stuck."""

    causes: tuple[str, ...]  # none: whatever
    reason: str


GRAY = {
    NAMES[LARGE]: Gray(
        ("not-read", "orphans-wait"), "curl --limit-rate reads 30 kB/s of what comes faster"
    ),
    NAMES[SUBSCRIBERS]: Gray(("not-read",), "reads every two seconds, into 16 kB"),
    NAMES[STALE]: Gray(("not-closed",), "learns only when it asks again that nginx has closed"),
    NAMES[FULL]: Gray((), "maxconn 3, backlog 4, and 12 clients: it is full, and drops"),
    "the host": Gray(("accept-queue-full",), "the counters of the full one are its host's"),
    HALF_OPEN: Gray((), "the line lost its RST, which nobody repeats"),
}

#: It leaves room on the line: BBR fills it, and its queue, whatever is lost.
CONTROL = ("net.ipv4.tcp_congestion_control", "reno")

NGINX = """\
daemon off; pid nginx.pid; user root; error_log stderr crit; worker_processes 2;
events { worker_connections 512; }
http {
    access_log off; root www; keepalive_timeout 15s; keepalive_requests 50;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;
    scgi_temp_path t5;
    server { listen 10.66.0.2:8000; }
    server { listen 10.66.0.2:8001; }
    server { listen 10.66.0.2:8002; limit_rate 40k; }
    server { listen 10.66.0.2:8003; keepalive_timeout 5s; }
}
"""
#: On the server's host the services are near, on the client's they are behind the line.
HAPROXY = """\
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    default-server check inter 1s fall 5 rise 1
listen front
    mode http
    bind {own}:8080
    option httpchk GET /
    server web 10.66.0.2:8000
    server limited 10.66.0.2:8002
listen redis
    bind {own}:8081
    option tcp-check
    server redis 10.66.0.2:6379
listen polls
    bind {own}:8082
    tcp-request inspect-delay 5s
    tcp-request content accept if WAIT_END
    server web 10.66.0.2:8000
listen full
    bind {own}:8083 backlog 4
    maxconn 3
    tcp-request inspect-delay 3s
    tcp-request content accept if WAIT_END
    server web 10.66.0.2:8000
listen postgres
    bind {own}:8084
    option pgsql-check user postgres
    server postgres 10.66.0.2:5432
"""
SSHD = """\
ListenAddress 10.66.0.2:2222
HostKey /run/host
AuthorizedKeysFile /run/user.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
"""
INITDB = "initdb --pgdata pg/data --auth trust --no-sync --username postgres >&2"
POSTGRES_SCRIPT = f"""\
mkdir pg && chown postgres pg &&
exec setpriv --reuid postgres --regid postgres --init-groups sh -c '
    {INITDB} && echo host all all all trust >>pg/data/pg_hba.conf &&
    exec postgres -D pg/data -h 10.66.0.2 -k /run/pg -c fsync=off -c tcp_keepalives_idle=5 \
        -c client_connection_check_interval=500'
"""
QUERY = "select generate_series(1, 200);\n"

#: Below this, a program ends with the one that started it.
MORTAL = ("setpriv", "--pdeathsig", "KILL")
ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
PREPARED = """\
mount -t tmpfs -o mode=755 tmpfs /run && cd /run && umask 077 || exit
while [ "$1" != -- ]; do printf %s "$2" >"$1" || exit; shift 2; done
umask 022; sh -c "$2"; exit # no exec: whoever changes users would outlive its parent
"""


def contained(files: Mapping[str, str], script: str) -> tuple[str, ...]:
    """A command that runs a script in an empty /run with these files."""
    texts = (word for named in files.items() for word in named)
    return (*ALONE, "sh", "-c", PREPARED, "sh", *texts, "--", script)


def keys() -> dict[str, str]:
    """A key of a host and one of a user, with their public halves."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("host", "user"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{name}"]
            subprocess.run(command, check=True)
        return {file.name: file.read_text() for file in Path(folder).iterdir()}


class Services:
    """What runs at both hosts: the two functions that `network` wants."""

    def __init__(self) -> None:
        self._keys = keys()

    def serve(self, address: str, seed: int, ended: int) -> None:
        """Run all services until `ended` can be read."""
        sysctl.write(*CONTROL)
        redis = "redis-server --bind 10.66.0.2 --save '' --tcp-keepalive 5 --protected-mode no"
        commands = (
            contained(
                {"nginx.conf": NGINX},
                "mkdir www && echo hello >www/index.html && head -c 1M /dev/zero >www/large"
                " && head -c 100k /dev/zero >www/some && exec nginx -p /run -c nginx.conf",
            ),
            contained({}, f"exec {redis} --port {REDIS}"),
            contained(
                {}, f"exec {redis} --port {SUBSCRIBERS} --client-output-buffer-limit 'pubsub 0 0 0'"
            ),
            contained({}, POSTGRES_SCRIPT),
            self._haproxy(Side.SERVER),
            contained(
                {**self._keys, "sshd_config": SSHD},
                "mkdir sshd && exec $(command -v sshd) -D -e -f sshd_config",
            ),
        )
        traffic.run(_together([_lasting(command) for command in commands]), ended)

    def use(self, address: str, seed: int, ended: int) -> None:
        """Use them all until `ended` can be read."""
        sysctl.write(*CONTROL)
        chance = random.Random(seed)
        clients: list[Awaitable[None]] = []
        for command, count, pause in (*_commands(), *self._sessions()):
            clients += [_again(command, pause, chance) for _ in range(count)]
        for talk, host, port, count in TALKS:
            clients += [_talking(talk, ADDRESSES[host], port, chance) for _ in range(count)]
        for script, count in SQL:
            clients += [_session(script, chance) for _ in range(count)]

        async def start() -> None:
            _begin(_lasting(self._haproxy(Side.CLIENT)))
            for host, port in ANSWERED:
                while not await _answers(ADDRESSES[host], port):
                    await asyncio.sleep(0.2)
            await _together(clients)

        traffic.run(start(), ended)

    @staticmethod
    def _haproxy(side: Side) -> tuple[str, ...]:
        text = HAPROXY.format(own=ADDRESSES[side])
        return contained({"haproxy.cfg": text}, "exec haproxy -q -db -f haproxy.cfg")

    def _sessions(self) -> Iterator[Client]:
        """Clients of sshd: bulk in both directions, idle, and short."""
        ssh = (
            "ssh -F none -p 2222 -i user -o StrictHostKeyChecking=no -o LogLevel=ERROR"
            " -o UserKnownHostsFile=/dev/null -o ServerAliveInterval=5 root@10.66.0.2"
        )
        for script, count, pause in (
            (f"{ssh} head -c 2M /dev/zero >/dev/null", 2, 1.0),
            (f"head -c 2M /dev/zero | {ssh} 'cat >/dev/null'", 2, 1.0),
            (f"{ssh} sleep 40", 4, 1.0),
            (f"{ssh} true", 1, 2.0),
        ):
            yield contained(self._keys, script), count, pause


#: A program, how many run at a time, and the seconds until one that has ended is run again.
Client: TypeAlias = tuple[Sequence[str], int, float]


def _commands() -> Iterator[Client]:
    """Clients that are programs: short and long connections, fast and slow readers."""
    near, far = ADDRESSES[Side.CLIENT], ADDRESSES[Side.SERVER]
    web = f"http://{far}:{WEB}/"
    patient = ("-s", "30")  # seconds
    yield ("ab", "-q", *patient, "-n", "40", "-c", "4", web), 1, 0.5
    yield ("ab", "-q", *patient, "-k", "-n", "120", "-c", "4", web + "some"), 1, 0.5
    for host in (near, far):
        yield ("ab", "-q", *patient, "-n", "20", "-c", "2", f"http://{host}:{FRONT}/"), 1, 0.5
        yield ("curl", "-sS", "-o", "/dev/null", f"http://{host}:{POLL}/"), 3, 0.5
        yield ("redis-benchmark", "-h", host, "-p", str(FRONT_REDIS), *REQUESTS), 1, 1.0
    slow = ("curl", "-sS", "-o", "/dev/null", "--limit-rate", "30k")
    yield (*slow, f"http://{far}:{LARGE}/large"), 4, 1.0
    yield ("curl", "-sS", "-o", "/dev/null", f"http://{far}:{LIMITED}/large"), 3, 1.0
    yield ("curl", "-sS", "-o", "/dev/null", "-m", "30", f"http://{far}:{FULL}/"), 12, 0.1
    redis = ("redis-cli", "-h", far)
    yield (*redis, "blpop", "nothing", "5"), 5, 0.3
    yield (*redis, "-i", "1", "-r", "20", "incr", "number"), 2, 0.5
    yield ("redis-benchmark", "-h", far, "-k", "0", *REQUESTS), 1, 1.0
    yield ("redis-benchmark", "-h", far, "-P", "4", *REQUESTS), 1, 1.0
    yield (*redis, "-p", str(SUBSCRIBERS), "-i", "0.1", "-r", "300", *SAY), 1, 0.1
    # It connects its clients one after the other, and reads nothing meanwhile.
    bench = "pgbench -n -U postgres -h {} -p {} -f q.sql -T 20 -c {} {} postgres >/dev/null"
    for address, port, count, more in (
        (far, POSTGRES, 4, "--rate 10"),
        (far, POSTGRES, 1, "--connect"),
        (near, FRONT_POSTGRES, 2, "--rate 5"),
        (far, FRONT_POSTGRES, 1, "--connect"),
    ):
        yield contained({"q.sql": QUERY}, bench.format(address, port, count, more)), 1, 1.0


REQUESTS = ("-q", "-n", "150", "-c", "5", "-t", "set,get")
SAY = ("publish", "news", "x" * 10_000)
#: What a psql is told once, which then does nothing until it is ended.
SQL = (
    ("select 1;\n", 4),
    ("begin; select 1;\n", 3),
    ("select pg_sleep(10);\n", 2),
    ("select pg_advisory_lock(1);\n", 2),  # one of them waits for the other
)


# --- programs

OFTEN = 3  # times that a client fails before this is said


async def _together(clients: Sequence[Awaitable[None]]) -> None:
    for client in clients:
        _begin(client)
        await asyncio.sleep(0.02)


def _begin(client: Awaitable[None]) -> None:
    _TASKS.add(asyncio.ensure_future(client))


_TASKS: set[asyncio.Future[None]] = set()  # whoever keeps no reference loses a task


async def _run(command: Sequence[str], told: str = "") -> str:
    """Run a program to its end; returns why it failed, if it did. What it is told comes first, and
    nothing after that.
    """
    process = await asyncio.create_subprocess_exec(
        *MORTAL, *command,
        stdin=asyncio.subprocess.PIPE if told else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    if process.stdin:
        process.stdin.write(told.encode())
    assert process.stderr
    last: deque[bytes] = deque(maxlen=3)
    async for line in process.stderr:
        last.append(line)
    if await process.wait():
        said = b" ".join(last).decode(errors="replace").strip()
        return f"{command[-1].strip()} ended with {process.returncode}: {said}"
    return ""


async def _lasting(command: Sequence[str]) -> None:
    """Run a service, which never ends by itself."""
    why = await _run(command)
    print(f"score: a service ended. {why}", file=sys.stderr, flush=True)


async def _again(command: Sequence[str], pause: float, chance: random.Random) -> None:
    """Run a client again and again. On such a line it may fail, but not always."""
    failed, worked = 0, False
    while True:
        why = await _run(command)
        failed, worked = failed + bool(why), worked or not why
        if why and failed == OFTEN and not worked:
            print(f"score: {why}", file=sys.stderr, flush=True)
        await asyncio.sleep(pause * chance.uniform(0.5, 1.5))


async def _session(script: str, chance: random.Random) -> None:
    """Sessions of psql, one after the other, in which nothing is said after the first words."""
    while True:
        command = (
            *("timeout", str(chance.randint(15, 45))),
            *(*MORTAL, "psql", "-qAt", "-h", ADDRESSES[Side.SERVER], "-U", "postgres", "postgres"),
        )
        await _run(command, told=script)
        await asyncio.sleep(chance.uniform(0.5, 2.0))


# --- clients that are no programs

Talk: TypeAlias = Callable[[str, int, random.Random], Awaitable[None]]
REQUEST = {
    WEB: b"GET / HTTP/1.1\r\nHost: web\r\n\r\n",
    STALE: b"GET / HTTP/1.1\r\nHost: web\r\n\r\n",
    FRONT: b"GET / HTTP/1.1\r\nHost: web\r\n\r\n",
    REDIS: b"PING\r\n",
    FRONT_REDIS: b"PING\r\n",
}


#: What must answer before anybody uses the services.
ANSWERED = (
    *((Side.SERVER, port) for port in (WEB, REDIS, SUBSCRIBERS, POSTGRES, SSH)),
    *((side, port) for side in Side for port in (FRONT, FRONT_REDIS)),
)


async def _answers(host: str, port: int) -> bool:
    """Whether a service answers; of one that has another language, whether it accepts."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
        with contextlib.closing(writer):
            if port not in REQUEST:
                return True
            writer.write(REQUEST[port])
            return (await reader.read(4096)).startswith((b"+PONG", b"HTTP/1.1 200"))
    except OSError:
        return False


async def _talking(talk: Talk, host: str, port: int, chance: random.Random) -> None:
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await talk(host, port, chance)
        await asyncio.sleep(chance.uniform(0.2, 1.0))


async def _pool(host: str, port: int, chance: random.Random) -> None:
    """A connection of a pool: now and then a request, and for long nothing."""
    reader, writer = await asyncio.open_connection(host, port)
    with contextlib.closing(writer):
        for _ in range(chance.randint(2, 20)):
            writer.write(REQUEST[port])
            if not await reader.read(4096):
                return
            idle = chance.expovariate(1 / 4.0)
            if port == STALE:
                await asyncio.sleep(idle)
            else:  # whoever closes in the meantime is heard
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(reader.read(1), idle)
                    return


async def _subscribe(host: str, port: int, chance: random.Random) -> None:
    """Read what comes, but only every two seconds, and with little room."""
    with contextlib.closing(socket.socket()) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        own.setblocking(False)
        await asyncio.get_running_loop().sock_connect(own, (host, port))
        own.send(b"SUBSCRIBE news\r\n")
        for _ in range(20):
            await asyncio.sleep(2)
            with contextlib.suppress(BlockingIOError):
                while own.recv(65536):
                    await asyncio.sleep(0)


async def _scan(host: str, port: int, chance: random.Random) -> None:
    """Knock at each port, also where nobody listens, as a scanner does, and go away."""
    for each in (*CLOSED, *NAMES):
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            knock = asyncio.open_connection(host, each)
            _, writer = await asyncio.wait_for(knock, 5.0)
            writer.close()
        await asyncio.sleep(0.2)


#: A talk, at whose address and at which port, and how many have it at a time.
TALKS: tuple[tuple[Talk, Side, int, int], ...] = (
    (_pool, Side.SERVER, WEB, 12),
    (_pool, Side.SERVER, STALE, 6),
    (_pool, Side.SERVER, REDIS, 20),
    (_pool, Side.SERVER, FRONT, 5),
    (_pool, Side.CLIENT, FRONT, 5),
    (_pool, Side.SERVER, FRONT_REDIS, 5),
    (_pool, Side.CLIENT, FRONT_REDIS, 5),
    (_subscribe, Side.SERVER, SUBSCRIBERS, 4),
    (_scan, Side.SERVER, 0, 1),
    (_scan, Side.CLIENT, 0, 1),
)
